import { expect, it } from 'vitest';
import { rowBlock } from '../../../src/core/stats/matrix.js';
import { retrievalScores } from '../../../src/core/stats/retrieval.js';
import { expectClose, fromRows, golden, toy } from './helpers.js';

it('scores the oracle', () => {
  const { x, y } = toy;
  const scores = retrievalScores(rowBlock(x, 20, 30), y.subarray(20), rowBlock(x, 0, 20), y.subarray(0, 20));
  const [one, five] = scores.at;
  expectClose([one.recall, five.recall, five.precision, scores.map, scores.mapAtR],
    [0.3, 0.8, 0.34, 0.45979, 0.245431], 1e-6);
  expect(scores.queries).toBe(10);
});

it('agrees with scikit-learn where the gallery is the queries', () => {
  const x = fromRows(golden.x);
  const scores = retrievalScores(x, golden.labels, x, golden.labels, { excludeSelf: true, ks: [10] });
  expectClose([scores.map, scores.at[0].ndcg], [golden.retrieval.map, golden.retrieval.ndcg10], 1e-12);
});

it('ranks equal similarities by index and leaves out queries with nothing to find', () => {
  const gallery = fromRows([[1, 0], [1, 0], [0, 1]]);
  const scores = retrievalScores(fromRows([[2, 0], [0, 1]]), [1, 3], gallery, [0, 1, 1], { ks: [1, 2, 9] });
  expect(scores.queries).toBe(1);
  expect(scores.excluded).toBe(1);
  // Relevant at ranks 2 and 3.
  expectClose([scores.map, scores.mapAtR], [(1 / 2 + 2 / 3) / 2, 1 / 4], 1e-12);
  expect(scores.at.map(({ recall }) => recall)).toEqual([0, 1, 1]);
  expectClose(scores.at.map(({ precision }) => precision), [0, 1 / 2, 2 / 9], 1e-12);
  const second = 1 / Math.log2(3);
  const ideal = 1 + second;
  expectClose(scores.at.map(({ ndcg }) => ndcg), [0, second / ideal, (second + 0.5) / ideal], 1e-12);
});

it('refuses to score nothing', () => {
  const x = fromRows([[1, 0]]);
  expect(() => retrievalScores(x, [0], x, [0], { excludeSelf: true })).toThrow('no query has a relevant item');
  expect(() => retrievalScores(x, [0], x, [0], { ks: [0] })).toThrow('cut-offs');
});
