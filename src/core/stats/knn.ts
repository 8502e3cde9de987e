import { InputError } from '../errors.js';
import { requireLabels } from './labels.js';
import {
  forRowBlocks, javascript, type LinearAlgebra, type Matrix, type Matrix64, normalizeRows, squaredRowNorms, zeros,
} from './matrix.js';

export interface NeighbourOptions {
  /** Neighbours per query (20). */
  readonly k?: number;
  /** `cosine` similarity or `euclidean` distance ('cosine'). */
  readonly metric?: 'cosine' | 'euclidean';
  /** The queries are the training rows themselves: leave row i out of its own neighbours (false). */
  readonly leaveOneOut?: boolean;
  readonly algebra?: LinearAlgebra;
}

/** The k nearest training rows of every query, nearest first; of equally near ones the lower index first. */
export interface Neighbours {
  readonly k: number;
  readonly metric: 'cosine' | 'euclidean';
  /** [queries, k] */
  readonly indices: Int32Array;
  /** [queries, k]: cosine similarities, or Euclidean distances. */
  readonly values: Float64Array;
}

// A block of similarities takes 1024 x 4096 x 8 bytes = 32 MiB whatever the number of rows.
const QUERY_BLOCK = 1024;
const TRAIN_BLOCK = 4096;

/**
 * Exact nearest neighbours of `queries` [m, d] among `train` [n, d], block by block.
 *
 * @throws InputError where k is above the number of candidates or below 1, or the widths differ
 */
export function nearestNeighbours(train: Matrix, queries: Matrix, options: NeighbourOptions = {}): Neighbours {
  const { k = 20, metric = 'cosine', leaveOneOut = false, algebra = javascript } = options;
  const candidates = train.rows - (leaveOneOut ? 1 : 0);
  if (!Number.isInteger(k) || k < 1 || k > candidates) {
    throw new InputError(`k is ${k}, but it must be from 1 to ${candidates}, the number of rows to choose from`);
  }
  if (leaveOneOut && queries.rows !== train.rows) {
    throw new InputError(`leave-one-out needs the training rows as queries, but there are ${queries.rows} queries ` +
      `for ${train.rows} rows`);
  }
  const cosine = metric === 'cosine';
  const [rows, questions] = cosine ? [normalizeRows(train), normalizeRows(queries)] : [train, queries];
  // Cosines need no lengths: those of unit rows cancel.
  const lengths = cosine ? undefined : { train: squaredRowNorms(rows), queries: squaredRowNorms(questions) };
  const indices = new Int32Array(queries.rows * k);
  // Larger is nearer: the cosine, or minus the squared distance.
  const nearness = new Float64Array(queries.rows * k).fill(-Infinity);
  forRowBlocks(questions, QUERY_BLOCK, (queryBlock, firstQuery) => {
    forRowBlocks(rows, TRAIN_BLOCK, (trainBlock, firstTrain) => {
      const products = algebra.multiplyTransposed(queryBlock, trainBlock).data;
      if (lengths) {
        toNegativeDistances(products, lengths.queries.subarray(firstQuery), lengths.train.subarray(firstTrain), trainBlock.rows);
      }
      for (let i = 0; i < queryBlock.rows; i++) {
        const own = leaveOneOut ? firstQuery + i - firstTrain : -1;
        const end = (firstQuery + i + 1) * k;
        scan(products, i * trainBlock.rows, trainBlock.rows, own, firstTrain, indices, nearness, end - k, end);
      }
    });
  });
  const values = cosine ? nearness : nearness.map((negative) => Math.sqrt(-negative));
  return { k, metric, indices, values };
}

/** 2 q.t - |q|^2 - |t|^2 in place of every product q.t, at most 0 whatever the rounding. */
function toNegativeDistances(
  products: Float32Array | Float64Array, queryLengths: Float64Array, trainLengths: Float64Array, width: number,
): void {
  for (let at = 0; at < products.length; at++) {
    products[at] = Math.min(0, 2 * products[at] - queryLengths[Math.floor(at / width)] - trainLengths[at % width]);
  }
}

/** Offers `count` candidates of one query from `from` on to its list [start, end); most are not near enough. */
function scan(
  products: Float32Array | Float64Array, from: number, count: number, own: number, firstIndex: number,
  indices: Int32Array, nearness: Float64Array, start: number, end: number,
): void {
  let least = nearness[end - 1];
  for (let j = 0; j < count; j++) {
    const near = products[from + j];
    if (near > least && j !== own) {
      insert(indices, nearness, start, end, firstIndex + j, near);
      least = nearness[end - 1];
    }
  }
}

/** Puts an entry in its place in the descending list [start, end), whose last entry drops out. */
function insert(
  indices: Int32Array, nearness: Float64Array, start: number, end: number, index: number, near: number,
): void {
  let place = end - 1;
  for (; place > start && nearness[place - 1] < near; place--) {
    nearness[place] = nearness[place - 1];
    indices[place] = indices[place - 1];
  }
  nearness[place] = near;
  indices[place] = index;
}

export interface VoteOptions {
  /** Neighbours that vote, the nearest first (all that were found). */
  readonly k?: number;
  /** T in exp(similarity / T), cosine only (0.07). */
  readonly temperature?: number;
  /** `nearness`: nearer ones weigh more; `none`: each votes once ('nearness'). */
  readonly weights?: 'nearness' | 'none';
}

/**
 * The votes of the neighbours for each class: [queries, classes]. Cosine neighbours weigh exp(similarity / T) as in
 * DINO, relative to the nearest one; Euclidean ones weigh 1 / (distance + 1e-5) as in solo-learn.
 *
 * @param labels of the training rows, from 0 to classes - 1
 * @throws InputError for labels that are not classes, k above the neighbours found or a temperature not above 0
 */
export function voteNeighbours(
  neighbours: Neighbours, labels: ArrayLike<number>, classes: number, options: VoteOptions = {},
): Matrix64 {
  const { k = neighbours.k, temperature = 0.07, weights = 'nearness' } = options;
  requireLabels(labels, labels.length, classes);
  if (!(k >= 1 && k <= neighbours.k)) {
    throw new InputError(`${k} neighbours should vote, but between 1 and ${neighbours.k} can`);
  }
  if (!(temperature > 0)) throw new InputError(`the temperature is ${temperature}, but it must be above 0`);
  const { indices, values } = neighbours;
  const votes = zeros(indices.length / neighbours.k, classes);
  for (let i = 0; i < votes.rows; i++) {
    const first = i * neighbours.k;
    for (let at = first; at < first + k; at++) {
      const nearness = neighbours.metric === 'cosine'
        ? Math.exp((values[at] - values[first]) / temperature)
        : 1 / (values[at] + 1e-5);
      votes.data[i * classes + labels[indices[at]]] += weights === 'none' ? 1 : nearness;
    }
  }
  return votes;
}
