import { InputError } from '../errors.js';
import { requireLabels, requirePaired } from './labels.js';
import { type Matrix, type Matrix64, row, zeros } from './matrix.js';
import { argmax, argsort, argsortDescending, averageRanks } from './order.js';

type Values = ArrayLike<number>;

/** Share of predictions that equal the truth. */
export function accuracy(truth: Values, predicted: Values): number {
  requirePaired(truth, predicted, 'labels and predictions');
  let correct = 0;
  for (let i = 0; i < truth.length; i++) if (truth[i] === predicted[i]) correct++;
  return correct / truth.length;
}

/** Share of rows whose true class is among the k largest scores [n, classes]; equal scores favour the lower class. */
export function topKAccuracy(truth: Values, scores: Matrix, k: number): number {
  requireLabels(truth, scores.rows, scores.cols);
  if (!(k >= 1 && k <= scores.cols)) {
    throw new InputError(`top-${k} accuracy needs k from 1 to ${scores.cols}, the number of classes`);
  }
  let hits = 0;
  for (let i = 0; i < scores.rows; i++) {
    const values = row(scores, i);
    const own = values[truth[i]];
    let ahead = 0;
    for (let c = 0; c < values.length; c++) if (values[c] > own || (values[c] === own && c < truth[i])) ahead++;
    if (ahead < k) hits++;
  }
  return hits / scores.rows;
}

/** Counts [classes, classes], the truth by rows and the prediction by columns. */
export function confusionMatrix(truth: Values, predicted: Values, classes: number): Matrix64 {
  requireLabels(truth, predicted.length, classes);
  requireLabels(predicted, truth.length, classes);
  const counts = zeros(classes, classes);
  for (let i = 0; i < truth.length; i++) counts.data[truth[i] * classes + predicted[i]]++;
  return counts;
}

interface Margins {
  readonly hits: Float64Array;
  readonly truths: Float64Array;
  readonly guesses: Float64Array;
  readonly total: number;
}

function marginsOf({ rows: classes, data }: Matrix): Margins {
  const hits = new Float64Array(classes);
  const truths = new Float64Array(classes);
  const guesses = new Float64Array(classes);
  for (let i = 0; i < classes; i++) {
    hits[i] = data[i * classes + i];
    for (let j = 0; j < classes; j++) {
      truths[i] += data[i * classes + j];
      guesses[j] += data[i * classes + j];
    }
  }
  return { hits, truths, guesses, total: sum(truths) };
}

/** Mean recall over the classes that occur in the truth, from a confusion matrix. */
export function balancedAccuracy(confusion: Matrix): number {
  const { hits, truths } = marginsOf(confusion);
  return mean(Array.from(hits, (hit, c) => hit / truths[c]).filter((recall) => !Number.isNaN(recall)));
}

/** Mean F1 over the classes that occur in the truth or the predictions, from a confusion matrix. */
export function macroF1(confusion: Matrix): number {
  const { hits, truths, guesses } = marginsOf(confusion);
  return mean(Array.from(hits, (hit, c) => (2 * hit) / (truths[c] + guesses[c])).filter((f1) => !Number.isNaN(f1)));
}

/** Cohen's kappa, from a confusion matrix; NaN where truth and predictions are one and the same class. */
export function kappa(confusion: Matrix): number {
  const { hits, truths, guesses, total } = marginsOf(confusion);
  const expected = sum(truths.map((t, c) => t * guesses[c])) / total;
  return (sum(hits) - expected) / (total - expected);
}

/** Matthews' correlation of any number of classes, from a confusion matrix; 0 where one side is constant. */
export function matthewsCorrelation(confusion: Matrix): number {
  const { hits, truths, guesses, total } = marginsOf(confusion);
  const covariance = sum(hits) * total - sum(truths.map((t, c) => t * guesses[c]));
  const scale = Math.sqrt((total ** 2 - sum(truths.map((t) => t * t))) * (total ** 2 - sum(guesses.map((g) => g * g))));
  return scale > 0 ? covariance / scale : 0;
}

/** Mean negative log likelihood of the truth under probabilities [n, classes], which are clipped at 1e-15. */
export function negativeLogLikelihood(truth: Values, probabilities: Matrix): number {
  requireLabels(truth, probabilities.rows, probabilities.cols);
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    total -= Math.log(Math.max(1e-15, probabilities.data[i * probabilities.cols + truth[i]]));
  }
  return total / truth.length;
}

