import type { NdArray } from '../../core/array.js';
import { PLAIN, type ViewAugmentation } from '../../core/data/augment/index.js';
import { framed } from '../../core/data/augment/preview.js';
import { imagesAt } from '../../core/data/images.js';
import { DivergedError } from '../../core/errors.js';
import { init, initialState, type Variable } from '../../core/nn/index.js';
import { sgd } from '../../core/optim/index.js';
import { predict, softmaxRows } from '../../core/stats/logistic.js';
import { accuracy, negativeLogLikelihood } from '../../core/stats/metrics.js';
import { classScores, supervisedJob, train, type ImageEncoder, type Job, type State } from '../../core/train/index.js';
import type { Laboratory } from './laboratory.js';

/** Supervised training as the paper's tickets have it, on fewer epochs. */
export interface Tuning extends Job {
  readonly stepsPerEpoch: number;
  /** Starting values: `weights` where they have any, a classifier drawn from the seed, no momentum yet. */
  start(weights: State): State;
}

/**
 * SGD with momentum 0.9 and weight decay 1e-4, whose rate falls to a tenth after half and after three quarters of the steps, on
 * images that are flipped and shifted by up to an eighth of their size. `order` draws batches and views, `seed` the classifier.
 */
export function tuning(
  { own: { training }, options }: Laboratory, encoder: ImageEncoder,
  { seed, order = seed, masked }: { readonly seed: number; readonly order?: number; readonly masked?: (p: Variable) => boolean },
): Tuning {
  const batch = Math.min(options.tuneBatch, training.labels.length);
  const stepsPerEpoch = Math.floor(training.labels.length / batch);
  const steps = Math.max(1, Math.round(options.tuneEpochs * stepsPerEpoch));
  const peak = (options.tuneLr * batch) / 256;
  const { images, view } = shifted(training.images);
  const job = supervisedJob(encoder, { ...training, images }, {
    view, batch, steps, seed: order, ...(masked && { masked }), headInit: init.torchDefault,
    lr: (step) => peak * (step < steps / 2 ? 1 : step < (3 * steps) / 4 ? 0.1 : 0.01),
    optimize: (scope, updates, lr) => sgd(scope, updates, { lr, momentum: 0.9, weightDecay: 1e-4 }),
  });
  return { ...job, stepsPerEpoch, start: (weights) => new Map([...initialState(job.program, seed), ...weights]) };
}

/** Trains from step `from` to step `to`; the state at the end. Throws DivergedError as `train` does. */
export async function tune(
  laboratory: Laboratory, job: Tuning, state: State, { from = 0, to = job.steps } = {},
): Promise<State> {
  if (from >= to) return state;
  try {
    const result = await train({ ...job, steps: to, remedy: 'try a smaller --tune-lr' }, { seed: 0, ...laboratory.compute, resume: { state, step: from } });
    return result.state;
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    throw new DivergedError(`supervised training, ${error.message}`);
  }
}

/** Share of wrong answers on the test images, and their mean cross-entropy. */
export async function testScores(
  { own: { test }, compute }: Laboratory, encoder: ImageEncoder, state: State,
): Promise<{ error: number; loss: number }> {
  const scores = await classScores(encoder, state, imagesAt(test.images, Array.from(test.rows)), compute);
  const labels = Int32Array.from(test.labels);
  return { error: 1 - accuracy(labels, predict(scores)), loss: negativeLogLikelihood(labels, softmaxRows(scores)) };
}

/** Images in a black frame, and the view that cuts as large ones out of it at random, flipped half of the time. */
export function shifted(images: NdArray<Uint8Array>): { images: NdArray<Uint8Array>; view: ViewAugmentation } {
  const [, , height, width] = images.shape as [number, number, number, number];
  const by = Math.round(Math.min(height, width) / 8);
  const [tall, wide] = [height + 2 * by, width + 2 * by];
  const [share, shape] = [(height * width) / (tall * wide), width / height];
  return {
    images: framed(images, tall, wide),
    view: { ...PLAIN, flip: 0.5, crop: { scale: [share, share], ratio: [shape, shape] } },
  };
}
