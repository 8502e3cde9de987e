import { float32, int32, rowsAt, sizeOf, type NdArray } from '../../core/array.js';
import { declareSiamese, drawSiamese, normalize, siamese, siameseInputs, type SiameseDims } from '../../core/data/augment/index.js';
import { Batches, gatherImages } from '../../core/data/batches.js';
import { areReal, areRows } from '../../core/data/examples.js';
import { compile, type CompileOptions, type Executable } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { grad, input, stopGradient, type Tensor } from '../../core/graph/index.js';
import { crossEntropy, gradientDistance } from '../../core/losses/index.js';
import { encode, initialState, linear, stepProgram, type EncoderSpec, type Scope, type StepProgram } from '../../core/nn/index.js';
import { sgd, updatesOf } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import type { EmbedOptions, State } from '../../core/train/index.js';
import type { Run } from '../pretrain/method.js';
import { distilledResult } from './distilled.js';
import { requireSize } from './krr-st.js';
import { inGroups } from './matching.js';
import { distilledSet, inUnits, normalized, targetsFor, type DistillSettings, type Source } from './source.js';

export interface DsaOptions extends DistillSettings {
  readonly steps: number;
  /** Real images a step, shared out among the classes. */
  readonly batch: number;
  readonly dsaSteps?: number | undefined;
  readonly dsaLr: number;
  readonly dsaNetLr: number;
  /** Updates of the images with one network, and passes that it is trained for in between; by images per class where left out. */
  readonly dsaUpdates?: number | undefined;
  readonly dsaEpochs?: number | undefined;
}

/** Images a step that the networks are trained with, at most. */
const TRAINED = 256;

/** Of the official code, which has such pairs for 1, 10, 20, 30, 40 and 50 images a class. */
function loops(perClass: number, { dsaUpdates, dsaEpochs }: DsaOptions): { updates: number; epochs: number } {
  const updates = dsaUpdates ?? Math.min(50, perClass);
  return { updates, epochs: dsaEpochs ?? (perClass === 1 ? 1 : Math.round(500 / Math.min(50, perClass))) };
}

/**
 * Gradient matching with differentiable siamese augmentation (Zhao & Bilen 2021, algorithm 1): synthetic images on which a
 * classifier's gradient is that on real images, class by class, for networks from random ones to trained ones. Each step updates
 * all images once, then trains the network on them; after `updates` steps a new network takes its place. Images are learnt
 * normalised, by SGD with momentum 0.5; networks have instance normalisation (rows, which have no maps, layer normalisation).
 * Labels are needed, for this alone: the targets are the teacher's, as for every other set. Throws UsageError without them.
 */
export function dsa(source: Source, o: DsaOptions, seed: number, compute: EmbedOptions): Run {
  const { set, input: how } = source;
  const { examples: real, labels } = set;
  if (!labels) {
    throw new UsageError('--method dsa matches the gradients of a classifier, but the data set has no labels; --method dm and krr-st do without');
  }
  const [count, ...shape] = real.shape as [number, ...number[]];
  requireSize(count, o.size);
  const { groups, chosen } = inGroups(set, o.size, seed);
  const perClass = Math.max(1, Math.floor(o.batch / groups.length));
  const dims = areReal(real) ? undefined : { height: shape[1]!, width: shape[2]! };
  const network: Network = {
    encoder: { ...o.encoder, norm: areRows(real) ? 'layer' : 'instance' }, classes: groups.length, dims,
  };
  const own = groups.map((_, group) => [...chosen.keys()].filter((i) => chosen[i]!.group === group));
  const learned = new Map<string, NdArray>([
    ['synthetic.images', normalized(source, gatherImages(real, chosen.map(({ row }) => row)))], [MOMENTUM, float32([o.size, ...shape])],
  ]);
  const trained = Math.min(TRAINED, o.size);
  const programs: Programs = {
    match: new Map([...new Set(own.map(({ length }) => length))].filter((size) => size > 0)
      .map((size) => [size, matchProgram(network, size, perClass, shape, how)])),
    train: trainProgram(network, trained, shape, o.dsaNetLr),
  };
  const settings = { ...loops(Math.ceil(o.size / groups.length), o), batch: trained, lr: o.dsaLr, dims };

  return {
    // One of several programs: `compile` runs them all.
    program: programs.train, remedy: 'try a smaller --dsa-lr or --dsa-net-lr', steps: o.dsaSteps ?? o.steps, examplesPerStep: groups.length * perClass,
    initial: () => learned,
    compile: (options) => new GradientMatching(programs, own, chosen.map(({ group }) => group), settings, seed, options),
    feeds: (step) => {
      const random = stream(seed, 'dsa batch', step);
      const rows = groups.flatMap((mine) => Array.from(random.integers(perClass, mine.length), (i) => mine[i]!));
      return { images: gatherImages(real, rows), step: int32([1], [step]) };
    },
    model: async (state) => {
      const images = inUnits(source, state.get('synthetic.images') as NdArray<Float32Array>);
      return distilledResult(distilledSet(source, 'dsa', images, await targetsFor(source, images, compute), o));
    },
  };
}

