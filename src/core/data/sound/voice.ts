import type { Stream } from '../../random.js';
import { mixAtSnr, type NoiseSource } from './noise.js';
import { changeProsody } from './prosody.js';
import { clipLength, clipOf, type SoundSet } from './set.js';

type Range = readonly [number, number];

/**
 * How a waveform is changed before its spectrogram is made, so that two views share the voice but not the way it speaks nor what
 * is around it (Klapsas et al. 2022): pitch and tempo, then noise; each with a probability.
 */
export interface VoiceAugmentation {
  readonly probability: number;
  /** Semitones and tempo, between these. */
  readonly prosody?: { readonly pitch: Range; readonly tempo: Range };
  /** Background at a signal-to-noise ratio between these, in decibels. */
  readonly noise?: { readonly source: NoiseSource; readonly snr: Range };
}

/** Up to `length` samples of clip i from `start` on, changed at random; as many samples are read as the tempo takes. */
export function voiceSegment(
  set: SoundSet, i: number, start: number, length: number, { probability, prosody, noise }: VoiceAugmentation, random: Stream,
): Float32Array {
  const happens = (): boolean => random.next() < probability;
  const pitch = prosody && happens() ? random.between(...prosody.pitch) : 0;
  const tempo = prosody && happens() ? random.between(...prosody.tempo) : 1;
  const read = clipOf(set, i, start, Math.min(clipLength(set, i), start + Math.ceil(length * tempo)));
  const spoken = changeProsody(read, set.rate, { pitch, tempo }).subarray(0, length);
  return noise && happens() ? mixAtSnr(spoken, noise.source(spoken.length, random), random.between(...noise.snr)) : spoken;
}
