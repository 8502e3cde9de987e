import { InputError } from '../errors.js';
import { classCount, requireLabels } from './labels.js';
import { forRowBlocks, javascript, type LinearAlgebra, type Matrix, normalizeRows } from './matrix.js';

export interface RetrievalOptions {
  /** Cut-offs k (1, 5, 10). */
  readonly ks?: readonly number[];
  /** The gallery is the queries themselves: leave row i out of its own ranking (false). */
  readonly excludeSelf?: boolean;
  readonly algebra?: LinearAlgebra;
}

export interface RetrievalScores {
  /** Queries that count: those with at least one relevant item. */
  readonly queries: number;
  readonly excluded: number;
  /** Mean over queries of the average precision of the full ranking. */
  readonly map: number;
  /** The average precision of each query that counts. */
  readonly averagePrecisions: readonly number[];
  /** The same with each ranking cut at R, its number of relevant items, and divided by R (Musgrave et al. 2020). */
  readonly mapAtR: number;
  readonly at: readonly {
    readonly k: number;
    /** Share of queries with a relevant item among the first k. */
    readonly recall: number;
    /** Mean share of relevant items among the first k. */
    readonly precision: number;
    /** Gain 1 / log2(rank + 1), relative to the best possible ranking. */
    readonly ndcg: number;
  }[];
}

const QUERY_BLOCK = 256;

/**
 * Ranks the gallery by cosine similarity for every query; an item is relevant where its label is the query's. Equal
 * similarities rank the lower index first.
 *
 * @param queries [m, d]
 * @param gallery [n, d]
 * @throws InputError for labels that do not fit, a k below 1, or no query with a relevant item
 */
export function retrievalScores(
  queries: Matrix, queryLabels: ArrayLike<number>, gallery: Matrix, galleryLabels: ArrayLike<number>,
  options: RetrievalOptions = {},
): RetrievalScores {
  const { ks = [1, 5, 10], excludeSelf = false, algebra = javascript } = options;
  const classes = classCount(queryLabels, galleryLabels);
  requireLabels(queryLabels, queries.rows, classes);
  requireLabels(galleryLabels, gallery.rows, classes);
  if (excludeSelf && queries.rows !== gallery.rows) {
    throw new InputError(`to exclude each query from its ranking, queries (${queries.rows}) and gallery ` +
      `(${gallery.rows}) must be the same rows`);
  }
  if (!ks.every((k) => Number.isInteger(k) && k >= 1)) {
    throw new InputError(`cut-offs must be whole numbers from 1, but they are ${ks.join(', ')}`);
  }
  const items = normalizeRows(gallery);
  const members: number[][] = Array.from({ length: classes }, () => []);
  for (let j = 0; j < gallery.rows; j++) members[galleryLabels[j]].push(j);

  const averagePrecisions: number[] = [];
  let mapAtR = 0;
  const at = ks.map((k) => ({ k, recall: 0, precision: 0, ndcg: 0 }));
  forRowBlocks(queries, QUERY_BLOCK, (block, first) => {
    const similarities = algebra.multiplyTransposed(normalizeRows(block), items).data;
    for (let i = 0; i < block.rows; i++) {
      const self = excludeSelf ? first + i : -1;
      const relevant = members[queryLabels[first + i]].filter((j) => j !== self);
      if (relevant.length === 0) continue;
      const ranks = ranksOf(relevant, similarities.subarray(i * items.rows, (i + 1) * items.rows), self);
      const precisions = ranks.map((rank, hit) => (hit + 1) / rank);
      averagePrecisions.push(sum(precisions) / ranks.length);
      mapAtR += sum(precisions.filter((_, hit) => ranks[hit] <= ranks.length)) / ranks.length;
      for (const scores of at) {
        const hits = ranks.filter((rank) => rank <= scores.k);
        const ideal = Array.from({ length: Math.min(scores.k, ranks.length) }, (_, hit) => hit + 1);
        scores.recall += hits.length > 0 ? 1 : 0;
        scores.precision += hits.length / scores.k;
        scores.ndcg += sum(hits.map(gain)) / sum(ideal.map(gain));
      }
    }
  });
  const counted = averagePrecisions.length;
  if (counted === 0) throw new InputError('no query has a relevant item in the gallery: do their labels match?');
  return {
    queries: counted,
    excluded: queries.rows - counted,
    map: sum(averagePrecisions) / counted,
    averagePrecisions,
    mapAtR: mapAtR / counted,
    at: at.map(({ k, recall, precision, ndcg }) =>
      ({ k, recall: recall / counted, precision: precision / counted, ndcg: ndcg / counted })),
  };
}

const gain = (rank: number): number => 1 / Math.log2(rank + 1);

/**
 * Ascending ranks, from 1, of the relevant items. Only they are sorted: every other item is counted behind the
 * relevant ones that it follows, which a search finds.
 */
function ranksOf(relevant: readonly number[], similarity: Float32Array | Float64Array, self: number): number[] {
  const before = (i: number, j: number): number => similarity[j] - similarity[i] || i - j;
  const sorted = [...relevant].sort(before);
  const others = new Float64Array(sorted.length + 1);
  const isRelevant = new Uint8Array(similarity.length);
  for (const item of relevant) isRelevant[item] = 1;
  for (let item = 0; item < similarity.length; item++) {
    if (isRelevant[item] || item === self) continue;
    let low = 0;
    for (let high = sorted.length; low < high;) {
      const middle = (low + high) >> 1;
      if (before(sorted[middle], item) < 0) low = middle + 1;
      else high = middle;
    }
    others[low]++;
  }
  let ahead = 0;
  return sorted.map((_, hit) => hit + 1 + (ahead += others[hit]));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