interface Network {
  readonly encoder: EncoderSpec;
  readonly classes: number;
  /** Of images; other examples are not augmented. */
  readonly dims: SiameseDims | undefined;
}

interface Programs {
  /** By the number of synthetic images of a class. */
  readonly match: ReadonlyMap<number, StepProgram>;
  readonly train: StepProgram;
}

const scoresOf = ({ encoder, classes, dims }: Network, root: Scope): ((x: Tensor) => Tensor) => {
  const plan = dims && declareSiamese('view', dims);
  const model = root.at('model');
  return (x) => linear(model.at('head'), encode(encoder, model.at('encoder'), plan ? siamese(x, plan) : x), classes);
};

/** The gradient of the distance for one class, with the update of its images. */
export const matchProgram = (
  network: Network, size: number, batch: number, shape: readonly number[], how: Source['input'],
): StepProgram => stepProgram('dsa', (root) => {
  const scores = scoresOf(network, root);
  const gradient = (x: Tensor, labels: string): Tensor[] => {
    const loss = crossEntropy(scores(x), input(labels, [x.shape[0]!], 'int32'));
    return grad(loss, root.at('model').parameters.map(({ tensor }) => tensor));
  };
  const images = root.at('synthetic').param('images', [size, ...shape], (of) => new Float32Array(sizeOf(of)));
  const wanted = gradient(normalize(input('real', [batch, ...shape]), how), 'realLabels').map(stopGradient);
  const loss = gradientDistance(wanted, gradient(images, 'labels'));
  sgd(root.at('optimizer'), updatesOf(loss, root.at('synthetic').parameters), { lr: input('lr', []), momentum: 0.5 });
  return { loss };
});

/** A step of the network on synthetic images, as a classifier. */
const trainProgram = (network: Network, batch: number, shape: readonly number[], lr: number): StepProgram =>
  stepProgram('dsa network', (root) => {
    const scores = scoresOf(network, root)(input('images', [batch, ...shape]));
    const loss = crossEntropy(scores, input('labels', [batch], 'int32'));
    sgd(root.at('optimizer'), updatesOf(loss, root.at('model').parameters), { lr });
    return { loss };
  });

interface MatchingSettings {
  readonly updates: number;
  readonly epochs: number;
  /** Images a step that the network is trained with. */
  readonly batch: number;
  readonly lr: number;
  readonly dims: SiameseDims | undefined;
}

const [IMAGES, MOMENTUM] = ['synthetic.images', 'optimizer.momentum.synthetic.images'] as const;

/** A step of DSA: every class's images are updated in turn, then the network is trained. What it keeps lives on the host. */
class GradientMatching implements Executable {
  private readonly match: ReadonlyMap<number, Executable>;
  private readonly train: Executable;
  private readonly state: State = new Map();

