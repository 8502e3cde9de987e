import { choice, flag, number, numbers, text, type Values } from '../../cli/options.js';
import { babbleOf, noiseOf, whiteNoise } from '../../core/data/sound/noise.js';
import type { VoiceAugmentation } from '../../core/data/sound/voice.js';
import { UsageError } from '../../core/errors.js';
import type { SoundData } from './sound-data.js';

/** Options of --augment voice; the paper's own values are not known. */
export const voiceOptions = {
  augP: number({ default: 0.5, min: 0, max: 1, guess: true, help: 'voice: how often pitch, tempo and background are changed, each by itself' }),
  prosody: flag({ default: true, help: 'voice: leave pitch and tempo as they are' }),
  pitch: numbers({ placeholder: 'semitones', default: [-3, 3], guess: true, help: 'voice: how far pitch is moved, at least and at most' }),
  tempo: numbers({ placeholder: 'factor', default: [0.85, 1.15], guess: true, help: 'voice: how many times as fast, at least and at most' }),
  noise: choice({ choices: ['white', 'babble', 'none'], default: 'white', guess: true, help: 'voice: background that is added; babble: six other sounds at once' }),
  noiseSet: text({ placeholder: 'file', local: true, help: 'voice: a data set of sounds whose random parts are the background instead' }),
  snr: numbers({ placeholder: 'dB', default: [5, 25], guess: true, help: 'voice: signal-to-noise ratio of the background, at least and at most' }),
  gauss: number({ default: 0.04, min: 0, guess: true, help: 'voice: deviation of normal noise that normalised spectrograms are mixed with, as they are with '
    + 'sounds; 0: none' }),
} as const;

/** What becomes of waveforms; throws UsageError for ranges that are none. */
export function voiceAugmentation({ set, noise }: SoundData, o: Values<typeof voiceOptions>): VoiceAugmentation {
  const range = (option: string, values: readonly number[], least = -Infinity): readonly [number, number] => {
    const [low, high] = values;
    if (values.length === 2 && low! <= high! && low! > least) return [low!, high!];
    throw new UsageError(`--${option} takes two numbers, the smaller one first${least === 0 ? ' and above 0' : ''}, but ${values.join()} was given`);
  };
  const source = noise ? noiseOf(noise) : o.noise === 'babble' ? babbleOf(set) : o.noise === 'white' ? whiteNoise : undefined;
  return {
    probability: o.augP,
    ...(o.prosody && { prosody: { pitch: range('pitch', o.pitch), tempo: range('tempo', o.tempo, 0) } }),
    ...(source && { noise: { source, snr: range('snr', o.snr) } }),
  };
}
