import { InputError } from '../../errors.js';
import { stream } from '../../random.js';
import type { Matrix } from '../matrix.js';

/** A statistic of two sets of rows, and its values on bootstrap resamples of both. */
export interface Resampled {
  readonly value: number;
  /** [B] */
  readonly resampled: Float64Array;
}

/** How often each of n rows comes in each of B resamples: [B, n]. */
export interface Counts extends Matrix {
  readonly data: Float32Array;
}

/** Resamples of two sets. */
export interface Resamples {
  readonly x: Counts;
  readonly y: Counts;
}

/** B resamples of n and of m rows with replacement; resample b depends on the seed and b alone. */
export const drawResamples = (n: number, m: number, resamples: number, seed: number): Resamples =>
  ({ x: counts(n, resamples, seed, 'resample x'), y: counts(m, resamples, seed, 'resample y') });

function counts(rows: number, resamples: number, seed: number, name: string): Counts {
  const data = new Float32Array(resamples * rows);
  for (let b = 0; b < resamples; b++) for (const i of stream(seed, name, b).integers(rows, rows)) data[b * rows + i]!++;
  return { rows: resamples, cols: rows, data };
}

/** No resamples: statistics then have their value only. */
export const noResamples = (x: Matrix, y: Matrix): Resamples =>
  ({ x: { rows: 0, cols: x.rows, data: new Float32Array() }, y: { rows: 0, cols: y.rows, data: new Float32Array() } });

/** Throws InputError where two sets have rows of different widths, or one has fewer rows than `least`. */
export function requireComparable(x: Matrix, y: Matrix, least: number, what: string): void {
  if (x.cols !== y.cols) throw new InputError(`rows of ${x.cols} and of ${y.cols} features cannot be compared`);
  const fewer = Math.min(x.rows, y.rows);
  if (fewer < least) throw new InputError(`${what} needs at least ${least} rows in each set, but one has ${fewer}`);
}
