import { describe, expect, test } from 'vitest';
import { fft } from '../../../../src/core/data/sound/fft.js';
import { clipCount, clipLength, clipOf } from '../../../../src/core/data/sound/set.js';
import { drawSpeaker, say, WORD_NAMES, type Speaker } from '../../../../src/core/data/synth/sound/voice.js';
import { synthSounds } from '../../../../src/core/data/synth/sounds.js';
import { stream } from '../../../../src/core/random.js';

const RATE = 8000;
const SPEAKER: Speaker = { pitch: 120, tract: 1, breath: 0, tilt: 0.85, pace: 1 };

/** Power at every multiple of rate / 4096 Hz of the samples in the middle. */
function spectrum(samples: Float32Array): Float64Array {
  const size = 4096;
  const values = new Float64Array(2 * size);
  const length = Math.min(size, samples.length >> 1);
  const start = (samples.length - length) >> 1;
  for (let i = 0; i < length; i++) values[2 * i] = samples[start + i]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
  const spectrum = fft(size)(values);
  return Float64Array.from({ length: size / 2 }, (_, k) => spectrum[2 * k]! ** 2 + spectrum[2 * k + 1]! ** 2);
}
/** The strongest frequency between two, in Hz. */
function peak(power: Float64Array, low: number, high: number): number {
  const step = RATE / 4096;
  let best = Math.round(low / step);
  for (let k = best; k < high / step; k++) if (power[k]! > power[best]!) best = k;
  return best * step;
}

describe('say', () => {
  test('the pulse of a vowel has the pitch of the speaker', () => {
    for (const pitch of [110, 200]) {
      const { samples } = say({ ...SPEAKER, pitch }, 'aaaa', RATE, stream(1, 'say'));
      expect(peak(spectrum(samples), 70, 1.6 * pitch) / pitch).toBeCloseTo(1, 0);
      expect(Math.abs(peak(spectrum(samples), 70, 1.6 * pitch) / pitch - 1)).toBeLessThan(0.2);
    }
  });

  test('formants are those of the vowel times the length of the throat', () => {
    const formant = (tract: number) => peak(spectrum(say({ ...SPEAKER, pitch: 80, tract }, 'iiii', RATE, stream(2, 'say')).samples), 1500, 3000);
    expect(Math.abs(formant(0.9) / (0.9 * 2290) - 1)).toBeLessThan(0.06);
    expect(Math.abs(formant(1.1) / (1.1 * 2290) - 1)).toBeLessThan(0.06);
  });

  test('durations add up to the samples, slow speakers take longer, and a stop begins with silence', () => {
    const quick = say(SPEAKER, 'ata', RATE, stream(3, 'say'));
    expect(quick.durations).toHaveLength(4);
    expect(quick.durations.reduce((a, b) => a + b, 0)).toBeCloseTo(quick.samples.length / RATE, 9);
    const slow = say({ ...SPEAKER, pace: 1.5 }, 'ata', RATE, stream(3, 'say'));
    expect(slow.samples.length / quick.samples.length).toBeCloseTo(1.5, 2);
    const [first, silence] = quick.durations as [number, number];
    const from = Math.round((first + 0.7 * silence) * RATE);
    const quiet = quick.samples.subarray(from, from + 0.3 * silence * RATE - 1);
    expect(Math.max(...quiet.map(Math.abs))).toBeLessThan(0.05);
    expect(Math.max(...quick.samples.map(Math.abs))).toBeCloseTo(1, 6);
  });

  test('speakers differ, and are the same for the same draw', () => {
    const [one, again, other] = [1, 1, 2].map((step) => drawSpeaker(stream(0, 'speaker', step)));
    expect(one).toEqual(again);
    expect(one).not.toEqual(other);
  });
});

describe('synthSounds', () => {
  test('words are even over words and speakers; the same seed gives the same sounds, a larger set begins with a smaller one', () => {
    const options = { kind: 'words', rate: RATE, classes: 3, speakers: 2, seed: 4 } as const;
    const set = synthSounds({ ...options, count: 12, split: [0.75, 0, 0.25] });
    expect([[...set.labels!], set.classes]).toEqual([[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], WORD_NAMES.slice(0, 3)]);
    expect([...set.columns!.speaker!.values]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    expect([...set.split!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2]);
    const smaller = synthSounds({ ...options, count: 5 });
    for (let i = 0; i < 5; i++) expect(clipOf(smaller, i)).toEqual(clipOf(set, i));
    expect(clipOf(synthSounds({ ...options, count: 1, seed: 5 }), 0)).not.toEqual(clipOf(set, 0));
    for (let i = 0; i < clipCount(set); i++) {
      const loudest = Math.max(...clipOf(set, i).map(Math.abs));
      expect(loudest).toBeGreaterThan(0.05);
      expect(loudest).toBeLessThan(0.7);
    }
  });

  test('events sound like their names', () => {
    const set = synthSounds({ kind: 'events', count: 18, rate: RATE, seconds: [0.5, 0.7], seed: 1 });
    const of = (name: string) => clipOf(set, set.classes!.indexOf(name));
    const half = (samples: Float32Array, which: 0 | 1) => {
      const middle = samples.length >> 1;
      return peak(spectrum(which ? samples.subarray(middle) : samples.subarray(0, middle)), 100, 3900);
    };
    expect(half(of('chirp-up'), 1) / half(of('chirp-up'), 0)).toBeGreaterThan(1.15);
    expect(half(of('chirp-down'), 1) / half(of('chirp-down'), 0)).toBeLessThan(0.87);
    expect(half(of('tone'), 1) / half(of('tone'), 0)).toBeCloseTo(1, 1);
    const flatness = (samples: Float32Array) => {
      const power = spectrum(samples).subarray(100, 1900);
      const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
      return Math.exp(mean(power.map((p) => Math.log(p + 1e-20)))) / mean(power);
    };
    expect(flatness(of('noise'))).toBeGreaterThan(0.3);
    expect(flatness(of('tone'))).toBeLessThan(0.05);
    for (let i = 0; i < 18; i++) expect(Math.abs(clipLength(set, i) / RATE - 0.6)).toBeLessThanOrEqual(0.1 + 1 / RATE);
  });

  test.each([
    [{ count: 0 }, 'number of sounds'], [{ rate: 1000 }, 'rate'], [{ classes: 11 }, 'number of classes'], [{ speakers: 0 }, 'number of speakers'],
  ])('%j is refused', (change, message) => {
    expect(() => synthSounds({ kind: 'words', count: 4, rate: RATE, seed: 0, ...change })).toThrow(message);
  });
});
