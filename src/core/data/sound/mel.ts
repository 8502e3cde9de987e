import { InputError } from '../../errors.js';

/**
 * How bands of the mel scale are made: `htk` is torchaudio's default, mel(f) = 2595 log10(1 + f/700) and triangles of height 1;
 * `slaney` librosa's and nnAudio's, linear below 1 kHz and logarithmic above, with triangles of equal area.
 */
export const MEL_BANKS = ['htk', 'slaney'] as const;
export type MelBank = (typeof MEL_BANKS)[number];

export interface MelSpec {
  /** Samples per second. */
  readonly rate: number;
  /** Samples of a Fourier transform, whose bins 0 to nFft/2 are weighed. */
  readonly nFft: number;
  /** Bands. */
  readonly mels: number;
  /** The lowest and highest frequency in Hz; the highest is at most half the rate. */
  readonly fmin: number;
  readonly fmax: number;
  readonly bank: MelBank;
}

/** A band: weights of neighbouring bins from `first` on. */
export interface MelBand {
  readonly first: number;
  readonly weights: Float64Array;
}

/** The bands' edges in Hz, mels + 2 of them evenly spaced in mel: band m rises from edge m to m + 1 and falls to m + 2. */
export function melEdges({ mels, fmin, fmax, bank }: Pick<MelSpec, 'mels' | 'fmin' | 'fmax' | 'bank'>): Float64Array {
  const { toMel, toHz } = SCALES[bank];
  const [low, high] = [toMel(fmin), toMel(fmax)];
  return Float64Array.from({ length: mels + 2 }, (_, i) => toHz(low + ((high - low) * i) / (mels + 1)));
}

/** Triangles over the bins of a power spectrum. Throws InputError where frequencies make no sense, or a band sees no bin. */
export function melBands(spec: MelSpec): MelBand[] {
  const { rate, nFft, mels, fmin, fmax, bank } = spec;
  if (!(fmin >= 0 && fmin < fmax && fmax <= rate / 2)) {
    throw new InputError(`mel bands from ${fmin} to ${fmax} Hz do not fit sounds of ${rate} Hz, which have frequencies from 0 to ${rate / 2}`);
  }
  const edges = melEdges(spec);
  return Array.from({ length: mels }, (_, m) => {
    const [left, middle, right] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    const area = bank === 'slaney' ? 2 / (right - left) : 1;
    const [first, last] = [Math.ceil((left * nFft) / rate), Math.floor((right * nFft) / rate)];
    const weights = Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => {
      const f = ((first + k) * rate) / nFft;
      return area * Math.max(0, Math.min((f - left) / (middle - left), (right - f) / (right - middle)));
    });
    if (!weights.some((weight) => weight > 0)) {
      throw new InputError(`mel band ${m + 1} of ${mels}, ${left.toFixed(0)} to ${right.toFixed(0)} Hz, holds none of the frequencies of a transform `
        + `of ${nFft} samples at ${rate} Hz; take fewer bands or a longer transform`);
    }
    return { first, weights };
  });
}

/** Slaney's scale (Auditory Toolbox, 1998): 3/200 mel per Hz up to 1 kHz, then 27 mel for each factor of 6.4. */
const LINEAR = 3 / 200;
const KNEE = 1000;
const LOG_STEP = Math.log(6.4) / 27;

const SCALES: Readonly<Record<MelBank, { toMel(f: number): number; toHz(mel: number): number }>> = {
  htk: {
    toMel: (f) => 2595 * Math.log10(1 + f / 700),
    toHz: (mel) => 700 * (10 ** (mel / 2595) - 1),
  },
  slaney: {
    toMel: (f) => (f < KNEE ? f * LINEAR : KNEE * LINEAR + Math.log(f / KNEE) / LOG_STEP),
    toHz: (mel) => (mel < KNEE * LINEAR ? mel / LINEAR : KNEE * Math.exp((mel - KNEE * LINEAR) * LOG_STEP)),
  },
};
