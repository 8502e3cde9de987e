import { afterAll, describe, expect, it } from 'vitest';
import { stream } from '../../../src/core/random.js';
import { engineAlgebra } from '../../../src/core/stats/engine.js';
import { nearestNeighbours } from '../../../src/core/stats/knn.js';
import { fitLogistic, fitLogisticPath, fitOneVsRestPath } from '../../../src/core/stats/logistic.js';
import { javascript, rowBlock, type Matrix } from '../../../src/core/stats/matrix.js';
import { fitRidge } from '../../../src/core/stats/ridge.js';
import { expectClose } from './helpers.js';

const algebra = engineAlgebra({ threads: 1 });
afterAll(() => algebra.dispose());

const normal = (name: string, rows: number, cols: number): Matrix =>
  ({ rows, cols, data: stream(3, name).normal(rows * cols) });

const [n, d, classes] = [2100, 96, 112];
const x = normal('x', n, d);
const labels = Int32Array.from({ length: n }, (_, i) => {
  const scores = Array.from({ length: classes }, (_, c) => x.data[i * d + (c % d)] * (c < d ? 1 : -1));
  return scores.indexOf(Math.max(...scores));
});

describe('products', () => {
  it('agree with float64 ones, whole blocks and rests', () => {
    const a = normal('a', 500, 300);
    for (const rows of [400, 137]) {
      const b = normal('b', rows, 300);
      expectClose(algebra.multiplyTransposed(a, b).data, javascript.multiplyTransposed(a, b).data, 2e-4);
    }
    const c = normal('c', 500, 200);
    expectClose(algebra.transposeMultiply(a, c).data, javascript.transposeMultiply(a, c).data, 2e-4);
  });

  it('leave small ones to JavaScript, exactly', () => {
    const a = rowBlock(x, 0, 10);
    expect([...algebra.multiplyTransposed(a, a).data]).toEqual([...javascript.multiplyTransposed(a, a).data]);
    expect(() => algebra.multiplyTransposed(a, normal('w', 10, 5))).toThrow('cannot be compared');
  });

  it('find the neighbours that float64 finds', () => {
    const options = { k: 5, metric: 'euclidean' } as const;
    const queries = rowBlock(x, 0, 120);
    const fast = nearestNeighbours(x, queries, { ...options, algebra });
    const exact = nearestNeighbours(x, queries, options);
    expect([...fast.indices]).toEqual([...exact.indices]);
    // The query itself is among its neighbours: a distance of 0 shows the rounding of a squared length.
    expectClose(fast.values, exact.values, 2e-2);
    expectClose(fast.values.filter((_, i) => i % 5 > 0), exact.values.filter((_, i) => i % 5 > 0), 1e-4);
  });
});

describe('the loss of linear classifiers', () => {
  it('leads to the same softmax optimum as in float64, along a path too', () => {
    const exact = fitLogistic(x, labels, classes, { C: 0.1 });
    const path = fitLogisticPath(x, labels, classes, [0.01, 0.1], { algebra });
    expect(path[1].converged).toBe(true);
    expect(Math.abs(path[1].objective / exact.objective - 1)).toBeLessThan(1e-6);
    expectClose(path[1].weights.data, exact.weights.data, 2e-3);
    expect(path[0].objective).not.toBeCloseTo(path[1].objective, 3);
  });

  it('leads to the same one-versus-rest optimum', () => {
    const targets: Matrix = { rows: n, cols: classes, data: Float64Array.from({ length: n * classes }, (_, at) =>
      (x.data[Math.floor(at / classes) * d + (at % classes) % d] > 0.5 ? 1 : 0)) };
    const [fast] = fitOneVsRestPath(x, targets, [0.1], { algebra });
    const [exact] = fitOneVsRestPath(x, targets, [0.1]);
    expect(fast.converged && exact.converged).toBe(true);
    expect(Math.abs(fast.objective / exact.objective - 1)).toBeLessThan(1e-6);
  });
});

it('solves ridge regression with more features than rows and with fewer', () => {
  for (const [rows, cols] of [[320, 400], [900, 160]]) {
    const features = normal('ridge', rows, cols);
    const y = normal('targets', rows, 3);
    const fast = fitRidge(features, y, [1, 10], algebra);
    const exact = fitRidge(features, y, [1, 10]);
    fast.forEach((fit, i) => expectClose(fit.weights.data, exact[i].weights.data, 1e-4));
  }
});
