import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.js';
import { philox4x32, stream } from '../../src/core/random.js';

interface Golden {
  seed: number;
  name: string;
  step: number;
  uint32: number[];
  next: number[];
  uniform: number[];
  normal: number[];
  integers: number[];
  bernoulli: number[];
}

const golden = JSON.parse(readFileSync(new URL('../golden/philox.json', import.meta.url), 'utf8')) as Golden[];

/** Kolmogorov and Smirnov's distance of a sample to a distribution function, times sqrt(n). */
function ksStatistic(sample: Float32Array, cdf: (x: number) => number): number {
  const sorted = sample.slice().sort();
  const n = sorted.length;
  let distance = 0;
  sorted.forEach((x, i) => {
    distance = Math.max(distance, (i + 1) / n - cdf(x), cdf(x) - i / n);
  });
  return distance * Math.sqrt(n);
}

/** Normal distribution function by Simpson's rule: independent of any approximation of erf. */
function normalCdf(x: number): number {
  const steps = 200;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 ? 4 : 2;
    sum += weight * Math.exp(-0.5 * (i * h) ** 2);
  }
  return 0.5 + sum * h / 3 / Math.sqrt(2 * Math.PI);
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const variance = (values: ArrayLike<number>): number => {
  const m = mean(values);
  return mean(Array.from(values, (v) => (v - m) ** 2));
};

describe('philox4x32', () => {
  it.each([
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]],
  ])('gives the known answers of Random123 for counter %j', ([a, b, c, d], [k0, k1], expected) => {
    expect([...philox4x32(a, b, c, d, k0, k1, new Uint32Array(4))]).toEqual(expected);
  });
});

describe('stream', () => {
  it.each(golden)('agrees with plain Python for seed $seed, $name, step $step', (g) => {
    const fresh = () => stream(g.seed, g.name, g.step);
    expect([...fresh().uint32(g.uint32.length)]).toEqual(g.uint32);
    const one = fresh();
    expect(g.next.map(() => one.next())).toEqual(g.next);
    expect([...fresh().uniform(g.uniform.length, -1, 2)]).toEqual(g.uniform);
    const normals = fresh().normal(g.normal.length, 0.5, 2);
    g.normal.forEach((value, i) => expect(Math.abs(normals[i] - value)).toBeLessThanOrEqual(2 ** -22));
    const ints = fresh();
    expect(g.integers.map(() => ints.int(3_000_000_000))).toEqual(g.integers);
    expect([...fresh().bernoulli(g.bernoulli.length, 0.3)]).toEqual(g.bernoulli);
  });

  it('continues where the draws before it stopped, whatever their kind', () => {
    const whole = stream(5, 'a').uint32(10);
    const parts = stream(5, 'a');
    parts.uint32(3);
    parts.normal(2);
    expect([...parts.uint32(5)]).toEqual([...whole.subarray(5)]);
  });

  it('fills an array that it is given and returns it', () => {
    const out = new Float32Array(5);
    expect(stream(1, 'x').normal(out)).toBe(out);
    expect([...out]).toEqual([...stream(1, 'x').normal(6).subarray(0, 5)]);
  });

  it('differs between seeds, names and steps', () => {
    const first = [stream(0, 'a'), stream(1, 'a'), stream(0, 'b'), stream(0, 'a', 1)].map((s) => s.uint32(1)[0]);
    expect(new Set(first).size).toBe(4);
  });

  it('refuses seeds, steps and bounds that are not whole numbers in range', () => {
    for (const bad of [-1, 0.5, NaN, 2 ** 53]) {
      expect(() => stream(bad, 'a')).toThrow(InputError);
      expect(() => stream(0, 'a', bad)).toThrow(InputError);
      expect(() => stream(0, 'a').int(bad)).toThrow(InputError);
    }
    expect(() => stream(0, 'a').int(0)).toThrow(InputError);
    expect(() => stream(0, 'a').integers(1, 2 ** 31 + 1)).toThrow(InputError);
  });
});

describe('distributions', () => {
  const n = 100_000;
  // sqrt(n) times the distance exceeds 1.95 with probability 0.001.
  const ksBound = 1.95;

  it('uniform', () => {
    const sample = stream(11, 'uniform').uniform(n);
    expect(ksStatistic(sample, (x) => x)).toBeLessThan(ksBound);
    expect(sample.every((x) => x >= 0 && x < 1)).toBe(true);
  });

  it('normal', () => {
    const sample = stream(12, 'normal').normal(n, 3, 0.5);
    expect(ksStatistic(sample, (x) => normalCdf((x - 3) / 0.5))).toBeLessThan(ksBound);
    expect(Math.abs(mean(sample) - 3)).toBeLessThan(3.3 * 0.5 / Math.sqrt(n));
    expect(Math.abs(variance(sample) / 0.25 - 1)).toBeLessThan(3.3 * Math.sqrt(2 / n));
    // Neither pairs nor successive values are correlated.
    const product = mean(sample.subarray(1).map((x, i) => (x - 3) * (sample[i] - 3))) / 0.25;
    expect(Math.abs(product)).toBeLessThan(3.3 / Math.sqrt(n));
  });

  it('truncated normal', () => {
    const sample = stream(13, 'truncated').truncatedNormal(n, -1, 2);
    const [low, high] = [normalCdf(-2), normalCdf(2)];
    expect(sample.every((x) => x >= -5 && x <= 3)).toBe(true);
    expect(ksStatistic(sample, (x) => (normalCdf((x + 1) / 2) - low) / (high - low))).toBeLessThan(ksBound);
  });

  it('integers are uniform, also for bounds that do not divide 2^32', () => {
    const counts = new Float64Array(7);
    for (const value of stream(14, 'integers').integers(n, 7)) counts[value]++;
    const chi2 = counts.reduce((sum, count) => sum + (count - n / 7) ** 2 / (n / 7), 0);
    expect(chi2).toBeLessThan(22.5); // 0.999 quantile, 6 degrees of freedom
    // A plain remainder would give the lower half of 3 * 2^30 two thirds of the draws instead of a half.
    const big = stream(15, 'big');
    const lower = Array.from({ length: 20_000 }, () => big.int(3 * 2 ** 30) < 3 * 2 ** 29).filter(Boolean).length;
    expect(Math.abs(lower - 10_000)).toBeLessThan(3.3 * Math.sqrt(20_000) / 2);
  });

  it('permutations are permutations, each equally often', () => {
    const counts = new Map<string, number>();
    for (let step = 0; step < 12_000; step++) {
      const order = [...stream(16, 'shuffle', step).permutation(4)];
      expect([...order].sort()).toEqual([0, 1, 2, 3]);
      counts.set(order.join(), (counts.get(order.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chi2).toBeLessThan(49.8); // 0.999 quantile, 23 degrees of freedom
    expect([...stream(0, 'shuffle').permutation(0)]).toEqual([]);
  });

  it('bernoulli', () => {
    const rate = mean(stream(17, 'bernoulli').bernoulli(n, 0.2));
    expect(Math.abs(rate - 0.2)).toBeLessThan(3.3 * Math.sqrt(0.16 / n));
    expect(mean(stream(0, 'b').bernoulli(1000, 0))).toBe(0);
    expect(mean(stream(0, 'b').bernoulli(1000, 1))).toBe(1);
  });
});
