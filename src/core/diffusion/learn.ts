import { float32, type NdArray } from '../array.js';
import { grad, input, type Tensor } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import { adamw, averageParameters, clipByGlobalNorm, rampedDecay, warmupCosine, type Update } from '../optim/index.js';
import type { DenoiserSpec } from './denoiser.js';

/** How denoisers and their students are trained. */
export interface LearnOptions {
  readonly steps: number;
  /** Peak of the learning rate. */
  readonly lr: number;
  readonly lrSchedule: 'constant' | 'cosine';
  /** Steps of linear warm-up. */
  readonly warmup: number;
  /** Largest norm of the gradient. */
  readonly clip: number;
  /** Decay of the moving average of the weights; 0: none is kept. */
  readonly ema: number;
}

/** The learning rate where none is given. */
export const defaultRate = ({ network }: DenoiserSpec): number => (network.name === 'unet' ? 2e-4 : 1e-3);

/**
 * A step of AdamW against the gradient of `loss`, clipped, on the parameters below `online`, and their average below `ema` where
 * one is kept. Inputs are those of `learnFeeds`. Returns the norm of the gradient before clipping.
 */
export function learn(
  root: Scope, loss: Tensor, online: Scope, { clip, ema }: LearnOptions, adam: { beta2?: number; weightDecay?: number } = {},
): Tensor {
  const { parameters } = online;
  const { gradients, norm } = clipByGlobalNorm(grad(loss, parameters.map(({ tensor }) => tensor)), clip);
  adamw(root.at('optimizer'), parameters.map((p, i): Update => [p, gradients[i]!]), { lr: input('lr', []), ...adam });
  if (ema > 0) averageParameters(root.at('ema'), online, input('ema', []));
  return norm;
}

/** What step k is fed for `learn`. */
export function learnFeeds(k: number, { steps, lr: peak, lrSchedule, warmup, ema }: LearnOptions): Record<string, NdArray> {
  const lr = lrSchedule === 'cosine' ? warmupCosine(k, { peak, steps, warmup }) : peak * Math.min(1, (k + 1) / Math.max(1, warmup));
  return { lr: float32([], [lr]), ...(ema > 0 && { ema: float32([], [rampedDecay(k, ema)]) }) };
}
