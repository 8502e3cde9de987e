import { InputError } from '../errors.js';
import { logGamma } from './distributions.js';
import { classCount, countLabels, requireLabels, requirePaired } from './labels.js';
import { forRowBlocks, javascript, type LinearAlgebra, type Matrix, type Matrix64, squaredRowNorms, zeros } from './matrix.js';

type Labels = ArrayLike<number>;

export interface ClusterScores {
  /** Mutual information over the mean of the two entropies. */
  readonly nmi: number;
  /** The same, corrected for chance (Vinh et al. 2010, arithmetic mean). */
  readonly ami: number;
  /** Adjusted Rand index. */
  readonly ari: number;
  readonly homogeneity: number;
  readonly completeness: number;
  readonly vMeasure: number;
  /** Accuracy under the best one-to-one matching of clusters and classes. */
  readonly accuracy: number;
  /** Accuracy where every cluster votes for its largest class; rises with the number of clusters. */
  readonly purity: number;
}

/**
 * How well clusters agree with classes; both are whole numbers from 0. Natural logarithms.
 *
 * @throws InputError where the two lists do not pair up or hold anything else
 */
export function clusterScores(truth: Labels, clusters: Labels): ClusterScores {
  requirePaired(truth, clusters, 'classes and clusters');
  const table = contingency(truth, clusters);
  const { cells, rowSums, colSums, total } = table;
  const entropyTruth = entropy(rowSums, total);
  const entropyClusters = entropy(colSums, total);
  const information = mutualInformation(table);
  const meanEntropy = (entropyTruth + entropyClusters) / 2;
  const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 1);
  const nmi = ratio(information, meanEntropy);
  const expected = expectedMutualInformation(table);
  // One class and one cluster, or all rows apart on both sides: a perfect and a chance agreement are the same thing.
  const ami = meanEntropy - expected > 1e-15 ? (information - expected) / (meanEntropy - expected) : 1;
  return {
    nmi,
    ami,
    ari: adjustedRand(table),
    homogeneity: ratio(information, entropyTruth),
    completeness: ratio(information, entropyClusters),
    vMeasure: nmi,
    accuracy: matchedCount(cells) / total,
    purity: sum(colSums.map((_, j) => largestInColumn(cells, j))) / total,
  };
}

interface Contingency {
  /** [classes, clusters] */
  readonly cells: Matrix64;
  readonly rowSums: Float64Array;
  readonly colSums: Float64Array;
  readonly total: number;
}

function contingency(truth: Labels, clusters: Labels): Contingency {
  const classes = classCount(truth);
  const groups = classCount(clusters);
  requireLabels(truth, clusters.length, classes);
  requireLabels(clusters, truth.length, groups);
  const cells = zeros(classes, groups);
  for (let i = 0; i < truth.length; i++) cells.data[truth[i] * groups + clusters[i]]++;
  return {
    cells, rowSums: countLabels(truth, classes), colSums: countLabels(clusters, groups), total: truth.length,
  };
}

const entropy = (counts: Float64Array, total: number): number =>
  sum(counts.map((count) => (count > 0 ? -(count / total) * Math.log(count / total) : 0)));

function mutualInformation({ cells, rowSums, colSums, total }: Contingency): number {
  let information = 0;
  for (let i = 0, at = 0; i < cells.rows; i++) {
    for (let j = 0; j < cells.cols; j++, at++) {
      const count = cells.data[at];
      if (count > 0) information += (count / total) * Math.log((count * total) / (rowSums[i] * colSums[j]));
    }
  }
  // Rounding may leave independent labels a hair below zero.
  return Math.max(0, information);
}

/** Mean mutual information over all tables with the same margins (hypergeometric cells). */
function expectedMutualInformation({ rowSums, colSums, total }: Contingency): number {
  const logFactorials = Float64Array.from({ length: total + 1 }, (_, i) => logGamma(i + 1));
  let expected = 0;
  for (const a of rowSums) {
    for (const b of colSums) {
      const fixed = logFactorials[a] + logFactorials[b] + logFactorials[total - a] + logFactorials[total - b]
        - logFactorials[total];
      for (let n = Math.max(1, a + b - total); n <= Math.min(a, b); n++) {
        const logProbability = fixed - logFactorials[n] - logFactorials[a - n] - logFactorials[b - n]
          - logFactorials[total - a - b + n];
        expected += (n / total) * Math.log((n * total) / (a * b)) * Math.exp(logProbability);
      }
    }
  }
  return expected;
}

function adjustedRand({ cells, rowSums, colSums, total }: Contingency): number {
  const pairs = (counts: Float64Array): number => sum(counts.map((count) => (count * (count - 1)) / 2));
  const together = pairs(cells.data);
  const inTruth = pairs(rowSums);
  const inClusters = pairs(colSums);
  const expected = total > 1 ? (inTruth * inClusters) / ((total * (total - 1)) / 2) : 0;
  const range = (inTruth + inClusters) / 2 - expected;
  return range === 0 ? 1 : (together - expected) / range;
}

