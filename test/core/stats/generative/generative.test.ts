import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { engineAlgebra } from '../../../../src/core/stats/engine.js';
import * as generative from '../../../../src/core/stats/generative/index.js';
import { javascript, takeRows, type LinearAlgebra, type Matrix } from '../../../../src/core/stats/matrix.js';
import { stream } from '../../../../src/core/random.js';
import { fill, fromRows } from '../helpers.js';

const {
  coverage, coveredShare, drawResamples, ENERGY, frechetDistance, gaussianMmd2, kernelDistance, medianDistance, modeShares,
  nearestMeans, nearestRows, noResamples, pairedDistances, pairedScores, pairStatistics, slicedWasserstein,
} = generative;

interface Golden {
  readonly x: number[][]; readonly y: number[][]; readonly bandwidth: number; readonly frechet: number; readonly kid: number;
  readonly mmd: number; readonly energy: number; readonly precision: boolean[]; readonly recall: boolean[]; readonly swd?: number;
}
const golden = JSON.parse(readFileSync(new URL('../../../golden/generative.json', import.meta.url), 'utf8')) as Record<string, Golden>;

const normal = (rows: number, cols: number, mean = 0, sd = 1, seed = 0): Matrix =>
  ({ rows, cols, data: Float64Array.from(stream(seed, 'test').normal(rows * cols), (z) => mean + sd * z) });
const all = (x: Matrix, y: Matrix, bandwidth: number, options = {}) => pairStatistics(x, y, {
  kid: kernelDistance(x.cols), mmd: gaussianMmd2(bandwidth), energy: ENERGY,
}, options);

describe('the golden values of numpy, scipy and scikit-learn', () => {
  it.each(Object.entries(golden))('%s', (_, g) => {
    const [x, y] = [fromRows(g.x), fromRows(g.y)];
    expect(medianDistance(x)).toBeCloseTo(g.bandwidth, 12);
    // scipy's matrix roots have half of the digits where covariances are singular.
    expect(frechetDistance(x, y).value).toBeCloseTo(g.frechet, x.cols < x.rows ? 10 : 5);
    const { kid, mmd, energy } = all(x, y, g.bandwidth);
    expect(kid.value / g.kid).toBeCloseTo(1, 11);
    expect(mmd.value).toBeCloseTo(g.mmd, 12);
    expect(energy.value).toBeCloseTo(g.energy, 12);
    const found = coverage(x, y);
    expect([...found.fake].map(Boolean)).toEqual(g.precision);
    expect([...found.real].map(Boolean)).toEqual(g.recall);
    if (g.swd !== undefined) expect(slicedWasserstein(x, y).value).toBeCloseTo(g.swd, 12);
  });
});

describe('the oracles of Gaussians', () => {
  /** Rows whose covariance is exactly L Lᵀ. */
  const exact = (...columns: number[][]): Matrix => fromRows(columns.flatMap((column) => [1, -1].map((sign) =>
    column.map((value) => sign * value * Math.sqrt((2 * columns.length - 1) / 2)))));

  it('Fréchet distance of covariances, and in one dimension', () => {
    // Cholesky's factors of [[2, .5], [.5, 1]] and [[1, -.2], [-.2, 1.5]], by column.
    const [c1, c2] = [exact([Math.SQRT2, 0.5 / Math.SQRT2], [0, Math.sqrt(0.875)]), exact([1, -0.2], [0, Math.sqrt(1.46)])];
    expect(frechetDistance(c1, c2).value).toBeCloseTo(0.4022069588, 10);
    const shifted = exact([1.5]);
    const moved = { ...shifted, data: shifted.data.map((value) => value + 0.3) };
    expect(frechetDistance(exact([1]), moved).value).toBeCloseTo(0.34, 12);
  });

  it('energy distance and MMD^2 of N(0, 1) and N(1, 1) are approached by samples', () => {
    const [x, y] = [normal(1500, 1), normal(1500, 1, 1, 1, 1)];
    const resamples = drawResamples(1500, 1500, 20, 0);
    const { energy, mmd } = pairStatistics(x, y, { energy: ENERGY, mmd: gaussianMmd2(1) }, { resamples });
    for (const [{ value, resampled }, population] of [[energy, 0.5418065793], [mmd, 0.1772676349]] as const) {
      const sd = deviation(resampled);
      expect(Math.abs(value - population)).toBeLessThan(4 * sd);
      expect(sd).toBeLessThan(0.1 * population);
    }
  });

  it('sliced Wasserstein distance of a shift', () => {
    const x = normal(200, 1);
    const moved = (by: readonly number[], set: Matrix): Matrix =>
      ({ ...set, data: Float64Array.from(set.data, (v, at) => v + by[at % set.cols]!) });
    expect(slicedWasserstein(x, moved([-1.75], x)).value).toBeCloseTo(1.75, 12);
    // In d dimensions a direction sees |a| cos, of mean square |a|^2 / d.
    const wide = normal(50, 3);
    expect(slicedWasserstein(wide, moved([2, -1, 2], wide), { slices: 4000 }).value).toBeCloseTo(Math.sqrt(3), 1);
  });
});

