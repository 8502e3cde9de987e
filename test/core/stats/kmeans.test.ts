import { expect, it } from 'vitest';
import { clusterScores, silhouette } from '../../../src/core/stats/clustering.js';
import { kMeans } from '../../../src/core/stats/kmeans.js';
import { rowBlock } from '../../../src/core/stats/matrix.js';
import { expectClose, fill, fromRows, golden, toy } from './helpers.js';

it('reaches the oracle from rows 0, 1, 2', () => {
  const { x, y } = toy;
  const fit = kMeans(x, 3, { init: rowBlock(x, 0, 3) });
  expect(fit.inertia).toBeCloseTo(39.216327, 6);
  const sizes = [0, 1, 2].map((c) => fit.assignments.filter((a) => a === c).length);
  expect(sizes).toEqual([9, 13, 8]);
  expectClose([clusterScores(y, fit.assignments).nmi, silhouette(x, fit.assignments)], [0.308065, 0.195832], 1e-6);
});

it('does what scikit-learn does from the same rows, and comes as low with its own starts', () => {
  const x = fromRows(golden.x);
  const fit = kMeans(x, 5, { init: rowBlock(x, 0, 5) });
  expect(fit.inertia).toBeCloseTo(golden.clustering.inertiaFromRows, 9);
  expect([...fit.assignments]).toEqual(golden.clustering.labelsFromRows);
  const best = kMeans(x, 5, { starts: 50 });
  expect(best.inertia / golden.clustering.bestInertia).toBeLessThan(1.002);
});

it('is the same for the same seed, and another for another', () => {
  const x = fromRows(golden.x);
  const once = kMeans(x, 6, { seed: 3, starts: 1 });
  expect(kMeans(x, 6, { seed: 3, starts: 1 })).toEqual(once);
  expect(kMeans(x, 6, { seed: 4, starts: 1 }).assignments).not.toEqual(once.assignments);
});

it('moves an empty cluster to the farthest row', () => {
  const x = fromRows([[0, 0], [0, 1], [1, 0], [9, 9]]);
  const fit = kMeans(x, 2, { init: fromRows([[1, 1], [-50, -50]]) });
  expect(fit.assignments[3]).not.toBe(fit.assignments[0]);
  expect(fit.inertia).toBeCloseTo(4 / 3, 12);
});

it('copes with fewer distinct rows than clusters, and refuses fewer rows', () => {
  const same = fill(4, 2, () => 1);
  expect(kMeans(same, 3).inertia).toBe(0);
  expect(() => kMeans(same, 5)).toThrow('k is 5, but the number of clusters must be from 1 to 4');
});
