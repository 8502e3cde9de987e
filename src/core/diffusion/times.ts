import { float32, type NdArray } from '../array.js';
import { input, type Tensor } from '../graph/index.js';
import { noiseLevel, type ScheduleName } from './schedule.js';

/** A time in [0, 1] and its noise level for every example, float32 [B] each. */
export interface Times {
  readonly t: Tensor;
  readonly alpha: Tensor;
  readonly sigma: Tensor;
}

/** Times of a batch as inputs: NAME t, NAME alpha and NAME sigma. */
export const timesInputs = (name: string, batch: number): Times =>
  ({ t: input(`${name} t`, [batch]), alpha: input(`${name} alpha`, [batch]), sigma: input(`${name} sigma`, [batch]) });

/** What they are fed for the times t of a batch. */
export function timesFeeds(name: string, schedule: ScheduleName, t: readonly number[]): Record<string, NdArray> {
  const levels = t.map((time) => noiseLevel(schedule, time));
  return {
    [`${name} t`]: float32([t.length], t),
    [`${name} alpha`]: float32([t.length], levels.map(({ alpha }) => alpha)),
    [`${name} sigma`]: float32([t.length], levels.map(({ sigma }) => sigma)),
  };
}

/** One number per example [B], shaped to multiply x [B, ...]. */
export const perExample = (v: Tensor, x: Tensor): Tensor => v.reshape([v.shape[0]!, ...x.shape.slice(1).map(() => 1)]);

/** Alpha and sigma, shaped to multiply x. */
export const levels = ({ alpha, sigma }: Times, x: Tensor): [alpha: Tensor, sigma: Tensor] =>
  [perExample(alpha, x), perExample(sigma, x)];

/** x_t = alpha x0 + sigma eps. */
export function diffuse(x0: Tensor, noise: Tensor, times: Times): Tensor {
  const [alpha, sigma] = levels(times, x0);
  return x0.mul(alpha).add(noise.mul(sigma));
}
