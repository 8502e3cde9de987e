import { describe, expect, test } from 'vitest';
import { babbleOf, mixAtSnr, noiseOf, whiteNoise } from '../../../../src/core/data/sound/noise.js';
import { pitchTrack } from '../../../../src/core/data/sound/pitch.js';
import { changeProsody } from '../../../../src/core/data/sound/prosody.js';
import { clipLength, clipOf, joinClips, type SoundSet } from '../../../../src/core/data/sound/set.js';
import { voiceSegment } from '../../../../src/core/data/sound/voice.js';
import { say } from '../../../../src/core/data/synth/sound/voice.js';
import { stream } from '../../../../src/core/random.js';

const RATE = 8000;
const vowel = (pitch: number, tract = 1): Float32Array =>
  say({ pitch, tract, breath: 0.02, tilt: 0.85, pace: 1 }, 'aaaaa', RATE, stream(1, 'vowel')).samples;
const power = (samples: ArrayLike<number>): number =>
  Array.from(samples).reduce((sum, value) => sum + value * value, 0) / samples.length;
const middle = (values: Float64Array): number[] => [...values].slice(values.length >> 2, 3 * (values.length >> 2));
/** Pitch in the middle of a sound, the median of its voiced moments. */
const pitchOf = (samples: Float32Array, lowest = 75): number => {
  const voiced = middle(pitchTrack(samples, RATE, { lowest }).pitch).filter((f) => f > 0).sort((a, b) => a - b);
  return voiced[voiced.length >> 1] ?? 0;
};
/** The strongest of some frequencies, in Hz. */
function strongest(samples: Float32Array, frequencies: readonly number[]): number {
  const level = (f: number) => {
    let [re, im] = [0, 0];
    samples.forEach((value, i) => {
      re += value * Math.cos((2 * Math.PI * f * i) / RATE);
      im += value * Math.sin((2 * Math.PI * f * i) / RATE);
    });
    return re * re + im * im;
  };
  return frequencies.map((f) => [f, level(f)] as const).sort((a, b) => b[1] - a[1])[0]![0];
}

describe('pitchTrack', () => {
  test('finds the pitch of tones to a thousandth, none in noise, none in silence', () => {
    for (const f of [90, 157, 333]) {
      const phase = (i: number) => (2 * Math.PI * f * i) / RATE;
      const tone = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(phase(i)) + 0.4 * Math.sin(2 * phase(i)));
      expect(pitchOf(tone) / f).toBeCloseTo(1, 2);
      expect(Math.abs(pitchOf(tone) / f - 1)).toBeLessThan(2e-3);
    }
    const noise = pitchTrack(stream(2, 'noise').normal(8000), RATE).pitch;
    expect(noise.filter((f) => f > 0).length / noise.length).toBeLessThan(0.25);
    expect(Math.max(...pitchTrack(new Float32Array(4000), RATE).pitch)).toBe(0);
  });

  test('finds that of a voice', () => {
    for (const pitch of [110, 190]) expect(Math.abs(pitchOf(vowel(pitch)) / pitch - 1)).toBeLessThan(0.15);
  });
});

