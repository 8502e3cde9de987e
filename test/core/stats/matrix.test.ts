import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.js';
import {
  fitStandardizer, javascript, matrix, normalizeRows, standardize, takeRows, transpose,
} from '../../../src/core/stats/matrix.js';
import { expectClose, fill, fromRows } from './helpers.js';

const naive = (a: ReturnType<typeof fill>, b: ReturnType<typeof fill>): Float64Array =>
  fill(a.rows, b.rows, (i, j) => {
    let sum = 0;
    for (let k = 0; k < a.cols; k++) sum += a.data[i * a.cols + k] * b.data[j * b.cols + k];
    return sum;
  }).data;

describe('products', () => {
  it.each([[1, 1, 1], [3, 5, 2], [4, 4, 256], [9, 7, 300], [70, 3, 513], [65, 517, 33], [0, 3, 4]])(
    'multiply %i x %i over %i as the definition does', (m, n, k) => {
      const a = fill(m, k, (i, j) => Math.sin(3 * i + j * j));
      const b = fill(n, k, (i, j) => Math.cos(i * i - 2 * j));
      expectClose(javascript.multiplyTransposed(a, b).data, naive(a, b), 1e-12);
      expectClose(javascript.transposeMultiply(transpose(a), transpose(b)).data, naive(a, b), 1e-12);
    });

  it('read float32 as it is and give the same entry for the same pair wherever it stands', () => {
    const rows = fill(11, 37, (i, j) => Math.sin(i * 37 + j));
    const single = { ...rows, data: Float32Array.from(rows.data) };
    const all = javascript.multiplyTransposed(single, single);
    const last = javascript.multiplyTransposed(takeRows(single, [10]), takeRows(single, [2]));
    expect(all.data[10 * 11 + 2]).toBe(last.data[0]);
    expect(all.data[2 * 11 + 10]).toBe(last.data[0]);
  });

  it('refuse operands that do not fit', () => {
    expect(() => javascript.multiplyTransposed(fill(2, 3, () => 1), fill(2, 4, () => 1))).toThrow(InputError);
    expect(() => javascript.transposeMultiply(fill(2, 3, () => 1), fill(3, 3, () => 1))).toThrow(InputError);
    expect(() => matrix(2, 3, new Float32Array(5))).toThrow('a 2 x 3 matrix needs 6 values, but 5 were given');
  });
});

it('scales rows to length 1 and leaves zero rows alone', () => {
  expectClose(normalizeRows(fromRows([[3, 4], [0, 0], [-2, 0]])).data, [0.6, 0.8, 0, 0, -1, 0], 1e-15);
});

it('standardises by the training features, constant columns by 1', () => {
  const x = fromRows([[1, 0.1, 2], [3, 0.1, 4], [8, 0.1, 9]]);
  const standardizer = fitStandardizer(x);
  expectClose(standardizer.std, [Math.sqrt(26 / 3), 1, Math.sqrt(26 / 3)], 1e-14);
  expectClose(standardize(fromRows([[4, 1.1, 5]]), standardizer).data, [0, 1, 0], 1e-14);
  expect(() => standardize(fromRows([[1]]), standardizer)).toThrow('1 columns, but the training features had 3');
});