/** Brier score: the squared distance of probabilities [n, classes] to the one-hot truth, summed over classes. */
export function brierScore(truth: Values, probabilities: Matrix): number {
  const { rows, cols, data } = probabilities;
  requireLabels(truth, rows, cols);
  let total = 0;
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < cols; c++) total += (data[i * cols + c] - (c === truth[i] ? 1 : 0)) ** 2;
  }
  return total / rows;
}

/**
 * Expected calibration error of probabilities [n, classes]: confidences (the largest probability of each row) in
 * bins (a, b] of equal width, |accuracy - mean confidence| of each weighted by its share (Guo et al. 2017).
 */
export function calibrationError(truth: Values, probabilities: Matrix, bins = 15): number {
  const { confidences, correct } = confidencesOf(truth, probabilities);
  const assignment = confidences.map((confidence) => equalWidthBin(confidence, bins));
  return binnedGap(confidences, correct, assignment, bins);
}

/** One bar of a reliability diagram; NaN means in an empty bin. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly n: number;
  /** Mean confidence. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** The bins that `calibrationError` compares. */
export function reliability(truth: Values, probabilities: Matrix, bins = 15): ReliabilityBin[] {
  const { confidences, correct } = confidencesOf(truth, probabilities);
  const assignment = confidences.map((confidence) => equalWidthBin(confidence, bins));
  return Array.from({ length: bins }, (_, bin) => {
    const inside = (values: Float64Array): Float64Array => values.filter((_value, i) => assignment[i] === bin);
    const own = inside(confidences);
    return { low: bin / bins, high: (bin + 1) / bins, n: own.length, confidence: mean(own), accuracy: mean(inside(correct)) };
  });
}

const equalWidthBin = (confidence: number, bins: number): number =>
  Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));

/** The same with bins of equal mass: confidences in ascending order, cut into `bins` parts of equal size up to one. */
export function adaptiveCalibrationError(truth: Values, probabilities: Matrix, bins = 15): number {
  const { confidences, correct } = confidencesOf(truth, probabilities);
  const assignment = new Float64Array(confidences.length);
  argsort(confidences).forEach((i, rank) => { assignment[i] = Math.floor((rank * bins) / confidences.length); });
  return binnedGap(confidences, correct, assignment, bins);
}

function confidencesOf(truth: Values, probabilities: Matrix): { confidences: Float64Array; correct: Float64Array } {
  requireLabels(truth, probabilities.rows, probabilities.cols);
  const best = Array.from({ length: truth.length }, (_, i) => argmax(row(probabilities, i)));
  return {
    confidences: Float64Array.from(best, (c, i) => probabilities.data[i * probabilities.cols + c]),
    correct: Float64Array.from(best, (c, i) => (c === truth[i] ? 1 : 0)),
  };
}

function binnedGap(confidences: Float64Array, correct: Float64Array, assignment: Float64Array, bins: number): number {
  const gaps = new Float64Array(bins);
  for (let i = 0; i < confidences.length; i++) gaps[assignment[i]] += correct[i] - confidences[i];
  return sum(gaps.map(Math.abs)) / confidences.length;
}

/** Area under the ROC curve by ranks, ties half; `positive` is 0 or 1. NaN where only one kind occurs. */
export function auroc(positive: Values, scores: Values): number {
  requirePaired(positive, scores, 'labels and scores');
  const ranks = averageRanks(scores);
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < positive.length; i++) {
    if (!positive[i]) continue;
    positives++;
    rankSum += ranks[i];
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (positive.length - positives));
}

/**
 * AUROC of each class against the rest, averaged over the classes for which it is defined.
 *
 * @param scores [n, classes], probabilities for instance
 */
export function macroAuroc(truth: Values, scores: Matrix): number {
  requireLabels(truth, scores.rows, scores.cols);
  const areas = Array.from({ length: scores.cols }, (_, c) =>
    auroc(Array.from(truth, (label) => (label === c ? 1 : 0)), column(scores, c)));
  return mean(areas.filter((area) => !Number.isNaN(area)));
}

/**
 * Average precision sum_i (R_i - R_{i-1}) P_i over the distinct scores in descending order, without interpolation;
 * `positive` is 0 or 1. NaN without a positive.
 */
export function averagePrecision(positive: Values, scores: Values): number {
  requirePaired(positive, scores, 'labels and scores');
  const order = argsortDescending(scores);
  let hits = 0;
  let total = 0;
  for (let start = 0, end; start < order.length; start = end) {
    let found = 0;
    for (end = start; end < order.length && scores[order[end]] === scores[order[start]]; end++) {
      if (positive[order[end]]) found++;
    }
    hits += found;
    total += (found * hits) / end;
  }
  return total / hits;
}

