import type { Stream } from '../../random.js';
import { clipCount, clipLength, clipOf, type SoundSet } from './set.js';

/** Makes so many samples of background; drawn anew each time. */
export type NoiseSource = (length: number, random: Stream) => Float32Array;

const power = (samples: Float32Array): number => samples.reduce((sum, value) => sum + value * value, 0) / samples.length;

/**
 * x + g n with the gain g that makes 10 log10(P_x / P_gn) the signal-to-noise ratio in decibels, P the mean square; n is repeated
 * or cut to the length of x. Where either is silent, or the ratio infinite, x itself.
 */
export function mixAtSnr(x: Float32Array, n: Float32Array, snr: number): Float32Array {
  const noise = n.length === x.length ? n : x.map((_, i) => n[i % n.length] ?? 0);
  const [signal, background] = [power(x), power(noise)];
  if (!(signal > 0 && background > 0) || snr === Infinity) return x;
  const gain = Math.sqrt(signal / (background * 10 ** (snr / 10)));
  return x.map((value, i) => value + gain * noise[i]!);
}

/** Normal noise, the same power at all frequencies. */
export const whiteNoise: NoiseSource = (length, random) => random.normal(length);

/** A random part of a random sound of a set, repeated where it is too short. */
export const noiseOf = (set: SoundSet): NoiseSource => (length, random) => {
  const i = random.int(clipCount(set));
  const start = random.int(Math.max(0, clipLength(set, i) - length) + 1);
  const part = clipOf(set, i, start, Math.min(clipLength(set, i), start + length));
  return Float32Array.from({ length }, (_, k) => part[k % part.length]!);
};

/** Voices that talk at once. */
const TALKERS = 6;

/** Random parts of six sounds of a set at the same power, added up: of words, a babble of voices. */
export function babbleOf(set: SoundSet): NoiseSource {
  const voice = noiseOf(set);
  return (length, random) => {
    const out = new Float32Array(length);
    for (let talker = 0; talker < TALKERS; talker++) {
      const samples = voice(length, random);
      const level = Math.sqrt(power(samples)) || 1;
      for (let i = 0; i < length; i++) out[i]! += samples[i]! / level;
    }
    return out;
  };
}
