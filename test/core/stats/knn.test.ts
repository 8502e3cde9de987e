import { describe, expect, it } from 'vitest';
import { nearestNeighbours, voteNeighbours } from '../../../src/core/stats/knn.js';
import { predict } from '../../../src/core/stats/logistic.js';
import { rowBlock } from '../../../src/core/stats/matrix.js';
import { expectClose, fill, fromRows, golden, toy } from './helpers.js';

const { x, y } = toy;
const train = rowBlock(x, 0, 20);
const test = rowBlock(x, 20, 30);

it.each([3, 5, 20])('predicts the oracle with k = %i, also as the first of more neighbours', (k) => {
  const expected = [1, 2, 1, 2, 2, 0, 1, 2, 0, 1];
  expect([...predict(voteNeighbours(nearestNeighbours(train, test, { k }), y.subarray(0, 20), 3))]).toEqual(expected);
  const all = nearestNeighbours(train, test, { k: 20 });
  expect([...predict(voteNeighbours(all, y.subarray(0, 20), 3, { k }))]).toEqual(expected);
});

describe('against scikit-learn', () => {
  const features = fromRows(golden.x);
  const seen = rowBlock(features, 0, 60);
  const queries = rowBlock(features, 60, 80);
  const labels = golden.labels.slice(0, 60);
  const shares = (votes: { rows: number; cols: number; data: Float64Array }): Float64Array =>
    votes.data.map((vote, at) => {
      const start = at - (at % votes.cols);
      return vote / votes.data.subarray(start, start + votes.cols).reduce((sum, v) => sum + v, 0);
    });

  it('finds the cosine neighbours and their votes', () => {
    const found = nearestNeighbours(seen, queries, { k: 7 });
    expect([...found.indices]).toEqual(golden.knn.cosine.flat());
    expectClose(shares(voteNeighbours(found, labels, 4)), golden.knn.shares.flat(), 1e-12);
  });

  it('finds the Euclidean neighbours, their distances and their votes', () => {
    const found = nearestNeighbours(seen, queries, { k: 7, metric: 'euclidean' });
    expect([...found.indices]).toEqual(golden.knn.euclidean.flat());
    expectClose(found.values, golden.knn.distance.flat(), 1e-12);
    expectClose(shares(voteNeighbours(found, labels, 4)), golden.knn.inverseShares.flat(), 1e-12);
  });

  it('leaves the query out', () => {
    const found = nearestNeighbours(features, features, { k: 3, metric: 'euclidean', leaveOneOut: true });
    expect([...found.indices]).toEqual(golden.knn.leaveOneOut.flat());
  });
});

it('counts heads without weights, of as many the lowest class first, whatever the metric', () => {
  const rows = fromRows([[1, 0], [2, 0], [3, 0], [4, 0], [9, 9]]);
  for (const metric of ['euclidean', 'cosine'] as const) {
    const found = nearestNeighbours(rows, fromRows([[1, 0]]), { k: 4, metric });
    const votes = voteNeighbours(found, [2, 1, 1, 2, 0], 3, { weights: 'none' });
    expect([...votes.data]).toEqual([0, 2, 2]);
    expect([...predict(votes)]).toEqual([1]);
  }
});

it('keeps the lower index of equally near rows, across blocks too', () => {
  const copies = fill(9000, 2, (i) => (i % 3000 === 7 ? 1 : -1));
  const found = nearestNeighbours(copies, fromRows([[1, 1]]), { k: 5 });
  expect([...found.indices]).toEqual([7, 3007, 6007, 0, 1]);
});

it('does not overflow at a low temperature, nor favour distant rows', () => {
  const found = nearestNeighbours(train, test, { k: 20 });
  const votes = voteNeighbours(found, y.subarray(0, 20), 3, { temperature: 1e-5 });
  expect(votes.data.every(Number.isFinite)).toBe(true);
  const nearest = Array.from({ length: 10 }, (_, i) => y[found.indices[i * 20]]);
  expect([...predict(votes)]).toEqual(nearest);
});

it('refuses a k that there are not enough rows for', () => {
  expect(() => nearestNeighbours(train, test, { k: 21 })).toThrow('k is 21, but it must be from 1 to 20');
  expect(() => nearestNeighbours(train, train, { k: 20, leaveOneOut: true })).toThrow('from 1 to 19');
  expect(() => nearestNeighbours(train, test, { leaveOneOut: true, k: 1 })).toThrow('leave-one-out');
});
