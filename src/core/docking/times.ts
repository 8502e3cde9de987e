import type { Stream } from '../random.js';
import { betaQuantile } from '../stats/distributions.js';

/** A Beta distribution of times in [0, 1]. */
export interface TimeLaw {
  readonly a: number;
  readonly b: number;
}

/** A time of the law, by inversion of one uniform number. */
export function drawTime({ a, b }: TimeLaw, random: Stream): number {
  const u = random.next();
  if (b === 1) return u ** (1 / a);
  return a === 1 ? 1 - (1 - u) ** (1 / b) : betaQuantile(u, a, b);
}
