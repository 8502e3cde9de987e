import { InputError } from '../errors.js';
import { stream } from '../random.js';
import { betaQuantile, binomialCdf, normalCdf, normalQuantile, tQuantile } from './distributions.js';
import { requirePaired } from './labels.js';
import { quantile } from './order.js';

/** An estimate with the two ends of its confidence interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Wilson's score interval of a proportion. */
export function wilsonInterval(successes: number, trials: number, level = 0.95): Interval {
  requireCounts(successes, trials);
  const z = normalQuantile(1 - tail(level));
  const p = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (p + (z * z) / (2 * trials)) / scale;
  const half = (z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials))) / scale;
  // At 0 or all successes centre and half are equal up to rounding.
  return {
    estimate: p,
    low: successes === 0 ? 0 : centre - half,
    high: successes === trials ? 1 : centre + half,
  };
}

/** Clopper and Pearson's interval of a proportion: never covers less than its level. */
export function clopperPearsonInterval(successes: number, trials: number, level = 0.95): Interval {
  requireCounts(successes, trials);
  return {
    estimate: successes / trials,
    low: successes === 0 ? 0 : betaQuantile(tail(level), successes, trials - successes + 1),
    high: successes === trials ? 1 : betaQuantile(1 - tail(level), successes + 1, trials - successes),
  };
}

/** Student's interval of the mean over R >= 2 seeds, with their sample standard deviation (divisor R - 1). */
export function seedInterval(values: ArrayLike<number>, level = 0.95): Interval & { readonly std: number } {
  if (values.length < 2) throw new InputError('an interval over seeds needs the results of at least two seeds');
  const n = values.length;
  const estimate = mean(values);
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - estimate) ** 2;
  const std = Math.sqrt(squares / (n - 1));
  const half = (tQuantile(1 - tail(level), n - 1) * std) / Math.sqrt(n);
  return { estimate, std, low: estimate - half, high: estimate + half };
}

export interface BootstrapOptions {
  readonly seed?: number;
  /** Number of resamples B (1000). */
  readonly resamples?: number;
  /** Group of each row: whole groups are drawn, for rows that belong together. */
  readonly groups?: ArrayLike<number>;
}

/**
 * The statistic on B resamples of n rows, drawn with replacement: [B]. Each resample's draws depend on the seed and
 * its number alone.
 *
 * @param statistic of the rows with these indices, some of which come several times
 * @throws InputError where there is no row, or the groups do not pair up with the rows
 */
export function bootstrap(
  n: number, statistic: (indices: Int32Array) => number, options: BootstrapOptions = {},
): Float64Array {
  const { seed = 0, resamples = 1000, groups } = options;
  if (!(n >= 1)) throw new InputError('the bootstrap needs at least one row to resample');
  const members = groups && membersOf(groups, n);
  return Float64Array.from({ length: resamples }, (_, b) => {
    const draws = stream(seed, 'bootstrap', b);
    if (!members) return statistic(draws.integers(n, n));
    const drawn = Array.from(draws.integers(members.length, members.length), (g) => members[g]);
    return statistic(Int32Array.from(drawn.flat()));
  });
}

function membersOf(groups: ArrayLike<number>, n: number): number[][] {
  if (groups.length !== n) throw new InputError(`there are ${groups.length} group labels for ${n} rows`);
  const members = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const group = members.get(groups[i]);
    if (group) group.push(i);
    else members.set(groups[i], [i]);
  }
  return [...members.values()];
}

/** Percentile interval: the quantiles of the resampled estimates. */
export function percentileInterval(estimate: number, resampled: ArrayLike<number>, level = 0.95): Interval {
  const sorted = ascending(resampled);
  return { estimate, low: quantile(sorted, tail(level)), high: quantile(sorted, 1 - tail(level)) };
}

/** Basic interval: the percentile interval mirrored at the estimate. */
export function basicInterval(estimate: number, resampled: ArrayLike<number>, level = 0.95): Interval {
  const { low, high } = percentileInterval(estimate, resampled, level);
  return { estimate, low: 2 * estimate - high, high: 2 * estimate - low };
}

/**
 * Standard error interval: the estimate -+ z times the standard deviation (divisor B - 1) of the resampled estimates.
 * Throws InputError for fewer than two of them.
 */
export function standardErrorInterval(estimate: number, resampled: ArrayLike<number>, level = 0.95): Interval {
  if (resampled.length < 2) throw new InputError('a standard error needs at least two resampled estimates');
  const centre = mean(resampled);
  let squares = 0;
  for (let b = 0; b < resampled.length; b++) squares += (resampled[b] - centre) ** 2;
  const half = normalQuantile(1 - tail(level)) * Math.sqrt(squares / (resampled.length - 1));
  return { estimate, low: estimate - half, high: estimate + half };
}

