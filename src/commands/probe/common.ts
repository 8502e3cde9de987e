import { computeOptions, jsonOption, seedOption } from '../../cli/common.js';
import { choice, flag, integer, number, text } from '../../cli/options.js';
import { parseDevice } from '../../core/engine/index.js';
import { engineAlgebra, type EngineAlgebra } from '../../core/stats/engine.js';
import { fitStandardizer, standardize, type Matrix } from '../../core/stats/matrix.js';

/** Where features come from. */
export const featureOptions = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'model whose encoder makes the features of a data set' }),
  ...computeOptions, ...seedOption,
} as const;

/** What is to be told apart. */
export const labelsOption = {
  labels: text({ placeholder: 'tensor', default: 'labels', help: 'labels to tell apart: a tensor of one whole number for each example' }),
} as const;

/** How the rows are divided. */
export const splitOptions = {
  test: text({ placeholder: 'file', local: true, help: 'features to test on; the test part of the data where left out' }),
  testFraction: number({ default: 0.2, min: 0.01, max: 0.9, help: 'share to test on where the data mark no test part' }),
  valFraction: number({ default: 0.1, min: 0.01, max: 0.9, help: 'share of the training part that choices are made on' }),
  unit: text({ placeholder: 'tensor', help: 'rows with equal entries belong together (patient, speaker): split and resampled as one' }),
} as const;

const resamplingOptions = {
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  resamples: integer({ min: 1, help: 'bootstrap resamples B; 5 for cheap, otherwise 1000' }),
  min: number({ local: true, help: 'exit with status 1 where the score is below this' }),
} as const;

/** The interval of a share of right answers. */
export const accuracyIntervalOptions = {
  interval: choice({ choices: ['wilson', 'cheap', 'percentile', 'bca'], default: 'wilson',
    help: 'wilson, percentile and bca resample test rows; cheap refits on resampled training rows too' }),
  ...resamplingOptions,
} as const;

/** The interval of any other score. */
export const scoreIntervalOptions = {
  interval: choice({ choices: ['percentile', 'bca', 'cheap'], default: 'percentile',
    help: 'percentile and bca resample test rows; cheap refits on resampled training rows too' }),
  ...resamplingOptions,
} as const;

/** Options of every probe that classifies. */
export const classifierOptions = {
  ...labelsOption, ...featureOptions, ...splitOptions, ...accuracyIntervalOptions,
  group: text({ placeholder: 'tensor', help: 'accuracy of each group that this tensor names, and of the worst' }),
  calibration: flag({ local: true, help: 'calibration of the probabilities: ECE, Brier score, reliability by bins' }),
  predictions: text({ placeholder: 'file', local: true, help: 'write scores, predictions and hits of the test rows' }),
  ...jsonOption,
} as const;

/** Runs `work` with products on the device that the options name. */
export async function withAlgebra<T>(
  o: { readonly device: string; readonly threads: number | undefined }, work: (algebra: EngineAlgebra) => T | Promise<T>,
): Promise<T> {
  const algebra = engineAlgebra({ device: parseDevice(o.device), threads: o.threads });
  try {
    return await work(algebra);
  } finally {
    algebra.dispose();
  }
}

/** Matrices standardised by the mean and deviation of the first, which holds the training features. */
export function standardizeAll(reference: Matrix, ...others: Matrix[]): Matrix[] {
  const standardizer = fitStandardizer(reference);
  return [reference, ...others].map((part) => standardize(part, standardizer));
}

/** `count` numbers from `low` to `high`, evenly spaced on a log scale. */
export const logGrid = (low: number, high: number, count: number): number[] =>
  // Without the digits that powers get wrong: 0.01, not 0.009999999999999998.
  Array.from({ length: count }, (_, i) => Number((low * (high / low) ** (count === 1 ? 0 : i / (count - 1))).toPrecision(12)));
