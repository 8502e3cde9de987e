import { float32, int32, rowsAt, sizeOf, type NdArray } from '../../core/array.js';
import { normalize } from '../../core/data/augment/index.js';
import { Batches, gatherImages } from '../../core/data/batches.js';
import { areReal } from '../../core/data/examples.js';
import { shiftedImages } from '../../core/data/shift.js';
import { InputError } from '../../core/errors.js';
import { input, stopGradient } from '../../core/graph/index.js';
import { kernelRidgeLoss } from '../../core/losses/index.js';
import { encode, initialState, stepProgram, type StepProgram } from '../../core/nn/index.js';
import { adamw, linearSchedule, updatesOf } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import type { EmbedOptions, State } from '../../core/train/index.js';
import type { Run } from '../pretrain/method.js';
import { distilledResult } from './distilled.js';
import { Pool, type PoolOptions } from './pool.js';
import { regressionStep, shown, type Shown } from './regress.js';
import { distilledSet, inUnits, normalized, targetDimension, targetsAt, targetsFor, type DistillSettings, type Source } from './source.js';

export interface KrrStOptions extends PoolOptions, DistillSettings {
  readonly steps: number;
  readonly batch: number;
  readonly lr: number;
  /** Learning rate at the end, as a share of the first. */
  readonly finalLr: number;
  readonly poolLr: number;
  readonly poolMomentum: number;
  readonly poolWeightDecay: number;
  readonly init: 'real' | 'noise';
  readonly learn: 'both' | 'images' | 'targets';
  readonly augmentation: 'shift-flip' | 'shift' | 'none';
  /** Largest shift in pixels. */
  readonly shift: number;
}

export interface Watch {
  /** Called while the models of the pool get their first steps. */
  readonly onWarmUp?: (done: number, of: number) => void;
}

/**
 * KRR-ST (Lee et al. 2024, algorithm 1): learns images X_s and targets Y_s such that a network that was trained to regress Y_s
 * from X_s, its last layer in closed form, gives real images the representation that the teacher gives them. Throws InputError
 * where the set is smaller than the synthetic one or than a batch.
 */
export async function krrSt(
  source: Source, o: KrrStOptions, seed: number, compute: EmbedOptions, watch: Watch = {},
): Promise<Run> {
  const { set: { examples }, teacher, input: how } = source;
  const [count, ...shape] = examples.shape as [number, ...number[]];
  requireSize(count, o.size);
  const batches = new Batches(count, o.batch, seed);
  const dimension = await targetDimension(source, compute);
  // Real-valued examples are learnt as they look to networks, since their units may be of any size.
  const real = areReal(examples);
  const about: Shown = { normalized: o.normalizeSynthetic && !real, input: how };

  const outer = stepProgram('krr-st', (root) => {
    const raw = input('images', [o.batch, ...shape]);
    const synthetic = root.at('synthetic');
    const images = synthetic.param('images', [o.size, ...shape], notDrawn);
    const targets = synthetic.param('targets', [o.size, dimension], notDrawn);
    const frozen = root.mode({ training: false });
    const f = (x: typeof raw) => encode(o.encoder, frozen.at('model').at('encoder'), x);
    const y = teacher
      ? encode(teacher.encoder.encoder, frozen.at('target').at('encoder'), normalize(raw, teacher.encoder.input))
      : input('targets', [o.batch, dimension]);
    const { loss, lambda } = kernelRidgeLoss(
      { features: f(shown(images, about)), targets }, { features: stopGradient(f(normalize(raw, how))), targets: y }, o.ridge);
    const learned = synthetic.variables.filter(({ name }) => o.learn === 'both' || name === `synthetic.${o.learn}`);
    adamw(root.at('optimizer'), updatesOf(loss, learned), { lr: input('lr', []) });
    return { loss, lambda };
  });
  const inner = innerProgram(o, about, shape, dimension);

  const cached = source.targets;
  return {
    program: outer, remedy: 'try a smaller --lr or --pool-lr', steps: o.steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: o.batch,
    compile: (options) => {
      const pool = new Pool({ outer, inner }, o, seed, options);
      if (teacher) pool.setFixed(new Map([...teacher.weights].map(([name, value]) => [`target.${name}`, value])));
      return pool;
    },
    warmUp: async (pool, shouldStop) => {
      const synthetic = await firstSynthetic(source, o, seed, compute);
      const warm = await (pool as Pool).warmUp(synthetic, shouldStop, watch.onWarmUp ?? (() => {}));
      if (!warm) return undefined;
      const moments = [...outer.variables].filter(([name]) => name.startsWith('optimizer.'));
      pool.setState(new Map([...synthetic, ...initialState({ ...outer, variables: new Map(moments) }, seed)]));
      return pool.getState();
    },
    feeds: (step) => {
      const chosen = batches.indices(step);
      const moves = { pad: o.shift, flip: o.augmentation === 'shift' ? 0 : 0.5, ...(real && { outside: how.mean }) };
      const images = o.augmentation === 'none' ? gatherImages(examples, chosen)
        : shiftedImages(examples, chosen, moves, stream(seed, 'augment distill', step));
      return {
        images, lr: float32([], [linearSchedule(step, o.steps, o.lr, o.lr * o.finalLr)]),
        slot: int32([1], [stream(seed, 'pool', step).int(o.poolSize)]),
        ...(cached && { targets: rowsAt(cached, chosen) }),
      };
    },
    model: (state) => {
      const [images, targets] = ['images', 'targets'].map((name) => state.get(`synthetic.${name}`) as NdArray<Float32Array>);
      return distilledResult(distilledSet(source, 'krr-st', real ? inUnits(source, images!) : images!, targets!, o));
    },
  };
}

