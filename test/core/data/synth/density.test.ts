import { describe, expect, it } from 'vitest';
import { DENSITIES, synthDensity, type SynthDensityOptions } from '../../../../src/core/data/synth/density.js';

type Point = [x: number, y: number, label: number];

function draw(options: Omit<SynthDensityOptions, 'count' | 'seed'>, count = 4000): Point[] {
  const { points, labels } = synthDensity({ count, seed: 5, ...options });
  return Array.from({ length: count }, (_, i) => [points.data[2 * i]!, points.data[2 * i + 1]!, labels![i]!]);
}

function moments(values: readonly number[]): { mean: number; sd: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, sd: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1)) };
}

describe('synthDensity', () => {
  it('ring8: eight Gaussians of the given deviation, evenly around the circle and equally frequent', () => {
    const points = draw({ kind: 'ring8', mean: [3, 1] }, 16_000);
    for (let mode = 0; mode < 8; mode++) {
      const own = points.filter(([, , label]) => label === mode);
      // Binomial(16000, 1/8) has a deviation of 42; the means below one of 0.15 / sqrt(2000) = 0.0034.
      expect(Math.abs(own.length - 2000)).toBeLessThan(4 * 42);
      const [x, y] = [moments(own.map((p) => p[0])), moments(own.map((p) => p[1]))];
      expect(Math.abs(x.mean - 3 - 2 * Math.cos(mode * Math.PI / 4))).toBeLessThan(0.014);
      expect(Math.abs(y.mean - 1 - 2 * Math.sin(mode * Math.PI / 4))).toBeLessThan(0.014);
      for (const { sd } of [x, y]) expect(Math.abs(sd - 0.15)).toBeLessThan(0.01);
    }
  });

  it('checkerboard: uniform over the dark squares', () => {
    const points = draw({ kind: 'checkerboard' });
    const squares = new Map<number, Set<string>>();
    for (const [x, y, label] of points) {
      const [column, row] = [Math.floor(x + 2), Math.floor(y + 2)];
      expect((column + row) % 2).toBe(0);
      squares.set(label, (squares.get(label) ?? new Set()).add(`${column},${row}`));
    }
    expect([...squares.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...squares.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...squares.values()].flatMap((set) => [...set])).size).toBe(8);
    // A uniform coordinate within its square: mean 1/2, deviation 1/sqrt(12) over sqrt(4000).
    expect(Math.abs(moments(points.map(([x]) => x - Math.floor(x))).mean - 0.5)).toBeLessThan(0.02);
  });

  it('moons and spiral: curves without noise, and noise around them', () => {
    for (const [x, y, arm] of draw({ kind: 'moons', sd: [0], radius: 1.5 })) {
      const [u, v] = arm === 0 ? [x + 0.5, y + 0.25] : [0.5 - x, 0.25 - y];
      expect(Math.hypot(u, v)).toBeCloseTo(1, 5);
      expect(v).toBeGreaterThanOrEqual(-1e-6);
    }
    for (const [x, y, arm] of draw({ kind: 'spiral', sd: [0] })) {
      const r = Math.hypot(x, y);
      const angle = Math.atan2(y, x) - arm * Math.PI - 3 * Math.PI * r / 2;
      expect(r * Math.abs(Math.sin(angle / 2))).toBeLessThan(1e-5);
    }
    const exact = draw({ kind: 'moons', sd: [0] });
    const noisy = draw({ kind: 'moons', sd: [0.2] });
    expect(Math.abs(moments(noisy.map((p, i) => p[0] - exact[i]![0])).sd - 0.2)).toBeLessThan(0.01);
  });

  it('gaussian: any number of dimensions, a mean and a deviation for each', () => {
    const { points, labels } = synthDensity({ kind: 'gaussian', count: 20_000, seed: 1, mean: [0, -2, 5], sd: [1, 0.5, 3] });
    expect([points.shape, labels]).toEqual([[20_000, 3], undefined]);
    for (const [j, mean, sd] of [[0, 0, 1], [1, -2, 0.5], [2, 5, 3]] as const) {
      const found = moments(Array.from({ length: 20_000 }, (_, i) => points.data[3 * i + j]!));
      expect(Math.abs(found.mean - mean)).toBeLessThan(0.03 * sd);
      expect(Math.abs(found.sd / sd - 1)).toBeLessThan(0.02);
    }
  });

  it.each(DENSITIES)('%s: a larger set starts with a smaller one, another seed gives other points', (kind) => {
    const [small, large] = [synthDensity({ kind, count: 50, seed: 2 }), synthDensity({ kind, count: 90, seed: 2 })];
    expect(large.points.data.slice(0, 100)).toEqual(small.points.data);
    expect(large.labels?.slice(0, 50)).toEqual(small.labels);
    expect(synthDensity({ kind, count: 50, seed: 3 }).points.data).not.toEqual(small.points.data);
  });

  it('refuses what cannot be', () => {
    const base = { count: 10, seed: 0 } as const;
    expect(() => synthDensity({ ...base, kind: 'ring8', mean: [1] })).toThrow('lies in the plane, but its mean has 1 values');
    expect(() => synthDensity({ ...base, kind: 'gaussian', sd: [1, 2, 3] })).toThrow('takes one, or one for each of 2 dimensions');
    expect(() => synthDensity({ ...base, kind: 'moons', sd: [-1] })).toThrow('not below 0');
    expect(() => synthDensity({ ...base, kind: 'moons', radius: 0 })).toThrow('radius must be above 0');
    expect(() => synthDensity({ ...base, kind: 'moons', count: 0 })).toThrow('number of points');
  });
});
