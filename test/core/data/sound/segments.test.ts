import { describe, expect, test } from 'vitest';
import { defaultLogMel, logMel } from '../../../../src/core/data/sound/log-mel.js';
import { drawStart, filledUp, Segments, segmentOf } from '../../../../src/core/data/sound/segments.js';
import { joinClips, type SoundSet } from '../../../../src/core/data/sound/set.js';
import { logMelStatistics, momentsOf } from '../../../../src/core/data/sound/statistics.js';
import { stream } from '../../../../src/core/random.js';

const RATE = 4000;
const spec = { ...defaultLogMel(RATE), mels: 16 };
const setOf = (...clips: Float32Array[]): SoundSet => ({ ...joinClips(clips), rate: RATE, skipped: [] });
const noise = (length: number, name = 'noise', level = 0.1) => stream(1, name).normal(length, 0, level);
const ramp = Float32Array.of(1, 2, 3, 4, 5);

describe('segments', () => {
  test('short sounds are filled up at both ends or at the end, longer ones cut', () => {
    expect([...filledUp(ramp, 8, 'both')]).toEqual([0, 1, 2, 3, 4, 5, 0, 0]);
    expect([...filledUp(ramp, 8, 'end')]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
    const set = setOf(ramp);
    expect([...segmentOf(set, 0, 2, 3, 'both')]).toEqual([3, 4, 5]);
    expect([...segmentOf(set, 0, 0, 6, 'end')]).toEqual([1, 2, 3, 4, 5, 0]);
  });

  test('places are drawn evenly, the last one too; short sounds have one', () => {
    const set = setOf(ramp, Float32Array.of(1, 2));
    const random = stream(2, 'places');
    const seen = Array.from({ length: 300 }, () => drawStart(set, 0, 3, random));
    expect([...new Set(seen)].sort()).toEqual([0, 1, 2]);
    for (const start of [0, 1, 2]) expect(Math.abs(seen.filter((value) => value === start).length - 100)).toBeLessThan(35);
    expect(drawStart(set, 1, 3, random)).toBe(0);
  });

  test('a batch is the spectrograms of its segments, the same from the same stream, whether known from before or not', () => {
    const set = setOf(noise(1000), noise(9000, 'long'));
    const segments = new Segments(set, spec, 3800, 'both');
    const once = segments.batch([0, 1, 1], stream(3, 'segment', 5));
    expect(once.shape).toEqual([3, 1, 16, 96]);
    expect(segments.batch([0, 1, 1], stream(3, 'segment', 5))).toEqual(once);
    expect(new Segments(set, spec, 3800, 'both').batch([0, 1, 1], stream(3, 'segment', 5))).toEqual(once);
    const size = 16 * 96;
    expect(once.data.subarray(0, size)).toEqual(logMel(spec)(filledUp(noise(1000), 3800, 'both')));
    expect(once.data.subarray(size, 2 * size)).not.toEqual(once.data.subarray(2 * size));
  });

  test('statistics are mean and deviation of all values, and follow the level of the sounds', () => {
    const clips = [noise(3800, 'a'), noise(3800, 'b', 0.01), noise(3800, 'c', 0.5)];
    const values = Float32Array.from(clips.flatMap((clip) => [...logMel(spec)(clip)]));
    const { mean, std } = new Segments(setOf(...clips), spec, 3800, 'end').statistics(0);
    const expected = momentsOf(values);
    expect(mean).toBeCloseTo(expected.mean, 5);
    expect(std).toBeCloseTo(expected.deviation, 5);
    const louder = new Segments(setOf(...clips.map((clip) => clip.map((value) => 2 * value))), spec, 3800, 'end').statistics(0);
    expect(louder.mean - mean).toBeCloseTo(Math.log(4), 2);
    expect(louder.std).toBeCloseTo(std, 2);
    expect(new Segments(setOf(new Float32Array(3800)), spec, 3800, 'end').statistics(0).std).toBeGreaterThan(0);
  });

  test('segments that are shorter than half a window are refused', () => {
    expect(() => new Segments(setOf(ramp), spec, 100, 'end')).toThrow('segments of 100 samples are too short for windows of 256');
  });
});

test('logMelStatistics: mean and deviation of every band, of silence ln 2^-23 and 0', () => {
  const { shape, data } = logMelStatistics(setOf(noise(2000), new Float32Array(50)));
  expect(shape).toEqual([2, 128]);
  const spectrogram = logMel(defaultLogMel(RATE))(noise(2000));
  const { mean, deviation } = momentsOf(spectrogram.subarray(5 * 51, 6 * 51));
  expect([data[5], data[64 + 5]]).toEqual([Math.fround(mean), Math.fround(deviation)]);
  data.subarray(128, 192).forEach((value) => expect(value).toBeCloseTo(-15.942385, 4));
  expect(Math.max(...data.subarray(192).map(Math.abs))).toBeLessThan(1e-6);
});
