import { InputError } from '../../errors.js';
import { nearestNeighbours } from '../knn.js';
import { columnMeans, forRowBlocks, javascript, squaredRowNorms, standardize, type LinearAlgebra, type Matrix } from '../matrix.js';
import { requireComparable, type Counts, type Resampled } from './resample.js';

export interface ManifoldOptions {
  /** Neighbours that set the radius of a ball (3). */
  readonly k?: number;
  readonly algebra?: LinearAlgebra;
}

/** Which rows of each set lie in a ball around a row of the other: 1 or 0. */
export interface Coverage {
  /** [n], of the real rows: their mean is the recall. */
  readonly real: Uint8Array;
  /** [m], of the generated rows: their mean is the precision. */
  readonly fake: Uint8Array;
}

/**
 * Precision and recall of generated rows (Kynkäänniemi et al. 2019): around every row of a set a ball that reaches to its k-th
 * nearest neighbour in the set; precision is the share of generated rows that lie in a real row's ball, recall the reverse.
 *
 * @throws InputError where the widths differ, or k is not from 1 to the rows of a set less 1
 */
export function coverage(real: Matrix, fake: Matrix, { k = 3, algebra = javascript }: ManifoldOptions = {}): Coverage {
  requireComparable(real, fake, 2, 'a ball around each row');
  const most = Math.min(real.rows, fake.rows) - 1;
  if (!Number.isInteger(k) || k < 1 || k > most) throw new InputError(`k is ${k}, but it must be a whole number from 1 to ${most}`);
  const mean = columnMeans(real);
  const [x, y] = [standardize(real, { mean }), standardize(fake, { mean })];
  const [ofX, ofY] = [squaredRadii(x, k, algebra), squaredRadii(y, k, algebra)];
  const [normsX, normsY] = [squaredRowNorms(x), squaredRowNorms(y)];
  const found = { real: new Uint8Array(x.rows), fake: new Uint8Array(y.rows) };
  forRowBlocks(x, BLOCK, (rows, first) => forRowBlocks(y, BLOCK, (others, firstOther) => {
    const products = algebra.multiplyTransposed(rows, others).data;
    const precision = products instanceof Float32Array ? 2 ** -20 : 2 ** -44;
    for (let i = 0, at = 0; i < rows.rows; i++) {
      const [norm, radius] = [normsX[first + i]!, ofX[first + i]!];
      for (let j = 0; j < others.rows; j++, at++) {
        const lengths = norm + normsY[firstOther + j]!;
        // A row on the edge of a ball, such as a copy of its neighbour, is inside whatever the rounding.
        const distance = lengths * (1 - precision) - 2 * products[at]!;
        if (distance <= radius) found.fake[firstOther + j] = 1;
        if (distance <= ofY[firstOther + j]!) found.real[first + i] = 1;
      }
    }
  }));
  return found;
}

const BLOCK = 1024;

function squaredRadii(x: Matrix, k: number, algebra: LinearAlgebra): Float64Array {
  const { values } = nearestNeighbours(x, x, { k, metric: 'euclidean', leaveOneOut: true, algebra });
  return Float64Array.from({ length: x.rows }, (_, i) => values[(i + 1) * k - 1]! ** 2);
}

/** The share of rows that are covered, on resamples of these rows; the balls of the other set stay as they are. */
export function coveredShare(covered: Uint8Array, counts: Counts): Resampled {
  const share = (weight: (i: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < covered.length; i++) sum += weight(i) * covered[i]!;
    return sum / covered.length;
  };
  const resampled = Float64Array.from({ length: counts.rows }, (_, b) => share((i) => counts.data[b * counts.cols + i]!));
  return { value: share(() => 1), resampled };
}
