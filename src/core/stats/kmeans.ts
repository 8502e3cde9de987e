import { InputError } from '../errors.js';
import { stream } from '../random.js';
import {
  forRowBlocks, javascript, type LinearAlgebra, type Matrix, type Matrix64, row, squaredRowNorms, zeros,
} from './matrix.js';

export interface KMeansOptions {
  readonly seed?: number;
  /** k-means++ starts, of which the one with the least inertia is kept (10). */
  readonly starts?: number;
  /** Starting centres [k, d] in place of k-means++. */
  readonly init?: Matrix;
  /** Lloyd iterations per start (300). */
  readonly maxIterations?: number;
  readonly algebra?: LinearAlgebra;
}

export interface KMeansFit {
  /** [k, d] */
  readonly centers: Matrix64;
  /** [n] */
  readonly assignments: Int32Array;
  /** Sum of the squared distances to the centres. */
  readonly inertia: number;
  readonly iterations: number;
}

const BLOCK_ROWS = 4096;

/**
 * k-means by Lloyd's iterations until no assignment changes, from k-means++ starts (Arthur and Vassilvitskii 2007).
 * A cluster that runs empty restarts at the row farthest from its centre.
 *
 * @param x [n, d]
 * @throws InputError where k is not from 1 to n, or `init` is not [k, d]
 */
export function kMeans(x: Matrix, k: number, options: KMeansOptions = {}): KMeansFit {
  const { seed = 0, starts = 10, init, maxIterations = 300, algebra = javascript } = options;
  if (!Number.isInteger(k) || k < 1 || k > x.rows) {
    throw new InputError(`k is ${k}, but the number of clusters must be from 1 to ${x.rows}, the number of rows`);
  }
  if (init) {
    if (init.rows !== k || init.cols !== x.cols) {
      throw new InputError(`the starting centres are [${init.rows}, ${init.cols}] where [${k}, ${x.cols}] is needed`);
    }
    return lloyd(x, { ...init, data: new Float64Array(init.data) }, maxIterations, algebra);
  }
  let best: KMeansFit | undefined;
  for (let start = 0; start < starts; start++) {
    const fit = lloyd(x, plusPlusCenters(x, k, seed, start), maxIterations, algebra);
    if (!best || fit.inertia < best.inertia) best = fit;
  }
  if (!best) throw new InputError('k-means needs at least one start');
  return best;
}

/** Rows of x drawn one by one with probability proportional to the squared distance to the nearest drawn so far. */
function plusPlusCenters(x: Matrix, k: number, seed: number, start: number): Matrix64 {
  const draws = stream(seed, 'k-means++', start);
  const centers = zeros(k, x.cols);
  const nearest = new Float64Array(x.rows).fill(Infinity);
  let chosen = draws.int(x.rows);
  for (let c = 0; ; c++) {
    const center = row(x, chosen);
    centers.data.set(center, c * x.cols);
    if (c === k - 1) return centers;
    let total = 0;
    for (let i = 0, at = 0; i < x.rows; i++) {
      let distance = 0;
      for (let j = 0; j < x.cols; j++, at++) distance += (x.data[at] - center[j]) ** 2;
      nearest[i] = Math.min(nearest[i], distance);
      total += nearest[i];
    }
    let target = draws.next() * total;
    chosen = 0;
    while (chosen < x.rows - 1 && (target -= nearest[chosen]) >= 0) chosen++;
  }
}

function lloyd(x: Matrix, centers: Matrix64, maxIterations: number, algebra: LinearAlgebra): KMeansFit {
  let { assignments, distances } = assign(x, centers, algebra);
  let iterations = 0;
  let changed = true;
  while (changed && iterations < maxIterations) {
    iterations++;
    centers = centersOf(x, assignments, distances, centers.rows);
    const next = assign(x, centers, algebra);
    changed = next.assignments.some((cluster, i) => cluster !== assignments[i]);
    ({ assignments, distances } = next);
  }
  // The products that rank the centres lose digits far from the origin; the inertia is summed from differences.
  let inertia = 0;
  for (let i = 0, at = 0; i < x.rows; i++) {
    const center = row(centers, assignments[i]);
    for (let j = 0; j < x.cols; j++, at++) inertia += (x.data[at] - center[j]) ** 2;
  }
  return { centers, assignments, inertia, iterations };
}

/** The nearest centre of every row, and the squared distance to it; the lowest of equally near ones. */
function assign(
  x: Matrix, centers: Matrix64, algebra: LinearAlgebra,
): { assignments: Int32Array; distances: Float64Array } {
  const k = centers.rows;
  const norms = squaredRowNorms(centers);
  const rowNorms = squaredRowNorms(x);
  const assignments = new Int32Array(x.rows);
  const distances = new Float64Array(x.rows);
  forRowBlocks(x, BLOCK_ROWS, (block, first) => {
    const products = algebra.multiplyTransposed(block, centers).data;
    for (let i = 0; i < block.rows; i++) {
      let best = 0;
      let least = Infinity;
      for (let c = 0; c < k; c++) {
        const distance = norms[c] - 2 * products[i * k + c];
        if (distance < least) {
          least = distance;
          best = c;
        }
      }
      assignments[first + i] = best;
      distances[first + i] = Math.max(0, least + rowNorms[first + i]);
    }
  });
  return { assignments, distances };
}

/** Cluster means; each empty cluster takes the row that is farthest from its centre among those not yet taken. */
function centersOf(x: Matrix, assignments: Int32Array, distances: Float64Array, k: number): Matrix64 {
  const owner = assignments.slice();
  const counts = new Float64Array(k);
  for (const cluster of owner) counts[cluster]++;
  const farthest = counts.includes(0) ? Array.from(distances.keys()).sort((i, j) => distances[j] - distances[i]) : [];
  for (let c = 0, next = 0; c < k; c++) {
    if (counts[c] > 0) continue;
    while (counts[owner[farthest[next]]] < 2) next++;
    const taken = farthest[next++];
    counts[owner[taken]]--;
    owner[taken] = c;
    counts[c] = 1;
  }
  const centers = zeros(k, x.cols);
  for (let i = 0, at = 0; i < x.rows; i++) {
    const start = owner[i] * x.cols;
    for (let j = 0; j < x.cols; j++, at++) centers.data[start + j] += x.data[at];
  }
  for (let c = 0, at = 0; c < k; c++) for (let j = 0; j < x.cols; j++, at++) centers.data[at] /= counts[c];
  return centers;
}
