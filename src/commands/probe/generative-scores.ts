import { formatNumber } from '../../cli/terminal.js';
import { stream } from '../../core/random.js';
import {
  coverage, coveredShare, drawResamples, ENERGY, frechetDistance, gaussianMmd2, kernelDistance, medianDistance, modeShares,
  nearestMeans, nearestRows, pairedDistances, pairedScores, pairStatistics, slicedWasserstein,
  type PairStatistic, type Resampled, type Resamples,
} from '../../core/stats/generative/index.js';
import { standardErrorInterval, type Interval } from '../../core/stats/intervals.js';
import { countLabels } from '../../core/stats/labels.js';
import { takeRows, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { labelsOf, type Table } from './data.js';
import type { Json } from './report.js';
import { spaceName, type ExampleSet } from './spaces.js';

export const METRICS = ['frechet', 'kid', 'mmd', 'energy', 'sliced', 'precision', 'recall', 'modes', 'paired'] as const;
export type Metric = (typeof METRICS)[number];

export interface ScoreOptions {
  readonly directions: number;
  readonly k: number;
  readonly bandwidth: number | undefined;
  readonly assign: 'mean' | 'neighbour';
  readonly bootstrap: number;
  readonly level: number;
  readonly seed: number;
}

/** The sets, and how many rows of samples and real set are compared. */
export interface Compared {
  readonly samples: ExampleSet;
  readonly real: ExampleSet;
  readonly paired: ExampleSet | undefined;
  readonly rows: number;
}

export interface Score {
  /** Its name in the JSON object. */
  readonly key: string;
  readonly name: string;
  /** Low and high are NaN without resamples. */
  readonly interval: Interval;
  /** How it was made, for people. */
  readonly note: string;
  /** The same for programs. */
  readonly extra: Json;
}

/** Bounds of a score's values, which its interval does not leave. */
type Range = readonly [least: number, most: number];
const ANY: Range = [-Infinity, Infinity];
const POSITIVE: Range = [0, Infinity];
const SHARE: Range = [0, 1];

/**
 * The estimate -+ z times its standard deviation over resamples of both sets. No quantiles of the resamples: rows that come twice
 * bring most of these distances up, often so far that no resample is as small as the estimate.
 */
export function spread({ value, resampled }: Resampled, level: number, [least, most]: Range = ANY): Interval {
  if (resampled.length === 0) return { estimate: value, low: NaN, high: NaN };
  const { low, high } = standardErrorInterval(value, resampled, level);
  return { estimate: value, low: Math.max(least, low), high: Math.min(most, high) };
}

/** All scores that are wanted, in the order of METRICS. */
export function scoresOf(compared: Compared, wanted: ReadonlySet<Metric>, o: ScoreOptions, algebra: LinearAlgebra): Score[] {
  const { samples, real, rows } = compared;
  const x = drawnRows(samples.table.x, rows, o.seed, 'generated rows');
  const y = drawnRows(real.table.x, rows, o.seed, 'real rows');
  const resamples = drawResamples(rows, rows, o.bootstrap, o.seed);
  const pair: Pair = { x, y, resamples, of: ofFeatures(samples), wanted, algebra };
  return [...distances(pair, o), ...manifold(pair, o), ...modes(pair, real.table, o), ...paired(compared, wanted, o)];
}

/** Rows of the samples and as many real ones. */
interface Pair {
  readonly x: Matrix;
  readonly y: Matrix;
  readonly resamples: Resamples;
  /** What names of distances end in, so that features are never taken for others. */
  readonly of: string;
  readonly wanted: ReadonlySet<Metric>;
  readonly algebra: LinearAlgebra;
}

/** `count` rows of x in their order, drawn at random where there are more. */
function drawnRows(x: Matrix, count: number, seed: number, name: string): Matrix {
  return count === x.rows ? x : takeRows(x, stream(seed, name).permutation(x.rows).slice(0, count).sort());
}

const ofFeatures = ({ space }: ExampleSet): string => (space.of === 'points' ? '' : ` on ${spaceName(space)}`);

function distances({ x, y, resamples, of, wanted, algebra }: Pair, o: ScoreOptions): Score[] {
  const score = (key: Metric, name: string, found: Resampled, range: Range, note = '', extra: Json = {}): Score =>
    ({ key, name, interval: spread(found, o.level, range), note, extra });
  const scores: Score[] = [];
  if (wanted.has('frechet')) {
    const found = frechetDistance(x, y, { resamples, algebra });
    scores.push(score('frechet', `Fréchet distance${of}`, found, POSITIVE, 'squared, by means and covariances'));
  }
  const bandwidth = wanted.has('mmd') ? o.bandwidth ?? medianDistance(y, { seed: o.seed, algebra }) : NaN;
  const statistics: Partial<Record<Metric, PairStatistic>> = {
    ...(wanted.has('kid') && { kid: kernelDistance(x.cols) }),
    ...(wanted.has('mmd') && { mmd: gaussianMmd2(bandwidth) }),
    ...(wanted.has('energy') && { energy: ENERGY }),
  };
  if (Object.keys(statistics).length > 0) {
    const { kid, mmd, energy }: Partial<Record<Metric, Resampled>> =
      pairStatistics(x, y, statistics as Record<Metric, PairStatistic>, { resamples, algebra });
    if (kid) scores.push(score('kid', `kernel distance (KID)${of}`, kid, ANY, 'squared, unbiased; kernel (a.b / d + 1)^3'));
    if (mmd) scores.push(score('mmd', 'MMD', mmd, ANY, `squared, unbiased; bandwidth ${formatNumber(bandwidth)}`, { bandwidth }));
    if (energy) scores.push(score('energy', 'energy distance', energy, POSITIVE));
  }
  if (wanted.has('sliced')) {
    const found = slicedWasserstein(x, y, { slices: o.directions, seed: o.seed, resamples, algebra });
    const { directions } = o;
    scores.push(score('sliced', 'sliced Wasserstein-2', found, POSITIVE, `${directions} directions`, { directions }));
  }
  return scores;
}

function manifold({ x, y, resamples, wanted, algebra }: Pair, { k, level }: ScoreOptions): Score[] {
  if (!wanted.has('precision') && !wanted.has('recall')) return [];
  const { fake, real } = coverage(y, x, { k, algebra });
  const scores = [
    { key: 'precision', share: coveredShare(fake, resamples.x), note: 'samples in a ball of a real row' },
    { key: 'recall', share: coveredShare(real, resamples.y), note: 'real rows in a ball of a sample' },
  ] as const;
  return scores.filter(({ key }) => wanted.has(key)).map(({ key, share, note }) =>
    ({ key, name: key, interval: spread(share, level, SHARE), note: `${note}, k = ${k}`, extra: { k } }));
}

/** Modes are the classes of all real rows, also of those that are not compared. */
function modes({ x, resamples, wanted, algebra }: Pair, real: Table, { assign, level }: ScoreOptions): Score[] {
  if (!wanted.has('modes')) return [];
  const all = labelsOf(real);
  const present = [...all.classes.keys()].filter((label) => all.labels.includes(label));
  const names = present.map((label) => all.classes[label]!);
  const labels = all.labels.map((label) => present.indexOf(label));
  const assigned = assign === 'mean' ? nearestMeans(x, real.x, labels, names.length) : nearestRows(x, real.x, labels, algebra);
  const { shares, divergence } = modeShares(assigned, names.length, resamples.x);
  const sizes = countLabels(labels, names.length);
  const values = shares.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return [{
    key: 'modes', name: 'KL of modes to equal shares', interval: spread(divergence, level, POSITIVE),
    note: `${names.length} modes, from ${formatNumber(least)} (${names[values.indexOf(least)]}) to ${formatNumber(most)} `
      + `(${names[values.lastIndexOf(most)]})`,
    extra: {
      assign,
      shares: shares.map((share, c) =>
        ({ mode: names[c], ...numbersOf(spread(share, level, SHARE)), real: sizes[c]! / labels.length })),
    },
  }];
}

function paired({ samples, paired: others }: Compared, wanted: ReadonlySet<Metric>, o: ScoreOptions): Score[] {
  if (!wanted.has('paired') || !others) return [];
  const apart = pairedDistances(samples.table.x, others.table.x);
  const { rmse, median } = pairedScores(apart, drawResamples(apart.length, apart.length, o.bootstrap, o.seed).x);
  const to = `to ${others.table.source}, ${apart.length} pairs`;
  return [
    { key: 'pairedRms', name: 'paired distance, root mean square', interval: spread(rmse, o.level, POSITIVE), note: to, extra: {} },
    { key: 'pairedMedian', name: 'paired distance, median', interval: spread(median, o.level, POSITIVE), note: to, extra: {} },
  ];
}

/** A score for JSON: the ends of its interval are left out where there is none. */
export const numbersOf = ({ estimate, low, high }: Interval): Json =>
  ({ value: estimate, ...(!Number.isNaN(low) && { low, high }) });
