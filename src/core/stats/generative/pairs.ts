import { InputError } from '../../errors.js';
import { squaredRowNorms, type Matrix } from '../matrix.js';
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
