import { describe, expect, it } from 'vitest';
import { stream } from '../../../src/core/random.js';
import * as intervals from '../../../src/core/stats/intervals.js';
import { expectClose, golden } from './helpers.js';

const ends = ({ low, high }: intervals.Interval): [number, number] => [low, high];

describe('proportions', () => {
  it('have the oracle\'s intervals', () => {
    expectClose(ends(intervals.wilsonInterval(8, 10)), [0.490162, 0.943318], 1e-6);
    expectClose(ends(intervals.clopperPearsonInterval(8, 10)), [0.443905, 0.974789], 1e-6);
  });

  it('end at 0 and 1, and mirror', () => {
    expect(intervals.wilsonInterval(0, 7).low).toBe(0);
    expect(intervals.wilsonInterval(7, 7).high).toBe(1);
    expectClose(ends(intervals.clopperPearsonInterval(0, 10)), [0, 1 - 0.025 ** 0.1], 1e-12);
    for (const interval of [intervals.wilsonInterval, intervals.clopperPearsonInterval]) {
      const few = interval(3, 20, 0.9);
      expectClose(ends(interval(17, 20, 0.9)), [1 - few.high, 1 - few.low], 1e-12);
    }
    expect(() => intervals.wilsonInterval(3, 2)).toThrow('3 successes in 2 trials');
    expect(() => intervals.wilsonInterval(1, 2, 95)).toThrow('a confidence level of 95');
  });
});

it('takes Student\'s interval over seeds', () => {
  const { estimate, std, low, high } = intervals.seedInterval([0.71, 0.74, 0.69, 0.75, 0.72]);
  expectClose([estimate, std, (high - low) / 2], [0.722, 0.023875, 0.029644], 1e-6);
  expect(() => intervals.seedInterval([1])).toThrow('at least two seeds');
});

describe('the cheap bootstrap', () => {
  it('has the oracles', () => {
    const { scale, low, high } = intervals.cheapInterval(0.8, [0.7, 0.8, 0.9, 0.8]);
    expectClose([scale, low, high], [0.070711, 0.603676, 0.996324], 1e-6);
    const resampled = [14 / 3, 5.5, 5];
    expectClose(ends(intervals.cheapInterval(5, resampled.slice(0, 1))), [0.7645984, 9.2354016], 1e-7);
    expectClose(ends(intervals.cheapInterval(5, resampled.slice(0, 2))), [3.1717241, 6.8282759], 1e-7);
    expectClose(ends(intervals.cheapInterval(5, resampled)), [3.8958683, 6.1041317], 1e-7);
    expectClose(ends(intervals.percentileInterval(5, resampled, 1 - 1e-12)), [14 / 3, 5.5], 1e-9);
    expectClose(ends(intervals.basicInterval(5, resampled, 1 - 1e-12)), [4.5, 16 / 3], 1e-9);
  });

  it.each([1, 2, 5])('covers at its level with B = %i', (B) => {
    const trials = 6000;
    const draws = stream(11, 'coverage', B).normal(trials * (B + 1));
    let covered = 0;
    for (let t = 0; t < trials; t++) {
      const [truth, ...errors] = draws.subarray(t * (B + 1), (t + 1) * (B + 1));
      const { low, high } = intervals.cheapInterval(0, errors, 0.9);
      if (low <= truth && truth <= high) covered++;
    }
    expect(Math.abs(covered / trials - 0.9)).toBeLessThan(3 * Math.sqrt(0.09 / trials));
  });

  it('follows scale and shift, and shrinks for smaller resamples', () => {
    const plain = intervals.cheapInterval(2, [1, 2.5], 0.9);
    const mapped = intervals.cheapInterval(7 - 3 * 2, [7 - 3, 7 - 7.5], 0.9);
    expectClose(ends(mapped), [7 - 3 * plain.high, 7 - 3 * plain.low], 1e-12);
    const half = intervals.cheapInterval(2, [1, 2.5], 0.9, Math.sqrt(0.25));
    expect(half.high - half.low).toBeCloseTo((plain.high - plain.low) / 2, 12);
    expect(() => intervals.cheapInterval(2, [])).toThrow('at least one');
  });
});

