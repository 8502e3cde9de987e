import { describe, expect, test } from 'vitest';
import { float32, ndarray, type NdArray } from '../../../src/core/array.js';
import { exampleSetOf, exampleStatistics, examplesWithoutTest } from '../../../src/core/data/examples.js';
import { shiftedImages } from '../../../src/core/data/shift.js';
import { stream } from '../../../src/core/random.js';
import { numbersOf } from '../../support/steps.js';

const artifact = (tensors: Readonly<Record<string, NdArray>>, meta = {}) =>
  ({ kind: 'tensors', schema: 1, meta, tensors: new Map(Object.entries(tensors)) });

describe('exampleSetOf', () => {
  test('images go first, then rows and maps of real numbers; maps without channels get one', () => {
    const images = ndarray('uint8', [2, 1, 2, 2], new Uint8Array(8));
    expect(exampleSetOf(artifact({ features: float32([2, 3]), images }), 'a').examples).toEqual(images);
    expect(exampleSetOf(artifact({ points: float32([2, 3]) }), 'a').examples.shape).toEqual([2, 3]);
    expect(exampleSetOf(artifact({ array: float32([2, 3, 4]) }), 'a').examples.shape).toEqual([2, 1, 3, 4]);
    const { examples, labels } = exampleSetOf(artifact({
      x: ndarray('float64', [2, 2], Float64Array.of(1, 2, 3, 4)), labels: ndarray('int64', [2], BigInt64Array.of(1n, 0n)),
    }), 'a');
    expect([examples.dtype, numbersOf(examples), Array.from(labels!)]).toEqual(['float32', [1, 2, 3, 4], [1, 0]]);
  });

  test('test rows are left out with their labels', () => {
    const set = exampleSetOf(artifact({
      features: float32([3, 1], [5, 6, 7]), labels: ndarray('int32', [3], Int32Array.of(0, 1, 2)), split: ndarray('uint8', [3], Uint8Array.of(0, 2, 0)),
    }), 'a');
    const { examples, labels } = examplesWithoutTest(set);
    expect([numbersOf(examples), Array.from(labels!)]).toEqual([[5, 7], [0, 2]]);
  });

  test.each([
    [{ weights: float32([2, 3]) }, "a has no tensor 'images', nor one of real numbers (features, points, array, x, x_syn)"],
    [{ array: ndarray('int32', [2, 3], new Int32Array(6)) }, 'a: array is int32 [2,3], but real numbers are expected'],
    [{ array: float32([6]) }, 'a: array is float32 [6], but real numbers are expected: rows [N, D], or maps [N, H, W] or [N, C, H, W]'],
    [{ array: float32([0, 3]) }, 'a: array is [0,3]; there is nothing in it'],
    [{ points: float32([2, 2], [0, 0, 0, Infinity]) }, 'a: points has Infinity in row 1; values have to be finite'],
    [{ points: float32([2, 2]), labels: ndarray('int32', [3], new Int32Array(3)) }, 'a: labels is [3], but one for each of 2 examples is expected'],
  ])('what is no set of examples is an error: %#', (tensors, message) => {
    expect(() => exampleSetOf(artifact(tensors as Record<string, NdArray>), 'a')).toThrow(message);
  });
});

test('statistics are per column or channel; a constant one has deviation 1', () => {
  expect(exampleStatistics(float32([2, 2], [1, 7, 3, 7]))).toEqual({ mean: [2, 7], std: [1, 1] });
  const { mean, std } = exampleStatistics(float32([2, 2, 1, 2], [0, 2, 10, 10, 4, 6, 10, 30]));
  expect([mean, std[0]]).toEqual([[3, 15], Math.sqrt(5)]);
  expect(std[1]).toBeCloseTo(Math.sqrt(75), 12);
});

test('real-valued maps are shifted in their own units, and what comes in is what is asked for', () => {
  const maps = float32([1, 2, 2, 2], [1, 2, 3, 4, -1, -2, -3, -4]);
  const random = stream(1, 'x');
  const seen = new Set<string>();
  const options = { pad: 1, flip: 0, outside: [9, 8] };
  for (let draw = 0; draw < 60; draw++) seen.add(numbersOf(shiftedImages(maps, [0], options, random)).join());
  expect(seen).toContain('1,2,3,4,-1,-2,-3,-4');
  expect(seen).toContain('9,1,9,3,8,-1,8,-3');
  expect(seen.size).toBe(9);
});
