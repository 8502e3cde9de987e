import { InputError } from '../../errors.js';
import { stream } from '../../random.js';
import {
  columnMeans, forRowBlocks, javascript, squaredRowNorms, standardize, takeRows, type LinearAlgebra, type Matrix,
} from '../matrix.js';
import { quantile } from '../order.js';
import { noResamples, requireComparable, type Counts, type Resampled, type Resamples } from './resample.js';

/** Sums of k(a, b) over pairs of two sets with the weights of the rows, and what those weights amount to. */
interface Sums {
  /** Sum of w_i w_j k(x_i, x_j) over pairs i != j. */
  readonly xx: number;
  readonly yy: number;
  /** Sum of w_i v_j k(x_i, y_j) over all pairs. */
  readonly xy: number;
  readonly x: Weights;
  readonly y: Weights;
}

interface Weights {
  readonly total: number;
  readonly squares: number;
}

/** A statistic of two sets that is made of means over pairs of rows. */
export interface PairStatistic {
  /** k of many pairs of rows at once, by their inner products and their squared distances. */
  readonly kernel: Kernel;
  readonly of: (sums: Sums) => number;
}

export type Kernel = (products: Float64Array, squaredDistances: Float64Array, out: Float64Array) => void;

/** E k(X, X') + E k(Y, Y') - 2 E k(X, Y) over pairs of different rows (Gretton et al. 2012): unbiased, so it may be below 0. */
const unbiasedMmd2 = ({ xx, yy, xy, x, y }: Sums): number =>
  xx / (x.total ** 2 - x.squares) + yy / (y.total ** 2 - y.squares) - (2 * xy) / (x.total * y.total);

/** MMD^2 with the Gaussian kernel exp(-|a - b|^2 / (2 h^2)). Throws InputError for a bandwidth h that is not above 0. */
export function gaussianMmd2(bandwidth: number): PairStatistic {
  if (!(bandwidth > 0)) throw new InputError(`the bandwidth is ${bandwidth}, but it must be above 0; are all rows equal?`);
  const scale = -1 / (2 * bandwidth ** 2);
  return {
    kernel: (_, squaredDistances, out) => {
      for (let at = 0; at < out.length; at++) out[at] = Math.exp(scale * squaredDistances[at]!);
    },
    of: unbiasedMmd2,
  };
}

/** Kernel inception distance (Binkowski et al. 2018), of any features: MMD^2 with the kernel (a.b / d + 1)^3. */
export function kernelDistance(features: number): PairStatistic {
  return {
    kernel: (products, _, out) => {
      for (let at = 0; at < out.length; at++) {
        const base = products[at]! / features + 1;
        out[at] = base * base * base;
      }
    },
    of: unbiasedMmd2,
  };
}

/**
 * Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013) over all pairs, those of a row with itself too: never
 * below 0, and 0 for equal sets only; biased upwards for few rows.
 */
export const ENERGY: PairStatistic = {
  kernel: (_, squaredDistances, out) => {
    for (let at = 0; at < out.length; at++) out[at] = Math.sqrt(squaredDistances[at]!);
  },
  of: ({ xx, yy, xy, x, y }) => Math.max(0, (2 * xy) / (x.total * y.total) - xx / x.total ** 2 - yy / y.total ** 2),
};

export interface PairOptions {
  readonly resamples?: Resamples;
  readonly algebra?: LinearAlgebra;
}

/**
 * Statistics over pairs of x [n, d] and y [m, d] in one pass over the pairs, block by block.
 *
 * @throws InputError where the widths differ, or a set has fewer than 2 rows
 */
export function pairStatistics<K extends string>(
  x: Matrix, y: Matrix, statistics: Readonly<Record<K, PairStatistic>>, options: PairOptions = {},
): Record<K, Resampled> {
  requireComparable(x, y, 2, 'a mean over pairs');
  const { resamples = noResamples(x, y), algebra = javascript } = options;
  const mean = columnMeans(x);
  const [a, b] = [pointsOf(x, mean, resamples.x), pointsOf(y, mean, resamples.y)];
  const named = Object.entries(statistics) as [K, PairStatistic][];
  const kernels = named.map(([, { kernel }]) => kernel);
  const [xx, yy, xy] = [sumPairs(a, a, kernels, algebra), sumPairs(b, b, kernels, algebra), sumPairs(a, b, kernels, algebra)];
  const [ofX, ofY] = [weightsOf(resamples.x), weightsOf(resamples.y)];
  return Object.fromEntries(named.map(([name, { of }], k) => {
    const values = ofX.map((_, r) => of({ xx: xx[k]![r]!, yy: yy[k]![r]!, xy: xy[k]![r]!, x: ofX[r]!, y: ofY[r]! }));
    return [name, { value: values[0]!, resampled: Float64Array.from(values.slice(1)) }];
  })) as Record<K, Resampled>;
}

/** Totals of all rows once and of each resample. */
const weightsOf = (counts: Counts): Weights[] => [
  { total: counts.cols, squares: counts.cols },
  ...resamplesOf(counts).map((own) => ({ total: counts.cols, squares: own.reduce((sum, count) => sum + count * count, 0) })),
];

const resamplesOf = ({ rows, cols, data }: Counts): Float32Array[] =>
  Array.from({ length: rows }, (_, b) => data.subarray(b * cols, (b + 1) * cols));