describe('changeProsody', () => {
  const speech = vowel(120);

  test('no change gives the very samples', () => {
    expect(changeProsody(speech, RATE, { pitch: 0, tempo: 1 })).toBe(speech);
  });

  test('laid down where they were taken, the pieces give the sound again, to -40 dB', () => {
    // A tempo next to 1 takes the same way as any other.
    const again = changeProsody(speech, RATE, { pitch: 0, tempo: 1 + 1e-9 });
    const inner = (samples: Float32Array) => samples.subarray(200, -200);
    const difference = inner(again).map((value, i) => value - inner(speech)[i]!);
    expect(10 * Math.log10(power(difference) / power(inner(speech)))).toBeLessThan(-40);
  });

  test.each([-5, 3, 12])('%i semitones move the pitch by as much; length and level stay', (semitones) => {
    const moved = changeProsody(speech, RATE, { pitch: semitones, tempo: 1 });
    expect(moved).toHaveLength(speech.length);
    expect(Math.abs(Math.log2(pitchOf(moved, 75 * 2 ** (semitones / 12)) / pitchOf(speech)) * 12 - semitones)).toBeLessThan(0.5);
    expect(Math.abs(10 * Math.log10(power(moved) / power(speech)))).toBeLessThan(4);
  });

  test.each([0.7, 0.85, 1.3])('a tempo of %f makes n samples n / tempo, and leaves the pitch', (tempo) => {
    const paced = changeProsody(speech, RATE, { pitch: 0, tempo });
    expect(paced).toHaveLength(Math.round(speech.length / tempo));
    expect(Math.abs(pitchOf(paced) / pitchOf(speech) - 1)).toBeLessThan(0.03);
  });

  test('formants stay where they are when the pitch moves', () => {
    const low = say({ pitch: 100, tract: 1, breath: 0, tilt: 0.85, pace: 1 }, 'iiiii', RATE, stream(3, 'vowel')).samples;
    // Resampled, they would move by 600 Hz; harmonics, which are what is measured, lie 126 Hz apart.
    const frequencies = Array.from({ length: 60 }, (_, k) => 1700 + 20 * k);
    const near = (samples: Float32Array) => strongest(samples.subarray(1500, 4500), frequencies);
    expect(Math.abs(near(changeProsody(low, RATE, { pitch: 4, tempo: 1 })) - near(low))).toBeLessThan(250);
  });

  test('sounds without pitch change their pace only; a tempo of 0 is refused', () => {
    const noise = stream(4, 'noise').normal(4000);
    expect(changeProsody(noise, RATE, { pitch: 0, tempo: 2 })).toHaveLength(2000);
    expect(() => changeProsody(noise, RATE, { pitch: 0, tempo: 0 })).toThrow('a tempo has to be above 0');
  });
});

describe('mixAtSnr', () => {
  const [x, n] = [vowel(120), stream(5, 'noise').normal(3000)];

  test.each([-5, 0, 12.5])('the ratio of what was there to what was added is %f dB', (snr) => {
    const added = Float64Array.from(mixAtSnr(x, n, snr), (value, i) => value - x[i]!);
    expect(10 * Math.log10(power(x) / power(added))).toBeCloseTo(snr, 4);
  });

  test('an infinite ratio, silence and silent noise leave the sound as it is; noise is repeated or cut', () => {
    expect(mixAtSnr(x, n, Infinity)).toBe(x);
    expect(mixAtSnr(x, new Float32Array(10), 5)).toBe(x);
    expect(mixAtSnr(new Float32Array(4), n, 5)).toEqual(new Float32Array(4));
    const repeated = mixAtSnr(Float32Array.of(1, 1, 1, 1), Float32Array.of(1, -1, 0), 0);
    expect([...repeated].map((value) => Math.sign(value - 1))).toEqual([1, -1, 0, 1]);
  });
});

describe('backgrounds and views', () => {
  const set: SoundSet = { ...joinClips([vowel(110), vowel(210), stream(6, 'noise').normal(300, 0, 0.1)]), rate: RATE, skipped: [] };

  test('are as long as asked, and differ from draw to draw', () => {
    for (const source of [whiteNoise, noiseOf(set), babbleOf(set)]) {
      const [one, two] = [source(2000, stream(7, 'draw', 0)), source(2000, stream(7, 'draw', 1))];
      expect([one.length, two.length]).toEqual([2000, 2000]);
      expect(one).not.toEqual(two);
      expect(source(2000, stream(7, 'draw', 0))).toEqual(one);
    }
    expect(power(babbleOf(set)(4000, stream(8, 'draw')))).toBeGreaterThan(2);
  });

  test('a segment is changed as often as the probability says, by pitch and tempo of the sound that it is cut from', () => {
    const changes = { prosody: { pitch: [-3, 3], tempo: [0.85, 1.15] }, noise: { source: whiteNoise, snr: [5, 25] } } as const;
    const never = voiceSegment(set, 0, 100, 3000, { probability: 0, ...changes }, stream(9, 'voice'));
    expect(never).toEqual(clipOf(set, 0, 100, 3100));
    const always = voiceSegment(set, 0, 100, 3000, { probability: 1, ...changes }, stream(9, 'voice'));
    expect(always.length).toBe(3000);
    expect(always).not.toEqual(never);
    expect(voiceSegment(set, 0, 100, 3000, { probability: 1 }, stream(9, 'voice'))).toEqual(never);
    // Faster than the clip is long: what is left is shorter, and filled up with silence later.
    const end = clipLength(set, 0) - 1000;
    const fast = voiceSegment(set, 0, end, 1000, { probability: 1, prosody: { pitch: [0, 0], tempo: [2, 2] } }, stream(9, 'voice'));
    expect(fast.length).toBe(500);
  });
});
