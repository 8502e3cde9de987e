import { describe, expect, test } from 'vitest';
import { rotationMatrix } from '../../../src/core/chem/geometry.js';
import {
  igso3AngleDensity, igso3Density, igso3Quantile, igso3Score, igso3ScoreNorm, sampleIgso3, tabulatedScoreNorm, uniformRotation,
} from '../../../src/core/docking/so3.js';
import { stream } from '../../../src/core/random.js';

/** Sum over 2000 midpoints of [0, pi] of g(w) p(w) dw. */
const integral = (eps: number, g: (w: number) => number): number => {
  let total = 0;
  for (let i = 0; i < 2000; i++) {
    const w = ((i + 0.5) * Math.PI) / 2000;
    total += (g(w) * igso3AngleDensity(w, eps) * Math.PI) / 2000;
  }
  return total;
};
const relative = (actual: number, expected: number): number => Math.abs(actual / expected - 1);

describe('the density of IGSO(3)', () => {
  test.each([0.02, 0.1, 0.3, 0.59, 0.6, 1, 1.55, 3.1])('integrates to 1 at eps %f', (eps) => {
    expect(Math.abs(integral(eps, () => 1) - 1)).toBeLessThan(1e-6);
  });

  test.each([[0.1, 0.15951], [0.5, 0.78955], [1, 1.52121], [1.55, 2.03485], [6, Math.PI / 2 + 2 / Math.PI]])(
    'has the mean angle of eps %f', (eps, mean) => { expect(Math.abs(integral(eps, (w) => w) - mean)).toBeLessThan(6e-6); });

  test.each([[0.5, 0.5, 25.36107986], [2, 1, 0.91514845], [0.1, 0.1, 3045.76595644]])('is f(%f, %f)', (w, eps, f) => {
    expect(relative(igso3Density(w, eps), f)).toBeLessThan(1e-8);
  });

  test('is one and the same by the series and by its resummation', () => {
    // The series at 0.6, where the resummation begins, against the resummation just below.
    for (const w of [1e-4, 0.01, 0.5, 1.5, 3, Math.PI]) {
      const [series, resummed] = [0.6, 0.6 - 1e-12].map((eps) => [igso3Density(w, eps), igso3Score(w, eps)]);
      expect(relative(series[0], resummed[0])).toBeLessThan(1e-10);
      expect(Math.abs(series[1] - resummed[1])).toBeLessThan(1e-9 * Math.max(1, Math.abs(series[1])));
    }
    expect(relative(igso3Density(0, 0.6), igso3Density(0, 0.6 - 1e-12))).toBeLessThan(1e-10);
  });
});

describe('the score of IGSO(3)', () => {
  test.each([0.03, 0.1, 0.3, 0.55, 0.7, 1.2, 2, 3.1])('is the slope of the logarithm at eps %f', (eps) => {
    let compared = 0;
    for (let w = 0.02; w < 3.13; w += 0.0373) {
      if (igso3Density(w, eps) < 1e-12) continue;
      const h = 1e-5 * Math.min(1, eps);
      const [right, left] = [w + h, w - h].map((at) => Math.log(igso3Density(at, eps)));
      const slope = (right - left) / (2 * h);
      // Where the score itself vanishes the difference has no digits left.
      expect(Math.abs(igso3Score(w, eps) - slope)).toBeLessThan(1e-5 * Math.abs(slope) + 1e-9);
      compared++;
    }
    expect(compared).toBeGreaterThan(eps < 0.05 ? 3 : 20);
  });

  test.each([[0.5, -3.91524], [1, -0.91521], [1.55, -0.30368]])('at w = 1 and eps %f', (eps, score) => {
    expect(Math.abs(igso3Score(1, eps) - score)).toBeLessThan(6e-6);
  });

  test('is right where the series cancels, and at both ends', () => {
    // 1 - cot(1/2) / 2 - 1 / eps^2
    expect(relative(igso3Score(1, 0.03), 1 - 0.5 / Math.tan(0.5) - 1 / 0.03 ** 2)).toBeLessThan(1e-12);
    expect(relative(igso3Score(3, 0.03), 1 / 3 - 0.5 / Math.tan(1.5) - 3 / 0.03 ** 2)).toBeLessThan(1e-12);
    for (const eps of [0.1, 0.5, 1, 3]) {
      expect(igso3Score(0, eps)).toBe(0);
      expect(Math.abs(igso3Score(Math.PI, eps))).toBeLessThan(1e-10);
      expect(Math.abs(igso3Score(1e-6, eps))).toBeLessThan(2e-6 / eps ** 2);
    }
  });

  test.each([[0.1, 17.2989], [0.5, 3.35489], [1, 1.40161], [1.55, 0.36666], [3.1, 2.8e-4]])('has its mean square of eps %f', (eps, norm) => {
    const tolerance = eps === 3.1 ? 2e-2 : 2e-5;
    expect(relative(igso3ScoreNorm(eps), norm)).toBeLessThan(tolerance);
    expect(relative(tabulatedScoreNorm(eps), igso3ScoreNorm(eps))).toBeLessThan(3e-3);
  });

  test('of small noise is that of a normal distribution in three dimensions, in the table too', () => {
    expect(relative(igso3ScoreNorm(0.01), Math.sqrt(3) / 0.01)).toBeLessThan(1e-4);
    expect(relative(tabulatedScoreNorm(0.001), Math.sqrt(3) / 0.001)).toBeLessThan(1e-4);
  });
});

describe('rotations drawn from IGSO(3)', () => {
  // Of rows of the table, and between them.
  test.each([0.1, 0.5, 0.523, 1, 1.55])('have the distribution of eps %f', (eps) => {
    const random = stream(3, `igso3 ${eps}`);
    const count = 100_000;
    const angles = Float64Array.from({ length: count }, () => igso3Quantile(random.next(), eps)).sort();
    let [mass, worst] = [0, 0];
    const steps = 4000;
    for (let i = 0, below = 0; i < steps; i++) {
      mass += (igso3AngleDensity(((i + 0.5) * Math.PI) / steps, eps) * Math.PI) / steps;
      const w = ((i + 1) * Math.PI) / steps;
      while (below < count && angles[below] <= w) below++;
      worst = Math.max(worst, Math.abs(below / count - mass));
    }
    expect(worst).toBeLessThan(0.006);
  });

  test.each([[0.1, 0.985075], [0.5, 0.668201], [1, 0.051819], [1.55, -0.364263]])('have the mean rotation of eps %f', (eps, cosine) => {
    const random = stream(4, `igso3 ${eps}`);
    const count = 10_000;
    const mean = new Float64Array(9);
    for (let i = 0; i < count; i++) rotationMatrix(sampleIgso3(eps, random)).forEach((value, k) => { mean[k] += value / count; });
    const diagonal = (1 + 2 * cosine) / 3;
    mean.forEach((value, k) => expect(Math.abs(value - (k % 4 === 0 ? diagonal : 0))).toBeLessThan(0.02));
  });

  test('and uniform ones have none', () => {
    const random = stream(5, 'uniform');
    const [mean, count] = [new Float64Array(9), 10_000];
    let angle = 0;
    for (let i = 0; i < count; i++) {
      const rotation = uniformRotation(random);
      angle += Math.hypot(...rotation) / count;
      rotationMatrix(rotation).forEach((value, k) => { mean[k] += value / count; });
    }
    mean.forEach((value) => expect(Math.abs(value)).toBeLessThan(0.02));
    expect(Math.abs(angle - (Math.PI / 2 + 2 / Math.PI))).toBeLessThan(0.02);
  });
});
