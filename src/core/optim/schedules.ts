/** Schedules: plain functions of the step k (from 0) of K, computed on the host. */

export interface WarmupCosine {
  readonly peak: number;
  readonly steps: number;
  readonly warmup?: number;
  readonly final?: number;
}

/** Linear from 0 to `peak` over `warmup` steps, then half a cosine to `final`; lr(0) = 0 where there is a warm-up. */
export function warmupCosine(k: number, { peak, steps, warmup = 0, final = 0 }: WarmupCosine): number {
  if (k < warmup) return (peak * k) / warmup;
  const progress = Math.min(1, (k - warmup) / Math.max(1, steps - warmup));
  return final + (peak - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** BYOL's target decay: tau_k = 1 - (1 - base) (cos(pi k / K) + 1) / 2, from `base` to 1. */
export const cosineEmaDecay = (k: number, steps: number, base: number): number =>
  1 - (1 - base) * (Math.cos((Math.PI * k) / steps) + 1) / 2;

/** From `start` at k = 0 to `end` at k = steps, in a straight line. */
export const linearSchedule = (k: number, steps: number, start: number, end: number): number =>
  start + (end - start) * Math.min(1, k / steps);