const deviation = (values: Float64Array): number => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
};

describe('equal sets', () => {
  const x = normal(60, 4, 2);
  const doubled = takeRows(x, Array.from({ length: 60 }, (_, i) => i % 20));

  it.each([['distinct rows', x], ['rows that come several times', doubled]])('of %s are at no distance and cover each other', (_, set) => {
    expect(frechetDistance(set, set).value).toBeLessThan(1e-12);
    expect(slicedWasserstein(set, set).value).toBe(0);
    expect(all(set, set, 1).energy.value).toBeLessThan(1e-14);
    const found = coverage(set, set, { k: 1 });
    expect([...found.fake, ...found.real].every((inside) => inside === 1)).toBe(true);
  });

  it('have no distance either on the compute engine, whose products are float32', () => {
    const algebra = engineAlgebra({ threads: 1 });
    try {
      const large = normal(1200, 20, 10);
      expect(large.rows ** 2 * large.cols).toBeGreaterThan(2e7);
      const found = coverage(large, large, { algebra });
      expect([...found.fake, ...found.real].every((inside) => inside === 1)).toBe(true);
      expect(all(large, large, 3, { algebra }).energy.value).toBeLessThan(1e-5);
    } finally {
      algebra.dispose();
    }
  });

  it('order of rows, a rotation and a common shift change nothing but KID', () => {
    const y = normal(60, 4, 2.3, 1.2, 5);
    const turn = (set: Matrix): Matrix => fill(set.rows, 4, (i, j) => {
      const [a, b, c, d] = Array.from(set.data.subarray(4 * i, 4 * i + 4)) as [number, number, number, number];
      return 7 + [0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b, -d, c][j]!;
    });
    const mixed = takeRows(y, stream(0, 'order').permutation(60));
    const before = [frechetDistance(x, y), all(x, y, 2).mmd, all(x, y, 2).energy].map(({ value }) => value);
    const after = [frechetDistance(turn(x), turn(mixed)), all(turn(x), turn(mixed), 2).mmd, all(turn(x), turn(mixed), 2).energy];
    after.forEach(({ value }, i) => expect(value).toBeCloseTo(before[i]!, 10));
    expect(coverage(turn(x), turn(mixed)).fake.reduce((a, b) => a + b)).toBe(coverage(x, y).fake.reduce((a, b) => a + b));
  });
});

