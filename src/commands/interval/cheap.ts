import { availableParallelism } from 'node:os';
import { jsonOption, seedOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, text, texts, type Values } from '../../cli/options.js';
import { table as formatTable } from '../../cli/terminal.js';
import { InputError, UsageError } from '../../core/errors.js';
import { readInput } from '../../core/files/streams.js';
import { stream } from '../../core/random.js';
import { tQuantile } from '../../core/stats/distributions.js';
import { basicInterval, cheapInterval, percentileInterval, standardErrorInterval, type Interval } from '../../core/stats/intervals.js';
import { rowsByValue } from '../../core/stats/split.js';
import { runExternal } from './external.js';
import { readSample, type Sample } from './sample.js';
import { STATISTICS, statisticOf } from './statistics.js';

const METHODS = ['cheap', 'percentile', 'basic', 'se'] as const;
export type Method = (typeof METHODS)[number];

const optionsOf = (resamples: number) => ({
  statistic: choice({ choices: STATISTICS, default: 'mean', help: 'what to compute' }),
  cmd: text({ placeholder: 'command', help: 'a shell command instead: {resample} is its file; it prints a number or a JSON object' }),
  jobs: integer({ min: 1, local: true, help: 'commands at a time; as many as cores where left out' }),
  refits: flag({ local: true, help: 'the input is results already: one number a line, first that of all the data' }),
  column: texts({ placeholder: 'column', help: 'columns (or tensors) to take' }),
  target: text({ placeholder: 'column', help: 'what to predict, or the truth that predictions are compared with' }),
  coefficients: texts({ placeholder: 'name', help: 'coefficients to show; all where left out' }),
  q: number({ default: 0.5, min: 0, max: 1, help: 'which quantile' }),
  alpha: number({ default: 1, min: 0, help: 'penalty of ridge' }),
  c: number({ default: 1, positive: true, help: 'inverse penalty of logistic' }),
  resamples: integer({ short: 'b', default: resamples, min: 1, help: 'resamples B' }),
  m: integer({ min: 1, help: 'rows of a resample; as many as there are where left out' }),
  unit: text({ placeholder: 'column', help: 'rows with equal entries are resampled together' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  compare: flag({ local: true, help: 'the intervals of all methods from the same resamples' }),
  ...seedOption, ...jsonOption,
} as const);
type Options = Values<ReturnType<typeof optionsOf>>;

const DESCRIPTIONS: Readonly<Record<'cheap' | 'percentile' | 'basic', string>> = {
  cheap: 'estimate -+ t S with S^2 = mean (refit - estimate)^2 and Student\'s t of B degrees of freedom: exact in the limit for every '
    + 'number of resamples B, from 1 on, because the refits are only a yardstick. B = 5 is a quarter wider than the ideal.',
  percentile: 'The quantiles of the refits. Needs hundreds of resamples: with B of them and no more the coverage is (B - 1) / (B + 1).',
  basic: 'The percentile interval mirrored at the estimate. Needs hundreds of resamples.',
};

/** `byo interval cheap`, `percentile` and `basic`: the same but for the formula and the usual number of resamples. */
function bootstrapCommand(method: 'cheap' | 'percentile' | 'basic', resamples: number) {
  return defineCommand({
    name: `interval ${method}`,
    summary: `confidence interval of any statistic by the ${method} bootstrap`,
    description: DESCRIPTIONS[method],
    ...(method === 'cheap' && { paper: 'H. Lam and Z. Liu, Bootstrap in High Dimension with Low Computation, 2023, arXiv 2210.10974' }),
    examples: [
      [`byo interval ${method} data.csv --column income`, 'the mean of a column'],
      [`byo interval ${method} data.csv --statistic regression --target y --coefficients x1,x2`, 'coefficients of a regression'],
      [`byo interval ${method} predictions.st --statistic accuracy --target labels --column predictions`, 'a score of predictions'],
      [`byo interval ${method} train.st --cmd 'byo probe linear {resample} --test test.st --json | jq .value'`, 'any program, on resamples'],
      [`byo interval ${method} data.csv --column income --compare`, 'what other formulas say'],
    ],
    arguments: [{ name: 'data', optional: true, help: '.csv, .jsonl or .txt of rows, or a tensor file; standard input (tensors) where left out' }],
    options: optionsOf(resamples),
    run: (context, [source = '-'], o) => run(context, source, o, method),
  });
}

export const cheap = bootstrapCommand('cheap', 5);
export const percentile = bootstrapCommand('percentile', 1000);
export const basic = bootstrapCommand('basic', 1000);

async function run(context: Context, source: string, o: Options, method: Method): Promise<void> {
  const { results, scale } = o.refits ? { results: await readRefits(source), scale: 1 } : await refit(context, source, o);
  const [estimate, ...refits] = results as [Record<string, number>, ...Record<string, number>[]];
  const B = refits.length;
  const rows = Object.keys(estimate).flatMap((name) => {
    const values = refits.map((result, b) => {
      const value = result[name];
      if (value === undefined || Number.isNaN(value)) {
        throw new InputError(`resample ${b + 1} gives no ${name}; the statistic is not defined on it, so use another or more rows`);
      }
      return value;
    });
    const asked = o.compare ? METHODS.filter((one) => B > 1 || one === 'cheap') : [method];
    return asked.map((one) =>
      ({ name, method: one, refits: values, interval: intervalBy(one, estimate[name]!, values, o.level, scale) }));
  });
  const flat = rows.find(({ interval }) => interval.high === interval.low);
  if (flat) context.terminal.warn(`the interval of ${flat.name} has no width: every refit equals the estimate; use more resamples`);
  if (o.json) {
    const entries = Object.keys(estimate).map((name) => {
      const own = rows.filter((row) => row.name === name);
      const { refits: values, interval: { low, high } } = own[0]!;
      return [name, {
        estimate: estimate[name], low, high, refits: values, S: cheapInterval(estimate[name]!, values, o.level).scale,
        ...(o.compare && { methods: Object.fromEntries(own.map((row) => [row.method, endsOf(row.interval)])) }),
      }];
    });
    context.terminal.print(JSON.stringify({
      method, statistic: o.refits ? 'refits' : o.cmd ?? o.statistic, level: o.level, resamples: B,
      ...(method === 'cheap' && { t: tQuantile(1 - (1 - o.level) / 2, B) }), values: Object.fromEntries(entries),
    }));
    return;
  }
  const digits = (value: number): string => value.toPrecision(6);
  context.terminal.print(formatTable(['statistic', 'estimate', `${Math.round(o.level * 1000) / 10}% interval`, 'width', 'method', 'B'],
    rows.map(({ name, method: one, interval: { estimate: value, low, high } }) =>
      [name, digits(value), `${digits(low)} .. ${digits(high)}`, digits(high - low), one, B])));
}

const endsOf = ({ low, high }: Interval): { low: number; high: number } => ({ low, high });

export function intervalBy(method: Method, estimate: number, refits: readonly number[], level: number, scale = 1): Interval {
  switch (method) {
    case 'cheap': return cheapInterval(estimate, refits, level, scale);
    case 'percentile': return percentileInterval(estimate, refits, level);
    case 'basic': return basicInterval(estimate, refits, level);
    case 'se': return standardErrorInterval(estimate, refits, level);
  }
}

/** The statistic on all rows, then on every resample. */
async function refit(
  context: Context, source: string, o: Options,
): Promise<{ results: Record<string, number>[]; scale: number }> {
  const sample = await readSample(source);
  const drawn = resamplesOf(sample, o);
  const progress = await context.terminal.progress('interval', drawn.length, 'refits');
  const scale = o.m === undefined ? 1 : Math.sqrt(o.m / unitCount(sample, o));
  if (o.cmd !== undefined) {
    const jobs = o.jobs ?? availableParallelism();
    const results = await runExternal(o.cmd, sample, drawn, jobs, (done) => progress.update(done));
    progress.stop();
    return { results, scale };
  }
  const statistic = statisticOf(o.statistic, sample, o);
  const results = drawn.map((rows, b) => {
    const values = statistic(rows);
    progress.update(b + 1);
    return values;
  });
  progress.stop();
  const undefinedName = Object.entries(results[0]!).find(([, value]) => !Number.isFinite(value))?.[0];
  if (undefinedName !== undefined) throw new InputError(`${sample.source}: ${undefinedName} is not defined on these data (a constant column, or one class)`);
  return { results, scale };
}

const unitsOf = (sample: Sample, o: Options): number[][] | undefined =>
  (o.unit === undefined ? undefined : rowsByValue(sample.column(o.unit).data).map(([, rows]) => rows));

const unitCount = (sample: Sample, o: Options): number => unitsOf(sample, o)?.length ?? sample.rows;

/** All rows first, then B draws of rows (or of whole units) with replacement. */
function resamplesOf(sample: Sample, o: Options): Int32Array[] {
  const units = unitsOf(sample, o);
  const n = units?.length ?? sample.rows;
  const m = o.m ?? n;
  if (m > n) throw new UsageError(`--m ${m} is more than the ${n} ${units ? 'units' : 'rows'} that there are`);
  const draw = (b: number): Int32Array => {
    const drawn = stream(o.seed, 'bootstrap', b).integers(m, n);
    return units ? Int32Array.from(Array.from(drawn, (unit) => units[unit]!).flat()) : drawn;
  };
  const all = Int32Array.from({ length: sample.rows }, (_, i) => i);
  return [all, ...Array.from({ length: o.resamples }, (_, b) => draw(b))];
}

async function readRefits(source: string): Promise<Record<string, number>[]> {
  const lines = new TextDecoder().decode(await readInput(source)).split(/\s+/).filter((word) => word !== '');
  const wrong = lines.find((word) => !Number.isFinite(Number(word)));
  if (wrong !== undefined) throw new InputError(`'${wrong}' is not a number; --refits reads numbers, first the estimate and then the refits`);
  if (lines.length < 2) throw new InputError('--refits needs two numbers or more: the estimate, then at least one refit');
  return lines.map((word) => ({ value: Number(word) }));
}
