import { describe, expect, it } from 'vitest';
import { fft } from '../../../../src/core/data/sound/fft.js';
import { decibels, spectrogram } from '../../../../src/core/data/sound/spectrogram.js';
import { stream } from '../../../../src/core/random.js';

const naive = (real: Float64Array, imaginary: Float64Array) => {
  const size = real.length;
  const sum = (part: (re: number, im: number, angle: number) => number) => Float64Array.from({ length: size }, (_, k) =>
    real.reduce((total, re, n) => total + part(re, imaginary[n]!, (2 * Math.PI * k * n) / size), 0));
  return [
    sum((re, im, angle) => re * Math.cos(angle) + im * Math.sin(angle)),
    sum((re, im, angle) => im * Math.cos(angle) - re * Math.sin(angle)),
  ] as const;
};

describe('fft', () => {
  it.each([2, 4, 8, 64, 256])('is the discrete Fourier transform of %i values', (size) => {
    const [real, imaginary] = ['real', 'imaginary'].map((name) => Float64Array.from(stream(1, name).normal(size)));
    const [expectedReal, expectedImaginary] = naive(real!, imaginary!);
    const spectrum = fft(size)(Float64Array.from({ length: 2 * size }, (_, i) => (i % 2 ? imaginary : real)![i >> 1]!));
    for (let k = 0; k < size; k++) {
      expect(spectrum[2 * k]).toBeCloseTo(expectedReal[k]!, 11);
      expect(spectrum[2 * k + 1]).toBeCloseTo(expectedImaginary[k]!, 11);
    }
  });

  it.each([0, 1, 3, 12])('is refused for %i values', (size) => {
    expect(() => fft(size)).toThrow(`a Fourier transform of ${size} values was asked for; give a power of two`);
  });
});

describe('spectrogram', () => {
  const RATE = 8000;
  const tone = (hertz: number, count: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / RATE));

  it('finds a tone at its frequency, with the power of a Hann window', () => {
    // 1000 Hz is value 32 of 256. A tone of amplitude 1 has |X| = (sum of the window) / 2 = 100 / 2 there.
    const { power, frames, bins, hop } = spectrogram(tone(1000, RATE), RATE);
    expect([frames, bins, hop]).toEqual([99, 129, 80]);
    for (let t = 0; t < 97; t++) {
      const own = power.subarray(t * bins, (t + 1) * bins);
      expect(own.indexOf(Math.max(...own))).toBe(32);
      expect(own[32]).toBeCloseTo(50 ** 2, 2);
    }
  });

  it('has every sample in a frame, and a frame for the shortest clip', () => {
    const click = new Float32Array(1000);
    click[998] = 1;
    const { power, frames, bins } = spectrogram(click, RATE);
    expect(frames).toBe(11);
    expect(power.slice(10 * bins).some((value) => value > 0)).toBe(true);
    expect(spectrogram(Float32Array.of(1), RATE).frames).toBe(1);
  });

  it('averages the power of neighbouring frames where there are too many, the last ones too', () => {
    const samples = stream(2, 'noise').normal(1000);
    const whole = spectrogram(samples, RATE);
    const { power, frames, bins, hop } = spectrogram(samples, RATE, 6);
    expect([whole.frames, frames, bins, hop]).toEqual([11, 6, 129, 160]);
    for (let k = 0; k < bins; k++) {
      expect(power[bins + k]).toBeCloseTo((whole.power[2 * bins + k]! + whole.power[3 * bins + k]!) / 2, 10);
      expect(power[5 * bins + k]).toBe(whole.power[10 * bins + k]);
    }
  });

  it('is shown in decibels below the loudest value, down to a floor', () => {
    const spectra = [[100, 1e-9], [10, 0]].map((power) => ({ power: Float64Array.from(power), frames: 1, bins: 2, hop: 1 }));
    expect(decibels(spectra, 80)).toEqual([Float64Array.of(0, -80), Float64Array.of(-10, -80)]);
    expect(decibels([{ power: new Float64Array(2), frames: 1, bins: 2, hop: 1 }], 60)).toEqual([Float64Array.of(-60, -60)]);
  });
});
