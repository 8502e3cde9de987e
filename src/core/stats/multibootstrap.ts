import { InputError } from '../errors.js';
import { stream } from '../random.js';
import { javascript, row, zeros, type LinearAlgebra, type Matrix } from './matrix.js';
import { quantile } from './order.js';

/**
 * The runs of one procedure: per seed one or more rows of scores or predictions. Several rows of a seed (fine-tuning runs) are
 * averaged and never resampled.
 */
export interface Side {
  readonly seeds: readonly string[];
  /** Row numbers of each seed's runs. */
  readonly runs: readonly (readonly number[])[];
}

/** How a run is scored on a list of examples: the mean of its own numbers there, or any function of them and of the labels. */
export type Metric = 'mean' | ((labels: ArrayLike<number>, predictions: ArrayLike<number>) => number);

export interface MultiBootstrapInput {
  /** Point scores or predictions [runs, examples]. */
  readonly values: Matrix;
  /** [examples]; needed by metrics other than the mean. */
  readonly labels?: ArrayLike<number>;
  readonly metric: Metric;
  readonly base: Side;
  readonly experiment: Side;
  /** The same seeds on both sides, drawn together: an intervention on each checkpoint. */
  readonly paired: boolean;
}

/** One draw: positions in the sides' lists of seeds, and numbers of examples that every run is scored on. */
export interface Resample {
  readonly base: Int32Array;
  readonly experiment: Int32Array;
  readonly examples: Int32Array;
}

/** Scores of both sides, one for each resample. */
export interface MultiSamples {
  readonly base: Float64Array;
  readonly experiment: Float64Array;
}

export interface DrawOptions {
  readonly seed?: number;
  /** Draw seeds (true). */
  readonly seeds?: boolean;
  /** Draw examples (true). */
  readonly examples?: boolean;
}

/** The resamples of the Multi-Bootstrap: the b-th depends on the seed and on b alone. */
export function drawResamples(
  { values, base, experiment, paired }: MultiBootstrapInput, o: DrawOptions = {},
): (b: number) => Resample {
  const { seed = 0, seeds = true, examples = true } = o;
  const all = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
  const draw = (name: string, b: number, n: number, random: boolean): Int32Array =>
    (random ? stream(seed, `multi ${name}`, b).integers(n, n) : all(n));
  return (b) => {
    const drawn = draw('base', b, base.seeds.length, seeds);
    return {
      base: drawn,
      experiment: paired ? drawn : draw('experiment', b, experiment.seeds.length, seeds),
      examples: draw('examples', b, values.cols, examples),
    };
  };
}

/** Replicates whose example counts are held at once. */
const BLOCK = 64;

/**
 * The Multi-Bootstrap (Sellam et al. 2022, algorithm 1): scores of both sides on resamples of seeds and of examples, where
 * one draw of examples serves all seeds and both sides. Means are products of score matrices with example counts; other
 * metrics are computed again on every resampled list.
 *
 * @throws InputError for sides without seeds, unequal seeds of a paired design, rows or labels that do not fit
 */
export function multiBootstrap(
  input: MultiBootstrapInput, resamples: number, resampleAt: (b: number) => Resample, algebra: LinearAlgebra = javascript,
): MultiSamples {
  requireDesign(input);
  const samples = { base: new Float64Array(resamples), experiment: new Float64Array(resamples) };
  const sides = ['base', 'experiment'] as const;
  // Both sides in one product: the counts, which are the larger operand, are read once.
  const points = input.metric === 'mean' ? seedSums(input.values, [...input.base.runs, ...input.experiment.runs]) : undefined;
  for (let start = 0; start < resamples; start += BLOCK) {
    const block = Array.from({ length: Math.min(BLOCK, resamples - start) }, (_, i) => resampleAt(start + i));
    const counts = points && countsOf(block, input.values.cols);
    const sums = counts && algebra.multiplyTransposed(counts, points);
    sides.forEach((side) => {
      const first = side === 'base' ? 0 : input.base.runs.length;
      block.forEach((resample, i) => {
        const scoreOf = sums
          ? (seed: number): number =>
            sums.data[i * sums.cols + first + seed]! / (resample.examples.length * input[side].runs[seed]!.length)
          : cached((seed) => metricOf(input, input[side].runs[seed]!, resample.examples));
        samples[side][start + i] = meanOver(resample[side], scoreOf);
      });
    });
  }
  return samples;
}

