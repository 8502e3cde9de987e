import { defineCommand } from '../../cli/command.js';
import { jsonOption } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { choice, integer, number, suggestion, text, texts, type Values } from '../../cli/options.js';
import { formatNumber, table as formatTable } from '../../cli/terminal.js';
import { InputError, UsageError } from '../../core/errors.js';
import { featureOptions, withAlgebra } from './common.js';
import type { Table } from './data.js';
import { METRICS, numbersOf, scoresOf, type Compared, type Metric, type Score } from './generative-scores.js';
import type { Json } from './report.js';
import { requireSameSpace, shortDigest, Spaces, type ExampleSet, type Space } from './spaces.js';

const options = {
  real: text({ placeholder: 'file', local: true, help: 'the real set: images, points or features as the samples are; its labels name the modes' }),
  part: choice({ choices: ['all', 'train', 'test'], default: 'all', help: 'which part of the real set' }),
  paired: text({ placeholder: 'file', local: true, help: 'samples from the same noise, row by row, such as those of a teacher in many steps' }),
  metrics: texts({ placeholder: 'name', help: `which of ${METRICS.join(', ')}; all that the files allow where left out` }),
  rows: integer({ default: 10_000, min: 2, help: 'rows of each set at most, drawn at random where there are more' }),
  directions: integer({ default: 128, min: 1, help: 'random directions of the sliced distance' }),
  k: integer({ default: 3, min: 1, help: 'precision and recall: neighbours that the ball around a row reaches to' }),
  bandwidth: number({ positive: true, help: 'of the Gaussian kernel of MMD; the median distance of real rows where left out' }),
  assign: choice({ choices: ['mean', 'neighbour'], default: 'mean', help: 'modes: class of the nearest class mean, or of the nearest real row' }),
  bootstrap: integer({ default: 50, min: 0, help: 'resamples for the intervals; 0: no intervals' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence intervals' }),
  ...featureOptions,
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'images: model by whose encoder\'s features they are compared' }),
  pixels: integer({ min: 1, help: 'images: compare the pixels themselves, averaged down to so many a side' }),
  ...jsonOption,
} as const;
type Options = Values<typeof options>;

export const generative = defineCommand({
  name: 'probe generative',
  summary: 'how close generated images or points are to real ones',
  description: 'Distances of two distributions by samples of both: Fréchet distance (Heusel et al. 2017), kernel distance (KID; Bińkowski et '
    + 'al. 2018), MMD with a Gaussian kernel (Gretton et al. 2012), energy distance, sliced Wasserstein-2 distance (Bonneel et al. 2015), '
    + 'precision and recall (Kynkäänniemi et al. 2019), and shares of the modes. Points and features are compared as they are, images by '
    + 'the features of an encoder of your choice, which the result names: no number here can be held against one on Inception features.',
  examples: [
    ['byo sample student.st --count 4000 | byo probe generative --real ring.st', 'samples of points from a pipe'],
    ['byo probe generative samples.st --real photos.st --model encoder.st', 'images, by features of an encoder'],
    ['byo probe generative once.st --real photos.st --model encoder.st --paired path.st --metrics frechet,paired --json',
      'a one-step student, against its teacher from the same noise too'],
  ],
  arguments: [{ name: 'samples', optional: true, help: 'generated images, points, or features of them; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, async (algebra) => {
    if (o.real === undefined) throw new UsageError('probe generative needs real examples to compare with: --real FILE');
    if (o.bootstrap === 1) throw new UsageError('--bootstrap 1 tells nothing of a spread; give 2 or more, or 0 for no intervals');
    checkMetrics(o);
    const spaces = new Spaces(context, o, [source, o.real, o.paired]);
    const samples = await spaces.read(source);
    const real = await spaces.read(o.real, o.part);
    const paired = o.paired === undefined ? undefined : await spaces.read(o.paired);
    requireSameSpace(samples, real);
    if (paired) requirePairs(samples, paired);
    const wanted = wantedMetrics(o, real.table, paired !== undefined);
    const compared = { samples, real, paired, rows: comparedRows(context, samples.table, real.table, wanted, o) };
    const scores = scoresOf(compared, wanted, o, algebra);
    context.terminal.print(o.json ? JSON.stringify(jsonOf(scores, compared, o)) : textOf(scores, compared, o));
  }),
});

