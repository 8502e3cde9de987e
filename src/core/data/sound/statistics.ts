import { ndarray, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import { defaultLogMel, framesOf, logMel } from './log-mel.js';
import { clipCount, clipOf, type SoundSet } from './set.js';

/**
 * The mean and then the deviation over time of every mel band of each sound's log-mel spectrogram (as `defaultLogMel` has it),
 * float32 [N, 2 * mels]: what features of sounds have to beat. Sounds shorter than a window are followed by silence.
 */
export function logMelStatistics(set: SoundSet): NdArray<Float32Array> {
  const spec = defaultLogMel(set.rate);
  const extract = logMel(spec);
  const { mels, hop, nFft } = spec;
  const count = clipCount(set);
  const out = new Float32Array(count * 2 * mels);
  for (let i = 0; i < count; i++) {
    const clip = padded(clipOf(set, i), nFft);
    const spectrogram = extract(clip);
    const frames = framesOf(clip.length, hop);
    for (let m = 0; m < mels; m++) {
      const { mean, deviation } = momentsOf(spectrogram.subarray(m * frames, (m + 1) * frames));
      out[i * 2 * mels + m] = mean;
      out[(i * 2 + 1) * mels + m] = deviation;
    }
  }
  return ndarray('float32', [count, 2 * mels], out);
}

/** Samples followed by silence, at least `length` of them; `before` of the silence comes first. */
export function padded(samples: Float32Array, length: number, before = 0): Float32Array {
  if (samples.length >= length) return samples;
  const out = new Float32Array(length);
  out.set(samples, before);
  return out;
}

/** Mean and deviation (over n) of some numbers; throws InputError where there are none. */
export function momentsOf(values: Float32Array): { readonly mean: number; readonly deviation: number } {
  if (values.length === 0) throw new InputError('the mean of no values was asked for');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}
