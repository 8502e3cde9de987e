import { describe, expect, it } from 'vitest';
import * as diagnose from '../../../src/core/stats/diagnose.js';
import { singularValues } from '../../../src/core/stats/linalg.js';
import { javascript, takeRows } from '../../../src/core/stats/matrix.js';
import { expectClose, fill, fromRows, golden, toy } from './helpers.js';

const { x } = toy;

describe('the oracles', () => {
  const spectrum = singularValues(x);
  const eigenvalues = diagnose.covarianceSpectrum(x);

  it('of the spectra', () => {
    expectClose(spectrum, [4.930729, 4.122068, 3.848569, 3.667455], 1e-6);
    expectClose(eigenvalues, [0.80501, 0.529109, 0.462406, 0.417873], 1e-6);
    expectClose([
      diagnose.rankMe(spectrum), diagnose.effectiveRank(eigenvalues), diagnose.participationRatio(eigenvalues),
      diagnose.stableRank(spectrum), diagnose.alphaReQ(eigenvalues),
    ], [3.9736, 3.863823, 3.724879, 2.861343, 0.474147], 1e-6);
  });

  it('of alignment, uniformity and collapse', () => {
    const rolled = takeRows(x, Array.from({ length: 30 }, (_, i) => (i + 3) % 30));
    expectClose([diagnose.uniformity(x), diagnose.alignment(x, rolled), diagnose.collapseStd(x)],
      [-2.369902, 1.600586, 0.494089], 1e-6);
  });

  it('of CKA', () => {
    const z = fill(30, 3, (i, j) => Math.cos(i * (j + 1)));
    expectClose([diagnose.linearCka(x, z), diagnose.linearCkaUnbiased(x, z)], [0.029466, -0.080373], 1e-6);
  });
});

it('has numpy\'s covariance spectrum, also from fewer rows than features', () => {
  const narrow = fromRows(golden.spectra.x);
  const expected: number[] = golden.spectra.covarianceSpectrum;
  expectClose(diagnose.covarianceSpectrum(narrow), expected, 1e-14 * expected[0]);
  const wide = fill(6, 9, (i, j) => Math.sin(7 * i + j * j));
  const padded = takeRows(wide, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
  expectClose(diagnose.covarianceSpectrum(wide), diagnose.covarianceSpectrum(padded).subarray(0, 6), 1e-13);
});

it('finds a power law in its range', () => {
  const law = Float64Array.from({ length: 200 }, (_, i) => (i < 10 ? 5 : (i + 1) ** -1.3));
  expect(diagnose.alphaReQ(law, 11, 100)).toBeCloseTo(1.3, 12);
  expect(() => diagnose.alphaReQ(Float64Array.of(1, 0))).toThrow('not all above 0');
  expect(() => diagnose.alphaReQ(law, 5, 400)).toThrow('1..200');
});

it('sees full rank and collapse', () => {
  const axes = fill(8, 8, (i, j) => (i === j ? 1 : 0));
  const constant = fill(8, 8, (_, j) => j);
  expect(diagnose.rankMe(singularValues(axes))).toBeCloseTo(8, 4);
  expect(diagnose.rankMe(singularValues(constant))).toBeCloseTo(1, 4);
  expect(diagnose.collapseStd(constant)).toBeCloseTo(0, 12);
  expect(diagnose.uniformity(constant)).toBeCloseTo(0, 12);
  expect(diagnose.uniformity(axes)).toBeCloseTo(-4, 12);
  expect(() => diagnose.rankMe(new Float64Array(3))).toThrow('all zero');
});

it('CKA ignores rotation, scale and shift, and the unbiased one is 1 for the same features', () => {
  const rotated = fill(30, 4, (i, j) => {
    const [a, b] = [x.data[i * 4 + (j & 2)], x.data[i * 4 + (j & 2) + 1]];
    return 5 + 3 * (j & 1 ? 0.6 * a + 0.8 * b : 0.8 * a - 0.6 * b);
  });
  expect(diagnose.linearCka(x, rotated)).toBeCloseTo(1, 12);
  expect(diagnose.linearCkaUnbiased(x, rotated)).toBeCloseTo(1, 12);
});

it('unbiased CKA equals its definition by kernels', () => {
  const n = 12;
  const a = fill(n, 5, (i, j) => Math.sin(i * i + j) + 2);
  const b = fill(n, 3, (i, j) => Math.cos(3 * i * (j + 1)));
  const kernel = (m: typeof a): Float64Array =>
    javascript.multiplyTransposed(m, m).data.map((value, at) => (at % (n + 1) === 0 ? 0 : value));
  const hsic = (k: Float64Array, l: Float64Array): number => {
    const rows = (m: Float64Array): number[] =>
      Array.from({ length: n }, (_, i) => m.subarray(i * n, (i + 1) * n).reduce((s, v) => s + v, 0));
    const total = (values: number[]): number => values.reduce((s, v) => s + v, 0);
    const trace = k.reduce((s, v, at) => s + v * l[at], 0);
    const mixed = total(rows(k).map((v, i) => v * rows(l)[i]));
    return trace + (total(rows(k)) * total(rows(l))) / ((n - 1) * (n - 2)) - (2 / (n - 2)) * mixed;
  };
  const [k, l] = [kernel(a), kernel(b)];
  expect(diagnose.linearCkaUnbiased(a, b)).toBeCloseTo(hsic(k, l) / Math.sqrt(hsic(k, k) * hsic(l, l)), 10);
});

it('counts common neighbours', () => {
  const line = fill(6, 2, (i, j) => (j === 0 ? Math.cos(i / 5) : Math.sin(i / 5)));
  expect(diagnose.neighbourOverlap(line, line, 2)).toBe(1);
  // Neighbours of the middle rows are the rows beside them; swapping two rows changes whose they are.
  const swapped = takeRows(line, [0, 1, 3, 2, 4, 5]);
  expect(diagnose.neighbourOverlap(line, swapped, 2)).toBeLessThan(1);
});
