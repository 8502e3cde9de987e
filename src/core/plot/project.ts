import { InputError } from '../errors.js';
import { stream } from '../random.js';
import { symmetricEigen } from '../stats/linalg.js';
import { centerColumns, javascript, transpose, type Matrix } from '../stats/matrix.js';

/** Points in the plane: x[i], y[i]. */
export interface Planar {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export interface PcaResult extends Planar {
  /** Share of the variance along both axes. */
  readonly explained: readonly [number, number];
}

/**
 * The first two principal components of features [n, d], n > 1. The sign of each is the one that makes its largest loading
 * positive. Of the covariance [d, d] and the Gram matrix [n, n] the smaller one is diagonalised.
 */
export function pca(features: Matrix): PcaResult {
  const centered = centerColumns(features);
  const { rows: n, cols: d } = centered;
  if (n < 2 || d < 2) throw new InputError(`a picture of features needs at least 2 points of 2 dimensions, but these are [${n}, ${d}]`);
  const wide = d > n;
  const byColumn = transpose(centered);
  const { values, vectors } = symmetricEigen(wide
    ? javascript.multiplyTransposed(centered, centered)
    : javascript.transposeMultiply(centered, centered));
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const component = (k: 0 | 1): Float64Array => {
    const vector = vectors.data.subarray(k * vectors.cols, (k + 1) * vectors.cols);
    // From the Gram matrix come the scores themselves, up to their length; loadings are what a sign can be told by.
    const loadings = wide
      ? Float64Array.from({ length: d }, (_, j) => dot(byColumn.data.subarray(j * n, (j + 1) * n), vector))
      : vector;
    const scores = wide
      ? Float64Array.from(vector, (value) => value * Math.sqrt(Math.max(0, values[k]!)))
      : Float64Array.from({ length: n }, (_, i) => dot(centered.data.subarray(i * d, (i + 1) * d), vector));
    const largest = loadings.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    return largest < 0 ? scores.map((value) => -value) : scores;
  };
  const share = (k: 0 | 1): number => (total > 0 ? Math.max(0, values[k]!) / total : 0);
  return { x: component(0), y: component(1), explained: [share(0), share(1)] };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export interface UmapOptions {
  readonly neighbors: number;
  readonly minDist: number;
  readonly seed: number;
}

/** UMAP (McInnes et al. 2018) of features [n, d] by umap-js, with seeded random numbers. */
export async function umap({ rows, cols, data }: Matrix, { neighbors, minDist, seed }: UmapOptions): Promise<Planar> {
  if (rows <= neighbors) {
    throw new InputError(`UMAP with ${neighbors} neighbours needs more points than that, but there are ${rows}; lower --neighbors`);
  }
  const { UMAP } = await import('umap-js');
  const random = stream(seed, 'umap');
  const points = Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols)));
  const placed = new UMAP({ nNeighbors: neighbors, minDist, random: () => random.next() }).fit(points);
  return { x: Float64Array.from(placed, (p) => p[0]!), y: Float64Array.from(placed, (p) => p[1]!) };
}
