import { describe, expect, test } from 'vitest';
import { oracleConfidence } from '../../../src/core/docking/bootstrap.js';
import { PoseBuffer, type JudgedPose } from '../../../src/core/docking/buffer.js';
import { drawTime } from '../../../src/core/docking/times.js';
import { stream } from '../../../src/core/random.js';
import { chiSquareQuantile } from '../../../src/core/stats/distributions.js';

const options = { cutoff: -4, perPair: 3, decay: 0, reset: false, pairs: ['a', 'b', 'a'] };
const pose = (complex: number, logit: number): JudgedPose => ({ complex, logit, positions: Float32Array.of(logit, complex, 0) });
const sorted = (buffer: PoseBuffer): number[] => buffer.logits.sort((a, b) => b - a);

describe('the buffer of poses', () => {
  test('takes poses above the cutoff, not at it', () => {
    const buffer = new PoseBuffer(options);
    expect(buffer.add([pose(0, -4), pose(0, -3.9), pose(1, -5), pose(1, 2)])).toBe(2);
    expect(sorted(buffer)).toEqual([2, Math.fround(-3.9)]);
  });

  test('keeps the best of every pair, whatever rollout they are of', () => {
    const buffer = new PoseBuffer(options);
    buffer.add([pose(0, 1), pose(0, 2), pose(2, 3), pose(1, -1)]);
    expect(sorted(buffer)).toEqual([3, 2, 1, -1]);
    // Complexes 0 and 2 are one pair.
    expect(buffer.add([pose(2, 2.5), pose(0, 0)])).toBe(2);
    expect(sorted(buffer)).toEqual([3, 2.5, 2, -1]);
  });

  test('favours newer poses by the decay', () => {
    const buffer = new PoseBuffer({ ...options, perPair: 2, decay: 1 });
    buffer.add([pose(0, 1), pose(0, 0.5)]);
    buffer.add([pose(0, 0.2), pose(0, -0.1)]);
    // 1, 0.5, 0.2 + 1 and -0.1 + 1.
    expect(sorted(buffer)).toEqual([1, Math.fround(0.2)]);
    // 1, 0.2 + 1, -0.9 + 2
    buffer.add([pose(0, -0.9)]);
    expect(sorted(buffer)).toEqual([Math.fround(0.2), Math.fround(-0.9)]);
  });

  test('keeps the newest only, if asked', () => {
    const buffer = new PoseBuffer({ ...options, reset: true });
    buffer.add([pose(0, 1)]);
    buffer.add([pose(1, -1)]);
    expect(sorted(buffer)).toEqual([-1]);
    buffer.add([]);
    expect(buffer.size).toBe(0);
  });

  test.each([1, 0.5, 0])('draws in proportion to exp(%f logit)', (inverse) => {
    const buffer = new PoseBuffer(options);
    buffer.add([pose(0, 1), pose(1, 0), pose(1, -2), pose(2, 0.25)]);
    const found = buffer.logits;
    const total = found.reduce((sum, logit) => sum + Math.exp(inverse * logit), 0);
    const expected = found.map((logit) => Math.exp(inverse * logit) / total);
    buffer.weights(inverse).forEach((weight, i) => expect(weight).toBeCloseTo(expected[i], 12));
    const count = 20_000;
    const drawn = buffer.draw(count, inverse, stream(1, 'draws')).map(({ logit }) => logit);
    const chi2 = found.reduce((sum, logit, i) => {
      const times = drawn.filter((other) => other === logit).length;
      return sum + (times - count * expected[i]) ** 2 / (count * expected[i]);
    }, 0);
    expect(chi2).toBeLessThan(chiSquareQuantile(0.999, 3));
  });

  test('large logits do not overflow', () => {
    const buffer = new PoseBuffer(options);
    buffer.add([pose(0, 2000), pose(0, 1999), pose(1, -3)]);
    const [first, second, third] = buffer.weights(1);
    expect(first + second).toBeCloseTo(1, 12);
    expect(first / second).toBeCloseTo(Math.E, 10);
    expect(third).toBe(0);
  });

  test('goes on from its tensors as if nothing had happened', () => {
    const random = stream(2, 'logits');
    const some = (): JudgedPose[] => Array.from({ length: 12 }, (_, i) => pose(i % 3, random.between(-5, 3)));
    const whole = new PoseBuffer({ ...options, decay: 0.3 });
    whole.add(some());
    whole.add(some());
    const resumed = new PoseBuffer({ ...options, decay: 0.3 });
    resumed.restore(new Map(whole.toTensors()));
    expect(resumed.toTensors()).toEqual(whole.toTensors());
    const more = some();
    expect(resumed.add(more)).toBe(whole.add(more));
    expect(resumed.toTensors()).toEqual(whole.toTensors());
    expect(resumed.draw(20, 1, stream(3, 'x'))).toEqual(whole.draw(20, 1, stream(3, 'x')));
  });
});

test.each([[2, 1, 2 / 3, 1 / 18], [1, 1, 1 / 2, 1 / 12], [1, 3, 1 / 4, 3 / 80], [2, 3, 2 / 5, 1 / 25]])(
  'times of Beta(%d, %d) have its mean and variance', (a, b, mean, variance) => {
    const random = stream(4, `beta ${a} ${b}`);
    const times = Array.from({ length: 4000 }, () => drawTime({ a, b }, random));
    const average = times.reduce((sum, t) => sum + t, 0) / times.length;
    expect(Math.abs(average - mean)).toBeLessThan(4 * Math.sqrt(variance / times.length));
    const spread = times.reduce((sum, t) => sum + (t - average) ** 2, 0) / times.length;
    expect(Math.abs(spread / variance - 1)).toBeLessThan(0.1);
  });

test('the oracle is sure of the truth, and sure of what is far away', () => {
  expect(oracleConfidence(0)).toBeCloseTo(-4 * Math.tanh(-2), 12);
  expect(oracleConfidence(3)).toBeCloseTo(0, 12);
  expect(oracleConfidence(20)).toBeCloseTo(-4, 6);
});