/** Average precision of each column of 0-or-1 targets [n, labels], averaged over the columns with a positive. */
export function meanAveragePrecision(targets: Matrix, scores: Matrix): number {
  requireSameShape(targets, scores);
  const values = Array.from({ length: targets.cols }, (_, c) =>
    averagePrecision(column(targets, c), column(scores, c)));
  return mean(values.filter((value) => !Number.isNaN(value)));
}

/** 1 - SS_res / SS_tot about the mean of the truth; NaN where the truth is constant. */
export function r2(truth: Values, predicted: Values): number {
  requirePaired(truth, predicted, 'targets and predictions');
  const centre = mean(truth);
  let residual = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    residual += (truth[i] - predicted[i]) ** 2;
    total += (truth[i] - centre) ** 2;
  }
  return total > 0 ? 1 - residual / total : NaN;
}

/** R2 of each column, averaged. */
export function meanR2(truth: Matrix, predicted: Matrix): number {
  requireSameShape(truth, predicted);
  return mean(Array.from({ length: truth.cols }, (_, c) => r2(column(truth, c), column(predicted, c))));
}

/** Mean absolute error. */
export function meanAbsoluteError(truth: Values, predicted: Values): number {
  requirePaired(truth, predicted, 'targets and predictions');
  return mean(Array.from(truth, (value, i) => Math.abs(value - predicted[i])));
}

/** Root of the mean squared error. */
export function rootMeanSquaredError(truth: Values, predicted: Values): number {
  requirePaired(truth, predicted, 'targets and predictions');
  return Math.sqrt(mean(Array.from(truth, (value, i) => (value - predicted[i]) ** 2)));
}

/** Pearson's correlation; NaN where one side is constant. */
export function pearson(a: Values, b: Values): number {
  requirePaired(a, b, 'the values to correlate');
  const meanA = mean(a);
  const meanB = mean(b);
  let ab = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - meanA) * (b[i] - meanB);
    aa += (a[i] - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : NaN;
}

/** Spearman's rank correlation, ties sharing their average rank. */
export const spearman = (a: Values, b: Values): number => pearson(averageRanks(a), averageRanks(b));

/** Kendall's tau-b in O(n log n) (Knight 1966); NaN where one side is constant. */
export function kendall(a: Values, b: Values): number {
  requirePaired(a, b, 'the values to correlate');
  const order = Array.from({ length: a.length }, (_, i) => i).sort((i, j) => a[i] - a[j] || b[i] - b[j]);
  const tiedA = tiedPairs(order, (i, j) => a[i] === a[j]);
  const tiedBoth = tiedPairs(order, (i, j) => a[i] === a[j] && b[i] === b[j]);
  const { sorted, swaps } = mergeSort(order.map((i) => b[i]));
  const tiedB = tiedPairs(sorted, (x, y) => x === y);
  const pairs = (a.length * (a.length - 1)) / 2;
  return (pairs - tiedA - tiedB + tiedBoth - 2 * swaps) / Math.sqrt((pairs - tiedA) * (pairs - tiedB));
}

/** Number of pairs within runs of equal neighbours. */
function tiedPairs(items: readonly number[], equal: (a: number, b: number) => boolean): number {
  let pairs = 0;
  for (let i = 1, run = 0; i < items.length; i++) {
    run = equal(items[i - 1], items[i]) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Ascending order, and the number of pairs that stood the other way round. */
function mergeSort(values: readonly number[]): { sorted: number[]; swaps: number } {
  if (values.length < 2) return { sorted: [...values], swaps: 0 };
  const middle = values.length >> 1;
  const left = mergeSort(values.slice(0, middle));
  const right = mergeSort(values.slice(middle));
  const sorted: number[] = [];
  let swaps = left.swaps + right.swaps;
  for (let i = 0, j = 0; sorted.length < values.length;) {
    if (j === right.sorted.length || left.sorted[i] <= right.sorted[j]) {
      sorted.push(left.sorted[i++]);
    } else {
      sorted.push(right.sorted[j++]);
      swaps += left.sorted.length - i;
    }
  }
  return { sorted, swaps };
}

const column = ({ rows, cols, data }: Matrix, c: number): Float64Array =>
  Float64Array.from({ length: rows }, (_, i) => data[i * cols + c]);

function requireSameShape(a: Matrix, b: Matrix): void {
  if (a.rows !== b.rows || a.cols !== b.cols) {
    throw new InputError(`targets [${a.rows}, ${a.cols}] and predictions [${b.rows}, ${b.cols}] differ in shape`);
  }
}

function sum(values: Values): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

const mean = (values: Values): number => sum(values) / values.length;
