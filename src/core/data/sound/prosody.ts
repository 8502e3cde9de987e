import { InputError } from '../../errors.js';
import { pitchTrack } from './pitch.js';

export interface Prosody {
  /** Semitones up (or down, below 0). */
  readonly pitch: number;
  /** How many times as fast, above 0: n samples become n / tempo. */
  readonly tempo: number;
}

/** Where there is no pitch, pieces are this long, in seconds. */
const UNVOICED = 0.01;

/** A piece of sound around a moment, one period to either side. */
interface Mark {
  readonly at: number;
  readonly period: number;
  readonly voiced: boolean;
}

/**
 * Speech at another pitch and pace, with the formants where they are: pieces of two periods are taken at every period and laid
 * down at other distances (TD-PSOLA; Moulines & Charpentier 1990). Without a change the samples themselves are returned; sounds
 * without pitch only change their pace. Throws InputError for a tempo that is not above 0.
 */
export function changeProsody(samples: Float32Array, rate: number, { pitch, tempo }: Prosody): Float32Array {
  if (!(tempo > 0) || !Number.isFinite(tempo) || !Number.isFinite(pitch)) {
    throw new InputError(`a tempo has to be above 0 and a pitch a number of semitones, but they are ${tempo} and ${pitch}`);
  }
  if ((pitch === 0 && tempo === 1) || samples.length === 0) return samples;
  const factor = 2 ** (pitch / 12);
  const marks = pitchMarks(samples, rate);
  const length = Math.round(samples.length / tempo);
  const [sum, weight] = [new Float64Array(length), new Float64Array(length)];
  let nearest = 0;
  for (let at = marks[0]!.at / tempo; at < length;) {
    const source = at * tempo;
    const distance = (mark: Mark | undefined): number => (mark ? Math.abs(mark.at - source) : Infinity);
    while (distance(marks[nearest + 1]) <= distance(marks[nearest])) nearest++;
    const { at: centre, period, voiced } = marks[nearest]!;
    const spacing = (marks[nearest + 1]?.at ?? centre + period) - centre;
    const place = Math.round(at);
    for (let k = -period + 1; k < period; k++) {
      const [from, to] = [centre + k, place + k];
      if (from < 0 || from >= samples.length || to < 0 || to >= length) continue;
      const hann = 0.5 + 0.5 * Math.cos((Math.PI * k) / period);
      sum[to]! += hann * samples[from]!;
      weight[to]! += hann;
    }
    at += voiced ? spacing / factor : spacing;
  }
  // Pieces that lie closer add up to more; where one is far from the others it keeps its soft ends.
  return Float32Array.from(sum, (value, i) => value / Math.max(weight[i]!, 0.5));
}

/** Marks one period apart, on the highest sample of each where there is a pitch; evenly spaced where there is none. */
function pitchMarks(samples: Float32Array, rate: number): Mark[] {
  const { pitch, step } = pitchTrack(samples, rate);
  const unvoiced = Math.max(2, Math.round(UNVOICED * rate));
  const pitchAt = (at: number): number => pitch[Math.min(pitch.length - 1, Math.round(at / step))]!;
  const marks: Mark[] = [];
  let [at, voicedBefore] = [0, false];
  while (at < samples.length) {
    const f = pitchAt(at);
    const voiced = f > 0;
    const period = voiced ? Math.max(2, Math.round(rate / f)) : unvoiced;
    let place = at;
    if (voiced) {
      // The first one of a stretch is looked for in a whole period, the next ones near where they are expected.
      const reach = voicedBefore ? Math.round(0.2 * period) : period >> 1;
      for (let k = Math.max(0, at - reach); k <= Math.min(samples.length - 1, at + reach); k++) {
        if (samples[k]! > samples[place]! && k > (marks.at(-1)?.at ?? -1)) place = k;
      }
    }
    marks.push({ at: place, period, voiced });
    at = place + period;
    voicedBefore = voiced;
  }
  return marks;
}
