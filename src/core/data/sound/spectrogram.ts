import { fft } from './fft.js';

export interface Spectrogram {
  /** |X|^2 of frame t at frequency k: power[t * bins + k]. */
  readonly power: Float64Array;
  readonly frames: number;
  /** Frequencies from 0 to half the rate, evenly spaced. */
  readonly bins: number;
  /** Samples from one frame's start to the next one's. */
  readonly hop: number;
}

/** Length of a window and distance of windows, in seconds: the usual ones of speech recognition. */
export const WINDOW = 0.025;
export const HOP = 0.01;

/**
 * Short-time Fourier transform of samples at a rate, as power: Hann windows of 25 ms every 10 ms, padded with zeros to a power
 * of two. The last frame reaches past the end, where there are zeros, so that every sample is in one. With more than `most`
 * frames, neighbours are averaged.
 */
export function spectrogram(samples: Float32Array, rate: number, most = Infinity): Spectrogram {
  const width = Math.max(2, Math.round(WINDOW * rate));
  const hop = Math.max(1, Math.round(HOP * rate));
  const transform = fft(2 ** Math.ceil(Math.log2(width)));
  const { size } = transform;
  const hann = Float64Array.from({ length: width }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / width));
  const windows = 1 + Math.max(0, Math.ceil((samples.length - width) / hop));
  const group = Math.ceil(windows / most) || 1;
  const frames = Math.ceil(windows / group);
  const bins = size / 2 + 1;
  const power = new Float64Array(frames * bins);
  const values = new Float64Array(2 * size);
  for (let window = 0; window < windows; window++) {
    values.fill(0);
    const own = samples.subarray(window * hop, window * hop + width);
    for (let i = 0; i < own.length; i++) values[2 * i] = hann[i]! * own[i]!;
    const spectrum = transform(values);
    const frame = Math.floor(window / group);
    const members = Math.min(group, windows - frame * group);
    for (let k = 0; k < bins; k++) power[frame * bins + k]! += (spectrum[2 * k]! ** 2 + spectrum[2 * k + 1]! ** 2) / members;
  }
  return { power, frames, bins, hop: hop * group };
}

/** Power in decibels below the largest value of all, which is 0; nothing is below -`range`. Silence is all -`range`. */
export function decibels(spectra: readonly Spectrogram[], range: number): Float64Array[] {
  let peak = 0;
  for (const { power } of spectra) for (const value of power) peak = Math.max(peak, value);
  return spectra.map(({ power }) => power.map((value) => (value > 0 ? Math.max(-range, 10 * Math.log10(value / peak)) : -range)));
}