describe('the bootstrap', () => {
  const sample = Float64Array.from({ length: 40 }, (_, i) => Math.sin(i * i));
  const meanOf = (indices: Int32Array): number => indices.reduce((sum, i) => sum + sample[i], 0) / indices.length;

  it('has the variance of the mean', () => {
    const resampled = intervals.bootstrap(40, meanOf, { resamples: 4000 });
    const centre = sample.reduce((s, v) => s + v, 0) / 40;
    const variance = sample.reduce((s, v) => s + (v - centre) ** 2, 0) / 40 / 40;
    const found = resampled.reduce((s, v) => s + (v - centre) ** 2, 0) / 4000;
    // Standard error of a variance from 4000 draws: sqrt(2 / 4000).
    expect(Math.abs(found / variance - 1)).toBeLessThan(3 * Math.sqrt(2 / 4000));
  });

  it('gives resample b the same draws however many there are', () => {
    const some = intervals.bootstrap(40, meanOf, { seed: 5, resamples: 3 });
    const more = intervals.bootstrap(40, meanOf, { seed: 5, resamples: 9 });
    expect([...more.subarray(0, 3)]).toEqual([...some]);
    expect(intervals.bootstrap(40, meanOf, { seed: 6, resamples: 3 })).not.toEqual(some);
  });

  it('draws whole groups', () => {
    const groups = [4, 9, 4, 4, 7, 9];
    intervals.bootstrap(6, (indices) => {
      const count = (row: number): number => indices.filter((i) => i === row).length;
      expect([count(2), count(3), count(5)]).toEqual([count(0), count(0), count(1)]);
      expect(count(0) + count(1) + count(4)).toBe(3);
      return 0;
    }, { groups, resamples: 50 });
    expect(() => intervals.bootstrap(5, meanOf, { groups })).toThrow('6 group labels for 5 rows');
  });

  it('has scipy\'s BCa interval from the same resamples', () => {
    const { estimate, resampled, jackknife, low, high } = golden.bca;
    expectClose(ends(intervals.bcaInterval(estimate, resampled, jackknife)), [low, high], 1e-12);
    expect(() => intervals.bcaInterval(99, resampled, jackknife)).toThrow('one side');
  });

  it('mirrors the percentile interval for the basic one', () => {
    const resampled = [1, 2, 3, 7];
    const { low, high } = intervals.percentileInterval(4, resampled, 0.5);
    expect([low, high]).toEqual([1.75, 4]);
    expect(ends(intervals.basicInterval(4, resampled, 0.5))).toEqual([4, 6.25]);
  });
});

describe('two models on the same items', () => {
  it('differ by the paired bootstrap', () => {
    const a = Array.from({ length: 200 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const b = a.map((right, i) => (i % 10 === 1 ? 1 : right));
    const paired = intervals.pairedDifference(a, b, { resamples: 500 });
    const gained = b.filter((right, i) => right > a[i]).length / 200;
    expect(paired.estimate).toBeCloseTo(gained, 12);
    expect(paired.low).toBeGreaterThan(0);
    const spread = 1.96 * Math.sqrt((gained * (1 - gained)) / 200);
    expect(Math.abs(paired.high - gained - spread)).toBeLessThan(0.015);
    expect(() => intervals.pairedDifference([1], [1, 0])).toThrow('must pair up');
  });

  it('by McNemar\'s exact test', () => {
    // 2 (C(10,0) + C(10,1) + C(10,2)) / 2^10
    expect(intervals.mcnemarTest(2, 8)).toBeCloseTo((2 * 56) / 1024, 13);
    expect(intervals.mcnemarTest(8, 2)).toBe(intervals.mcnemarTest(2, 8));
    expect(intervals.mcnemarTest(0, 5)).toBeCloseTo(2 / 32, 13);
    expect(intervals.mcnemarTest(4, 4)).toBe(1);
    expect(intervals.mcnemarTest(0, 0)).toBe(1);
  });
});
