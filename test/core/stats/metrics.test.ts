import { describe, expect, it } from 'vitest';
import { predict, softmaxRows } from '../../../src/core/stats/logistic.js';
import * as metrics from '../../../src/core/stats/metrics.js';
import { expectClose, fromRows, golden } from './helpers.js';

describe('against scikit-learn and scipy', () => {
  const { raw, a, b, targets, ranked, values } = golden.metrics;
  const truth: number[] = golden.labels;
  const probabilities = softmaxRows(fromRows(raw));
  const predicted = predict(probabilities);
  const confusion = metrics.confusionMatrix(truth, predicted, 4);
  const first = (rows: number[][]): number[] => rows.map(([value]) => value);
  const found: Record<string, number> = {
    accuracy: metrics.accuracy(truth, predicted),
    balancedAccuracy: metrics.balancedAccuracy(confusion),
    macroF1: metrics.macroF1(confusion),
    kappa: metrics.kappa(confusion),
    matthewsCorrelation: metrics.matthewsCorrelation(confusion),
    negativeLogLikelihood: metrics.negativeLogLikelihood(truth, probabilities),
    macroAuroc: metrics.macroAuroc(truth, probabilities),
    meanAveragePrecision: metrics.meanAveragePrecision(fromRows(targets), fromRows(ranked)),
    auroc: metrics.auroc(first(targets), first(ranked)),
    r2: metrics.r2(a, b),
    meanR2: metrics.meanR2(fromRows(targets), fromRows(ranked)),
    meanAbsoluteError: metrics.meanAbsoluteError(a, b),
    rootMeanSquaredError: metrics.rootMeanSquaredError(a, b),
    pearson: metrics.pearson(a, b),
    spearman: metrics.spearman(a, b),
    kendall: metrics.kendall(a, b),
  };
  it.each(Object.keys(found))('%s agrees', (name) => {
    expect(found[name]).toBeCloseTo(values[name], 12);
  });

  it('the confusion matrix agrees', () => {
    expect([...confusion.data]).toEqual(values.confusion.flat());
  });
});

it('averages precision over labels, as the multi-label oracle', () => {
  const scores = fromRows([[0.9, 0.2, 0.6], [0.8, 0.7, 0.1], [0.3, 0.6, 0.4], [0.1, 0.4, 0.55]]);
  const targets = fromRows([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]]);
  expect(metrics.averagePrecision([1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1])).toBeCloseTo(0.833333, 6);
  expect(metrics.meanAveragePrecision(targets, scores)).toBeCloseTo(0.944444, 6);
});

it('leaves classes without examples out of means', () => {
  const confusion = metrics.confusionMatrix([0, 0, 1, 1], [0, 1, 1, 2], 4);
  expect(metrics.balancedAccuracy(confusion)).toBeCloseTo(0.5, 12);
  // F1 of classes 0, 1, 2: 2/3, 1/2, 0; class 3 occurs nowhere.
  expect(metrics.macroF1(confusion)).toBeCloseTo((2 / 3 + 1 / 2) / 3, 12);
  const scores = fromRows([[0.9, 0.1, 0], [0.4, 0.6, 0]]);
  expect(metrics.macroAuroc([0, 1], scores)).toBe(1);
});

it('puts confidences in bins that are closed above', () => {
  // 0.6 is the upper end of the third of five bins; alone there, it is 0.4 from being right.
  const probabilities = fromRows([[0.6, 0.4], [0.61, 0.39]]);
  expect(metrics.calibrationError([0, 1], probabilities, 5)).toBeCloseTo((0.4 + 0.61) / 2, 12);
  expect(metrics.calibrationError([0, 1], probabilities, 1)).toBeCloseTo(0.21 / 2, 12);
});

it('cuts adaptive bins by rank', () => {
  const probabilities = fromRows([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.7, 0.3]]);
  // Lower half {.6, .7}: right, wrong; upper half {.8, .9}: right, wrong.
  const expected = (Math.abs(1 - 1.3) + Math.abs(1 - 1.7)) / 4;
  expect(metrics.adaptiveCalibrationError([1, 0, 0, 1], probabilities, 2)).toBeCloseTo(expected, 12);
});

it('breaks ties of top-k by class, and gives half credit in the ROC curve', () => {
  const flat = fromRows([[1, 1, 1], [1, 1, 1], [1, 1, 1]]);
  expectClose([1, 2, 3].map((k) => metrics.topKAccuracy([0, 1, 2], flat, k)), [1 / 3, 2 / 3, 1], 1e-15);
  expect(metrics.auroc([1, 0, 0, 1], [2, 2, 2, 2])).toBe(0.5);
  expect(metrics.averagePrecision([1, 0, 0, 1], [2, 2, 2, 2])).toBe(0.5);
});

it('says where a score is not defined', () => {
  expect(metrics.r2([1, 1], [0, 2])).toBeNaN();
  expect(metrics.pearson([1, 1], [0, 2])).toBeNaN();
  expect(metrics.auroc([1, 1], [0, 2])).toBeNaN();
  expect(metrics.matthewsCorrelation(metrics.confusionMatrix([0, 1], [0, 0], 2))).toBe(0);
  expect(() => metrics.accuracy([1], [1, 2])).toThrow('labels and predictions must pair up');
  expect(() => metrics.topKAccuracy([0], fromRows([[1, 2]]), 3)).toThrow('k from 1 to 2');
});
