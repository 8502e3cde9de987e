import { expect, it } from 'vitest';
import { clusterScores, linearAssignment, silhouette } from '../../../src/core/stats/clustering.js';
import { expectClose, fromRows, golden, toy } from './helpers.js';

it('scores the oracle', () => {
  const scores = clusterScores([0, 0, 1, 1, 2, 2, 2, 0], [1, 1, 0, 0, 0, 2, 2, 2]);
  expectClose(
    [scores.nmi, scores.ami, scores.ari, scores.homogeneity, scores.completeness, scores.vMeasure, scores.accuracy,
      scores.purity],
    [0.558873, 0.319673, 0.238095, 0.558873, 0.558873, 0.558873, 0.75, 0.75], 1e-6);
});

it('agrees with scikit-learn', () => {
  const { clusters, cost, ...expected } = golden.clustering;
  const scores = clusterScores(golden.labels, clusters);
  for (const name of ['nmi', 'ami', 'ari', 'homogeneity', 'completeness', 'vMeasure'] as const) {
    expect(Math.abs(scores[name] - expected[name]), name).toBeLessThan(1e-12);
  }
  expect(silhouette(fromRows(golden.x), clusters)).toBeCloseTo(expected.silhouette, 12);
  expect([...linearAssignment(fromRows(cost))]).toEqual(expected.assignment);
});

it('knows perfect and meaningless clusterings', () => {
  const truth = [0, 0, 1, 1, 2];
  const renamed = clusterScores(truth, [2, 2, 0, 0, 1]);
  for (const value of Object.values(renamed)) expect(value).toBeCloseTo(1, 12);
  const one = clusterScores(truth, [0, 0, 0, 0, 0]);
  expectClose([one.nmi, one.ami, one.ari, one.homogeneity, one.completeness, one.accuracy, one.purity],
    [0, 0, 0, 0, 1, 0.4, 0.4], 1e-12);
  const apart = clusterScores(truth, [0, 1, 2, 3, 4]);
  expectClose([apart.purity, apart.accuracy, apart.ari], [1, 0.6, 0], 1e-12);
});

it('matches fewer clusters than classes, and refuses lists that do not pair up', () => {
  expect(clusterScores([0, 1, 2, 2], [0, 0, 1, 1]).accuracy).toBe(0.75);
  expect(() => clusterScores([0, 1], [0])).toThrow('must pair up');
  expect(() => silhouette(toy.x, new Int32Array(30))).toThrow('at least two clusters');
});

it('counts lone rows as 0 in the silhouette', () => {
  // Row 2 alone; rows 0 and 1: a = 1, b = 10 and 9.
  expect(silhouette(fromRows([[0], [1], [10]]), [0, 0, 1])).toBeCloseTo((0.9 + 8 / 9) / 3, 12);
});
