import { InputError } from '../errors.js';
import { nearestNeighbours } from './knn.js';
import { symmetricEigenvalues } from './linalg.js';
import {
  centerColumns, forRowBlocks, javascript, type LinearAlgebra, type Matrix, normalizeRows, squaredRowNorms,
} from './matrix.js';

/**
 * Eigenvalues of the covariance (divisor n) of features [n, d], descending: [d]. Those of X Xᵀ where d > n, as the
 * others are zero: [n].
 */
export function covarianceSpectrum(x: Matrix, algebra: LinearAlgebra = javascript): Float64Array {
  const centred = centerColumns(x);
  const gram = x.cols > x.rows
    ? algebra.multiplyTransposed(centred, centred)
    : algebra.transposeMultiply(centred, centred);
  // Rounding leaves zero eigenvalues on either side of zero.
  return symmetricEigenvalues(gram).map((value) => Math.max(0, value / x.rows));
}

/**
 * RankMe (Garrido et al. 2023): exp of the entropy of p_i = s_i / sum s + 1e-7, over the singular values of the
 * uncentred features. Between 1 and min(n, d).
 */
export function rankMe(singularValues: Float64Array): number {
  const total = sum(singularValues);
  if (!(total > 0)) throw new InputError('the features are all zero, so their rank has no meaning');
  return Math.exp(sum(singularValues.map((s) => {
    const p = s / total + 1e-7;
    return -p * Math.log(p);
  })));
}

/** The same for the eigenvalues of the covariance. */
export const effectiveRank = (eigenvalues: Float64Array): number => rankMe(eigenvalues);

/** Participation ratio (sum l)^2 / sum l^2 of covariance eigenvalues. */
export const participationRatio = (eigenvalues: Float64Array): number =>
  sum(eigenvalues) ** 2 / sum(eigenvalues.map((l) => l * l));

/** Stable rank ||X||_F^2 / s_1^2 of singular values in descending order. */
export const stableRank = (singularValues: Float64Array): number =>
  sum(singularValues.map((s) => s * s)) / singularValues[0] ** 2;

/**
 * alpha-ReQ (Agrawal et al. 2022): minus the slope of the least squares line of log l_i on log i, i from `first` to
 * `last` (from 1, both included), over covariance eigenvalues in descending order.
 *
 * @throws InputError where the range holds fewer than two eigenvalues or one that is not above 0
 */
export function alphaReQ(eigenvalues: Float64Array, first = 1, last = eigenvalues.length): number {
  if (!(first >= 1 && last > first && last <= eigenvalues.length)) {
    throw new InputError(`alpha needs a range of eigenvalues within 1..${eigenvalues.length}, not ${first}..${last}`);
  }
  const used = eigenvalues.subarray(first - 1, last);
  if (!used.every((value) => value > 0)) {
    throw new InputError(`eigenvalues ${first}..${last} are not all above 0: end the range before the zero ones`);
  }
  const x = used.map((_, i) => Math.log(first + i));
  const y = used.map(Math.log);
  const meanX = sum(x) / x.length;
  const meanY = sum(y) / y.length;
  return -sum(x.map((value, i) => (value - meanX) * (y[i] - meanY))) / sum(x.map((value) => (value - meanX) ** 2));
}

/** Alignment (Wang and Isola 2020): mean squared distance of L2-normalised pairs, row i of x with row i of y. */
export function alignment(x: Matrix, y: Matrix): number {
  requireSameRows(x, y);
  if (x.cols !== y.cols) throw new InputError(`positives have ${y.cols} features where ${x.cols} are needed`);
  const a = normalizeRows(x).data;
  const b = normalizeRows(y).data;
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] - b[i]) ** 2;
  return total / x.rows;
}

const BLOCK_ROWS = 1024;

/** Uniformity (Wang and Isola 2020): log of the mean over pairs i < j of exp(-t ||f_i - f_j||^2), L2-normalised. */
export function uniformity(x: Matrix, t = 2, algebra: LinearAlgebra = javascript): number {
  if (x.rows < 2) throw new InputError('uniformity needs at least two rows of features');
  const features = normalizeRows(x);
  const norms = squaredRowNorms(features);
  let total = 0;
  forRowBlocks(features, BLOCK_ROWS, (block, first) => {
    forRowBlocks(features, BLOCK_ROWS, (others, firstOther) => {
      if (firstOther > first) return;
      const products = algebra.multiplyTransposed(block, others).data;
      for (let i = 0; i < block.rows; i++) {
        for (let j = 0; j < others.rows && firstOther + j < first + i; j++) {
          total += Math.exp(-t * (norms[first + i] + norms[firstOther + j] - 2 * products[i * others.rows + j]));
        }
      }
    });
  });
  return Math.log(total / ((x.rows * (x.rows - 1)) / 2));
}