describe('resamples', () => {
  const [x, y] = [normal(30, 3), normal(30, 3, 0.5, 1.5, 1)];
  const resamples = drawResamples(30, 30, 4, 9);
  const expand = (set: Matrix, counts: Matrix, b: number): Matrix =>
    takeRows(set, Array.from({ length: 30 }, (_, i) => Array<number>(counts.data[b * 30 + i]!).fill(i)).flat());

  it('weigh rows as if they were there several times', () => {
    const found = {
      frechet: frechetDistance(x, y, { resamples }), energy: all(x, y, 1, { resamples }).energy,
      swd: slicedWasserstein(x, y, { resamples }),
    };
    for (let b = 0; b < 4; b++) {
      const [p, q] = [expand(x, resamples.x, b), expand(y, resamples.y, b)];
      expect(p.rows).toBe(30);
      // Resamples are in float32.
      expect(found.frechet.resampled[b]! / frechetDistance(p, q).value).toBeCloseTo(1, 3);
      expect(found.energy.resampled[b]! / all(p, q, 1).energy.value).toBeCloseTo(1, 5);
      expect(found.swd.resampled[b]).toBeCloseTo(slicedWasserstein(p, q).value, 12);
    }
  });

  it('leave pairs of a row with itself out of unbiased means', () => {
    const h = 1.3;
    const k = (a: Matrix, i: number, b: Matrix, j: number): number => {
      let distance = 0;
      for (let c = 0; c < 3; c++) distance += (a.data[3 * i + c]! - b.data[3 * j + c]!) ** 2;
      return Math.exp(-distance / (2 * h * h));
    };
    const mean = (a: Matrix, w: Matrix, b: Matrix, v: Matrix, r: number): number => {
      let [sum, total] = [0, 0];
      for (let i = 0; i < 30; i++) for (let j = 0; j < 30; j++) {
        if (a === b && i === j) continue;
        const weight = w.data[30 * r + i]! * v.data[30 * r + j]!;
        sum += weight * k(a, i, b, j);
        total += weight;
      }
      return sum / total;
    };
    const { resampled } = all(x, y, h, { resamples }).mmd;
    for (let r = 0; r < 4; r++) {
      const expected = mean(x, resamples.x, x, resamples.x, r) + mean(y, resamples.y, y, resamples.y, r)
        - 2 * mean(x, resamples.x, y, resamples.y, r);
      expect(resampled[r]).toBeCloseTo(expected, 6);
    }
  });

  it('do not depend on how many there are, and count every row n times in all', () => {
    const more = drawResamples(30, 30, 7, 9);
    expect(more.x.data.subarray(0, 120)).toEqual(resamples.x.data);
    expect(more.x.data.subarray(0, 30)).not.toEqual(more.y.data.subarray(0, 30));
    for (let b = 0; b < 7; b++) expect(more.y.data.subarray(30 * b, 30 * b + 30).reduce((a, v) => a + v, 0)).toBe(30);
    const covered = coverage(x, y).fake;
    const { value, resampled } = coveredShare(covered, resamples.y);
    expect(value).toBeCloseTo(covered.reduce((a, b) => a + b, 0) / 30, 12);
    expect(resampled[2]).toBeCloseTo(covered.reduce((a, inside, i) => a + inside * resamples.y.data[60 + i]!, 0) / 30, 12);
  });
});

it('blocks of pairs and the compute engine change no more than the last digits', () => {
  // More rows than a block has, so that blocks beside the diagonal count.
  const [x, y] = [normal(1500, 12, 1), normal(1100, 12, 1.1, 1, 1)];
  const resamples = drawResamples(1500, 1100, 3, 0);
  const algebra = engineAlgebra({ threads: 1 });
  const on = (own: LinearAlgebra) => all(x, y, 4, { resamples, algebra: own });
  try {
    const [exact, fast] = [on(javascript), on(algebra)];
    for (const name of ['kid', 'mmd', 'energy'] as const) {
      expect(Math.abs(fast[name].value / exact[name].value - 1)).toBeLessThan(2e-3);
      expect(Math.abs(fast[name].resampled[2]! / exact[name].resampled[2]! - 1)).toBeLessThan(2e-2);
    }
    let sum = 0;
    for (let i = 0; i < x.rows; i++) for (let j = 0; j < i; j++) {
      let distance = 0;
      for (let c = 0; c < 12; c++) distance += (x.data[12 * i + c]! - x.data[12 * j + c]!) ** 2;
      sum += Math.exp(-distance / 32);
    }
    const pairs = (1500 * 1499) / 2;
    const { kernel } = gaussianMmd2(4);
    const withinX: generative.PairStatistic = { kernel, of: ({ xx, x: w }) => xx / (w.total ** 2 - w.squares) };
    expect(pairStatistics(x, x, { withinX }).withinX.value).toBeCloseTo(sum / pairs, 12);
  } finally {
    algebra.dispose();
  }
});