/** A step of one of the pool's models on the whole synthetic set. */
const innerProgram = (
  o: KrrStOptions, about: Shown, shape: readonly number[], dimension: number,
): StepProgram => stepProgram('krr-st pool', (root) => {
  const [images, targets] = [input('images', [o.size, ...shape]), input('targets', [o.size, dimension])];
  const settings = { lr: o.poolLr, momentum: o.poolMomentum, weightDecay: o.poolWeightDecay };
  return { loss: regressionStep(root.at('model'), shown(images, about), targets, o.encoder, settings) };
});

/** Real examples in a random order, or noise (uniform pixels, normal values), with the targets that the teacher gives them. */
async function firstSynthetic(source: Source, o: KrrStOptions, seed: number, compute: EmbedOptions): Promise<State> {
  const { examples } = source.set;
  const real = areReal(examples);
  const [count, ...shape] = examples.shape as [number, ...number[]];
  if (o.init === 'noise') {
    const [values, random] = [o.size * sizeOf(shape), stream(seed, 'distill noise')];
    const noise = float32([o.size, ...shape], real ? random.normal(values) : random.uniform(values));
    const targets = await targetsFor(source, real ? inUnits(source, noise) : noise, compute);
    return new Map([['synthetic.images', noise], ['synthetic.targets', targets]]);
  }
  const chosen = randomRows(count, o.size, seed);
  const [images, targets] = [gatherImages(examples, chosen), await targetsAt(source, chosen, compute)];
  return new Map([['synthetic.images', real ? normalized(source, images) : images], ['synthetic.targets', targets]]);
}

/** The numbers of `size` of `count` images, at random. */
export const randomRows = (count: number, size: number, seed: number): number[] =>
  Array.from(stream(seed, 'distill subset').permutation(count).subarray(0, size));

/** Throws InputError where the set has fewer examples than the synthetic set. */
export function requireSize(count: number, size: number): void {
  if (size <= count) return;
  throw new InputError(`the data set has ${count} examples to learn from, fewer than the ${size} of the synthetic set; use --size ${count} `
    + 'or less');
}

/** Synthetic images and targets are not drawn: `start` sets them. */
const notDrawn = (shape: readonly number[]): Float32Array => new Float32Array(sizeOf(shape));
