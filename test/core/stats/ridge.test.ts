import { describe, expect, it } from 'vitest';
import { applyLinear } from '../../../src/core/stats/linear.js';
import { rowBlock } from '../../../src/core/stats/matrix.js';
import {
  kendall, meanAbsoluteError, pearson, r2, rootMeanSquaredError, spearman,
} from '../../../src/core/stats/metrics.js';
import { fitRidge } from '../../../src/core/stats/ridge.js';
import { expectClose, fill, fromRows, golden, toy } from './helpers.js';

it('fits and scores the oracle', () => {
  const { x } = toy;
  const targets = fill(30, 1, (i) => x.data[i * 4] - 2 * x.data[i * 4 + 1] + 0.5 * x.data[i * 4 + 2] + Math.cos(i));
  const [fit] = fitRidge(rowBlock(x, 0, 20), rowBlock(targets, 0, 20), [1]);
  expectClose(fit.weights.data, [0.961041, -1.868632, 0.452499, -0.021494], 1e-6);
  expectClose(fit.bias, [0.047415], 1e-6);
  const truth = targets.data.subarray(20);
  const predicted = applyLinear(fit, rowBlock(x, 20, 30)).data;
  expectClose([
    r2(truth, predicted), meanAbsoluteError(truth, predicted), rootMeanSquaredError(truth, predicted),
    pearson(truth, predicted), spearman(truth, predicted), kendall(truth, predicted),
  ], [0.866266, 0.660794, 0.725578, 0.939732, 0.878788, 0.733333], 1e-6);
});

describe('against scikit-learn', () => {
  for (const { x, y, fits } of golden.ridge) {
    it(`agrees for ${x.length} rows of ${x[0].length} features`, () => {
      const found = fitRidge(fromRows(x), fromRows(y), fits.map(({ alpha }: { alpha: number }) => alpha));
      found.forEach((fit, i) => {
        expectClose(fit.weights.data, fits[i].weights.flat(), 1e-10);
        expectClose(fit.bias, fits[i].bias, 1e-10);
      });
    });
  }
});

it('says what to do about a singular problem', () => {
  const twins = fill(9, 2, (i) => i);
  expect(() => fitRidge(twins, fill(9, 1, (i) => i), [0])).toThrow('use a larger penalty');
  expect(() => fitRidge(twins, fill(9, 1, (i) => i), [-1])).toThrow('alpha is -1');
});
