import { float32, rowsAt } from '../../core/array.js';
import { normalize } from '../../core/data/augment/index.js';
import { Batches, gatherImages } from '../../core/data/batches.js';
import { input, type Operand, type Tensor } from '../../core/graph/index.js';
import { meanSquaredError } from '../../core/losses/index.js';
import { encode, linear, stepProgram, type EncoderSpec, type Scope } from '../../core/nn/index.js';
import { sgd, updatesOf } from '../../core/optim/index.js';
import type { Job } from '../../core/train/index.js';
import type { Distilled } from './distilled.js';

export interface SgdSettings {
  readonly lr: Operand;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** How networks see synthetic examples. */
export type Shown = Pick<Distilled, 'normalized' | 'input'>;

/** X_s as networks see them. */
export const shown = (images: Tensor, { normalized, input: how }: Shown): Tensor =>
  (normalized ? normalize(images, how) : images);

/**
 * KRR-ST's inner objective: a step of SGD on the mean squared error of encoder and linear head (below `scope`) on examples
 * [B, ...] and targets [B, d], without augmentation. Returns the loss.
 */
export function regressionStep(scope: Scope, images: Tensor, targets: Tensor, spec: EncoderSpec, settings: SgdSettings): Tensor {
  const features = encode(spec, scope.at('encoder'), images);
  const loss = meanSquaredError(linear(scope.at('head'), features, targets.shape[1]!), targets);
  sgd(scope.at('optimizer'), updatesOf(loss, scope.parameters), settings);
  return loss;
}

export interface RegressionOptions {
  readonly encoder: EncoderSpec;
  readonly batch: number;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly epochs: number;
  readonly steps?: number | undefined;
}

/** Training a fresh network on a distilled set, at a constant rate. Throws InputError where a batch is larger than the set. */
export function regression(set: Distilled, o: RegressionOptions, seed: number): Job & { readonly stepsPerEpoch: number } {
  const [count, ...shape] = set.images.shape as [number, ...number[]];
  const batches = new Batches(count, o.batch, seed);
  const program = stepProgram('from-distilled', (root) => {
    const [images, targets] = [input('images', [o.batch, ...shape]), input('targets', [o.batch, set.targets.shape[1]!])];
    return { loss: regressionStep(root, shown(images, set), targets, o.encoder, { ...o, lr: input('lr', []) }) };
  });
  const { stepsPerEpoch } = batches;
  return {
    program, remedy: 'try a smaller --lr', stepsPerEpoch, steps: o.steps ?? Math.max(1, Math.round(o.epochs * stepsPerEpoch)),
    feeds: (step) => {
      const chosen = batches.indices(step);
      return { images: gatherImages(set.images, chosen), targets: rowsAt(set.targets, chosen), lr: float32([], [o.lr]) };
    },
  };
}