function largestInColumn({ rows, cols, data }: Matrix, j: number): number {
  let largest = 0;
  for (let i = 0; i < rows; i++) largest = Math.max(largest, data[i * cols + j]);
  return largest;
}

/** Largest total count of a one-to-one matching of rows and columns. */
function matchedCount(cells: Matrix): number {
  const size = Math.max(cells.rows, cells.cols);
  const cost = zeros(size, size);
  for (let i = 0; i < cells.rows; i++) {
    for (let j = 0; j < cells.cols; j++) cost.data[i * size + j] = -cells.data[i * cells.cols + j];
  }
  return -sum(Float64Array.from(linearAssignment(cost), (j, i) => cost.data[i * size + j]));
}

/**
 * The assignment of rows to columns with the least total cost, by the Hungarian algorithm in O(n^3): [rows], the
 * column of each row.
 *
 * @param cost [n, m], n <= m
 * @throws InputError where there are more rows than columns
 */
export function linearAssignment(cost: Matrix): Int32Array {
  const { rows, cols, data } = cost;
  if (rows > cols) throw new InputError(`${rows} rows cannot each have one of ${cols} columns: transpose the costs`);
  // Row 0 and column 0 are sentinels: column 0 holds the row that is looking for a place.
  const rowPotential = new Float64Array(rows + 1);
  const colPotential = new Float64Array(cols + 1);
  const rowOf = new Int32Array(cols + 1);
  for (let start = 1; start <= rows; start++) {
    rowOf[0] = start;
    const slack = new Float64Array(cols + 1).fill(Infinity);
    const previous = new Int32Array(cols + 1);
    const visited = new Uint8Array(cols + 1);
    let col = 0;
    do {
      visited[col] = 1;
      const i = rowOf[col];
      let delta = Infinity;
      let next = 0;
      for (let j = 1; j <= cols; j++) {
        if (visited[j]) continue;
        const reduced = data[(i - 1) * cols + j - 1] - rowPotential[i] - colPotential[j];
        if (reduced < slack[j]) {
          slack[j] = reduced;
          previous[j] = col;
        }
        if (slack[j] < delta) {
          delta = slack[j];
          next = j;
        }
      }
      for (let j = 0; j <= cols; j++) {
        if (visited[j]) {
          rowPotential[rowOf[j]] += delta;
          colPotential[j] -= delta;
        } else {
          slack[j] -= delta;
        }
      }
      col = next;
    } while (rowOf[col] !== 0);
    for (; col !== 0; col = previous[col]) rowOf[col] = rowOf[previous[col]];
  }
  const columns = new Int32Array(rows);
  for (let j = 1; j <= cols; j++) if (rowOf[j] > 0) columns[rowOf[j] - 1] = j - 1;
  return columns;
}

const BLOCK_ROWS = 1024;

/**
 * Mean silhouette (b - a) / max(a, b) over rows, a the mean Euclidean distance to the own cluster and b to the
 * nearest other one (Rousseeuw 1987); rows alone in their cluster count 0. O(n^2) time, a block of rows at a time.
 *
 * @param x [n, d]
 * @throws InputError unless at least two clusters occur
 */
export function silhouette(x: Matrix, clusters: Labels, algebra: LinearAlgebra = javascript): number {
  const k = classCount(clusters);
  requireLabels(clusters, x.rows, k);
  const counts = countLabels(clusters, k);
  if (counts.filter((count) => count > 0).length < 2) {
    throw new InputError('the silhouette needs at least two clusters, but all rows are in one');
  }
  const norms = squaredRowNorms(x);
  let total = 0;
  forRowBlocks(x, BLOCK_ROWS, (block, first) => {
    const sums = zeros(block.rows, k);
    forRowBlocks(x, BLOCK_ROWS, (others, firstOther) => {
      const products = algebra.multiplyTransposed(block, others).data;
      for (let i = 0; i < block.rows; i++) {
        for (let j = 0; j < others.rows; j++) {
          if (first + i === firstOther + j) continue;
          const square = norms[first + i] + norms[firstOther + j] - 2 * products[i * others.rows + j];
          sums.data[i * k + clusters[firstOther + j]] += Math.sqrt(Math.max(0, square));
        }
      }
    });
    for (let i = 0; i < block.rows; i++) {
      const own = clusters[first + i];
      if (counts[own] < 2) continue;
      const inside = sums.data[i * k + own] / (counts[own] - 1);
      let outside = Infinity;
      for (let c = 0; c < k; c++) {
        if (c !== own && counts[c] > 0) outside = Math.min(outside, sums.data[i * k + c] / counts[c]);
      }
      total += (outside - inside) / (Math.max(outside, inside) || 1);
    }
  });
  return total / x.rows;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
