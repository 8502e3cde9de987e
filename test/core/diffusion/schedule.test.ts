import { describe, expect, test } from 'vitest';
import { linkOf, linkWeight, noiseLevel, SCHEDULES, timeGrid, trainingTime } from '../../../src/core/diffusion/index.js';

describe('noise schedules', () => {
  test.each(SCHEDULES)('%s goes from data to noise, and signal and noise keep the variance', (schedule) => {
    expect(noiseLevel(schedule, 0)).toEqual({ alpha: 1, sigma: 0 });
    let before = 1;
    for (let k = 1; k <= 997; k++) {
      const { alpha, sigma } = noiseLevel(schedule, k / 997);
      expect(alpha ** 2 + sigma ** 2).toBeCloseTo(1, 12);
      expect(alpha).toBeLessThan(before);
      before = alpha;
    }
    expect(before).toBeLessThan(0.01);
  });

  test('linear is the product of 1 - beta of DDPM at its thousand steps', () => {
    let kept = 1;
    for (let k = 0; k < 1000; k++) {
      kept *= 1 - (1e-4 + ((0.02 - 1e-4) * k) / 999);
      const { alpha } = noiseLevel('linear', (k + 1) / 1000);
      expect(Math.abs(alpha / Math.sqrt(kept) - 1)).toBeLessThan(1e-11);
    }
    // alpha_bar of the last step, as PyTorch computes it from linspace and cumprod.
    expect(kept).toBeCloseTo(4.0358e-5, 8);
  });

  test('iddpm is the squared cosine as long as no beta is cut off', () => {
    const h = (t: number) => Math.cos((Math.PI / 2) * ((t + 0.008) / 1.008)) ** 2;
    for (const t of [0.001, 0.1, 0.5, 0.9, 0.99]) expect(noiseLevel('iddpm', t).alpha ** 2).toBeCloseTo(h(t) / h(0), 10);
  });

  test('discrete schedules are trained at their own times', () => {
    expect([0, 0.0009, 0.5, 0.9999].map((u) => trainingTime('linear', u))).toEqual([0.001, 0.001, 0.501, 1]);
    expect(trainingTime('cosine', 0.12345)).toBe(0.12345);
  });

  test('links have the delta of the closed form', () => {
    const link = linkOf('cosine', 0.6, 0.56);
    expect(link.delta).toBeCloseTo(0.1217609499, 10);
    const lambda = (t: number) => Math.log(Math.tan((Math.PI * t) / 2));
    expect(lambda(0.6) - lambda(0.56)).toBeCloseTo(0.1298364558, 10);
    for (const [t, s] of [[0.98, 0.94], [0.5, 0.1], [0.3, 0.2999]] as const) {
      expect(linkOf('cosine', t, s).delta).toBeGreaterThan(0);
      expect(linkOf('cosine', t, s).delta).toBeLessThan(lambda(t) - lambda(s));
    }
    expect(linkOf('linear', 0.4, 0).delta).toBe(1);
  });

  test('weights of links', () => {
    const link = linkOf('cosine', 0.25, 0.2);
    const snr = 1 / Math.tan((Math.PI * 0.25) / 2) ** 2;
    expect(linkWeight('none', link)).toBe(1);
    expect(linkWeight('inv-delta2', link)).toBeCloseTo(1 / link.delta ** 2, 8);
    expect(linkWeight('snr', link)).toBeCloseTo(snr / link.delta ** 2, 6);
    expect(linkWeight('snr', linkOf('cosine', 0.9, 0.8))).toBe(linkWeight('inv-delta2', linkOf('cosine', 0.9, 0.8)));
    expect(linkWeight('inv-delta2', linkOf('cosine', 0.5, 0.5 - 1e-9))).toBeCloseTo(1e6, 3);
  });

  test('the grid of sampling ends at 0', () => {
    expect(timeGrid(0.8, 4)).toEqual([0.8, 0.6000000000000001, 0.4, 0.2, 0]);
  });
});