function checkMetrics({ metrics, paired }: Options): void {
  const wrong = metrics?.find((name) => !(METRICS as readonly string[]).includes(name));
  if (wrong !== undefined) throw new UsageError(`--metrics takes ${METRICS.join(', ')}, but '${wrong}' was given${suggestion(wrong, METRICS)}`);
  if (metrics?.includes('paired') && paired === undefined) throw new UsageError('--metrics paired needs samples from the same noise: --paired FILE');
}

/** What was asked for, or all that the files allow. */
function wantedMetrics({ metrics }: Options, real: Table, pairs: boolean): ReadonlySet<Metric> {
  if (metrics) return new Set(metrics as Metric[]);
  const labels = real.column('labels');
  const named = labels?.cols === 1 && labels.data.every((label) => Number.isInteger(label) && label >= 0);
  const several = named && new Set(labels.data).size > 1;
  return new Set(METRICS.filter((metric) => (metric === 'modes' ? several : metric !== 'paired' || pairs)));
}

/** Throws InputError unless row i of two sets is from the same noise, as far as their files tell. */
function requirePairs(samples: ExampleSet, paired: ExampleSet): void {
  requireSameSpace(samples, paired);
  const [own, other] = [samples.table, paired.table];
  if (own.x.rows !== other.x.rows) {
    throw new InputError(`${own.source} has ${own.x.rows} rows and ${other.source} ${other.x.rows}, but row i has to be from the same noise: draw `
      + 'both with one --count');
  }
  if (samples.noise !== undefined && paired.noise !== undefined && samples.noise !== paired.noise) {
    throw new InputError(`${own.source} was drawn with --seed ${samples.noise} and ${other.source} with ${paired.noise}, but row i has to be from the `
      + 'same noise: draw both with one seed');
  }
}

/** As many rows of each set as the smaller one has, since most distances depend on the number of rows. */
function comparedRows(context: Context, samples: Table, real: Table, wanted: ReadonlySet<Metric>, o: Options): number {
  const least = wanted.has('precision') || wanted.has('recall') ? o.k + 1 : 2;
  for (const { source, x } of [samples, real]) {
    if (x.rows < least) throw new InputError(`${source} has ${x.rows} row${x.rows === 1 ? '' : 's'}, but ${least} or more are needed`);
  }
  const rows = Math.min(samples.x.rows, real.x.rows, o.rows);
  if (rows < Math.max(samples.x.rows, real.x.rows)) {
    context.terminal.info(`${samples.source} has ${samples.x.rows} rows and ${real.source} ${real.x.rows}; ${rows} of each are compared, because the `
      + 'Fréchet distance and others are too large for few rows');
  }
  return rows;
}

const textOf = (scores: readonly Score[], { samples, rows }: Compared, { level }: Options): string => formatTable(
  ['measure', 'value', `${Math.round(level * 1000) / 10}% interval`, `${rows} and ${rows} rows of ${contents(samples)}`],
  scores.map(({ name, interval: { estimate, low, high }, note }) =>
    [name, estimate, Number.isNaN(low) ? '' : `${formatNumber(low)} .. ${formatNumber(high)}`, note]));

/** `2 coordinates`, `256 features of enc.st (sha256:0123456789ab, convnet4)`. */
function contents({ space, table: { x } }: ExampleSet): string {
  if (space.of === 'points') return `${x.cols} coordinates`;
  if (space.of === 'pixels') return `${x.cols} pixels, ${space.side} a side`;
  const about = [space.digest && shortDigest(space.digest), space.encoder, space.weights].filter(Boolean).join(', ');
  return `${x.cols} features${space.model === undefined ? '' : ` of ${space.model}`}${about ? ` (${about})` : ''}`;
}

const jsonOf = (scores: readonly Score[], { samples, real, rows }: Compared, { level, bootstrap }: Options): Json => ({
  probe: 'generative', space: samples.space satisfies Space, features: samples.table.x.cols,
  n: { compared: rows, samples: samples.table.x.rows, real: real.table.x.rows },
  scores: Object.fromEntries(scores.map(({ key, interval, extra }) => [key, { ...numbersOf(interval), ...extra }])),
  interval: { level, method: 'se', resamples: bootstrap },
});
