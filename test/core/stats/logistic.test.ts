import { describe, expect, it } from 'vitest';
import { applyLinear } from '../../../src/core/stats/linear.js';
import { fitLogistic, predict, softmaxRows } from '../../../src/core/stats/logistic.js';
import { javascript, type LinearAlgebra, rowBlock } from '../../../src/core/stats/matrix.js';
import {
  accuracy, balancedAccuracy, brierScore, calibrationError, confusionMatrix, kappa, macroAuroc, macroF1,
  matthewsCorrelation, negativeLogLikelihood, topKAccuracy,
} from '../../../src/core/stats/metrics.js';
import { expectClose, fromRows, golden, toy } from './helpers.js';

const precise = { tolerance: 1e-9 };
const { x, y } = toy;

describe('on the toy data of the oracles', () => {
  it('is the toy data', () => {
    expect(x.data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(16.318823, 6);
    expectClose(x.data.subarray(4, 8), [0.841471, 1.409297, 0.14112, -0.756802], 1e-6);
  });

  it.each([
    { C: 1, objective: 21.242376, accuracy: 0.7, weights: [0.287137, -1.552286, -0.287045, -0.319361] },
    { C: 100, objective: 1595.615794, accuracy: 0.766667, weights: [-0.353569, -5.551058, -1.59755, -2.05263] },
  ])('reaches the optimum at C = $C', (expected) => {
    const fit = fitLogistic(x, y, 3, { C: expected.C, ...precise });
    expect(fit.converged).toBe(true);
    expect(Math.abs(fit.objective / expected.objective - 1)).toBeLessThan(1e-6);
    expectClose(fit.weights.data.subarray(0, 4), expected.weights, 1e-5);
    expect(accuracy(y, predict(applyLinear(fit, x)))).toBeCloseTo(expected.accuracy, 6);
  });

  it('has the biases and the cross-entropy of C = 1, and rows of weights that sum to zero', () => {
    const fit = fitLogistic(x, y, 3, precise);
    expectClose(fit.bias, [-0.060037, -0.214011, 0.274048], 1e-5);
    expect(negativeLogLikelihood(y, softmaxRows(applyLinear(fit, x)))).toBeCloseTo(0.626072, 5);
    for (let j = 0; j < 4; j++) {
      expect(Math.abs([0, 1, 2].reduce((sum, c) => sum + fit.weights.data[c * 4 + j], 0))).toBeLessThan(1e-7);
    }
  });

  it('predicts the test rows, with every score of the oracle', () => {
    const fit = fitLogistic(rowBlock(x, 0, 20), y.subarray(0, 20), 3, precise);
    const truth = y.subarray(20);
    const probabilities = softmaxRows(applyLinear(fit, rowBlock(x, 20, 30)));
    const predicted = predict(probabilities);
    expect([...predicted]).toEqual([0, 0, 1, 1, 2, 0, 1, 0, 0, 1]);
    expectClose(probabilities.data.subarray(0, 3), [0.402665, 0.364069, 0.233266], 1e-5);
    const confusion = confusionMatrix(truth, predicted, 3);
    expectClose([
      accuracy(truth, predicted), topKAccuracy(truth, probabilities, 2), balancedAccuracy(confusion),
      macroF1(confusion), kappa(confusion), matthewsCorrelation(confusion),
    ], [0.3, 0.7, 0.333333, 0.261905, -0.014493, -0.016163], 1e-6);
    expectClose([
      negativeLogLikelihood(truth, probabilities), brierScore(truth, probabilities),
      calibrationError(truth, probabilities, 15), calibrationError(truth, probabilities, 5),
      macroAuroc(truth, probabilities),
    ], [1.277904, 0.809423, 0.338644, 0.236209, 0.410714], 1e-5);
  });
});

describe('against scikit-learn', () => {
  const features = fromRows(golden.x);
  for (const expected of golden.logistic) {
    it(`agrees at C = ${expected.C}${expected.balanced ? ' with balanced classes' : ''}`, () => {
      const classWeight = expected.balanced ? 'balanced' : undefined;
      const fit = fitLogistic(features, golden.labels, 4, {
        C: expected.C, classWeight, tolerance: 1e-10, maxIterations: 3000,
      });
      expect(fit.converged).toBe(true);
      expect(Math.abs(fit.objective / expected.objective - 1)).toBeLessThan(1e-10);
      expectClose(fit.weights.data, expected.weights.flat(), 1e-5);
    });
  }

  it('starts warm from another C', () => {
    const options = { C: 1, tolerance: 1e-8 };
    const cold = fitLogistic(features, golden.labels, 4, options);
    const warm = fitLogistic(features, golden.labels, 4, { ...options, start: cold });
    expect(warm.iterations).toBe(0);
    expect(warm.objective).toBeCloseTo(cold.objective, 10);
  });

  it('weighs classes as copies of their examples', () => {
    const { rows, cols, data } = features;
    const twice = golden.labels.flatMap((label: number, i: number) => (label === 2 ? [i, i] : [i]));
    const copies = fromRows(twice.map((i: number) => [...data.subarray(i * cols, (i + 1) * cols)]));
    const weighted = fitLogistic(features, golden.labels, 4, { classWeight: [1, 1, 2, 1], ...precise });
    const copied = fitLogistic(copies, twice.map((i: number) => golden.labels[i]), 4, precise);
    expect(rows).toBeLessThan(copies.rows);
    expect(weighted.objective).toBeCloseTo(copied.objective, 7);
  });
});

it('uses the products that it is given, in float32 too', () => {
  const single = (m: { rows: number; cols: number; data: ArrayLike<number> }) =>
    ({ rows: m.rows, cols: m.cols, data: Float32Array.from(m.data) });
  let calls = 0;
  const algebra: LinearAlgebra = {
    multiplyTransposed: (a, b) => { calls++; return single(javascript.multiplyTransposed(a, b)); },
    transposeMultiply: (a, b) => { calls++; return single(javascript.transposeMultiply(a, b)); },
  };
  const fit = fitLogistic(x, y, 3, { algebra });
  expect(calls).toBe(2 * fit.evaluations);
  expect(fit.objective).toBeCloseTo(21.242376, 4);
});

it('refuses labels, weights and penalties that do not fit', () => {
  expect(() => fitLogistic(x, y.subarray(1), 3)).toThrow('there are 29 labels for 30 rows');
  expect(() => fitLogistic(x, y, 2)).toThrow('label 2 of row 2 is not a class from 0 to 1');
  expect(() => fitLogistic(x, y, 3, { C: 0 })).toThrow('C is 0');
  expect(() => fitLogistic(x, y, 3, { classWeight: [1, 2] })).toThrow('class weights must be 3 numbers');
});
