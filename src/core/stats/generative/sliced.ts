import { InputError } from '../../errors.js';
import { stream } from '../../random.js';
import { javascript, normalizeRows, row, transpose, type LinearAlgebra, type Matrix } from '../matrix.js';
import { argsort } from '../order.js';
import { noResamples, requireComparable, type Resampled, type Resamples } from './resample.js';

export interface SlicedOptions {
  /** Random directions (128); one in one dimension, where all are alike. */
  readonly slices?: number;
  readonly seed?: number;
  readonly resamples?: Resamples;
  readonly algebra?: LinearAlgebra;
}

/**
 * Sliced Wasserstein-2 distance (Bonneel et al. 2015) of two sets of equally many rows [n, d]: projected on random unit
 * directions and sorted, sqrt of the mean over directions and ranks of the squared differences. Biased upwards for few rows.
 *
 * @throws InputError where shapes differ, or there are no directions
 */
export function slicedWasserstein(x: Matrix, y: Matrix, options: SlicedOptions = {}): Resampled {
  const { slices = 128, seed = 0, resamples = noResamples(x, y), algebra = javascript } = options;
  requireComparable(x, y, 1, 'a distance of distributions');
  if (x.rows !== y.rows) throw new InputError(`sorted projections are compared one by one, but there are ${x.rows} and ${y.rows} rows`);
  if (!Number.isInteger(slices) || slices < 1) throw new InputError(`${slices} directions were asked for; use a whole number from 1`);
  const count = x.cols === 1 ? 1 : slices;
  const directions = normalizeRows({ rows: count, cols: x.cols, data: stream(seed, 'slices').normal(count * x.cols) });
  const squares = new Float64Array(1 + resamples.x.rows);
  // [directions, n]; copied, as the algebra's results are valid until the next one only.
  const [a, b] = [x, y].map((set) => transpose(algebra.multiplyTransposed(set, directions))) as [Matrix, Matrix];
  for (let l = 0; l < count; l++) {
    const [p, q] = [row(a, l), row(b, l)];
    const [orderP, orderQ] = [argsort(p), argsort(q)];
    squares[0]! += squaredDistance(inOrder(p, orderP), inOrder(q, orderQ));
    for (let r = 0; r < resamples.x.rows; r++) {
      squares[1 + r]! += squaredDistance(inOrder(p, orderP, row(resamples.x, r)), inOrder(q, orderQ, row(resamples.y, r)));
    }
  }
  const [value, ...resampled] = squares.map((sum) => Math.sqrt(sum / (count * x.rows)));
  return { value: value!, resampled: Float64Array.from(resampled) };
}

/** Values in ascending order, each as often as `counts` says. */
function inOrder(values: ArrayLike<number>, order: ArrayLike<number>, counts?: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0, at = 0; i < order.length; i++) {
    const index = order[i]!;
    for (let n = counts?.[index] ?? 1; n > 0; n--) out[at++] = values[index]!;
  }
  return out;
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
