import type { Stream } from '../../../random.js';
import { fade } from './voice.js';

/** A sound of so many samples at a rate, about between -1 and 1. */
type Event = (length: number, rate: number, random: Stream) => Float32Array;

const TURN = 2 * Math.PI;

/** Samples of a wave, a sine where left out, whose frequency in Hz changes with the share of the time that has passed. */
function swept(
  length: number, rate: number, frequency: (share: number) => number, wave: (phase: number) => number = Math.sin,
): Float32Array {
  let phase = 0;
  return Float32Array.from({ length }, (_, i) => {
    phase += (TURN * frequency(i / length)) / rate;
    return wave(phase);
  });
}

/** A frequency from 200 Hz to 1.6 kHz, all octaves alike. */
const drawFrequency = (random: Stream): number => 200 * 2 ** random.between(0, 3);

function chirp(direction: 1 | -1): Event {
  return (length, rate, random) => {
    const [start, octaves] = [drawFrequency(random), random.between(0.7, 1.3)];
    return swept(length, rate, (t) => start * 2 ** (octaves * (direction > 0 ? t : 1 - t)));
  };
}

/** Kinds of sounds that are told apart by what they are, not by pitch or loudness. */
export const EVENTS: Readonly<Record<string, Event>> = {
  tone: (length, rate, random) => {
    const f = drawFrequency(random);
    return swept(length, rate, () => f);
  },
  'chirp-up': chirp(1),
  'chirp-down': chirp(-1),
  harmonic: (length, rate, random) => {
    const f = 0.5 * drawFrequency(random);
    const highest = Math.min(12, Math.floor((0.45 * rate) / f));
    const weights = Array.from({ length: highest }, (_, k) => random.between(0.4, 1) / (k + 1));
    const sum = (phase: number): number => weights.reduce((total, weight, k) => total + weight * Math.sin((k + 1) * phase), 0);
    return swept(length, rate, () => f, (phase) => sum(phase) / 2);
  },
  tremolo: (length, rate, random) => {
    const [f, beats] = [drawFrequency(random), random.between(6, 14)];
    return swept(length, rate, () => f).map((value, i) => value * (0.5 - 0.5 * Math.cos((TURN * beats * i) / rate)));
  },
  siren: (length, rate, random) => {
    const [f, turns] = [drawFrequency(random), random.between(4, 8)];
    return swept(length, rate, (t) => f * 2 ** (0.5 * Math.sin(TURN * turns * (t * length) / rate)));
  },
  noise: (length, _rate, random) => Float32Array.from({ length }, () => random.between(-1, 1)),
  rumble: (length, _rate, random) => {
    const memory = random.between(0.9, 0.97);
    let value = 0;
    return Float32Array.from({ length }, () => {
      value = memory * value + random.between(-1, 1) * (1 - memory);
      return 3 * value;
    });
  },
  clicks: (length, rate, random) => {
    const period = rate / random.between(6, 20);
    const decay = Math.exp(-1 / (0.002 * rate));
    let value = 0;
    return Float32Array.from({ length }, (_, i) => {
      value = i % Math.round(period) === 0 ? 1 : -value * decay;
      return value;
    });
  },
};
export const EVENT_NAMES = Object.keys(EVENTS);

/** One event, with soft ends. */
export function drawEvent(name: string, length: number, rate: number, random: Stream): Float32Array {
  const samples = EVENTS[name]!(length, rate, random);
  fade(samples, Math.round(0.01 * rate));
  return samples;
}
