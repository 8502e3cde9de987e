import type { Context } from '../../cli/context.js';
import { takeRows, type Matrix } from '../../core/stats/matrix.js';
import { divide, readProbeTable, targetsOf, unitsOf, type SplitOptions, type Table } from './data.js';
import { drawRows, printReports, scoreInterval, type IntervalOptions, type Json, type Report, type ReportOptions } from './report.js';

/** Features [n, d] and what to predict [n, t]. */
export interface Pairs {
  readonly x: Matrix;
  readonly y: Matrix;
}

/** A probe of numbers or of several labels, with its settings chosen. */
export interface Predictor {
  readonly chosen: Readonly<Record<string, number>>;
  readonly sweep: readonly Json[];
  /** Trains on one part and predicts another: [rows, t]. */
  predict(fit: Pairs, x: Matrix): Matrix;
}

export interface PredictorProbe {
  readonly probe: string;
  readonly metric: string;
  score(truth: Matrix, predicted: Matrix): number;
  choose(train: Pairs, validation: Pairs): Predictor;
  /** More to print about the test part. */
  describe(truth: Matrix, predicted: Matrix): Pick<Report, 'shown' | 'extra'>;
}

interface PredictorOptions extends SplitOptions, IntervalOptions, ReportOptions {
  readonly interval: IntervalOptions['interval'];
  readonly target: string;
}

/** The same as runClassifier for targets [N, T]; `check` throws where the probe cannot take them. */
export async function runPredictor(
  context: Context, source: string, o: PredictorOptions, { probe, metric, score, choose, describe }: PredictorProbe,
  check: (targets: Matrix, table: Table) => void = () => {},
): Promise<void> {
  const table = await readProbeTable(source, o);
  const targets = targetsOf(table, o.target);
  check(targets, table);
  const parts = divide(table, o);
  const part = (rows: ArrayLike<number>): Pairs => ({ x: takeRows(table.x, rows), y: takeRows(targets, rows) });
  const [train, validation, fit, test] = [part(parts.train), part(parts.validation), part(parts.fit), part(parts.test)];
  const { chosen, sweep, predict } = choose(train, validation);
  const predicted = predict(fit, test.x);
  const units = { fit: unitsOf(table, o, parts.fit), test: unitsOf(table, o, parts.test) };
  const refit = (b: number): number => {
    const resampled = rowsOf(fit, drawRows(o.seed, 'refit', b, fit.x.rows, units.fit));
    const again = rowsOf(test, drawRows(o.seed, 'retest', b, test.x.rows, units.test));
    return score(again.y, predict(resampled, again.x));
  };
  const statistic = (rows: Int32Array): number => score(takeRows(test.y, rows), takeRows(predicted, rows));
  const interval = scoreInterval(o, { rows: test.x.rows, statistic, refit, units: units.test });
  printReports(context, [{
    probe, metric, interval, chosen, sweep, n: { train: train.x.rows, val: validation.x.rows, test: test.x.rows },
    features: table.x.cols, ...describe(test.y, predicted),
  }], o);
}

const rowsOf = ({ x, y }: Pairs, rows: Int32Array): Pairs => ({ x: takeRows(x, rows), y: takeRows(y, rows) });

export const columnOf = ({ rows, cols, data }: Matrix, c: number): Float64Array =>
  Float64Array.from({ length: rows }, (_, i) => data[i * cols + c]!);
