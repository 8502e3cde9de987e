import { describe, expect, it } from 'vitest';
import * as distributions from '../../../src/core/stats/distributions.js';
import { golden } from './helpers.js';

const { chiSquareCdf, betaQuantile, incompleteBeta, normalQuantile, tQuantile } = distributions;

describe('against scipy', () => {
  for (const [name, rows] of Object.entries<number[][]>(golden.distributions)) {
    it(`${name} agrees to 12 digits`, () => {
      const compute = distributions[name as keyof typeof distributions] as (...values: number[]) => number;
      for (const row of rows) {
        const expected = row.at(-1) as number;
        const error = Math.abs(compute(...row.slice(0, -1)) - expected);
        const tolerance = Math.abs(expected) < 1e-16 ? 1e-15 : 1e-12 * Math.abs(expected);
        expect(error, `${name}(${row.slice(0, -1)})`).toBeLessThanOrEqual(tolerance);
      }
    });
  }
});

it('knows the closed forms of t quantiles and the normal one', () => {
  for (const q of [0.6, 0.9, 0.975, 0.9995]) {
    expect(tQuantile(q, 1) / Math.tan(Math.PI * (q - 0.5))).toBeCloseTo(1, 12);
    expect(tQuantile(q, 2) / ((2 * q - 1) / Math.sqrt(2 * q * (1 - q)))).toBeCloseTo(1, 12);
  }
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 13);
  const table: [number, number][] = [[1, 12.706205], [2, 4.302653], [3, 3.182446], [4, 2.776445], [5, 2.570582],
    [6, 2.446912], [7, 2.364624], [8, 2.306004], [9, 2.262157], [10, 2.228139], [19, 2.093024], [50, 2.008559]];
  for (const [df, t] of table) expect(Math.abs(tQuantile(0.975, df) - t)).toBeLessThan(1e-6);
});

it('inverts its cdfs and keeps the ends', () => {
  expect(incompleteBeta(betaQuantile(0.3, 4, 9), 4, 9)).toBeCloseTo(0.3, 14);
  expect(chiSquareCdf(distributions.chiSquareQuantile(0.7, 5), 5)).toBeCloseTo(0.7, 13);
  expect(normalQuantile(0)).toBe(-Infinity);
  expect(normalQuantile(1)).toBe(Infinity);
  expect(tQuantile(0.5, 7)).toBeCloseTo(0, 12);
  expect(() => normalQuantile(1.2)).toThrow('a probability of 1.2');
});
