import { InputError } from '../../errors.js';
import { squaredRowNorms, zeros, type Matrix } from '../matrix.js';
import { quantile } from '../order.js';
import type { Counts, Resampled } from './resample.js';

/** Euclidean distance of row i of x from row i of y: [n]. Throws InputError where the shapes differ. */
export function pairedDistances(x: Matrix, y: Matrix): Float64Array {
  if (x.rows !== y.rows || x.cols !== y.cols) {
    throw new InputError(`row i pairs with row i, but one set is [${x.rows}, ${x.cols}] and the other [${y.rows}, ${y.cols}]`);
  }
  return squaredRowNorms({ ...x, data: Float64Array.from(x.data, (value, at) => value - y.data[at]!) }).map(Math.sqrt);
}

/** Root mean square and median of paired distances, on resamples of the pairs. */
export function pairedScores(distances: Float64Array, counts: Counts): { readonly rmse: Resampled; readonly median: Resampled } {
  const drawn = Array.from({ length: counts.rows }, (_, b) => {
    const own = counts.data.subarray(b * counts.cols, (b + 1) * counts.cols);
    return Float64Array.from(Array.from(distances, (value, i) => Array<number>(own[i]!).fill(value)).flat());
  });
  const scored = (score: (values: Float64Array) => number): Resampled =>
    ({ value: score(distances), resampled: Float64Array.from(drawn, score) });
  return {
    rmse: scored((values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)),
    median: scored((values) => quantile(values.slice().sort(), 0.5)),
  };
}

export interface Modes {
  /** Share of the generated rows that are nearest to the mean of each class of real ones: [classes]. */
  readonly shares: readonly number[];
  /** sum p log(p classes): 0 for equal shares, log(classes) where all rows are in one. */
  readonly divergence: number;
}

/**
 * Shares of the modes: every generated row counts for the class whose mean over the real rows is nearest to it.
 *
 * @param labels of the real rows, from 0 to classes - 1; each class has rows
 */
export function modeShares(fake: Matrix, real: Matrix, labels: ArrayLike<number>, classes: number): Modes {
  const means = zeros(classes, real.cols);
  const sizes = new Float64Array(classes);
  for (let i = 0; i < real.rows; i++) {
    sizes[labels[i]!]!++;
    for (let j = 0; j < real.cols; j++) means.data[labels[i]! * real.cols + j]! += real.data[i * real.cols + j]!;
  }
  means.data.forEach((sum, at) => { means.data[at] = sum / sizes[Math.floor(at / real.cols)]!; });
  const counts = new Float64Array(classes);
  for (let i = 0; i < fake.rows; i++) {
    let [nearest, least] = [0, Infinity];
    for (let c = 0; c < classes; c++) {
      let distance = 0;
      for (let j = 0; j < fake.cols; j++) distance += (fake.data[i * fake.cols + j]! - means.data[c * fake.cols + j]!) ** 2;
      if (distance < least) [nearest, least] = [c, distance];
    }
    counts[nearest]!++;
  }
  const shares = Array.from(counts, (count) => count / fake.rows);
  return { shares, divergence: shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p * classes) : 0), 0) };
}
