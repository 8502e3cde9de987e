import { singularValues, symmetricEigenvalues } from '../linalg.js';
import { javascript, rowBlock, row, transpose, zeros, type LinearAlgebra, type Matrix, type Matrix64 } from '../matrix.js';
import { noResamples, requireComparable, type Resampled, type Resamples } from './resample.js';

/** Mean and covariance of rows. */
export interface Moments {
  /** [d] */
  readonly mean: Float64Array;
  /** F [r, d] with FᵀF = C, the covariance of divisor n - 1. */
  readonly factor: Matrix64;
  /** tr C */
  readonly trace: number;
}

export interface FrechetOptions {
  readonly resamples?: Resamples;
  /** For the resamples only: the value itself is computed in float64. */
  readonly algebra?: LinearAlgebra;
}

/**
 * Squared Fréchet distance of the Gaussians with the means and covariances of two sets (Dowson & Landau 1982; Heusel et al.
 * 2017, there of Inception features): |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^½ C2 C1^½)^½). Biased upwards for few rows: compare at
 * equal n.
 *
 * The last trace is the sum of the singular values of F1 F2ᵀ for any factors FᵀF = C, so no matrix root is taken and singular
 * covariances do no harm.
 *
 * @param x [n, d]
 * @param y [m, d]
 * @throws InputError where the widths differ, or a set has fewer than 2 rows
 */
export function frechetDistance(x: Matrix, y: Matrix, options: FrechetOptions = {}): Resampled {
  requireComparable(x, y, 2, 'a covariance');
  const { resamples = noResamples(x, y), algebra = javascript } = options;
  return {
    value: frechetOf(momentsOf(x), momentsOf(y)),
    resampled: Float64Array.from({ length: resamples.x.rows }, (_, b) => frechetOf(
      momentsOf(x, row(resamples.x, b), algebra), momentsOf(y, row(resamples.y, b), algebra), algebra)),
  };
}

/** The distance of two Gaussians; with `algebra` its last digits are given up for speed. */
export function frechetOf(p: Moments, q: Moments, algebra?: LinearAlgebra): number {
  let distance = p.trace + q.trace;
  p.mean.forEach((value, j) => { distance += (value - q.mean[j]!) ** 2; });
  return Math.max(0, distance - 2 * nuclearNorm((algebra ?? javascript).multiplyTransposed(p.factor, q.factor), algebra));
}

/** Sum of singular values; with `algebra` by the eigenvalues of MMᵀ: a third of the time, half of the digits. */
function nuclearNorm(m: Matrix, algebra: LinearAlgebra | undefined): number {
  const values = algebra
    ? symmetricEigenvalues(algebra.multiplyTransposed(m, m)).map((value) => Math.sqrt(Math.max(0, value)))
    : singularValues(m);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Moments of the rows of x, each taken as often as `counts` says. */
export function momentsOf(x: Matrix, counts?: ArrayLike<number>, algebra?: LinearAlgebra): Moments {
  const { rows: n, cols: d, data } = x;
  const mean = new Float64Array(d);
  for (let i = 0, at = 0; i < n; i++) for (let j = 0; j < d; j++, at++) mean[j]! += (counts?.[i] ?? 1) * data[at]! / n;
  const centred = { rows: n, cols: d, data: algebra ? new Float32Array(n * d) : new Float64Array(n * d) };
  let trace = 0;
  for (let i = 0, at = 0; i < n; i++) {
    const scale = Math.sqrt((counts?.[i] ?? 1) / (n - 1));
    for (let j = 0; j < d; j++, at++) {
      const value = scale * (data[at]! - mean[j]!);
      centred.data[at] = value;
      trace += value * value;
    }
  }
  const factor = n <= d ? { ...centred, data: new Float64Array(centred.data) } : rootOf(gram(centred, algebra));
  return { mean, factor, trace };
}

const GRAM_BLOCK = 128;

/** XᵀX [d, d]; of the symmetric matrix only the lower blocks are computed where that is dear. */
function gram(x: Matrix, algebra: LinearAlgebra | undefined): Matrix {
  if (algebra) return algebra.transposeMultiply(x, x);
  const byColumn = transpose(x);
  const out = zeros(x.cols, x.cols);
  for (let i0 = 0; i0 < x.cols; i0 += GRAM_BLOCK) {
    const end = Math.min(x.cols, i0 + GRAM_BLOCK);
    const block = javascript.multiplyTransposed(rowBlock(byColumn, i0, end), rowBlock(byColumn, 0, end));
    for (let i = i0; i < end; i++) out.data.set(block.data.subarray((i - i0) * end, (i - i0 + 1) * end), i * x.cols);
  }
  return out;
}

/**
 * F with FᵀF = C for symmetric C >= 0 of which the lower triangle is read: Lᵀ of Cholesky's factorisation, in which a pivot of
 * the size of its rounding is zero, and with it its column.
 */
function rootOf(c: Matrix): Matrix64 {
  const d = c.rows;
  // Row j of F is column j of L.
  const f = zeros(d, d);
  const precision = c.data instanceof Float32Array ? 2 ** -23 : Number.EPSILON;
  const left = new Float64Array(c.data);
  for (let j = 0; j < d; j++) {
    const pivot = left[j * d + j]!;
    if (!(pivot > d * precision * c.data[j * d + j]!)) continue;
    const scale = 1 / Math.sqrt(pivot);
    for (let i = j; i < d; i++) f.data[j * d + i] = scale * left[i * d + j]!;
    for (let i = j + 1; i < d; i++) {
      const factor = f.data[j * d + i]!;
      if (factor !== 0) for (let k = j + 1; k <= i; k++) left[i * d + k]! -= factor * f.data[j * d + k]!;
    }
  }
  return f;
}
