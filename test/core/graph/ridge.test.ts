import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { concat, constant, expand, grad, ridgeWeights, type Tensor } from '../../../src/core/graph/index.js';
import { solve } from '../../../src/core/stats/linalg.js';
import { javascript, matrix, transpose, type Matrix, type Matrix64 } from '../../../src/core/stats/matrix.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const matrix64 = ({ shape, data }: NdArray): Matrix64 => matrix(shape[0]!, shape[1]!, Float64Array.from(data as Float32Array));
const times = (a: Matrix, b: Matrix): Matrix64 => javascript.multiplyTransposed(a, transpose(b));
const shifted = (a: Matrix64, lambda: number): Matrix64 =>
  ({ ...a, data: a.data.map((v, i) => (i % (a.cols + 1) === 0 ? v + lambda : v)) });
const traceOfGram = ({ data }: Matrix64): number => data.reduce((total, v) => total + v * v, 0);

/** In float64: W of the dual system at a given lambda. */
const weightsOf = (f: Matrix64, y: Matrix, lambda: number): Matrix64 =>
  times(transpose(f), solve(shifted(javascript.multiplyTransposed(f, f), lambda), y));
/** Mean squared error of the predictions for the rows `t`, in float64. */
function lossOf(f: Matrix64, y: Matrix, t: Matrix, z: Matrix, lambda: number): number {
  const p = times(t, weightsOf(f, y, lambda));
  return p.data.reduce((total, v, i) => total + (v - z.data[i]!) ** 2, 0) / p.data.length;
}

/** Rows that lie near a common subspace, so that the kernel is as ill-conditioned as that of a network's features. */
function features(name: string, rows: number, columns: number): NdArray {
  const [left, right] = [gaussian(`${name} left`, [rows, 6]), gaussian('right', [6, columns])];
  const low = times(matrix64(left), matrix64(right)).data;
  const noise = gaussian(`${name} noise`, [rows, columns], 0.02).data;
  return float32([rows, columns], low.map((v, i) => v + noise[i]!));
}

const RIDGE = 1e-6;
const loss = (f: Tensor, y: Tensor, t: Tensor, z: Tensor): Tensor => t.matmul(ridgeWeights(f, y, RIDGE)).sub(z).square().mean();

describe('ridgeWeights', () => {
  // Below, at and above the size from which the system is halved, and an odd one that is halved twice.
  test.each([[1, 3], [7, 4], [20, 40], [32, 50], [33, 20], [101, 60]])('%d examples of %d features: those of float64', async (m, k) => {
    const [f, y] = [features('f', m, k), gaussian('y', [m, 3])];
    const [w] = await evaluate((a, b) => ridgeWeights(a, b, RIDGE), [f, y]);
    const [a, b] = [matrix64(f), matrix64(y)];
    const lambda = RIDGE * traceOfGram(a);
    expect(relativeError(numbersOf(w!), weightsOf(a, b, lambda).data)).toBeLessThan(1e-6);
    // Primal = dual: (F^T F + lambda I) W = F^T Y.
    const primal = solve(shifted(javascript.transposeMultiply(a, a), lambda), javascript.transposeMultiply(a, b));
    expect(relativeError(numbersOf(w!), primal.data)).toBeLessThan(1e-6);
  });

  test('two orthogonal examples: lambda is 2e-6, and what is predicted 1 / (1 + 2e-6)', async () => {
    const [p] = await evaluate((f, y, t) => t.matmul(ridgeWeights(f, y, RIDGE)),
      [float32([2, 2], [1, 0, 0, 1]), float32([2, 1], [1, 0]), float32([2, 2], [1, 0, 1, 1])]);
    numbersOf(p!).forEach((v) => expect(v).toBeCloseTo(1 / (1 + 2e-6), 7));
    expect(numbersOf(p!)[0]).toBeLessThan(1);
  });

  test('predictions do not depend on the scale of the features or on the order of the examples, and scale with the targets', async () => {
    const [f, y, t] = [features('f', 12, 8), gaussian('y', [12, 2]), gaussian('t', [5, 8])];
    const order = [3, 11, 0, 7, 1, 9, 4, 10, 2, 5, 8, 6];
    const [plain, scaled, turned, doubled] = await evaluate((a, b, c) => {
      const rows = (x: Tensor) => concat(order.map((i) => x.slice([[i, i + 1]])));
      return [c.matmul(ridgeWeights(a, b, RIDGE)), c.mul(50).matmul(ridgeWeights(a.mul(50), b, RIDGE)),
        c.matmul(ridgeWeights(rows(a), rows(b), RIDGE)), c.matmul(ridgeWeights(a, b.mul(2), RIDGE)).mul(0.5)];
    }, [f, y, t]);
    for (const other of [scaled, turned, doubled]) expect(relativeError(numbersOf(other!), numbersOf(plain!))).toBeLessThan(1e-5);
  });

  test('without a penalty to speak of the examples themselves are predicted', async () => {
    const [f, y] = [gaussian('own', [6, 20]), gaussian('y', [6, 2])];
    const [p] = await evaluate((a, b) => a.matmul(ridgeWeights(a, b, 1e-12)), [f, y]);
    expect(relativeError(numbersOf(p!), numbersOf(y))).toBeLessThan(1e-6);
  });

  test.each([[20, 40], [70, 30]])('gradients of %d examples of %d features are finite differences in float64, lambda held', async (m, k) => {
    const [f, y, t, z] = [features('f', m, k), gaussian('y', [m, 3]), features('t', 25, k), gaussian('z', [25, 3])];
    const [value, df, dy] = await evaluate((a, b, c, d) => {
      const l = loss(a, b, c, d);
      return [l, ...grad(l, [a, b])];
    }, [f, y, t, z]);
    const [a, b, c, d] = [f, y, t, z].map(matrix64) as [Matrix64, Matrix64, Matrix64, Matrix64];
    const lambda = RIDGE * traceOfGram(a);
    expect(numbersOf(value!)[0]! / lossOf(a, b, c, d, lambda)).toBeCloseTo(1, 5);
    // Along directions rather than entry by entry: one difference each for all entries of F and of Y.
    for (const seed of [1, 2, 3]) {
      for (const [x, dx, at] of [[a, df, (v: Matrix64) => lossOf(v, b, c, d, lambda)],
        [b, dy, (v: Matrix64) => lossOf(a, v, c, d, lambda)]] as const) {
        const direction = gaussian(`direction ${seed}`, [x.rows, x.cols]).data;
        const moved = (h: number): Matrix64 => ({ ...x, data: x.data.map((v, i) => v + h * direction[i]!) });
        const h = 1e-6;
        const difference = (at(moved(h)) - at(moved(-h))) / (2 * h);
        const slope = numbersOf(dx!).reduce((total, v, i) => total + v * direction[i]!, 0);
        expect(slope / difference).toBeCloseTo(1, 3);
      }
    }
  });

  test('a singular kernel without a penalty gives values that are not finite', async () => {
    const same = float32([3, 2], [1, 1, 1, 1, 1, 1]);
    const [w] = await evaluate((f, y) => ridgeWeights(f, y, 0), [same, gaussian('y', [3, 1])]);
    expect(numbersOf(w!).some((v) => !Number.isFinite(v))).toBe(true);
  });

  test('rows that do not pair up are an error with both shapes', async () => {
    await expect(evaluate(() => ridgeWeights(expand(constant(1), [3, 2]), expand(constant(1), [4, 2]), 1), []))
      .rejects.toThrow('features [3, 2] and targets [4, 2] are not rows of the same examples');
  });
});
