import { float32, type NdArray } from '../../core/array.js';
import { declareSiamese, drawSiamese, normalize, siamese, siameseInputs } from '../../core/data/augment/index.js';
import { gatherImages } from '../../core/data/batches.js';
import { areReal, areRows, type ExampleSet } from '../../core/data/examples.js';
import { compile } from '../../core/engine/index.js';
import { constant, input, matmul, square, type Tensor } from '../../core/graph/index.js';
import { encode, initialState, stepProgram, type EncoderSpec } from '../../core/nn/index.js';
import { sgd, updatesOf } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import type { EmbedOptions } from '../../core/train/index.js';
import type { Run } from '../pretrain/method.js';
import { distilledResult } from './distilled.js';
import { randomRows, requireSize } from './krr-st.js';
import { distilledSet, inUnits, normalized, targetsFor, type DistillSettings, type Source } from './source.js';

export interface MatchingOptions extends DistillSettings {
  readonly steps: number;
  /** Real images a step, shared out among the classes. */
  readonly batch: number;
  readonly dmLr: number;
}

/**
 * Distribution matching (Zhao & Bilen 2023): synthetic images whose mean features, in a new random network at every step, are
 * those of real images, class by class where the data have labels; SGD with momentum 0.5 on normalised images, siamese
 * augmentation, networks with instance normalisation. Labels only say which means belong together: the targets are the teacher's,
 * as for every other set. Throws InputError as KRR-ST does. Real-valued examples are not augmented, and rows take layer
 * normalisation, since they have no maps.
 */
export function matching(source: Source, o: MatchingOptions, seed: number, compute: EmbedOptions): Run {
  const { set: { examples: real }, input: how } = source;
  const [count, ...shape] = real.shape as [number, ...number[]];
  requireSize(count, o.size);
  const { groups, chosen } = inGroups(source.set, o.size, seed);
  const perGroup = Math.max(1, Math.floor(o.batch / groups.length));
  const encoder: EncoderSpec = { ...o.encoder, norm: areRows(real) ? 'layer' : 'instance' };
  const dims = areReal(real) ? undefined : { height: shape[1]!, width: shape[2]! };

  const program = stepProgram('dm', (root) => {
    const plan = dims && declareSiamese('view', dims);
    const images = root.at('synthetic').param('images', [o.size, ...shape],
      () => normalized(source, gatherImages(real, chosen.map(({ row }) => row))).data);
    const raw = input('images', [groups.length * perGroup, ...shape]);
    const features = (x: Tensor) => encode(encoder, root.at('model').at('encoder'), plan ? siamese(x, plan) : x);
    const means = matmul(constant(averages(chosen.map(({ group }) => group), groups.length)), features(images));
    const wanted = features(normalize(raw, how)).reshape([groups.length, perGroup, -1]).mean(1).stopGradient();
    const loss = square(means.sub(wanted)).sum();
    sgd(root.at('optimizer'), updatesOf(loss, root.at('synthetic').parameters), { lr: input('lr', []), momentum: 0.5 });
    return { loss };
  });
  const networks = { ...program, variables: new Map([...program.variables].filter(([name]) => name.startsWith('model.'))) };
  const kept = [...program.variables.keys()].filter((name) => !name.startsWith('model.'));

  return {
    program, remedy: 'try a smaller --dm-lr', steps: o.steps, examplesPerStep: groups.length * perGroup,
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
      const rows = groups.flatMap((own) => Array.from(random.integers(perGroup, own.length), (i) => own[i]!));
      return {
        images: gatherImages(real, rows), lr: float32([], [o.dmLr]), network: float32([1], [step]),
        ...(dims && siameseInputs('view', drawSiamese(dims, stream(seed, 'augment dm', step)))),
      };
    },
    model: async (state) => {
      const images = inUnits(source, state.get('synthetic.images') as NdArray<Float32Array>);
      return distilledResult(distilledSet(source, 'dm', images, await targetsFor(source, images, compute), o));
    },
  };
}

/** Rows of every class that occurs (all without labels), and rows to start a synthetic set of `size` from, evenly over these. */
export function inGroups({ examples, labels }: ExampleSet, size: number, seed: number) {
  const count = examples.shape[0]!;
  const byClass = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const label = labels?.[i] ?? 0;
    const rows = byClass.get(label);
    if (rows) rows.push(i);
    else byClass.set(label, [i]);
  }
  const groups = [...byClass.keys()].sort((a, b) => a - b).map((label) => byClass.get(label)!);
  return { groups, chosen: balanced(groups, randomRows(count, count, seed), size) };
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