/** The scores on everything that there is: what the resamples scatter about. */
export function plugIn(input: MultiBootstrapInput): { base: number; experiment: number } {
  const { base, experiment } = multiBootstrap(input, 1, drawResamples(input, { seeds: false, examples: false }));
  return { base: base[0]!, experiment: experiment[0]! };
}

function requireDesign({ values, labels, metric, base, experiment, paired }: MultiBootstrapInput): void {
  for (const [name, side] of [['base', base], ['experiment', experiment]] as const) {
    if (side.seeds.length === 0) throw new InputError(`the ${name} side has no seed`);
    for (const run of side.runs.flat()) {
      if (!(run >= 0 && run < values.rows)) throw new InputError(`the ${name} side names run ${run} of ${values.rows}`);
    }
  }
  if (values.cols === 0) throw new InputError('there is no example to resample');
  if (metric !== 'mean' && labels?.length !== values.cols) {
    throw new InputError(`there are ${labels?.length ?? 0} labels for ${values.cols} examples: this metric needs one for each`);
  }
  if (paired && base.seeds.join('\n') !== experiment.seeds.join('\n')) {
    throw new InputError('a paired design needs the same seeds on both sides, in the same order');
  }
}

/** Per seed, the sum of its runs' rows: [seeds, examples]. */
function seedSums(values: Matrix, runs: Side['runs']): Matrix {
  const sums = zeros(runs.length, values.cols);
  runs.forEach((own, seed) => {
    const total = row(sums, seed);
    for (const run of own) {
      const scores = row(values, run);
      for (let x = 0; x < values.cols; x++) total[x]! += scores[x]!;
    }
  });
  return sums;
}

function seedMeans(values: Matrix, runs: Side['runs']): Matrix {
  const means = seedSums(values, runs);
  runs.forEach((own, seed) => row(means, seed).forEach((sum, x, mean) => { mean[x] = sum / own.length; }));
  return means;
}

/** Whether sums over resamples are whole numbers that float32 holds exactly, as those of hits and misses are. */
export function exactInFloat32({ values, metric, base, experiment }: MultiBootstrapInput): boolean {
  const most = 2 ** 24 / (values.cols * Math.max(...[...base.runs, ...experiment.runs].map(({ length }) => length)));
  return metric === 'mean' && values.data.every((value) => Number.isInteger(value) && Math.abs(value) <= most);
}

/** How often each resample has each example: [resamples, examples]. */
function countsOf(block: readonly Resample[], examples: number): Matrix {
  const counts = zeros(block.length, examples);
  block.forEach((resample, i) => {
    const own = row(counts, i);
    for (const x of resample.examples) own[x]!++;
  });
  return counts;
}

function metricOf({ values, labels, metric }: MultiBootstrapInput, runs: readonly number[], examples: Int32Array): number {
  if (metric === 'mean') throw new Error('means are computed from counts');
  const truth = Float64Array.from(examples, (x) => labels![x]!);
  let total = 0;
  for (const run of runs) {
    const predictions = row(values, run);
    total += metric(truth, Float64Array.from(examples, (x) => predictions[x]!));
  }
  return total / runs.length;
}

function cached(compute: (key: number) => number): (key: number) => number {
  const known = new Map<number, number>();
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key)!;
  };
}

function meanOver(positions: Int32Array, value: (position: number) => number): number {
  let total = 0;
  for (const position of positions) total += value(position);
  return total / positions.length;
}

export interface Summary {
  /** Mean over the resamples. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface EffectSummary extends Summary {
  /** One-sided: the share of resamples whose effect is not in the expected direction, at least 1 / B. */
  readonly p: number;
  /** Twice the smaller tail, ties counted in both, between 1 / B and 1. */
  readonly pTwoSided: number;
}

export interface MultiReport {
  readonly base: Summary;
  readonly experiment: Summary;
  /** experiment - base */
  readonly effect: EffectSummary;
  /** Resamples left out because a metric was not a number on them. */
  readonly undefinedResamples: number;
}

/** More than this share of undefined resamples is an error. */
const MAX_UNDEFINED = 0.05;

/**
 * Percentile intervals (linear interpolation) of both sides and of their difference, as the paper's report_ci.
 *
 * @param expected the direction in which the experiment should differ
 * @throws InputError where a metric is undefined on more than 5 % of the resamples
 */
