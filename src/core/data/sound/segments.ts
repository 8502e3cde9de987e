import { float32, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import { stream, type Stream } from '../../random.js';
import { EPSILON, framesOf, logMel, type LogMelSpec } from './log-mel.js';
import { clipCount, clipLength, clipOf, type SoundSet } from './set.js';
import { momentsOf, padded } from './statistics.js';
import { voiceSegment, type VoiceAugmentation } from './voice.js';

/** Where silence goes that fills up a sound: half of it before the sound (BYOL-A's first version), or all behind it. */
export const PADS = ['both', 'end'] as const;
export type Pad = (typeof PADS)[number];

/** A sound of at least `length` samples: the sound itself, or with silence around it. */
export const filledUp = (samples: Float32Array, length: number, pad: Pad): Float32Array =>
  padded(samples, length, pad === 'both' ? Math.floor((length - samples.length) / 2) : 0);

/** `length` samples of clip i from `start` on, with silence where the clip is shorter. */
export const segmentOf = (set: SoundSet, i: number, start: number, length: number, pad: Pad): Float32Array =>
  filledUp(clipOf(set, i, start, Math.min(clipLength(set, i), start + length)), length, pad);

/** A random place for a segment of a clip, all of them alike; 0 where the clip is no longer. */
export const drawStart = (set: SoundSet, i: number, length: number, random: Stream): number =>
  random.int(Math.max(0, clipLength(set, i) - length) + 1);

/** Bytes of spectrograms that are kept because a clip has only one segment. */
const CACHE = 2 ** 28;

/** Log-mel spectrograms of random segments of a set's clips. */
export class Segments {
  readonly frames: number;
  private readonly extract;
  private readonly known = new Map<number, Float32Array>();

  /** Segments have `length` samples; throws InputError as logMel does, and where they are too short for it. */
  constructor(readonly set: SoundSet, readonly spec: LogMelSpec, readonly length: number, private readonly pad: Pad) {
    this.extract = logMel(spec);
    this.frames = framesOf(length, spec.hop);
    if (length <= spec.nFft / 2) {
      throw new InputError(`segments of ${length} samples are too short for windows of ${spec.nFft}; take longer ones, or a shorter window`);
    }
  }

  /** Spectrograms [B, 1, mels, frames] of clips by number, each of a segment that is drawn. */
  batch(clips: ArrayLike<number>, random: Stream): NdArray<Float32Array> {
    return this.gathered(clips, (i) => this.drawn(i, random));
  }

  /**
   * The same for each of several views, whose waveforms begin at one random place of each clip and are changed by themselves.
   * Draws come from the streams named `segment` and `voice VIEW`.
   */
  voices<V extends string>(
    clips: ArrayLike<number>, views: readonly V[], voice: VoiceAugmentation, random: (name: string) => Stream,
  ): Record<V, NdArray<Float32Array>> {
    const place = random('segment');
    const starts = Array.from(clips, (i) => drawStart(this.set, i, this.length, place));
    return Object.fromEntries(views.map((view) => {
      const own = random(`voice ${view}`);
      let row = 0;
      return [view, this.gathered(clips, (i) => {
        const changed = voiceSegment(this.set, i, starts[row++]!, this.length, voice, own);
        return this.extract(filledUp(changed, this.length, this.pad));
      })];
    })) as Record<V, NdArray<Float32Array>>;
  }

  /**
   * Mean and deviation of all values of one random segment of each of up to `most` clips, drawn from the seed: what spectrograms
   * are normalised by (Niizumi et al. 2021, section III-A).
   */
  statistics(seed: number, most = 10_000): { readonly mean: number; readonly std: number } {
    const random = stream(seed, 'sound statistics');
    const count = clipCount(this.set);
    const chosen = random.permutation(count).subarray(0, most);
    // Sums of each clip's moments, so that nothing of them has to be kept.
    let [sum, squares] = [0, 0];
    for (const i of chosen) {
      const { mean, deviation } = momentsOf(this.drawn(i, random));
      sum += mean;
      squares += deviation ** 2 + mean ** 2;
    }
    const mean = sum / chosen.length;
    return { mean, std: Math.max(EPSILON, Math.sqrt(Math.max(0, squares / chosen.length - mean ** 2))) };
  }

  private drawn(i: number, random: Stream): Float32Array {
    const known = this.known.get(i);
    const start = drawStart(this.set, i, this.length, random);
    if (known) return known;
    const spectrogram = this.extract(segmentOf(this.set, i, start, this.length, this.pad));
    const only = clipLength(this.set, i) <= this.length;
    if (only && (this.known.size + 1) * spectrogram.byteLength <= CACHE) this.known.set(i, spectrogram);
    return spectrogram;
  }

  private gathered(clips: ArrayLike<number>, spectrogramOf: (i: number) => Float32Array): NdArray<Float32Array> {
    const size = this.spec.mels * this.frames;
    const out = new Float32Array(clips.length * size);
    for (let row = 0; row < clips.length; row++) out.set(spectrogramOf(clips[row]!), row * size);
    return float32([clips.length, 1, this.spec.mels, this.frames], out);
  }
}
