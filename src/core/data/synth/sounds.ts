import { stream, type Stream } from '../../random.js';
import { joinClips, toInt16, type SoundSet } from '../sound/set.js';
import { checkWhole, splitBy } from './images.js';
import { drawEvent, EVENT_NAMES } from './sound/events.js';
import { drawSpeaker, say, WORD_NAMES, WORDS } from './sound/voice.js';

/** What is heard: words that several speakers say, or tones, chirps and noises. */
export const SOUND_KINDS = ['words', 'events'] as const;

export interface SynthSoundsOptions {
  readonly kind: (typeof SOUND_KINDS)[number];
  readonly count: number;
  /** Samples per second. */
  readonly rate: number;
  /** The first so many words or kinds of events. */
  readonly classes?: number;
  /** Voices of `words`. */
  readonly speakers?: number;
  /** Shortest and longest event in seconds; words are as long as they take. */
  readonly seconds?: readonly [number, number];
  readonly seed: number;
  /** Shares of train, validation and test; left out: no splits. */
  readonly split?: readonly [number, number, number];
}

/** Between the loudest sample of a sound and full scale, and from the sound down to the noise around it, in decibels. */
const LEVEL = [-20, -4] as const;
const BACKGROUND = [25, 45] as const;

/** Silence before and behind a word, in seconds. */
const PAUSE = [0.02, 0.12] as const;

/**
 * Sounds that byo makes itself, int16, evenly over the labels and, for words, over the speakers. Loudness varies, and there is a
 * little noise around. Words have a further label `speaker`; speakers are the same in all sets of a seed. Throws InputError for
 * counts and rates out of range.
 */
export function synthSounds(options: SynthSoundsOptions): SoundSet {
  const { kind, count, rate, speakers = 8, seconds = [0.4, 1], seed, split } = options;
  const known = kind === 'words' ? WORD_NAMES : EVENT_NAMES;
  const { classes = known.length } = options;
  checkWhole('the number of sounds', count, 1, 10_000_000);
  checkWhole('the rate', rate, 4000, 192_000);
  checkWhole('the number of classes', classes, 1, known.length);
  checkWhole('the number of speakers', speakers, 1, 10_000);
  const voices = Array.from({ length: speakers }, (_, i) => drawSpeaker(stream(seed, 'synth/speakers', i)));
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const speaker = Int32Array.from({ length: count }, (_, i) => Math.floor(i / classes) % speakers);
  const clips = Array.from({ length: count }, (_, i) => {
    const random = stream(seed, `synth/sounds ${kind}`, i);
    const sound = kind === 'words' ? paused(say(voices[speaker[i]!]!, WORDS[known[labels[i]!]!]!, rate, random).samples, rate, random)
      : drawEvent(known[labels[i]!]!, Math.round(random.between(...seconds) * rate), rate, random);
    return toInt16(recorded(sound, random)).data;
  });
  return {
    ...joinClips(clips), rate, labels, classes: known.slice(0, classes),
    ...(kind === 'words' && { columns: { speaker: { values: speaker, names: voices.map((_, i) => `speaker${i + 1}`) } } }),
    ...(split && { split: splitBy(split, count) }), skipped: [],
  };
}

/** With silence before and behind it. */
function paused(sound: Float32Array, rate: number, random: Stream): Float32Array {
  const [before, behind] = [0, 1].map(() => Math.round(random.between(...PAUSE) * rate)) as [number, number];
  const out = new Float32Array(before + sound.length + behind);
  out.set(sound, before);
  return out;
}

/** At a random level, with noise around it. */
function recorded(sound: Float32Array, random: Stream): Float32Array {
  const power = sound.reduce((sum, value) => sum + value * value, 0) / sound.length;
  const noise = Math.sqrt(3 * power) * 10 ** (-random.between(...BACKGROUND) / 20);
  const level = 10 ** (random.between(...LEVEL) / 20);
  const peak = sound.reduce((most, value) => Math.max(most, Math.abs(value)), 0) + noise;
  const gain = peak > 0 ? level / peak : 0;
  return sound.map((value) => gain * (value + noise * random.between(-1, 1)));
}