interface Points {
  /** Rows less a common mean, so that distances do not drown in the rounding of large products. */
  readonly centred: Matrix;
  readonly squaredNorms: Float64Array;
  /** What the mean adds to a product of rows: a.b = (a - m).(b - m) + this of a + this of b. */
  readonly offsets: Float64Array;
  /** How often each resample has each row: B times [n]. */
  readonly counts: readonly Float32Array[];
}

function pointsOf(x: Matrix, mean: Float64Array, resamples: Counts): Points {
  const centred = standardize(x, { mean });
  const half = mean.reduce((sum, value) => sum + value * value, 0) / 2;
  const offsets = Float64Array.from({ length: x.rows }, (_, i) => {
    let sum = half;
    for (let j = 0; j < x.cols; j++) sum += mean[j]! * centred.data[i * x.cols + j]!;
    return sum;
  });
  return { centred, squaredNorms: squaredRowNorms(centred), offsets, counts: resamplesOf(resamples) };
}

const BLOCK = 1024;

/**
 * Sums of each kernel over the pairs of two sets, or over pairs i != j of one with itself: for all rows once, and for each
 * resample, the latter in the precision of the algebra.
 */
function sumPairs(a: Points, b: Points, kernels: readonly Kernel[], algebra: LinearAlgebra): Float64Array[] {
  const sums = kernels.map(() => new Float64Array(1 + a.counts.length));
  const memory = () => new Float64Array(Math.min(BLOCK, a.centred.rows) * Math.min(BLOCK, b.centred.rows));
  const [products, distances, values] = [memory(), memory(), memory()];
  forRowBlocks(a.centred, BLOCK, (rows, first) => forRowBlocks(b.centred, BLOCK, (others, firstOther) => {
    if (a === b && firstOther > first) return;
    const own = pairsOf(a, rows, first, b, others, firstOther, algebra, products, distances);
    const block = { rows: rows.rows, cols: others.rows, data: values.subarray(0, own.products.length) };
    kernels.forEach((kernel, k) => {
      kernel(own.products, own.distances, block.data);
      if (a === b && first === firstOther) for (let at = 0; at < block.data.length; at += block.cols + 1) block.data[at] = 0;
      let total = 0;
      for (let at = 0; at < block.data.length; at++) total += block.data[at]!;
      // Of a set with itself, blocks below the diagonal stand for those above it, too.
      const factor = a === b && firstOther < first ? 2 : 1;
      sums[k]![0]! += factor * total;
      addResampled(sums[k]!, factor, block, a, first, b, firstOther, algebra);
    });
  }));
  return sums;
}

/** Inner products and squared distances of the rows of two blocks, in the given memory. */
function pairsOf(
  a: Points, rows: Matrix, first: number, b: Points, others: Matrix, firstOther: number, algebra: LinearAlgebra,
  products: Float64Array, distances: Float64Array,
): { readonly products: Float64Array; readonly distances: Float64Array } {
  const size = rows.rows * others.rows;
  products.set(algebra.multiplyTransposed(rows, others).data);
  for (let i = 0, at = 0; i < rows.rows; i++) {
    const [norm, offset] = [a.squaredNorms[first + i]!, a.offsets[first + i]!];
    for (let j = firstOther; j < firstOther + others.rows; j++, at++) {
      const product = products[at]!;
      const distance = norm + b.squaredNorms[j]! - 2 * product;
      distances[at] = distance > 0 ? distance : 0;
      products[at] = product + offset + b.offsets[j]!;
    }
  }
  return { products: products.subarray(0, size), distances: distances.subarray(0, size) };
}

/** Adds wᵀKv of every resample to sums[1..]. */
function addResampled(
  sums: Float64Array, factor: number, kernel: Matrix, a: Points, first: number, b: Points, firstOther: number,
  algebra: LinearAlgebra,
): void {
  const resamples = b.counts.length;
  if (resamples === 0) return;
  const v = { rows: resamples, cols: kernel.cols, data: new Float32Array(resamples * kernel.cols) };
  b.counts.forEach((counts, r) => v.data.set(counts.subarray(firstOther, firstOther + kernel.cols), r * kernel.cols));
  const weighted = algebra.multiplyTransposed(kernel, v).data;
  for (let i = 0, at = 0; i < kernel.rows; i++) {
    for (let r = 0; r < resamples; r++, at++) sums[1 + r]! += factor * a.counts[r]![first + i]! * weighted[at]!;
  }
}

export interface MedianOptions {
  readonly limit?: number;
  readonly seed?: number;
  readonly algebra?: LinearAlgebra;
}

/** The median distance of two rows of x, over all pairs of at most `limit` rows, drawn at random where there are more. */
export function medianDistance(x: Matrix, options: MedianOptions = {}): number {
  const { limit = 1000, seed = 0, algebra = javascript } = options;
  requireComparable(x, x, 2, 'a median distance');
  const kept = x.rows > limit ? takeRows(x, stream(seed, 'median distance').permutation(x.rows).subarray(0, limit)) : x;
  const centred = standardize(kept, { mean: columnMeans(kept) });
  const norms = squaredRowNorms(centred);
  const products = algebra.multiplyTransposed(centred, centred).data;
  const distances = new Float64Array((kept.rows * (kept.rows - 1)) / 2);
  let at = 0;
  for (let i = 0; i < kept.rows; i++) {
    for (let j = 0; j < i; j++, at++) {
      distances[at] = Math.sqrt(Math.max(0, norms[i]! + norms[j]! - 2 * products[i * kept.rows + j]!));
    }
  }
  return quantile(distances.sort(), 0.5);
}
