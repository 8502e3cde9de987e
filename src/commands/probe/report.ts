import type { Context } from '../../cli/context.js';
import { table as formatTable } from '../../cli/terminal.js';
import { ByoError, UsageError } from '../../core/errors.js';
import { stream } from '../../core/random.js';
import { bcaInterval, bootstrap, cheapInterval, percentileInterval, wilsonInterval, type Interval } from '../../core/stats/intervals.js';
import { rowsByValue } from '../../core/stats/split.js';

export type Json = Readonly<Record<string, unknown>>;

export interface IntervalOptions {
  readonly interval: 'wilson' | 'cheap' | 'percentile' | 'bca';
  readonly level: number;
  readonly resamples: number | undefined;
  readonly seed: number;
}

/** A score as a function of rows of the test part, so that it can be resampled. */
export interface Resampled {
  readonly rows: number;
  readonly statistic: (rows: Int32Array) => number;
  /** Which rows belong together. */
  readonly units?: ArrayLike<number> | undefined;
  /** The score after training and testing again on resample b of both parts. */
  readonly refit?: (b: number) => number;
}

/** The interval that the options ask for; throws UsageError where the score has none of that kind. */
export function scoreInterval(o: IntervalOptions, { rows, statistic, units, refit }: Resampled): Interval {
  const all = Int32Array.from({ length: rows }, (_, i) => i);
  const estimate = statistic(all);
  if (o.interval === 'wilson') {
    if (units) throw new UsageError('--interval wilson takes test rows to be independent; use percentile with --unit');
    return wilsonInterval(Math.round(estimate * rows), rows, o.level);
  }
  if (o.interval === 'cheap') {
    if (!refit) throw new UsageError('this probe trains nothing, so --interval cheap has nothing to refit; use percentile or bca');
    const scores = Float64Array.from({ length: o.resamples ?? 5 }, (_, b) => refit(b));
    return cheapInterval(estimate, scores, o.level);
  }
  const resampled = bootstrap(rows, statistic, { seed: o.seed, resamples: o.resamples ?? 1000, ...(units && { groups: units }) });
  if (o.interval === 'percentile') return percentileInterval(estimate, resampled, o.level);
  const unitOf = units ?? all;
  const jackknife = rowsByValue(unitOf).map(([left]) => statistic(all.filter((i) => unitOf[i] !== left)));
  return bcaInterval(estimate, resampled, jackknife, o.level);
}

/** A score with its interval, as every probe prints it. */
export interface Report {
  readonly probe: string;
  readonly metric: string;
  readonly interval: Interval;
  /** What was chosen on the validation part, and the scores it was chosen by. */
  readonly chosen?: Readonly<Record<string, number | string>>;
  readonly sweep?: readonly Json[];
  readonly n: Readonly<Record<string, number>>;
  readonly features: number;
  /** More columns of the table. */
  readonly shown?: Readonly<Record<string, number | string>>;
  /** More entries of the JSON object. */
  readonly extra?: Json;
}

export interface ReportOptions {
  readonly interval: string;
  readonly level: number;
  readonly json: boolean;
  readonly min: number | undefined;
}

/** Prints scores, one row or JSON line each; throws ByoError where one is below --min. */
export function printReports(context: Context, reports: readonly Report[], o: ReportOptions): void {
  const shorten = (value: number | string) => (typeof value === 'number' ? Number(value.toPrecision(3)) : value);
  if (o.json) {
    for (const { probe, metric, interval, chosen = {}, sweep = [], n, features, extra } of reports) {
      const { low, high } = interval;
      context.terminal.print(JSON.stringify({
        probe, metric, value: interval.estimate, interval: { low, high, level: o.level, method: o.interval },
        chosen, sweep, ...extra, n, features,
      }));
    }
  } else {
    const [first] = reports;
    const shown = Object.keys(first!.shown ?? {});
    context.terminal.print(formatTable(
      ['probe', first!.metric, `${Math.round(o.level * 1000) / 10}% interval`, 'chosen', ...Object.keys(first!.n), ...shown],
      reports.map(({ probe, interval, chosen = {}, n, shown: more = {} }) => [
        probe, interval.estimate.toFixed(4), `${interval.low.toFixed(4)} .. ${interval.high.toFixed(4)}`,
        Object.entries(chosen).map(([name, value]) => `${name}=${shorten(value)}`).join(' '),
        ...Object.values(n), ...shown.map((name) => more[name] ?? ''),
      ])));
  }
  for (const { metric, interval } of reports) requireMinimum(metric, interval, o.min);
}

/** Throws ByoError where a score is below --min. */
export function requireMinimum(metric: string, { estimate }: Pick<Interval, 'estimate'>, min: number | undefined): void {
  if (min !== undefined && !(estimate >= min)) throw new ByoError(`${metric} ${estimate.toFixed(4)} is below --min ${min}`);
}

/** Mean of the values of some rows, as a statistic. */
export const meanOf = (values: ArrayLike<number>) => (rows: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < rows.length; i++) total += values[rows[i]!]!;
  return total / rows.length;
};

/** Resample b of rows, of whole units where rows belong together: row numbers. */
export function drawRows(seed: number, name: 'refit' | 'retest', b: number, rows: number, units?: ArrayLike<number>): Int32Array {
  const random = stream(seed, name, b);
  if (!units) return random.integers(rows, rows);
  const members = rowsByValue(units).map(([, own]) => own);
  return Int32Array.from(Array.from(random.integers(members.length, members.length), (unit) => members[unit]!).flat());
}
