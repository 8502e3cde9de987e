import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Matrix64 } from '../../../src/core/stats/matrix.js';

/** Golden values of scikit-learn, scipy and numpy, written by test/golden/stats.py. */
export const golden = JSON.parse(readFileSync(new URL('../../golden/stats.json', import.meta.url), 'utf8'));

export const fromRows = (rows: readonly (readonly number[])[]): Matrix64 =>
  ({ rows: rows.length, cols: rows[0].length, data: Float64Array.from(rows.flat()) });

/** n x d values by a rule of row and column. */
export function fill(rows: number, cols: number, value: (i: number, j: number) => number): Matrix64 {
  const data = Float64Array.from({ length: rows * cols }, (_, at) => value(Math.floor(at / cols), at % cols));
  return { rows, cols, data };
}

/** The toy data of the oracles: 30 x 4 features, 3 classes, 20 rows to train on. */
export const toy = {
  x: fill(30, 4, (i, j) => Math.sin(i * (j + 1)) + (j === i % 3 ? 0.5 : 0)),
  y: Int32Array.from({ length: 30 }, (_, i) => i % 3),
};

/** Every value within an absolute tolerance of its golden value. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  // One assertion, about the first value that is off: one for each would take seconds.
  const wrong = Array.from(expected).findIndex((value, i) => !(Math.abs(actual[i] - value) <= tolerance));
  expect(wrong, `value ${wrong} is ${actual[wrong]}, not ${expected[wrong]} within ${tolerance}`).toBe(-1);
}
