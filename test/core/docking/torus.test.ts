import { describe, expect, test } from 'vitest';
import { wrapAngle, wrappedNormalScore, wrappedNormalScoreNorm2 } from '../../../src/core/docking/torus.js';

const relative = (actual: number, expected: number): number => Math.abs(actual / expected - 1);

describe('the wrapped normal distribution', () => {
  test.each([0.0314, 0.1, 0.5, 1, 2, 3.14])("has a score that is the slope of its logarithm at sigma %f", (sigma) => {
    const density = (x: number): number => {
      let sum = 0;
      for (let k = -20; k <= 20; k++) sum += Math.exp(-((x + 2 * Math.PI * k) ** 2) / (2 * sigma * sigma));
      return sum;
    };
    for (let x = -3.1; x < 3.14; x += 0.0617) {
      if (density(x) < 1e-12) continue;
      const h = 1e-5 * Math.min(1, sigma);
      const slope = (Math.log(density(x + h)) - Math.log(density(x - h))) / (2 * h);
      expect(Math.abs(wrappedNormalScore(x, sigma) - slope)).toBeLessThan(1e-5 * Math.abs(slope) + 1e-9);
    }
  });

  test.each([[0.5, 4], [1, 0.94892], [2, 0.0372901], [3.14, 1.04492e-4], [0.0314, 1 / 0.0314 ** 2]])(
    'has the mean squared score of sigma %f', (sigma, norm) => { expect(relative(wrappedNormalScoreNorm2(sigma), norm)).toBeLessThan(3e-6); });

  test('has a score that is odd, periodic, and nothing at 0 and half a turn', () => {
    for (const sigma of [0.05, 0.7, 3]) {
      expect(wrappedNormalScore(0, sigma)).toBeCloseTo(0, 12);
      expect(Math.abs(wrappedNormalScore(Math.PI, sigma))).toBeLessThan(1e-9);
      for (const x of [0.3, 1.7, 3.1]) {
        expect(wrappedNormalScore(-x, sigma)).toBeCloseTo(-wrappedNormalScore(x, sigma), 10);
        expect(wrappedNormalScore(x + 4 * Math.PI, sigma)).toBeCloseTo(wrappedNormalScore(x, sigma), 8);
      }
    }
  });

  test('angles are wrapped into [-pi, pi)', () => {
    expect(wrapAngle(Math.PI)).toBe(-Math.PI);
    expect(wrapAngle(-Math.PI)).toBe(-Math.PI);
    expect(wrapAngle(7)).toBeCloseTo(7 - 2 * Math.PI, 12);
  });
});
