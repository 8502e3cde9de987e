import type { Context } from '../../cli/context.js';
import { takeRows, type Matrix } from '../../core/stats/matrix.js';
import { kendall, meanAbsoluteError, pearson, rootMeanSquaredError, spearman } from '../../core/stats/metrics.js';
import { divide, readProbeTable, targetsOf, unitsOf, type SplitOptions, type Table } from './data.js';
import { drawRows, printReports, scoreInterval, type IntervalOptions, type Json, type Report, type ReportOptions } from './report.js';

/** Features [n, d] and what to predict [n, t]. */
export interface Pairs {
  readonly x: Matrix;
  readonly y: Matrix;
}

/** A probe of numbers or of several labels, with its settings chosen. */
export interface Predictor {
  readonly chosen: Readonly<Record<string, number | string>>;
  readonly sweep: readonly Json[];
  /** Dimensions of what it takes, where that is not simply the features of the table. */
  readonly features?: number;
  /** Trains on one part and predicts another: [rows, t]. */
  predict(fit: Pairs, x: Matrix): Matrix | Promise<Matrix>;
}

export interface PredictorProbe {
  readonly probe: string;
  readonly metric: string;
  score(truth: Matrix, predicted: Matrix): number;
  choose(train: Pairs, validation: Pairs, fit: Pairs): Predictor | Promise<Predictor>;
  /** More to print about the test part. */
  describe(truth: Matrix, predicted: Matrix): Pick<Report, 'shown' | 'extra'>;
}

interface PredictorOptions extends SplitOptions, IntervalOptions, ReportOptions {
  readonly interval: IntervalOptions['interval'];
  readonly target: string;
}

/** The same as runClassifier for targets [N, T]; `check` throws where the probe cannot take them. */
export const runPredictor = async (
  context: Context, source: string, o: PredictorOptions, probe: PredictorProbe, check?: (targets: Matrix, table: Table) => void,
): Promise<void> => predictTable(context, await readProbeTable(source, o), o, probe, check);

/** The same on what has been read already. */
export async function predictTable(
  context: Context, table: Table, o: PredictorOptions, { probe, metric, score, choose, describe }: PredictorProbe,
  check: (targets: Matrix, table: Table) => void = () => {},
): Promise<void> {
  const targets = targetsOf(table, o.target);
  check(targets, table);
  const parts = divide(table, o);
  const part = (rows: ArrayLike<number>): Pairs => ({ x: takeRows(table.x, rows), y: takeRows(targets, rows) });
  const [train, validation, fit, test] = [part(parts.train), part(parts.validation), part(parts.fit), part(parts.test)];
  const { chosen, sweep, predict, features = table.x.cols } = await choose(train, validation, fit);
  const predicted = await predict(fit, test.x);
  const units = { fit: unitsOf(table, o, parts.fit), test: unitsOf(table, o, parts.test) };
  const refits: number[] = [];
  for (let b = 0; o.interval === 'cheap' && b < (o.resamples ?? 5); b++) {
    const resampled = rowsOf(fit, drawRows(o.seed, 'refit', b, fit.x.rows, units.fit));
    const again = rowsOf(test, drawRows(o.seed, 'retest', b, test.x.rows, units.test));
    refits.push(score(again.y, await predict(resampled, again.x)));
  }
  const statistic = (rows: Int32Array): number => score(takeRows(test.y, rows), takeRows(predicted, rows));
  const interval = scoreInterval(o, { rows: test.x.rows, statistic, refit: (b) => refits[b]!, units: units.test });
  printReports(context, [{
    probe, metric, interval, chosen, sweep, n: { train: train.x.rows, val: validation.x.rows, test: test.x.rows },
    features, ...describe(test.y, predicted),
  }], o);
}

const rowsOf = ({ x, y }: Pairs, rows: Int32Array): Pairs => ({ x: takeRows(x, rows), y: takeRows(y, rows) });

export const columnOf = ({ rows, cols, data }: Matrix, c: number): Float64Array =>
  Float64Array.from({ length: rows }, (_, i) => data[i * cols + c]!);

/** Errors and correlations of predicted numbers, means over targets. */
export function describeNumbers(truth: Matrix, predicted: Matrix): Pick<Report, 'shown' | 'extra'> {
  const over = (measure: Measure): number => meanOverColumns(truth, predicted, measure);
  const [mae, rmse, r, rho] = [over(meanAbsoluteError), over(rootMeanSquaredError), over(pearson), over(spearman)];
  return {
    shown: { MAE: mae, RMSE: rmse, Pearson: r, Spearman: rho },
    extra: { mae, rmse, pearson: r, spearman: rho, kendall: over(kendall), targets: truth.cols },
  };
}

type Measure = (truth: ArrayLike<number>, predicted: ArrayLike<number>) => number;

function meanOverColumns(truth: Matrix, predicted: Matrix, measure: Measure): number {
  let total = 0;
  for (let t = 0; t < truth.cols; t++) total += measure(columnOf(truth, t), columnOf(predicted, t));
  return total / truth.cols;
}
