import type { Stream } from '../../../random.js';

/**
 * A toy of a speaking voice: pulses of the larynx and noise go through resonators (Klatt 1980), whose frequencies a speaker's
 * throat scales. Everything that tells speakers apart is a number that is known.
 */
export interface Speaker {
  /** Pulses per second in the middle of a word, Hz. */
  readonly pitch: number;
  /** Factor of all formants: short throats have high ones. */
  readonly tract: number;
  /** Noise in the pulses, from 0. */
  readonly breath: number;
  /** Share of one pulse's sample in the next ones, below 1: how dull the voice is. */
  readonly tilt: number;
  /** Factor of all durations. */
  readonly pace: number;
}

/** A sound of speech: formants of a man's voice in Hz with their bandwidths, how much of it is voice and noise, seconds. */
interface Phoneme {
  readonly formants: readonly number[];
  readonly voice: number;
  readonly noise: number;
  readonly seconds: number;
}

const vowel = (...formants: number[]): Phoneme => ({ formants: [...formants, 3500], voice: 1, noise: 0, seconds: 0.15 });
const nasal = (...formants: number[]): Phoneme => ({ formants: [...formants, 3300], voice: 0.4, noise: 0, seconds: 0.08 });
const hiss = (seconds: number, noise: number, ...formants: number[]): Phoneme => ({ formants, voice: 0, noise, seconds });

/** Vowels after Peterson & Barney (1952). */
export const PHONEMES: Readonly<Record<string, Phoneme>> = {
  a: vowel(730, 1090, 2440), e: vowel(530, 1840, 2480), i: vowel(270, 2290, 3010), o: vowel(570, 840, 2410),
  u: vowel(300, 870, 2240),
  m: nasal(250, 1000, 2200), n: nasal(250, 1400, 2500), l: nasal(360, 1100, 2600),
  s: hiss(0.12, 0.3, 2900, 3600, 4300, 5200), f: hiss(0.1, 0.12, 1100, 2100, 3000, 3800),
  // As in ship, and a voiced s.
  S: hiss(0.12, 0.4, 1900, 2500, 3100, 3900), z: { ...hiss(0.09, 0.1, 250, 1700, 2600, 4300), voice: 0.4 },
  // The burst of a stop, behind a silence.
  t: hiss(0.03, 0.5, 1800, 2600, 3700, 4300), k: hiss(0.03, 0.5, 1500, 2000, 2600, 3500),
  p: hiss(0.03, 0.4, 500, 1000, 2300, 3400),
};
const STOPS = new Set(['t', 'k', 'p']);
const SILENCE = 0.05;

/** The phonemes of ten words, as different from each other as digits are. */
export const WORDS: Readonly<Record<string, string>> = {
  tano: 'tano', selu: 'selu', miko: 'miko', shefa: 'Sefa', puzi: 'puzi', kala: 'kala', nome: 'nome', fitu: 'fitu', zopi: 'zopi',
  lumase: 'lumase',
};
export const WORD_NAMES = Object.keys(WORDS);

/** A speaker drawn at random: between a low man's voice and a child's. */
export function drawSpeaker(random: Stream): Speaker {
  const height = random.next();
  // High voices tend to have short throats, but not always.
  const tract = 0.85 + 0.25 * (0.7 * height + 0.3 * random.next()) + random.between(-0.04, 0.04);
  return {
    pitch: 80 * 3.3 ** height, tract, breath: random.between(0.01, 0.15), tilt: random.between(0.75, 0.93),
    pace: random.between(0.8, 1.25),
  };
}

/** A word as somebody says it. */
export interface Utterance {
  /** Samples, the loudest at 1. */
  readonly samples: Float32Array;
  /** Seconds of each of its sounds, the silence before a stop among them. */
  readonly durations: readonly number[];
}

/** Between one sound and the next the resonators move, in seconds. */
const GLIDE = 0.04;
const BANDWIDTHS = [70, 100, 140, 200];

/**
 * A speaker says a sequence of PHONEMES at a rate; never twice in the same way: pitch, pace and emphasis vary. Formants above the
 * highest frequency of the rate are left out.
 */
export function say(speaker: Speaker, phonemes: string, rate: number, random: Stream): Utterance {
  const pace = speaker.pace * random.between(0.85, 1.2);
  const pitch = speaker.pitch * random.between(0.92, 1.09);
  const parts = [...phonemes].map((name) => {
    const phoneme = PHONEMES[name]!;
    const silence = STOPS.has(name) ? Math.round(SILENCE * pace * rate) : 0;
    return { phoneme, silence, length: silence + Math.round(phoneme.seconds * pace * random.between(0.85, 1.15) * rate) };
  });
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const samples = new Float32Array(total);
  const resonators = BANDWIDTHS.map(() => new Resonator(rate));
  const lead = random.between(-0.1, 0.1);
  let [phase, pulse, at] = [0, 0, 0];
  parts.forEach(({ phoneme, silence, length }, p) => {
    const before = parts[p - 1]?.phoneme ?? phoneme;
    for (let i = 0; i < length; i++, at++) {
      const mixed = Math.min(1, i / (GLIDE * rate));
      const between = (a: number, b: number): number => a + (b - a) * mixed;
      if (i % 16 === 0) {
        resonators.forEach((resonator, k) => {
          resonator.tune(speaker.tract * between(before.formants[k]!, phoneme.formants[k]!), BANDWIDTHS[k]!);
        });
      }
      const shut = i < silence;
      // Pitch falls over a word.
      phase += (pitch * (1.12 + lead - 0.3 * (at / total))) / rate;
      const beats = phase >= 1;
      if (beats) phase -= 1;
      pulse = pulse * speaker.tilt + (beats ? 1 : 0);
      const noise = random.between(-1, 1);
      const voice = between(before.voice, phoneme.voice) * (pulse - (1 - speaker.tilt) + speaker.breath * noise);
      const source = shut ? 0 : voice + between(before.noise, phoneme.noise) * noise;
      samples[at] = resonators.reduce((sum, resonator, k) => sum + resonator.filter(source) / (1 + k), 0);
    }
  });
  fade(samples, Math.round(0.015 * rate));
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return {
    samples: peak > 0 ? samples.map((value) => value / peak) : samples,
    durations: parts.flatMap(({ silence, length }) => (silence > 0 ? [silence, length - silence] : [length]))
      .map((samples) => samples / rate),
  };
}

/** A resonance: a pair of poles, with a gain of 1 at its frequency. */
class Resonator {
  private a = 0;
  private b = 0;
  private gain = 0;
  private y1 = 0;
  private y2 = 0;

  constructor(private readonly rate: number) {}

  tune(frequency: number, bandwidth: number): void {
    const radius = Math.exp((-Math.PI * bandwidth) / this.rate);
    const angle = (2 * Math.PI * frequency) / this.rate;
    this.a = 2 * radius * Math.cos(angle);
    this.b = -radius * radius;
    const inside = frequency < 0.48 * this.rate;
    this.gain = inside ? (1 - radius) * Math.sqrt(1 - 2 * radius * Math.cos(2 * angle) + radius * radius) : 0;
  }

  filter(x: number): number {
    const y = this.gain * x + this.a * this.y1 + this.b * this.y2;
    this.y2 = this.y1;
    this.y1 = y;
    return y;
  }
}

/** Both ends rise from and fall to silence over `length` samples. */
export function fade(samples: Float32Array, length: number): void {
  const n = Math.min(length, samples.length >> 1);
  for (let i = 0; i < n; i++) {
    const gain = 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / n);
    samples[i]! *= gain;
    samples[samples.length - 1 - i]! *= gain;
  }
}
