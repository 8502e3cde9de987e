import { fft } from './fft.js';

export interface PitchOptions {
  /** Lowest and highest pitch that is looked for, in Hz; 75 and 500 where left out. */
  readonly lowest?: number;
  readonly highest?: number;
}

/** Pitch in Hz of moments `step` samples apart, from sample 0 on; 0 where there is none. */
export interface PitchTrack {
  readonly pitch: Float64Array;
  readonly step: number;
}

/** As Praat has them: correlation from which a moment is voiced, and how quiet silence is. */
const VOICED = 0.45;
const SILENCE = 0.03;
/** What an octave down costs: more than Praat's 0.01, since every moment is judged by itself. */
const OCTAVE_COST = 0.05;

/**
 * Pitch by autocorrelation (Boersma 1993): every 10 ms a Hann window of three of the longest periods is correlated with itself,
 * which is divided by the same of the window; the strongest lag wins, where it is strong enough.
 */
export function pitchTrack(samples: Float32Array, rate: number, { lowest = 75, highest = 500 }: PitchOptions = {}): PitchTrack {
  const step = Math.max(1, Math.round(0.01 * rate));
  const width = Math.ceil((3 * rate) / lowest);
  const [shortest, longest] = [Math.max(2, Math.floor(rate / highest)), Math.ceil(rate / lowest)];
  const transform = fft(2 ** Math.ceil(Math.log2(width + longest)));
  const hann = Float64Array.from({ length: width }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / width));
  const autocorrelation = (values: Float64Array): Float64Array => {
    const complex = new Float64Array(2 * transform.size);
    values.forEach((value, i) => { complex[2 * i] = value; });
    const spectrum = transform(complex);
    for (let k = 0; k < transform.size; k++) {
      [complex[2 * k], complex[2 * k + 1]] = [spectrum[2 * k]! ** 2 + spectrum[2 * k + 1]! ** 2, 0];
    }
    // A power spectrum is symmetric, so the transform is its own inverse but for a factor.
    const inverse = transform(complex);
    return Float64Array.from({ length: transform.size }, (_, lag) => inverse[2 * lag]!);
  };
  const own = autocorrelation(hann);
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const pitch = Float64Array.from({ length: 1 + Math.floor(samples.length / step) }, (_, frame) => {
    const start = frame * step - (width >> 1);
    let [mean, peak] = [0, 0];
    for (let i = 0; i < width; i++) {
      const value = samples[start + i] ?? 0;
      mean += value / width;
      peak = Math.max(peak, Math.abs(value));
    }
    if (!(peak > SILENCE * loudest)) return 0;
    const found = autocorrelation(hann.map((weight, i) => weight * ((samples[start + i] ?? 0) - mean)));
    const strength = (lag: number): number => (found[lag]! / found[0]!) / (own[lag]! / own[0]!);
    let [best, most] = [0, 0];
    for (let lag = shortest; lag <= longest; lag++) {
      const value = strength(lag);
      if (value < strength(lag - 1) || value < strength(lag + 1)) continue;
      const score = value - OCTAVE_COST * Math.log2(lag / shortest);
      if (score > most) [best, most] = [lag, score];
    }
    if (best === 0 || strength(best) < VOICED) return 0;
    // The top of a parabola through three lags.
    const [before, at, behind] = [strength(best - 1), strength(best), strength(best + 1)];
    return rate / (best + (0.5 * (before - behind)) / Math.min(-1e-12, before - 2 * at + behind));
  });
  return { pitch, step };
}
