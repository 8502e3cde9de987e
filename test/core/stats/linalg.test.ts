import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.js';
import { cholesky, singularValues, solve, symmetricEigen, symmetricEigenvalues } from '../../../src/core/stats/linalg.js';
import { javascript, transpose } from '../../../src/core/stats/matrix.js';
import { expectClose, fill, fromRows, golden } from './helpers.js';

describe('Cholesky', () => {
  it('solves a Hilbert system', () => {
    const hilbert = fill(6, 6, (i, j) => 1 / (i + j + 1));
    const solution = fill(6, 2, (i, j) => i - 2 * j);
    const right = javascript.multiplyTransposed(hilbert, transpose(solution));
    expectClose(solve(hilbert, right).data, solution.data, 1e-9);
  });

  it('refuses what is not positive definite', () => {
    expect(() => cholesky(fromRows([[1, 2], [2, 1]]))).toThrow(InputError);
    expect(() => cholesky(fill(2, 3, () => 1))).toThrow('2 x 3');
  });
});

describe('symmetric eigenvalues', () => {
  // The discrete Laplacian: 2 - 2 cos(pi k / (n + 1)).
  const laplacian = fill(60, 60, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0));
  const known = Array.from({ length: 60 }, (_, k) => 2 - 2 * Math.cos((Math.PI * (60 - k)) / 61));

  it('are the known ones of the Laplacian, and of a dense matrix similar to it', () => {
    expectClose(symmetricEigenvalues(laplacian), known, 1e-13);
    const reflector = fill(60, 60, (i, j) => (i === j ? 1 : 0) - 2 / 60);
    const dense = javascript.multiplyTransposed(javascript.multiplyTransposed(reflector, laplacian), reflector);
    expectClose(symmetricEigenvalues(dense), known, 1e-13);
  });

  it('come with orthonormal vectors, equal values and zeros included', () => {
    for (const a of [fill(20, 20, (i, j) => Math.sin(i * j) + (i === j ? i : 0)), fill(7, 7, () => 1),
      fill(5, 5, () => 0), fromRows([[3]]), fill(4, 4, (i, j) => (i === j ? 2 : 0))]) {
      const { values, vectors } = symmetricEigen(a);
      const d = a.rows;
      const identity = fill(d, d, (i, j) => (i === j ? 1 : 0));
      expectClose(javascript.multiplyTransposed(vectors, vectors).data, identity.data, 1e-13);
      const scaled = fill(d, d, (i, j) => values[i] * vectors.data[i * d + j]);
      expectClose(javascript.transposeMultiply(vectors, scaled).data, a.data, 1e-12);
      expect([...values].sort((p, q) => q - p)).toEqual([...values]);
    }
  });
});

describe('singular values', () => {
  it('are numpy\'s, down to the small ones, either way up', () => {
    const x = fromRows(golden.spectra.x);
    const expected: number[] = golden.spectra.singularValues;
    for (const values of [singularValues(x), singularValues(transpose(x))]) {
      expectClose(values, expected, 1e-14 * expected[0]);
    }
  });

  it('keep what the eigenvalues of the Gram matrix lose', () => {
    const tiny = 1e-11;
    const x = fromRows([[1, 1], [tiny, 0], [0, tiny]]);
    expect(singularValues(x)[1] / tiny).toBeCloseTo(1, 4);
  });

  it('of rank-deficient, zero and single-column matrices', () => {
    expectClose(singularValues(fill(5, 3, () => 1)), [Math.sqrt(15), 0, 0], 1e-14);
    expectClose(singularValues(fill(3, 4, () => 0)), [0, 0, 0], 0);
    expectClose(singularValues(fromRows([[3], [4]])), [5], 1e-14);
  });
});
