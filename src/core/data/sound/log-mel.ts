import { InputError } from '../../errors.js';
import { fft } from './fft.js';
import { melBands, type MelSpec } from './mel.js';

/** All that a log-mel spectrogram depends on besides the sound; stored with every model of sounds. */
export interface LogMelSpec extends MelSpec {
  /** Samples from one frame to the next. */
  readonly hop: number;
}

/** What is added to the power before the logarithm: the resolution of float32 at 1. */
export const EPSILON = 2 ** -23;

/**
 * BYOL-A's front end at 16 kHz, 64 bands from 60 to 7800 Hz, and what comes nearest to it at other rates: windows of about 64 ms,
 * a power of two of samples, every 10 ms.
 */
export const defaultLogMel = (rate: number, { window = 0.064, hop = 0.01 } = {}): LogMelSpec => ({
  rate, nFft: 2 ** Math.max(1, Math.round(Math.log2(window * rate))), hop: Math.max(1, Math.round(hop * rate)), mels: 64,
  fmin: 60, fmax: Math.min(7800, 0.4875 * rate), bank: 'htk',
});

/** Frames of n samples: their middles lie on every hop-th one, from the first on. */
export const framesOf = (samples: number, hop: number): number => 1 + Math.floor(samples / hop);

/** Log-mel spectrograms, float32 [mels, frames], row-major. */
export interface LogMel {
  readonly spec: LogMelSpec;
  (samples: Float32Array): Float32Array;
}

/**
 * ln(M + 2^-23), where M is the power |X|^2 under the mel bands and X the Fourier transform of Hann windows of nFft samples
 * (periodic), centred on every hop-th sample with the sound reflected at both ends: torchaudio.transforms.MelSpectrogram and
 * torch.log (Niizumi et al. 2021). Throws InputError for a specification that makes no sense, and for sounds of nFft / 2 samples
 * or fewer, which cannot be reflected.
 */
export function logMel(spec: LogMelSpec): LogMel {
  const { nFft, hop, mels } = spec;
  const transform = fft(nFft);
  const bands = melBands(spec);
  const half = nFft / 2;
  const window = Float64Array.from({ length: nFft }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / nFft));
  const lowest = Math.min(...bands.map(({ first }) => first));
  const highest = Math.max(...bands.map(({ first, weights }) => first + weights.length - 1));
  const values = new Float64Array(2 * nFft);
  const power = [new Float64Array(half + 1), new Float64Array(half + 1)] as const;

  /** The windowed samples around a frame as the real (part 0) or imaginary parts (1) of what is transformed. */
  const load = (part: number, samples: Float32Array, start: number): void => {
    const last = samples.length - 1;
    if (start >= 0 && start + nFft <= samples.length) {
      for (let i = 0; i < nFft; i++) values[2 * i + part] = window[i]! * samples[start + i]!;
      return;
    }
    for (let i = 0, at = start; i < nFft; i++, at++) {
      values[2 * i + part] = window[i]! * samples[at < 0 ? -at : at > last ? 2 * last - at : at]!;
    }
  };

  const extract = (samples: Float32Array): Float32Array => {
    if (samples.length <= half) {
      throw new InputError(`a sound of ${samples.length} samples is too short for windows of ${nFft}; it needs more than ${half}`);
    }
    const frames = framesOf(samples.length, hop);
    const out = new Float32Array(mels * frames);
    // One complex transform does two frames: the spectrum of a real one is symmetric.
    for (let frame = 0; frame < frames; frame += 2) {
      load(0, samples, frame * hop - half);
      // Behind the last frame comes itself once more.
      load(1, samples, Math.min(frame + 1, frames - 1) * hop - half);
      const spectrum = transform(values);
      for (let k = lowest; k <= highest; k++) {
        const mirrored = (nFft - k) % nFft;
        const [a, b] = [spectrum[2 * k]!, spectrum[2 * k + 1]!];
        const [c, d] = [spectrum[2 * mirrored]!, spectrum[2 * mirrored + 1]!];
        power[0][k] = ((a + c) * (a + c) + (b - d) * (b - d)) / 4;
        power[1][k] = ((b + d) * (b + d) + (c - a) * (c - a)) / 4;
      }
      for (let one = 0; one < 2 && frame + one < frames; one++) {
        const powers = power[one as 0 | 1];
        for (let m = 0; m < mels; m++) {
          const { first, weights } = bands[m]!;
          let sum = 0;
          for (let k = 0; k < weights.length; k++) sum += weights[k]! * powers[first + k]!;
          out[m * frames + frame + one] = Math.log(sum + EPSILON);
        }
      }
    }
    return out;
  };
  return Object.assign(extract, { spec });
}
