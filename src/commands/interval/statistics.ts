import { InputError, UsageError } from '../../core/errors.js';
import { classCount } from '../../core/stats/labels.js';
import { fitLogistic } from '../../core/stats/logistic.js';
import { matrix, row, takeRows, type Matrix } from '../../core/stats/matrix.js';
import {
  accuracy, auroc, confusionMatrix, kendall, macroF1, meanAbsoluteError, pearson, r2, rootMeanSquaredError, spearman,
} from '../../core/stats/metrics.js';
import { quantile } from '../../core/stats/order.js';
import { fitRidge } from '../../core/stats/ridge.js';
import type { Sample } from './sample.js';

/** Named numbers as a function of rows, some of which come several times. */
export type Statistic = (rows: Int32Array) => Record<string, number>;

export const STATISTICS = [
  'mean', 'median', 'std', 'quantile', 'correlation', 'spearman', 'regression', 'ridge', 'logistic',
  'accuracy', 'macro-f1', 'auroc', 'r2', 'mae', 'rmse', 'kendall',
] as const;
export type StatisticName = (typeof STATISTICS)[number];

export interface StatisticOptions {
  readonly column: readonly string[] | undefined;
  readonly target: string | undefined;
  readonly q: number;
  readonly alpha: number;
  readonly c: number;
  readonly coefficients: readonly string[] | undefined;
}

const PAIR_METRICS = {
  spearman, accuracy, auroc, r2, mae: meanAbsoluteError, rmse: rootMeanSquaredError, kendall,
} as const;

/** A built-in statistic of a sample; throws UsageError or InputError where the sample has not what it needs. */
export function statisticOf(name: StatisticName, sample: Sample, o: StatisticOptions): Statistic {
  switch (name) {
    case 'mean': return ofColumns(sample, o, (values) => values.reduce((sum, value) => sum + value, 0) / values.length);
    case 'median': return ofColumns(sample, o, (values) => quantile(values.sort(), 0.5));
    case 'quantile': return ofColumns(sample, o, (values) => quantile(values.sort(), o.q));
    case 'std': return ofColumns(sample, o, deviation);
    case 'correlation': return ofPair(sample, o, 'correlation', pearson);
    case 'regression': return linear(sample, o, (x, y) => ridgeCoefficients(x, y, 0));
    case 'ridge': return linear(sample, o, (x, y) => ridgeCoefficients(x, y, o.alpha));
    case 'logistic': return linear(sample, o, (x, y) => logisticCoefficients(x, y, o.c));
    case 'macro-f1': return ofPair(sample, o, name, (truth, predicted) =>
      macroF1(confusionMatrix(truth, predicted, classCount(truth, predicted))));
    default: return ofPair(sample, o, name, PAIR_METRICS[name]);
  }
}

function columnNames(sample: Sample, { column }: StatisticOptions): readonly string[] {
  if (column) return column;
  if (sample.columns.length === 1) return sample.columns;
  throw new UsageError(`name the columns by --column; ${sample.source} has ${sample.columns.slice(0, 12).join(', ')}`);
}

/** One number of each column. */
function ofColumns(sample: Sample, o: StatisticOptions, of: (values: Float64Array) => number): Statistic {
  const columns = columnNames(sample, o).map((name) => [name, vectorOf(sample, name)] as const);
  return (rows) => Object.fromEntries(columns.map(([name, values]) => [name, of(Float64Array.from(rows, (i) => values[i]!))]));
}

/** One number of a truth (--target, or the first column) and a prediction. */
function ofPair(
  sample: Sample, o: StatisticOptions, name: string, of: (a: ArrayLike<number>, b: ArrayLike<number>) => number,
): Statistic {
  const names = [...(o.target === undefined ? [] : [o.target]), ...(o.column ?? [])];
  if (names.length !== 2) throw new UsageError(`${name} takes two columns: --target TRUTH --column PREDICTION, or --column A,B`);
  const [a, b] = names.map((column) => vectorOf(sample, column)) as [ArrayLike<number>, ArrayLike<number>];
  return (rows) => ({ [name]: of(Float64Array.from(rows, (i) => a[i]!), Float64Array.from(rows, (i) => b[i]!)) });
}

function vectorOf(sample: Sample, name: string): ArrayLike<number> {
  const { cols, data } = sample.column(name);
  if (cols !== 1) throw new InputError(`${sample.source}: ${name} has ${cols} numbers per row, but one is needed`);
  return data;
}

/** Coefficients of a linear model of --target on the other columns (or on --column). */
function linear(sample: Sample, o: StatisticOptions, fit: (x: Matrix, y: Matrix) => ArrayLike<number>): Statistic {
  if (o.target === undefined) throw new UsageError('name what to predict by --target');
  const y = matrix(sample.rows, 1, Float64Array.from(vectorOf(sample, o.target)));
  const names = o.column ?? (sample.columns.includes('features') ? ['features'] : sample.columns.filter((name) => name !== o.target));
  const parts = names.map((name) => [name, sample.column(name)] as const);
  const labels = parts.flatMap(([name, { cols }]) => (cols === 1 ? [name] : Array.from({ length: cols }, (_, j) => `${name}.${j}`)));
  const data = new Float64Array(sample.rows * labels.length);
  let first = 0;
  for (const [, part] of parts) {
    for (let i = 0; i < sample.rows; i++) data.set(row(part, i), i * labels.length + first);
    first += part.cols;
  }
  const x = matrix(sample.rows, labels.length, data);
  const shown = o.coefficients ?? labels;
  const unknown = shown.find((label) => !labels.includes(label));
  if (unknown !== undefined) throw new UsageError(`there is no coefficient '${unknown}'; they are ${labels.slice(0, 12).join(', ')}`);
  return (rows) => {
    const weights = fit(takeRows(x, rows), takeRows(y, rows));
    return Object.fromEntries(shown.map((label) => [label, weights[labels.indexOf(label)]!]));
  };
}

export function ridgeCoefficients(x: Matrix, y: Matrix, alpha: number): ArrayLike<number> {
  try {
    return fitRidge(x, y, [alpha])[0]!.weights.data;
  } catch (error) {
    if (!(error instanceof InputError) || alpha > 0) throw error;
    throw new InputError(`least squares has no single solution for a resample of ${x.rows} rows and ${x.cols} columns: a resample holds ` +
      'about 63 % of the rows; use --statistic ridge, or fewer columns');
  }
}

/** Coefficients of the class 1 against 0, with scikit-learn's C for one weight vector. */
export function logisticCoefficients(x: Matrix, y: Matrix, C: number): ArrayLike<number> {
  const labels = Int32Array.from(y.data);
  if (!labels.every((label, i) => (label === 0 || label === 1) && label === y.data[i])) {
    throw new InputError('logistic regression needs a target of 0 and 1');
  }
  if (new Set(labels).size < 2) throw new InputError('a resample has one class only; give more rows, or a target that is less rare');
  // Two weight vectors share the penalty of one, so half the C gives the same model.
  const { data } = fitLogistic(x, labels, 2, { C: C / 2, tolerance: 1e-8 }).weights;
  return Float64Array.from({ length: x.cols }, (_, j) => data[x.cols + j]! - data[j]!);
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