describe('pairs and modes', () => {
  it('distances of paired rows', () => {
    const [a, b] = [fromRows([[0, 0], [1, 1], [2, 0], [5, 5]]), fromRows([[3, 4], [1, 1], [2, 2], [5, 6]])];
    expect([...pairedDistances(a, b)]).toEqual([5, 0, 2, 1]);
    const { rmse, median } = pairedScores(pairedDistances(a, b), drawResamples(4, 4, 3, 1).x);
    expect([rmse.value, median.value]).toEqual([Math.sqrt(30 / 4), 1.5]);
    expect(rmse.resampled).toHaveLength(3);
    expect(() => pairedDistances(a, fromRows([[1, 2]]))).toThrow('one set is [4, 2] and the other [1, 2]');
  });

  it('shares of the modes', () => {
    const real = fromRows([[0, 0], [0, 2], [10, 0], [10, 2], [0, 20]]);
    const labels = [0, 0, 1, 1, 2];
    const drawn = fromRows([[1, 1], [9, 1], [0, 18], [0, 9]]);
    // [0, 9] is nearer to the mean [0, 1] of two rows than to the third class, and so it is row by row.
    expect([...nearestMeans(drawn, real, labels, 3)]).toEqual([0, 1, 2, 0]);
    expect([...nearestRows(drawn, real, labels)]).toEqual([0, 1, 2, 0]);
    // A class may have a row nearer than the mean of another one.
    const split = fromRows([[0, 0], [0, 10], [3, 5]]);
    expect([...nearestMeans(fromRows([[0, 9]]), split, [0, 0, 1], 2)]).toEqual([0]);
    expect([...nearestMeans(fromRows([[2, 1]]), split, [0, 0, 1], 2)]).toEqual([1]);
    expect([...nearestRows(fromRows([[2, 1]]), split, [0, 0, 1])]).toEqual([0]);

    const none = (n: number) => noResamples({ rows: n, cols: 1, data: new Float64Array(n) }, drawn).x;
    const even = modeShares([0, 1, 2], 3, none(3));
    expect(even.shares.map(({ value }) => value)).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(even.divergence.value).toBeCloseTo(0, 12);
    const collapsed = modeShares([0, 0, 0, 0], 3, none(4));
    expect(collapsed.shares.map(({ value }) => value)).toEqual([1, 0, 0]);
    expect(collapsed.divergence.value).toBe(Math.log(3));
    const counts = drawResamples(3, 3, 5, 2).x;
    modeShares([0, 1, 2], 3, counts).shares.forEach(({ resampled }, c) =>
      resampled.forEach((share, b) => expect(share).toBeCloseTo(counts.data[3 * b + c]! / 3, 12)));
  });
});

it('refuses what cannot be compared', () => {
  const [x, y] = [normal(10, 3), normal(10, 2)];
  expect(() => frechetDistance(x, y)).toThrow('rows of 3 and of 2 features cannot be compared');
  expect(() => frechetDistance(normal(1, 3), x)).toThrow('a covariance needs at least 2 rows in each set, but one has 1');
  expect(() => all(x, normal(1, 3), 1)).toThrow('a mean over pairs needs at least 2 rows');
  expect(() => gaussianMmd2(0)).toThrow('the bandwidth is 0, but it must be above 0');
  expect(() => coverage(x, normal(4, 3), { k: 4 })).toThrow('k is 4, but it must be a whole number from 1 to 3');
  expect(() => slicedWasserstein(x, normal(9, 3))).toThrow('there are 10 and 9 rows');
  expect(() => slicedWasserstein(x, x, { slices: 0 })).toThrow('0 directions');
});