/**
 * SimSiam's collapse indicator: mean over dimensions of the standard deviation (divisor n - 1) of L2-normalised
 * features. 1 / sqrt(d) for features spread evenly over the sphere, 0 for complete collapse.
 */
export function collapseStd(x: Matrix): number {
  if (x.rows < 2) throw new InputError('a standard deviation needs at least two rows of features');
  const { cols, data } = centerColumns(normalizeRows(x));
  const squares = new Float64Array(cols);
  for (let at = 0; at < data.length; at++) squares[at % cols] += data[at] ** 2;
  return sum(squares.map((total) => Math.sqrt(total / (x.rows - 1)))) / cols;
}

/**
 * Linear CKA (Kornblith et al. 2019) of two feature sets of the same rows: ||YᵀX||_F^2 / (||XᵀX||_F ||YᵀY||_F) with
 * centred columns. Biased upwards for few rows.
 */
export function linearCka(x: Matrix, y: Matrix, algebra: LinearAlgebra = javascript): number {
  requireSameRows(x, y);
  const a = centerColumns(x);
  const b = centerColumns(y);
  const cross = (p: Matrix, q: Matrix): number => squaredNorm(algebra.transposeMultiply(p, q));
  return cross(a, b) / Math.sqrt(cross(a, a) * cross(b, b));
}

/**
 * Linear CKA from the unbiased estimator HSIC_1 (Song et al. 2012), about 0 for unrelated features whatever n and d.
 * Computed from d x d products, never the n x n kernels. Needs at least 4 rows.
 */
export function linearCkaUnbiased(x: Matrix, y: Matrix, algebra: LinearAlgebra = javascript): number {
  requireSameRows(x, y);
  if (x.rows < 4) throw new InputError(`unbiased CKA needs at least 4 rows, but there are ${x.rows}`);
  const a = centerColumns(x);
  const b = centerColumns(y);
  const hsic = (p: Matrix, q: Matrix): number => unbiasedHsic(p, q, algebra);
  return hsic(a, b) / Math.sqrt(hsic(a, a) * hsic(b, b));
}

/**
 * HSIC_1 = [tr(KL) + 1ᵀK1 1ᵀL1 / ((n-1)(n-2)) - 2/(n-2) 1ᵀKL1] / (n(n-3)), K = XXᵀ and L = YYᵀ with zero diagonals,
 * for centred X and Y: then XXᵀ1 = 0, and the rows of K sum to minus its former diagonal.
 */
function unbiasedHsic(x: Matrix, y: Matrix, algebra: LinearAlgebra): number {
  const n = x.rows;
  const k = squaredRowNorms(x);
  const l = squaredRowNorms(y);
  const diagonals = sum(k.map((value, i) => value * l[i]));
  const trace = squaredNorm(algebra.transposeMultiply(x, y)) - diagonals;
  return (trace + (sum(k) * sum(l)) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * diagonals) / (n * (n - 3));
}

/** Mean share of common rows among the k nearest neighbours (cosine) of each row in x and in y. */
export function neighbourOverlap(x: Matrix, y: Matrix, k: number, algebra: LinearAlgebra = javascript): number {
  requireSameRows(x, y);
  const inX = nearestNeighbours(x, x, { k, leaveOneOut: true, algebra }).indices;
  const inY = nearestNeighbours(y, y, { k, leaveOneOut: true, algebra }).indices;
  let common = 0;
  for (let start = 0; start < inX.length; start += k) {
    const neighbours = new Set(inX.subarray(start, start + k));
    for (const index of inY.subarray(start, start + k)) if (neighbours.has(index)) common++;
  }
  return common / inX.length;
}

const squaredNorm = ({ data }: Matrix): number => {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += data[i] * data[i];
  return total;
};

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function requireSameRows(x: Matrix, y: Matrix): void {
  if (x.rows !== y.rows) throw new InputError(`row i pairs with row i, but there are ${x.rows} and ${y.rows} rows`);
}