  constructor(
    private readonly programs: Programs,
    /** Rows of the synthetic set by class, and the class of every row. */
    private readonly rows: readonly (readonly number[])[], private readonly labels: readonly number[],
    private readonly o: MatchingSettings, private readonly seed: number, options: CompileOptions,
  ) {
    this.match = new Map([...programs.match].map(([size, program]) => [size, compile(program, options)]));
    this.train = compile(programs.train, options);
  }

  get device() {
    return this.train.device;
  }

  async run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    const { updates, dims, lr } = this.o;
    const step = Number(feeds.step!.data[0]);
    const turn = step % updates;
    if (turn === 0) {
      const fresh = initialState(this.programs.train, stream(this.seed, 'dsa network', Math.floor(step / updates)).int(2 ** 31));
      for (const [name, value] of fresh) this.state.set(name, value);
    }
    const network = new Map([...this.state].filter(([name]) => name.startsWith('model.')));
    for (const executable of this.match.values()) executable.setState(network);

    let total = 0;
    const perClass = feeds.images!.shape[0]! / this.rows.length;
    for (const [group, own] of this.rows.entries()) {
      const executable = this.match.get(own.length);
      if (!executable) continue;
      const part = (name: string): NdArray => rowsAt(this.state.get(name)!, own);
      executable.setState(new Map([[IMAGES, part(IMAGES)], [MOMENTUM, part(MOMENTUM)]]));
      const { loss } = await executable.run({
        real: rowsAt(feeds.images!, Array.from({ length: perClass }, (_, i) => group * perClass + i)),
        realLabels: int32([perClass], new Int32Array(perClass).fill(group)),
        labels: int32([own.length], new Int32Array(own.length).fill(group)), lr: float32([], [lr]),
        ...(dims && siameseInputs('view', drawSiamese(dims, stream(this.seed, `augment dsa ${group}`, step)))),
      });
      total += Number(loss!.data[0]);
      for (const [name, value] of executable.getState([IMAGES, MOMENTUM])) this.put(name, own, value);
    }
    if (turn < updates - 1) await this.trainNetwork(step);
    return { loss: float32([], [total / this.rows.length]) };
  }

  private async trainNetwork(step: number): Promise<void> {
    const { epochs, batch, dims } = this.o;
    const batches = new Batches(this.labels.length, batch, stream(this.seed, 'dsa order', step).int(2 ** 31));
    this.train.setState(this.state);
    for (let k = 0; k < epochs * batches.stepsPerEpoch; k++) {
      const chosen = batches.indices(k);
      await this.train.run({
        images: rowsAt(this.state.get(IMAGES)!, chosen), labels: int32([batch], Int32Array.from(chosen, (i) => this.labels[i]!)),
        ...(dims && siameseInputs('view', drawSiamese(dims, stream(this.seed, `augment dsa network ${k}`, step)))),
      });
    }
    for (const [name, value] of this.train.getState()) this.state.set(name, value);
  }

  /** Writes rows of an array of the state. */
  private put(name: string, rows: readonly number[], value: NdArray): void {
    const { shape, data } = this.state.get(name) as NdArray<Float32Array>;
    const size = data.length / shape[0]!;
    rows.forEach((row, i) => data.set((value.data as Float32Array).subarray(i * size, (i + 1) * size), row * size));
  }

  runSync(): never {
    throw new Error('a step of gradient matching is many programs; use run');
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    for (const [name, { dtype, shape, data }] of values) this.state.set(name, { dtype, shape, data: data.slice() });
  }

  getState(names: readonly string[] = [...this.state.keys()]): State {
    return new Map(names.map((name) => {
      const { dtype, shape, data } = this.state.get(name)!;
      return [name, { dtype, shape, data: data.slice() }];
    }));
  }

  dispose(): void {
    for (const executable of this.match.values()) executable.dispose();
    this.train.dispose();
  }
}
