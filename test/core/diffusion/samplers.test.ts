import { describe, expect, test } from 'vitest';
import { noiseLevel, sample, timeGrid, type SamplerName } from '../../../src/core/diffusion/index.js';
import { stream } from '../../../src/core/random.js';

const [MEAN, STD] = [2, 0.5];

/** The exact denoiser of N(MEAN, STD^2) for every coordinate. */
const denoise = async (x: Float32Array, t: number): Promise<Float32Array> => {
  const { alpha, sigma } = noiseLevel('cosine', t);
  const variance = (alpha * STD) ** 2 + sigma ** 2;
  return x.map((value) => MEAN + ((alpha * STD ** 2) / variance) * (value - alpha * MEAN));
};

/** Where the ODE takes x from time `start` to 0: it keeps (x - alpha m) / D. */
const exact = (x: number, start: number): number => {
  const { alpha, sigma } = noiseLevel('cosine', start);
  return MEAN + (STD * (x - alpha * MEAN)) / Math.hypot(alpha * STD, sigma);
};

const run = (sampler: SamplerName, steps: number, x: Float32Array, start = 0.98) => {
  let calls = 0;
  const counted = (y: Float32Array, t: number) => { calls++; return denoise(y, t); };
  return sample(counted, x, { sampler, schedule: 'cosine', times: timeGrid(start, steps), random: stream(0, 'test') })
    .then((drawn) => ({ drawn, calls }));
};

describe('samplers on a Gaussian, whose paths are known', () => {
  const x = Float32Array.of(-2, -0.5, 0.7, 1.9);
  const errorOf = async (sampler: SamplerName, steps: number): Promise<number> => {
    const { drawn } = await run(sampler, steps, x);
    return Math.max(...drawn.map((value, i) => Math.abs(value - exact(x[i]!, 0.98))));
  };

  test('ddim is of first order: half the step, half the error', async () => {
    const [coarse, fine] = [await errorOf('ddim', 32), await errorOf('ddim', 64)];
    expect(coarse / fine).toBeGreaterThan(1.8);
    expect(coarse / fine).toBeLessThan(2.2);
    expect(fine).toBeLessThan(0.05);
  });

  test('heun is of second order, and needs twice the calls but one', async () => {
    const [coarse, fine] = [await errorOf('heun', 32), await errorOf('heun', 64)];
    expect(coarse / fine).toBeGreaterThan(3);
    expect(fine).toBeLessThan((await errorOf('ddim', 128)) / 2);
    expect((await run('heun', 32, x)).calls).toBe(63);
  });

  test('one step of any gives the denoiser\'s estimate', async () => {
    for (const sampler of ['ddim', 'heun', 'ddpm'] as const) {
      expect((await run(sampler, 1, x)).drawn).toEqual(await denoise(x, 0.98));
    }
  });

  test('ddpm draws from the density, whatever noise it starts from', async () => {
    const count = 20_000;
    const { drawn } = await run('ddpm', 200, new Float32Array(count).fill(1.5), 0.999);
    const mean = drawn.reduce((total, v) => total + v, 0) / count;
    const variance = drawn.reduce((total, v) => total + (v - mean) ** 2, 0) / count;
    // Five standard errors, and what 200 steps make of the variance.
    expect(Math.abs(mean - MEAN)).toBeLessThan(5 * STD / Math.sqrt(count) + 0.01);
    expect(Math.abs(variance / STD ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / count) + 0.03);
  });
});
