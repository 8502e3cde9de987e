import type { Stream } from '../random.js';
import { noiseLevel, type NoiseLevel, type ScheduleName } from './schedule.js';

export const SAMPLERS = ['ddim', 'heun', 'ddpm'] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/** The denoiser's estimate of the clean data behind x_t, f(x_t, t), in the same order. */
export type Signal = (x: Float32Array, t: number) => Promise<Float32Array>;

export interface Sampling {
  readonly sampler: SamplerName;
  readonly schedule: ScheduleName;
  /** Times from the start to 0, which `timeGrid` makes. */
  readonly times: readonly number[];
  /** Noise that `ddpm` adds. */
  readonly random?: Stream;
  /** Told the estimate of every step. */
  readonly onStep?: (signal: Float32Array, t: number) => void;
}

/** `steps` + 1 times, evenly from `tMax` down to 0. */
export const timeGrid = (tMax: number, steps: number): number[] =>
  Array.from({ length: steps + 1 }, (_, i) => tMax * (1 - i / steps));

/** Calls of the denoiser that a sample takes. */
export const networkCalls = (sampler: SamplerName, steps: number): number => (sampler === 'heun' ? 2 * steps - 1 : steps);

/**
 * Data from noise x at times[0], along the probability-flow ODE (`ddim`, first order, Song et al. 2021; `heun`, second order,
 * Karras et al. 2022) or against the diffusion (`ddpm`, Ho et al. 2020). The last step gives the denoiser's own estimate.
 */
export async function sample(signal: Signal, noise: Float32Array, sampling: Sampling): Promise<Float32Array> {
  const { sampler, schedule, times, random, onStep } = sampling;
  let x = noise;
  for (let i = 0; i + 1 < times.length; i++) {
    const [t, s] = [times[i]!, times[i + 1]!];
    const [here, there] = [noiseLevel(schedule, t), noiseLevel(schedule, s)];
    // The denoiser's array is its own again at the next call.
    const f = (await signal(x, t)).slice();
    onStep?.(f, t);
    if (s === 0) return f;
    if (sampler === 'ddpm') x = ancestralStep(x, f, here, there, random!);
    else if (sampler === 'ddim') x = ddimStep(x, f, here, there);
    else x = heunStep(x, f, await signal(ddimStep(x, f, here, there), s), here, there);
  }
  return x;
}

/** x_s = (sigma_s / sigma_t) x_t + (alpha_s - alpha_t sigma_s / sigma_t) f. */
export function ddimStep(x: Float32Array, f: Float32Array, t: NoiseLevel, s: NoiseLevel): Float32Array {
  const kept = s.sigma / t.sigma;
  const added = s.alpha - t.alpha * kept;
  return x.map((value, i) => kept * value + added * f[i]!);
}

/**
 * Heun's step on x / alpha over sigma / alpha, dx/dsigma = (x - f) / sigma: the mean of the slopes at both ends, `ahead` being
 * the estimate at the end of the Euler step.
 */
function heunStep(x: Float32Array, f: Float32Array, ahead: Float32Array, t: NoiseLevel, s: NoiseLevel): Float32Array {
  const [from, to] = [t.sigma / t.alpha, s.sigma / s.alpha];
  return x.map((value, i) => {
    const start = value / t.alpha;
    const slope = (start - f[i]!) / from;
    const end = start + (to - from) * slope;
    return s.alpha * (start + ((to - from) * (slope + (end - ahead[i]!) / to)) / 2);
  });
}

/** A draw from q(x_s | x_t, x = f), the true posterior were the estimate right. */
function ancestralStep(x: Float32Array, f: Float32Array, t: NoiseLevel, s: NoiseLevel, random: Stream): Float32Array {
  const kept = t.alpha / s.alpha;
  const added = t.sigma ** 2 - kept ** 2 * s.sigma ** 2;
  const [ofX, ofSignal] = [(kept * s.sigma ** 2) / t.sigma ** 2, (s.alpha * added) / t.sigma ** 2];
  const std = (s.sigma * Math.sqrt(added)) / t.sigma;
  const noise = random.normal(x.length);
  return x.map((value, i) => ofX * value + ofSignal * f[i]! + std * noise[i]!);
}
