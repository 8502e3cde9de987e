import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { framesOf, logMel, type LogMelSpec } from '../../../../src/core/data/sound/log-mel.js';
import { melBands, melEdges } from '../../../../src/core/data/sound/mel.js';
import { resampler } from '../../../../src/core/data/sound/resample.js';
import { decodeWav } from '../../../../src/core/data/sound/wav.js';
import { stream } from '../../../../src/core/random.js';

interface Golden {
  readonly resample: readonly { sound: string; from: number; to: number; first: number; count: number; values: number[] }[];
  readonly logMel: readonly { bank: 'htk' | 'slaney'; spec: Omit<LogMelSpec, 'bank'>; sound: string; frames: number; every: number; values: number[] }[];
  readonly bands: readonly { bank: 'htk' | 'slaney'; spec: Omit<LogMelSpec, 'bank'>; sums: number[]; centroid: number[] }[];
}
const golden = JSON.parse(readFileSync(new URL('../../../golden/sound.json', import.meta.url), 'utf8')) as Golden;
const sound = (name: string): Float32Array =>
  decodeWav(readFileSync(new URL(`../../../../fixtures/sounds/${name}`, import.meta.url)), name).channels[0]!;
const PAPER = { rate: 16_000, nFft: 1024, hop: 160, mels: 64, fmin: 60, fmax: 7800 } as const;
const FLOOR = -15.942385;
const sine = (frequency: number, length = 15_200): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * frequency * i) / 16_000 + 0.4));

describe('resampler', () => {
  for (const { sound: name, from, to, first, count, values } of golden.resample) {
    test(`${from} to ${to} Hz is torchaudio's`, () => {
      const found = resampler(from, to)(sound(name).subarray(first, first + count));
      expect(found).toHaveLength(values.length);
      const scale = Math.max(...values.map(Math.abs));
      values.forEach((value, i) => expect(Math.abs(found[i]! - value) / scale).toBeLessThan(1e-6));
    });
  }

  test('a sine keeps its frequency and its level, and what the new rate cannot hold disappears', () => {
    const down = resampler(16_000, 8000);
    const kept = down(sine(1000));
    kept.subarray(50, -50).forEach((value, i) =>
      expect(value).toBeCloseTo(Math.sin((2 * Math.PI * 1000 * (i + 50)) / 8000 + 0.4), 2));
    expect(Math.max(...down(sine(6000)).subarray(50, -50))).toBeLessThan(0.01);
  });

  test('the same rate gives the very same samples, and lengths are rounded up', () => {
    const samples = sine(440, 1001);
    expect(resampler(8000, 8000)(samples)).toBe(samples);
    expect(resampler(3, 2)(samples)).toHaveLength(668);
  });

  test.each([[0, 8000], [8000, 1.5], [44_100, 47_999_999]])('%i to %d Hz is refused', (from, to) => {
    expect(() => resampler(from, to)).toThrow(/Hz/);
  });
});

describe('melBands', () => {
  for (const { bank, spec, sums, centroid } of golden.bands) {
    test(`${bank} bands have the weights of ${bank === 'htk' ? 'torchaudio' : 'librosa'}`, () => {
      const bands = melBands({ ...spec, bank });
      bands.forEach(({ first, weights }, m) => {
        const sum = weights.reduce((a, b) => a + b, 0);
        expect(sum / sums[m]!).toBeCloseTo(1, 5);
        expect(weights.reduce((total, weight, k) => total + weight * (first + k), 0) / sum).toBeCloseTo(centroid[m]!, 4);
      });
    });
  }

  test("edges are the sheet's", () => {
    const htk = melEdges({ ...PAPER, bank: 'htk' });
    [60, 88.7620, 118.6125, 149.5927].forEach((edge, i) => expect(htk[i]).toBeCloseTo(edge, 4));
    [7191.4016, 7490.0497, 7800].forEach((edge, i) => expect(htk[63 + i]).toBeCloseTo(edge, 4));
    const slaney = melEdges({ ...PAPER, bank: 'slaney' });
    [60, 105.1050, 150.2100].forEach((edge, i) => expect(slaney[i]).toBeCloseTo(edge, 4));
    const bins = melBands({ ...PAPER, bank: 'htk' }).map(({ weights }) => weights.filter((weight) => weight > 0).length);
    expect(Math.min(...bins)).toBeGreaterThanOrEqual(3);
  });

  test('frequencies beyond the rate and bands without a bin are refused', () => {
    expect(() => melBands({ ...PAPER, rate: 8000, bank: 'htk' })).toThrow('mel bands from 60 to 7800 Hz do not fit sounds of 8000 Hz, which have frequencies from 0 to 4000');
    expect(() => melBands({ ...PAPER, nFft: 128, bank: 'htk' })).toThrow(/mel band \d+ of 64, .* holds none of the frequencies/);
  });
});

