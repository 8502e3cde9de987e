import { nearestNeighbours } from '../knn.js';
import { countLabels } from '../labels.js';
import { row, zeros, type LinearAlgebra, type Matrix } from '../matrix.js';
import type { Counts, Resampled } from './resample.js';

/**
 * The class whose mean over the real rows is nearest to each row of x: [n].
 *
 * @param labels of the real rows, from 0 to classes - 1; each class has rows
 */
export function nearestMeans(x: Matrix, real: Matrix, labels: ArrayLike<number>, classes: number): Int32Array {
  const means = zeros(classes, real.cols);
  const sizes = countLabels(labels, classes);
  for (let i = 0; i < real.rows; i++) {
    const [mean, share] = [row(means, labels[i]!), 1 / sizes[labels[i]!]!];
    row(real, i).forEach((value, j) => { mean[j]! += share * value; });
  }
  return nearestRows(x, means, Int32Array.from({ length: classes }, (_, c) => c));
}

/** The class of the real row that is nearest to each row of x: [n]. */
export function nearestRows(x: Matrix, real: Matrix, labels: ArrayLike<number>, algebra?: LinearAlgebra): Int32Array {
  const { indices } = nearestNeighbours(real, x, { k: 1, metric: 'euclidean', ...(algebra && { algebra }) });
  return indices.map((nearest) => labels[nearest]!);
}

export interface Modes {
  /** Share of the rows in each class: [classes]. */
  readonly shares: readonly Resampled[];
  /** Kullback-Leibler, sum p log(p classes): 0 for equal shares, log(classes) where all rows are in one. */
  readonly divergence: Resampled;
}

/** Shares of the modes by the class of each row, and their divergence from equal shares, on resamples of the rows. */
export function modeShares(assigned: ArrayLike<number>, classes: number, counts: Counts): Modes {
  const sharesOf = (weight: (i: number) => number): Float64Array => {
    const shares = new Float64Array(classes);
    for (let i = 0; i < assigned.length; i++) shares[assigned[i]!]! += weight(i);
    return shares.map((sum) => sum / assigned.length);
  };
  const shares = sharesOf(() => 1);
  const resampled = Array.from({ length: counts.rows }, (_, b) => sharesOf((i) => counts.data[b * counts.cols + i]!));
  const divergence = (shares: Float64Array) =>
    shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p * classes) : 0), 0);
  return {
    shares: Array.from(shares, (value, c) => ({ value, resampled: Float64Array.from(resampled, (own) => own[c]!) })),
    divergence: { value: divergence(shares), resampled: Float64Array.from(resampled, divergence) },
  };
}
