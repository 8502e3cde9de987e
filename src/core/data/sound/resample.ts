import { InputError } from '../../errors.js';

/** Zeros of the sinc to either side, and where the low-pass cuts off as a share of the lower Nyquist frequency. */
const ZEROS = 6;
const ROLLOFF = 0.99;

/** Rates that share no factor have as many kernels as the new one has samples; these are too many to be meant. */
const MAX_PHASES = 200_000;

/**
 * What brings samples from one rate to another: a sinc low-pass below both Nyquist frequencies under a Hann window (J. O. Smith,
 * Digital Audio Resampling), with the width and cutoff that torchaudio.functional.resample has by default. `n` samples become
 * ceil(n to / from); outside them there is silence. Throws InputError for rates that are no whole numbers from 1.
 */
export function resampler(from: number, to: number): (samples: Float32Array) => Float32Array {
  for (const rate of [from, to]) {
    if (!Number.isInteger(rate) || rate < 1) throw new InputError(`a rate has to be a whole number of Hz from 1, but is ${rate}`);
  }
  if (from === to) return (samples) => samples;
  const divisor = gcd(from, to);
  const [step, phases] = [from / divisor, to / divisor];
  if (phases > MAX_PHASES) throw new InputError(`sounds of ${from} Hz cannot be brought to ${to} Hz, which share no factor; give a common rate`);
  const kernels = Array.from({ length: phases }, (_, phase) => kernelOf(phase, step, phases));
  return (samples) => {
    const out = new Float32Array(Math.ceil((samples.length * to) / from));
    for (let i = 0; i < out.length; i++) {
      const { first, taps } = kernels[i % phases]!;
      const start = Math.floor(i / phases) * step + first;
      let sum = 0;
      for (let k = Math.max(0, -start), end = Math.min(taps.length, samples.length - start); k < end; k++) {
        sum += taps[k]! * samples[start + k]!;
      }
      out[i] = sum;
    }
    return out;
  };
}

interface Kernel {
  /** Sample that the first tap weighs, from the start of its block of `step` samples. */
  readonly first: number;
  readonly taps: Float32Array;
}

/** Weights of the samples around output `phase` of `phases`, which lies phase * step / phases samples into its block. */
function kernelOf(phase: number, step: number, phases: number): Kernel {
  const cutoff = Math.min(step, phases) * ROLLOFF;
  const centre = (phase * step) / phases;
  const reach = (ZEROS * step) / cutoff;
  const [first, last] = [Math.ceil(centre - reach), Math.floor(centre + reach)];
  const taps = Float32Array.from({ length: last - first + 1 }, (_, k) => {
    const t = ((first + k) / step - phase / phases) * cutoff;
    const window = Math.cos((Math.PI * t) / ZEROS / 2) ** 2;
    return ((t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t)) * window * cutoff) / step;
  });
  return { first, taps };
}

function gcd(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
