import { jsonOption, outputOptions, seedOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { choice, integer, number, numbers } from '../../cli/options.js';
import { table as formatTable } from '../../cli/terminal.js';
import { UsageError } from '../../core/errors.js';
import { checkOutput, writeOutput } from '../../core/files/streams.js';
import { stream, type Stream } from '../../core/random.js';
import { normalQuantile, tCdf } from '../../core/stats/distributions.js';
import { columnMeans, matrix, takeRows, type Matrix } from '../../core/stats/matrix.js';
import { quantile } from '../../core/stats/order.js';
import { intervalBy, type Method } from './cheap.js';
import { logisticCoefficients, ridgeCoefficients } from './statistics.js';

const STUDIES = ['mean', 'linear', 'logistic', 'ellipsoid', 'sinusoid'] as const;
type Study = (typeof STUDIES)[number];
const METHODS: readonly Method[] = ['cheap', 'percentile', 'basic', 'se'];

const { output: outputOption, force } = outputOptions;
const options = {
  study: choice({ choices: STUDIES, default: 'linear', help: 'what is estimated' }),
  n: integer({ default: 200, min: 2, help: 'rows of a data set' }),
  p: numbers({ placeholder: 'p', default: [10, 20, 60], help: 'dimensions; one study for each' }),
  reps: integer({ default: 200, min: 10, help: 'data sets' }),
  resamples: numbers({ placeholder: 'B', default: [1, 2, 5, 10], help: 'numbers of resamples' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'nominal level' }),
  output: { ...outputOption, default: undefined, help: 'write the table as CSV, for a plot of coverage and width by B and p / n' },
  force, ...seedOption, ...jsonOption,
} as const;

/** One line of the result. */
interface Cell {
  readonly study: Study;
  readonly n: number;
  readonly p: number;
  readonly B: number;
  readonly method: Method;
  readonly coverage: number;
  /** Coverage for many rows and few dimensions. */
  readonly limit: number;
  readonly meanWidth: number;
  readonly medianWidth: number;
}

export const coverage = defineCommand({
  name: 'interval coverage',
  summary: 'how often bootstrap intervals cover the truth, for few resamples and many dimensions',
  description: 'Draws data sets from a model whose truth is known, makes the intervals of every method from the same resamples of rows, '
    + 'and counts. linear and logistic: the first coefficient, 2 or 1, of standard normal covariates; ellipsoid: sum mu_i^2; sinusoid: '
    + 'sum sin mu_i; mean: the first coordinate. limit is the coverage that theory gives for many rows (of the extremes, for percentile '
    + 'and basic).',
  paper: 'H. Lam and Z. Liu, Bootstrap in High Dimension with Low Computation, 2023, arXiv 2210.10974',
  examples: [
    ['byo interval coverage', 'regression with 200 rows and 10, 20 or 60 dimensions'],
    ['byo interval coverage --study mean --p 1 --n 10 --reps 2000', 'the mean of ten Gaussian numbers'],
    ['byo interval coverage --p 10,50,100 -o coverage.csv', 'a table to draw'],
  ],
  arguments: [],
  options,
  async run(context, _args, o) {
    const Bs = [...o.resamples].sort((a, b) => a - b);
    if (Bs.some((B) => !Number.isInteger(B) || B < 1)) throw new UsageError(`--resamples ${o.resamples}: numbers of resamples are whole numbers from 1`);
    if (o.p.some((p) => !Number.isInteger(p) || p < 1)) throw new UsageError(`--p ${o.p}: dimensions are whole numbers from 1`);
    const tooWide = o.p.find((p) => o.study === 'linear' && p > 0.6 * o.n);
    if (tooWide !== undefined) {
      throw new UsageError(`--p ${tooWide}: a resample of ${o.n} rows holds about ${Math.floor(0.632 * o.n)} different ones, too few for ` +
        'least squares; use at most 0.6 n dimensions');
    }
    if (o.output !== undefined) await checkOutput(o.output, { force: o.force });
    const progress = await context.terminal.progress('coverage', o.p.length * o.reps, 'data sets');
    const { study, n, reps, level, seed } = o;
    const cells = o.p.flatMap((p, i) =>
      coverageStudy(study, { n, p, reps, Bs, level, seed }, (rep) => progress.update(i * reps + rep)));
    progress.stop();
    if (o.output !== undefined) {
      const header = Object.keys(cells[0]!).join(',');
      const text = [header, ...cells.map((cell) => Object.values(cell).join(','))].map((line) => `${line}\n`).join('');
      await writeOutput(o.output, [new TextEncoder().encode(text)], { force: o.force });
    }
    if (o.json) context.terminal.print(JSON.stringify({ study, n, reps, level, seed, cells }));
    else if (o.output !== '-') {
      context.terminal.print(formatTable(['p', 'p/n', 'B', 'method', 'coverage', '+-', 'limit', 'mean width', 'median width'], cells.map((cell) => [
        cell.p, (cell.p / o.n).toFixed(3), cell.B, cell.method, cell.coverage.toFixed(3),
        Math.sqrt((cell.coverage * (1 - cell.coverage)) / o.reps).toFixed(3), Number.isNaN(cell.limit) ? '' : cell.limit.toFixed(3),
        cell.meanWidth, cell.medianWidth,
      ])));
    }
  },
});

interface Model {
  readonly truth: number;
  /** A data set of n rows. */
  draw(random: Stream): { x: Matrix; y: Matrix };
  estimate(x: Matrix, y: Matrix): number;
}

function modelOf(study: Study, n: number, p: number): Model {
  const none = (): Matrix => matrix(n, 0, new Float64Array(0));
  // |mu| = 1 whatever p, so that g has one size.
  const mu = study === 'ellipsoid' || study === 'sinusoid' ? 1 / Math.sqrt(p) : 0;
  const normal = (random: Stream, cols: number, shift = 0): Matrix =>
    matrix(n, cols, Float64Array.from(random.normal(n * cols), (z) => shift + z));
  const moments = (g: (mean: number) => number): Omit<Model, 'truth'> => ({
    draw: (random) => ({ x: normal(random, p, mu), y: none() }),
    estimate: (x) => columnMeans(x).reduce((sum, mean) => sum + g(mean), 0),
  });
  switch (study) {
    case 'mean': return {
      truth: 0, draw: (random) => ({ x: normal(random, p), y: none() }), estimate: (x) => columnMeans(x)[0]!,
    };
    case 'ellipsoid': return { truth: p * mu ** 2, ...moments((mean) => mean ** 2) };
    case 'sinusoid': return { truth: p * Math.sin(mu), ...moments(Math.sin) };
    case 'linear': return {
      truth: 2,
      draw: (random) => {
        const [x, noise] = [normal(random, p), random.normal(n)];
        return { x, y: matrix(n, 1, Float64Array.from(noise, (e, i) => 2 * x.data[i * p]! + e)) };
      },
      estimate: (x, y) => ridgeCoefficients(x, y, 0)[0]!,
    };
    case 'logistic': return {
      truth: 1,
      draw: (random) => {
        const [x, u] = [normal(random, p), random.uniform(n)];
        return { x, y: matrix(n, 1, Float64Array.from(u, (value, i) => (value < 1 / (1 + Math.exp(-x.data[i * p]!)) ? 1 : 0))) };
      },
      // Close to no penalty, which separable resamples need.
      estimate: (x, y) => logisticCoefficients(x, y, 1e3)[0]!,
    };
  }
}

export interface StudyOptions {
  readonly n: number;
  readonly p: number;
  readonly reps: number;
  /** Ascending. */
  readonly Bs: readonly number[];
  readonly level: number;
  readonly seed: number;
}

/** Coverage and width of every method at every B; data and resamples come from streams of their own. */
export function coverageStudy(study: Study, o: StudyOptions, onRep: (rep: number) => void = () => {}): Cell[] {
  const { n, p, reps, Bs, level, seed } = o;
  const model = modelOf(study, n, p);
  const designs = Bs.flatMap((B) => METHODS.filter((method) => B > 1 || method === 'cheap')
    .map((method) => ({ B, method, covered: 0, widths: new Float64Array(reps) })));
  for (let rep = 0; rep < reps; rep++) {
    const { x, y } = model.draw(stream(seed, `coverage data ${p}`, rep));
    const random = stream(seed, `coverage resamples ${p}`, rep);
    const estimate = model.estimate(x, y);
    const refits = Array.from({ length: Bs.at(-1)! }, () => {
      const rows = random.integers(n, n);
      return model.estimate(takeRows(x, rows), takeRows(y, rows));
    });
    for (const design of designs) {
      const { low, high } = intervalBy(design.method, estimate, refits.slice(0, design.B), level);
      if (low <= model.truth && model.truth <= high) design.covered++;
      design.widths[rep] = high - low;
    }
    onRep(rep + 1);
  }
  return designs.map(({ B, method, covered, widths }) => ({
    study, n, p, B, method, coverage: covered / reps, limit: limitOf(method, B, level),
    meanWidth: widths.reduce((sum, width) => sum + width, 0) / reps, medianWidth: quantile(widths.sort(), 0.5),
  }));
}

function limitOf(method: Method, B: number, level: number): number {
  switch (method) {
    case 'cheap': return level;
    case 'se': return 2 * tCdf(normalQuantile(1 - (1 - level) / 2), B - 1) - 1;
    // Of the smallest and largest refit, which is what the quantiles of few refits come down to.
    case 'percentile': case 'basic': return Math.min(level, (B - 1) / (B + 1));
  }
}