describe('logMel', () => {
  for (const { bank, spec, sound: name, frames, every, values } of golden.logMel) {
    test(`${bank} with ${spec.mels} bands at ${spec.rate} Hz is that of ${bank === 'htk' ? 'torchaudio' : 'librosa'}`, () => {
      const samples = resampler(8000, spec.rate)(sound(name));
      const found = logMel({ ...spec, bank })(samples);
      expect(found).toHaveLength(spec.mels * frames);
      const kept = found.filter((_, i) => (i % frames) % every === 0);
      values.forEach((value, i) => expect(Math.abs(kept[i]! - value)).toBeLessThan(2e-4));
    });
  }

  const htk = logMel({ ...PAPER, bank: 'htk' });
  const slaney = logMel({ ...PAPER, bank: 'slaney' });
  const frame = (x: Float32Array, at: number): number[] => Array.from({ length: 64 }, (_, m) => x[m * 96 + at]!);

  test('0.95 s at 16 kHz are 96 frames; silence is the logarithm of the resolution of float32', () => {
    expect([15_200, 159, 160].map((n) => framesOf(n, 160))).toEqual([96, 1, 2]);
    expect(htk(new Float32Array(15_200))).toHaveLength(64 * 96);
    expect(htk(new Float32Array(15_200)).every((value) => Math.abs(value - FLOOR) < 1e-5)).toBe(true);
  });

  test('a sine of 1 kHz peaks where the sheet says', () => {
    const one = frame(htk(sine(1000)), 40);
    expect(one.indexOf(Math.max(...one))).toBe(21);
    [[20, 10.39084], [21, 11.09352]].forEach(([m, value]) => expect(one[m!]).toBeCloseTo(value!, 4));
    [10, 22, 40].forEach((m) => expect(one[m]).toBeLessThan(-14));
    const other = frame(slaney(sine(1000)), 40);
    [[19, 6.0464], [20, 7.40077], [21, 4.03945]].forEach(([m, value]) => expect(other[m!]).toBeCloseTo(value!, 4));
    expect(other.indexOf(Math.max(...other))).toBe(20);
  });

  test('twice as loud adds ln 4', () => {
    const noise = stream(1, 'noise').normal(15_200, 0, 0.1);
    const [plain, loud] = [htk(noise), htk(noise.map((value) => 2 * value))];
    plain.forEach((value, i) => expect(loud[i]! - value).toBeCloseTo(Math.log(4), 3));
  });

  test('an odd number of frames and an even one agree, and sounds too short to be reflected are refused', () => {
    const noise = stream(2, 'noise').normal(3200);
    const [odd, even] = [htk(noise), htk(noise.subarray(0, 3199))];
    // The last frame lies on the last sample of the longer one only; those far from the end are the same.
    for (let m = 0; m < 64; m++) for (let t = 0; t < 16; t++) expect(odd[m * 21 + t]).toBe(even[m * 20 + t]);
    expect(() => htk(new Float32Array(512))).toThrow('a sound of 512 samples is too short for windows of 1024; it needs more than 512');
  });
});
