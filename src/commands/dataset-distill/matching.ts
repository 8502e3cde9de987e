import { float32, type NdArray } from '../../core/array.js';
import {
  augment, declarePlan, normalize, planInputs, planView, SIMSIAM_VIEWS, type ViewAugmentation,
} from '../../core/data/augment/index.js';
import { gatherImages } from '../../core/data/batches.js';
import { areReal, areRows } from '../../core/data/examples.js';
import { compile } from '../../core/engine/index.js';
import { constant, input, matmul, square, type Tensor } from '../../core/graph/index.js';
import { encode, initialState, stepProgram, type EncoderSpec } from '../../core/nn/index.js';
import { sgd, updatesOf } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import { classCount } from '../../core/stats/labels.js';
import type { EmbedOptions } from '../../core/train/index.js';
import type { Run } from '../pretrain/method.js';
import { distilledResult } from './distilled.js';
import { randomRows, requireSize } from './krr-st.js';
import { distilledSet, inUnits, learnable, targetsFor, type DistillSettings, type Source } from './source.js';

export interface MatchingOptions extends DistillSettings {
  readonly steps: number;
  /** Real images a step, shared out among the classes. */
  readonly batch: number;
  readonly dmLr: number;
}

/** Crops, flips and colours, the same for all images of a step (siamese, as in DSA, which has cutout and rotation too). */
const SIAMESE: ViewAugmentation = {
  ...SIMSIAM_VIEWS[0], crop: { scale: [0.6, 1], ratio: [3 / 4, 4 / 3] }, grayscale: 0, blur: { probability: 0, sigma: [0.1, 2] },
  jitter: { probability: 1, brightness: 0.4, contrast: 0.3, saturation: 0.4, hue: 0 },
};

/**
 * Distribution matching (Zhao & Bilen 2023): synthetic images whose mean features, in a new random network at every step, are
 * those of real images, class by class where the data have labels; SGD with momentum 0.5, networks with instance normalisation.
 * Labels only say which means belong together: the targets are the teacher's, as for every other set. Throws InputError as KRR-ST
 * does. Real-valued examples are not augmented, and rows take layer normalisation, since they have no maps.
 */
export function matching(source: Source, o: MatchingOptions, seed: number, compute: EmbedOptions): Run {
  const { set: { examples: real, labels }, input: how } = source;
  const [count, ...shape] = real.shape as [number, ...number[]];
  const [channels, height, width] = shape as [number, number, number];
  requireSize(count, o.size);
  const classes = labels ? classCount(labels) : 1;
  const rowsOf = Array.from({ length: classes }, (_, c) => [...Array(count).keys()].filter((i) => (labels?.[i] ?? 0) === c));
  const present = rowsOf.filter((rows) => rows.length > 0);
  const chosen = balanced(present, randomRows(count, count, seed), o.size);
  const perClass = Math.max(1, Math.floor(o.batch / present.length));
  const encoder: EncoderSpec = { ...o.encoder, norm: areRows(real) ? 'layer' : 'instance' };
  const dims = areReal(real) ? undefined : { batch: 1, channels, height, width, size: height };

  const program = stepProgram('dm', (root) => {
    const plan = dims && declarePlan('view', SIAMESE, dims);
    const images = root.at('synthetic').param('images', [o.size, ...shape],
      () => learnable(source, gatherImages(real, chosen.map(({ row }) => row))).data);
    const raw = input('images', [present.length * perClass, ...shape]);
    const seen = (x: Tensor) => normalize(plan ? augment(x, plan, SIAMESE) : x, how);
    const features = (x: Tensor) => encode(encoder, root.at('model').at('encoder'), x);
    const synthetic = features(plan ? seen(images) : images);
    const means = matmul(constant(averages(chosen.map(({ group }) => group), present.length)), synthetic);
    const wanted = features(seen(raw)).reshape([present.length, perClass, -1]).mean(1).stopGradient();
    const loss = square(means.sub(wanted)).sum();
    sgd(root.at('optimizer'), updatesOf(loss, root.at('synthetic').parameters), { lr: input('lr', []), momentum: 0.5 });
    return { loss };
  });
  const networks = { ...program, variables: new Map([...program.variables].filter(([name]) => name.startsWith('model.'))) };
  const kept = [...program.variables.keys()].filter((name) => !name.startsWith('model.'));

  return {
    program, remedy: 'try a smaller --dm-lr', steps: o.steps, examplesPerStep: present.length * perClass,
    compile: (options) => {
      const executable = compile(program, options);
      const run = executable.run.bind(executable);
      const getState = executable.getState.bind(executable);
      return Object.assign(executable, {
        run: (feeds: Readonly<Record<string, NdArray>>) => {
          executable.setState(initialState(networks, stream(seed, 'dm network', Number(feeds.network!.data[0])).int(2 ** 31)));
          return run(feeds);
        },
        getState: (names = kept) => getState(names),
      });
    },
    feeds: (step) => {
      const random = stream(seed, 'dm batch', step);
      const rows = present.flatMap((own) => Array.from(random.integers(perClass, own.length), (i) => own[i]!));
      return {
        images: gatherImages(real, rows), lr: float32([], [o.dmLr]), network: float32([1], [step]),
        ...(dims && planInputs('view', planView(SIAMESE, dims, stream(seed, 'augment dm', step)))),
      };
    },
    model: async (state) => {
      const images = inUnits(source, state.get('synthetic.images') as NdArray<Float32Array>);
      return distilledResult(distilledSet(source, 'dm', images, await targetsFor(source, images, compute), o));
    },
  };
}

/** `size` rows in the given order, as many of every group as of every other (one more of the first groups). */
function balanced(
  groups: readonly (readonly number[])[], order: readonly number[], size: number,
): { row: number; group: number }[] {
  const groupOf = new Map(groups.flatMap((rows, group) => rows.map((row) => [row, group] as const)));
  const queues = groups.map((_, group) => order.filter((row) => groupOf.get(row) === group));
  const chosen: { row: number; group: number }[] = [];
  for (let k = 0; chosen.length < size; k++) {
    queues.forEach((queue, group) => {
      if (k < queue.length && chosen.length < size) chosen.push({ row: queue[k]!, group });
    });
  }
  return chosen;
}

/** [groups, members]: the matrix that averages the members of each group; a group without members gives zeros. */
function averages(groups: readonly number[], count: number): NdArray<Float32Array> {
  const sizes = Array.from({ length: count }, (_, g) => groups.filter((group) => group === g).length);
  const data = new Float32Array(count * groups.length);
  groups.forEach((group, member) => { data[group * groups.length + member] = 1 / sizes[group]!; });
  return float32([count, groups.length], data);
}