export function multiReport(samples: MultiSamples, level = 0.95, expected: 'higher' | 'lower' = 'higher'): MultiReport {
  const kept = [...samples.base.keys()].filter((b) => !Number.isNaN(samples.base[b]! + samples.experiment[b]!));
  const undefinedResamples = samples.base.length - kept.length;
  if (kept.length === 0 || undefinedResamples > MAX_UNDEFINED * samples.base.length) {
    throw new InputError(`the metric is undefined on ${undefinedResamples} of ${samples.base.length} resamples (a constant list, or one ` +
      'class only); use more examples or another metric');
  }
  const [base, experiment] = [kept.map((b) => samples.base[b]!), kept.map((b) => samples.experiment[b]!)];
  // Equal scores summed in another order differ by rounding; they are ties all the same.
  const effects = kept.map((_, i) => {
    const effect = experiment[i]! - base[i]!;
    return Math.abs(effect) <= 1e-12 * Math.abs(base[i]!) ? 0 : effect;
  });
  const share = (test: (effect: number) => boolean): number => Math.max(effects.filter(test).length, 1) / effects.length;
  const [notAbove, notBelow] = [share((effect) => effect <= 0), share((effect) => effect >= 0)];
  return {
    base: summary(base, level), experiment: summary(experiment, level),
    effect: {
      ...summary(effects, level), p: expected === 'higher' ? notAbove : notBelow,
      pTwoSided: Math.min(1, 2 * Math.min(notAbove, notBelow)),
    },
    undefinedResamples,
  };
}

function summary(values: readonly number[], level: number): Summary {
  const sorted = Float64Array.from(values).sort();
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, 1 - (1 - level) / 2),
  };
}

/** Where the variance of the effect comes from. */
export interface VarianceParts {
  readonly seeds: number;
  readonly examples: number;
  /** What is neither: seeds that differ in which examples they get right. */
  readonly interaction: number;
}

/**
 * The exact variance of the effect over all resamples, for mean metrics: with D = m + r_s + c_x + g_sx,
 * mean r^2 / n_s + mean c^2 / n_x + mean g^2 / (n_s n_x); unpaired, each side has its own seed and interaction parts.
 */
export function varianceParts({ values, base, experiment, paired }: MultiBootstrapInput): VarianceParts {
  const [a, b] = [seedMeans(values, base.runs), seedMeans(values, experiment.runs)];
  const difference = (p: Matrix, q: Matrix): Matrix =>
    ({ ...p, data: Float64Array.from(p.data, (value, at) => q.data[at]! - value) });
  const parts = (paired ? [difference(a, b)] : [a, b]).map(decompose);
  const examples = values.cols;
  const columns = parts.map(({ columnEffects }) => columnEffects);
  const shared = paired ? columns[0]! : columns[0]!.map((value, x) => columns[1]![x]! - value);
  const total = (part: (p: Decomposition) => number): number => parts.reduce((sum, p) => sum + part(p), 0);
  return {
    seeds: total((p) => meanSquare(p.rowEffects) / p.rowEffects.length),
    examples: meanSquare(shared) / examples,
    interaction: total((p) => p.interaction / (p.rowEffects.length * examples)),
  };
}

interface Decomposition {
  readonly rowEffects: Float64Array;
  readonly columnEffects: Float64Array;
  readonly interaction: number;
}

function decompose({ rows, cols, data }: Matrix): Decomposition {
  const rowMeans = new Float64Array(rows);
  const columnMeans = new Float64Array(cols);
  for (let s = 0, at = 0; s < rows; s++) {
    for (let x = 0; x < cols; x++, at++) {
      rowMeans[s]! += data[at]! / cols;
      columnMeans[x]! += data[at]! / rows;
    }
  }
  const mean = rowMeans.reduce((sum, value) => sum + value, 0) / rows;
  let interaction = 0;
  for (let s = 0, at = 0; s < rows; s++) {
    for (let x = 0; x < cols; x++, at++) interaction += (data[at]! - rowMeans[s]! - columnMeans[x]! + mean) ** 2;
  }
  return {
    rowEffects: rowMeans.map((value) => value - mean), columnEffects: columnMeans.map((value) => value - mean),
    interaction: interaction / data.length,
  };
}

const meanSquare = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0) / values.length;