/**
 * Bias-corrected and accelerated interval (Efron 1987): percentiles moved by the bias z0 of the resampled estimates
 * and by the acceleration of the jackknife.
 *
 * @param jackknife the statistic without row (or group) i, for every i
 * @throws InputError where all resampled estimates lie on one side of the estimate
 */
export function bcaInterval(
  estimate: number, resampled: ArrayLike<number>, jackknife: ArrayLike<number>, level = 0.95,
): Interval {
  const sorted = ascending(resampled);
  // Ties with the estimate count half, as in scipy.
  const below = sorted.reduce((count, value) => count + (value < estimate ? 1 : value === estimate ? 0.5 : 0), 0);
  if (below === 0 || below === sorted.length) {
    throw new InputError('every resampled estimate lies on one side of the estimate, so BCa cannot correct the bias: ' +
      'use more resamples or the percentile interval');
  }
  const bias = normalQuantile(below / sorted.length);
  const centre = mean(jackknife);
  let squares = 0;
  let cubes = 0;
  for (let i = 0; i < jackknife.length; i++) {
    squares += (centre - jackknife[i]) ** 2;
    cubes += (centre - jackknife[i]) ** 3;
  }
  const acceleration = squares > 0 ? cubes / (6 * squares ** 1.5) : 0;
  const corrected = (z: number): number => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  const z = normalQuantile(1 - tail(level));
  return { estimate, low: quantile(sorted, corrected(-z)), high: quantile(sorted, corrected(z)) };
}

export interface CheapInterval extends Interval {
  /** Root mean square deviation of the resampled estimates from the estimate. */
  readonly scale: number;
  readonly degreesOfFreedom: number;
}

/**
 * Cheap bootstrap (Lam 2022; Lam and Liu 2023): estimate -+ t_B S with S^2 = sum_b (estimate_b - estimate)^2 / B, about
 * the estimate and with divisor B; valid for any number B >= 1 of resampled estimates.
 *
 * @param resampling sqrt(m / n) for resamples of m < n rows, sqrt(m / (n - m)) for those without replacement
 */
export function cheapInterval(
  estimate: number, resampled: ArrayLike<number>, level = 0.95, resampling = 1,
): CheapInterval {
  const degreesOfFreedom = resampled.length;
  if (degreesOfFreedom < 1) throw new InputError('the cheap bootstrap needs at least one resampled estimate');
  let squares = 0;
  for (let b = 0; b < degreesOfFreedom; b++) squares += (resampled[b] - estimate) ** 2;
  const scale = Math.sqrt(squares / degreesOfFreedom);
  const half = tQuantile(1 - tail(level), degreesOfFreedom) * scale * resampling;
  return { estimate, low: estimate - half, high: estimate + half, scale, degreesOfFreedom };
}

/**
 * Percentile bootstrap interval of the mean difference b - a of two models' scores on the same items, resampled
 * together: [n] each, for instance 0 or 1 for wrong or right.
 */
export function pairedDifference(
  a: ArrayLike<number>, b: ArrayLike<number>, options: BootstrapOptions & { readonly level?: number } = {},
): Interval {
  requirePaired(a, b, 'the scores of the two models');
  const differences = Float64Array.from({ length: a.length }, (_, i) => b[i] - a[i]);
  const resampled = bootstrap(a.length, (indices) => {
    let total = 0;
    for (const i of indices) total += differences[i];
    return total / indices.length;
  }, options);
  return percentileInterval(mean(differences), resampled, options.level);
}

/**
 * Exact two-sided p-value of McNemar's test that two models err equally often.
 *
 * @param onlyFirst items that only the first model gets right
 * @param onlySecond items that only the second one gets right
 */
export function mcnemarTest(onlyFirst: number, onlySecond: number): number {
  const trials = onlyFirst + onlySecond;
  return trials === 0 ? 1 : Math.min(1, 2 * binomialCdf(Math.min(onlyFirst, onlySecond), trials, 0.5));
}

function tail(level: number): number {
  if (!(level > 0 && level < 1)) throw new InputError(`a confidence level of ${level} was given: use one such as 0.95`);
  return (1 - level) / 2;
}

function requireCounts(successes: number, trials: number): void {
  if (!(trials >= 1 && successes >= 0 && successes <= trials)) {
    throw new InputError(`${successes} successes in ${trials} trials make no proportion`);
  }
}

function ascending(values: ArrayLike<number>): Float64Array {
  if (values.length === 0) throw new InputError('a bootstrap interval needs at least one resampled estimate');
  return Float64Array.from(values).sort();
}

function mean(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total / values.length;
}
