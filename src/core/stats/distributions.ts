import { InputError } from '../errors.js';

// Lanczos approximation with g = 7 and 9 terms (Godfrey's coefficients), about 15 digits.
const LANCZOS_G = 7;
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln |gamma(x)|; infinite at 0, -1, -2, … */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  const z = x - 1;
  const t = z + LANCZOS_G + 0.5;
  const series = LANCZOS.reduce((sum, coefficient, i) => sum + (i === 0 ? coefficient : coefficient / (z + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(series);
}

/**
 * Value of the continued fraction b0 + a1/(b1 + a2/(b2 + …)) by Lentz's algorithm; `term(i)` is [a_i, b_i], and
 * zero denominators are replaced by a tiny number.
 */
function continuedFraction(b0: number, term: (i: number) => readonly [number, number]): number {
  const tiny = 1e-300;
  let value = b0 || tiny;
  let c = value;
  let d = 0;
  for (let i = 1; i < 10_000; i++) {
    const [a, b] = term(i);
    d = 1 / (b + a * d || tiny);
    c = b + a / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return value;
}

/** Regularised incomplete beta function I_x(a, b): the cdf of the Beta(a, b) distribution at x. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return x > (a + 1) / (a + b + 2) ? 1 - betaTail(1 - x, b, a) : betaTail(x, a, b);
}

function betaTail(x: number, a: number, b: number): number {
  const logFront = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  const fraction = continuedFraction(1, (i) => {
    const m = i >> 1;
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [i % 2 === 0 ? even : odd, 1];
  });
  return Math.exp(logFront) / (a * fraction);
}

/** Regularised lower incomplete gamma function P(a, x). */
export function incompleteGamma(a: number, x: number): number {
  if (x <= 0) return 0;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x > a + 1) {
    return 1 - front / continuedFraction(x + 1 - a, (i) => [i * (a - i), x + 1 - a + 2 * i]);
  }
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > 1e-17 * sum; k++) sum += term *= x / (a + k);
  return front * sum;
}

/** Complementary incomplete gamma with a = 1/2 is erfc, kept apart from 1 - P so that tails keep their digits. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  const square = x * x;
  if (square < 1.5) return 1 - incompleteGamma(0.5, square);
  const fraction = continuedFraction(square + 0.5, (i) => [i * (0.5 - i), square + 0.5 + 2 * i]);
  return (x * Math.exp(-square)) / (Math.sqrt(Math.PI) * fraction);
}

/** Standard normal cdf. */
export const normalCdf = (x: number): number => 0.5 * erfc(-x / Math.SQRT2);

/** Standard normal quantile of a probability in [0, 1]. */
export function normalQuantile(p: number): number {
  requireProbability(p);
  if (p > 0.5) return -normalQuantile(1 - p);
  return p === 0 ? -Infinity : invert(normalCdf, p, -40, 0);
}

/** Student t cdf with `df` > 0 degrees of freedom. */
export function tCdf(t: number, df: number): number {
  const square = t * t;
  // Each form keeps its digits where the other one's argument is near 1.
  const tail = square < 1
    ? 0.5 - 0.5 * incompleteBeta(square / (df + square), 0.5, df / 2)
    : 0.5 * incompleteBeta(df / (df + square), df / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

/** Student t quantile with `df` > 0 degrees of freedom of a probability in [0, 1]. */
export function tQuantile(p: number, df: number): number {
  requireProbability(p);
  if (p > 0.5) return -tQuantile(1 - p, df);
  if (p === 0) return -Infinity;
  let low = -1;
  while (tCdf(low, df) > p) low *= 2;
  return invert((t) => tCdf(t, df), p, low, 0);
}

/** Beta(a, b) quantile of a probability in [0, 1]. */
export function betaQuantile(p: number, a: number, b: number): number {
  requireProbability(p);
  return p === 0 || p === 1 ? p : invert((x) => incompleteBeta(x, a, b), p, 0, 1);
}

/** Chi-square cdf with `df` > 0 degrees of freedom. */
export const chiSquareCdf = (x: number, df: number): number => incompleteGamma(df / 2, x / 2);

/** Chi-square quantile with `df` > 0 degrees of freedom of a probability in [0, 1]. */
export function chiSquareQuantile(p: number, df: number): number {
  requireProbability(p);
  if (p === 0 || p === 1) return p === 0 ? 0 : Infinity;
  let high = df + 1;
  while (chiSquareCdf(high, df) < p) high *= 2;
  return invert((x) => chiSquareCdf(x, df), p, 0, high);
}

/** P(X <= successes) for X binomial with `trials` trials of probability `p`. */
export const binomialCdf = (successes: number, trials: number, p: number): number =>
  successes >= trials ? 1 : incompleteBeta(1 - p, trials - successes, successes + 1);

/** Solves cdf(x) = p on [low, high] by bisection down to neighbouring doubles: slow but safe for every parameter. */
function invert(cdf: (x: number) => number, p: number, low: number, high: number): number {
  for (let i = 0; i < 2000; i++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (cdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function requireProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) throw new InputError(`a probability of ${p} was given where a number from 0 to 1 is needed`);
}
