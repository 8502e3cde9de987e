import { direction, type Vector } from '../chem/geometry.js';
import type { Stream } from '../random.js';

/**
 * IGSO(3), the normal distribution on rotations (Nikolayev & Savyolova 1970, Leach et al. 2022): the axis is uniform, and the
 * angle w in [0, pi] has density p(w) = f(w) (1 - cos w) / pi with
 *
 *     f(w) = sum_l (2 l + 1) exp(-l (l + 1) eps^2 / 2) sin((l + 1/2) w) / sin(w / 2).
 *
 * Below SMALL the series cancels catastrophically; there its Poisson resummation is used, in which two terms matter:
 *
 *     f(w) = sqrt(pi) (eps^2 / 2)^(-3/2) exp(eps^2 / 8) sum_n (-1)^n w_n / (2 sin(w / 2)) exp(-w_n^2 / (2 eps^2)),
 *     w_n = w + 2 pi n.
 */
const SMALL = 0.6;
const IMAGES = [-2, -1, 0, 1, 2] as const;

/** f(w), the density with respect to the uniform distribution of rotations; w in [0, pi]. */
export function igso3Density(w: number, eps: number): number {
  if (eps >= SMALL) return seriesOf(eps).reduce((sum, tail, k) => sum + (k === 0 ? tail : 2 * tail * Math.cos(k * w)), 0);
  const scale = Math.sqrt(Math.PI) * (eps * eps / 2) ** -1.5 * Math.exp(eps * eps / 8) * Math.exp(-w * w / (2 * eps * eps));
  // The images at +-2 pi n cancel at w = 0, where the leading one is (w / 2) / sin(w / 2) = 1.
  return w === 0 ? scale : scale * imagesOf(w, eps).sum / Math.sin(w / 2);
}

/** d log f / dw: the score is this times the unit axis, in the tangent space at the rotation. */
export function igso3Score(w: number, eps: number): number {
  if (w === 0) return 0;
  if (eps >= SMALL) {
    let value = 0;
    let slope = 0;
    seriesOf(eps).forEach((tail, k) => {
      value += k === 0 ? tail : 2 * tail * Math.cos(k * w);
      slope -= 2 * k * tail * Math.sin(k * w);
    });
    return slope / value;
  }
  const { sum, slope } = imagesOf(w, eps);
  return slope / sum - Math.cos(w / 2) / (2 * Math.sin(w / 2)) - w / (eps * eps);
}

/** p(w), the density of the angle in [0, pi]. */
export const igso3AngleDensity = (w: number, eps: number): number => igso3Density(w, eps) * (1 - Math.cos(w)) / Math.PI;

/** Root mean square of the score's norm, by the midpoint rule over where there is any mass. */
export function igso3ScoreNorm(eps: number, points = 512): number {
  const step = reach(eps) / points;
  let [mass, squares] = [0, 0];
  for (let i = 0; i < points; i++) {
    const w = (i + 0.5) * step;
    const p = igso3AngleDensity(w, eps);
    mass += p;
    squares += p * igso3Score(w, eps) ** 2;
  }
  return Math.sqrt(squares / mass);
}

/** A rotation from IGSO(3) as an axis-angle vector [3], by the table. */
export function sampleIgso3(eps: number, random: Stream): Float64Array {
  const angle = igso3Quantile(random.next(), eps);
  return Float64Array.from(randomAxis(random), (value) => value * angle);
}

/** A rotation of the uniform distribution as an axis-angle vector [3]: a random unit quaternion. */
export function uniformRotation(random: Stream): Float64Array {
  for (;;) {
    const [real, ...imaginary] = random.normal(4);
    const length = Math.hypot(...imaginary);
    if (length < 1e-6) continue;
    const angle = 2 * Math.atan2(length, Math.abs(real));
    return Float64Array.from(imaginary, (value) => (value / length) * Math.sign(real || 1) * angle);
  }
}

/** A direction of the uniform distribution: [3]. */
export const randomAxis = (random: Stream): Vector => direction(random.next(), random.next());

/** The angle below which a share u of the mass lies. */
export function igso3Quantile(u: number, eps: number): number {
  const { row, between, scale } = place(eps);
  const { quantiles } = table();
  const low = inverse(quantiles[row], u);
  return scale * (low + between * (inverse(quantiles[Math.min(row + 1, ROWS - 1)], u) - low));
}

/** `igso3ScoreNorm` by the table: to 0.3 % where rotations are nearly uniform, and much closer elsewhere. */
export function tabulatedScoreNorm(eps: number): number {
  const { row, between, scale } = place(eps);
  const { norms } = table();
  const next = norms[Math.min(row + 1, ROWS - 1)];
  return Math.exp(Math.log(norms[row]) * (1 - between) + Math.log(next) * between) / scale;
}

/** Rows of eps in a geometric grid; below it everything scales with eps, above it rotations are uniform. */
const [ROWS, ANGLES, LOWEST, HIGHEST] = [256, 512, 5e-3, 4];
const RATIO = Math.log(HIGHEST / LOWEST) / (ROWS - 1);

interface Table {
  /** Of every row, the distribution of w / eps at ANGLES + 1 places from 0, `reach / eps / ANGLES` apart. */
  readonly quantiles: readonly { readonly cdf: Float64Array; readonly step: number }[];
  /** `igso3ScoreNorm` times eps. */
  readonly norms: Float64Array;
}

let made: Table | undefined;

function table(): Table {
  if (made) return made;
  const norms = new Float64Array(ROWS);
  const quantiles = Array.from({ length: ROWS }, (_, row) => {
    const eps = LOWEST * Math.exp(row * RATIO);
    const step = reach(eps) / ANGLES;
    const cdf = new Float64Array(ANGLES + 1);
    let squares = 0;
    for (let i = 0; i < ANGLES; i++) {
      const w = (i + 0.5) * step;
      const p = igso3AngleDensity(w, eps);
      cdf[i + 1] = cdf[i] + p;
      squares += p * igso3Score(w, eps) ** 2;
    }
    norms[row] = eps * Math.sqrt(squares / cdf[ANGLES]);
    return { cdf: cdf.map((sum) => sum / cdf[ANGLES]), step: step / eps };
  });
  return made = { quantiles, norms };
}

/** The row at or below eps, how far it is to the next, and what angles in units of eps are multiplied with. */
function place(eps: number): { row: number; between: number; scale: number } {
  const at = Math.min(Math.max(Math.log(eps / LOWEST) / RATIO, 0), ROWS - 1);
  const row = Math.min(Math.floor(at), ROWS - 2);
  return { row, between: at - row, scale: Math.min(eps, HIGHEST) };
}

function inverse({ cdf, step }: Table['quantiles'][number], u: number): number {
  let [low, high] = [0, cdf.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (cdf[middle] <= u) low = middle;
    else high = middle;
  }
  const mass = cdf[high] - cdf[low];
  return step * (low + (mass > 0 ? (u - cdf[low]) / mass : 0));
}

/** The largest angle that has any mass to speak of. */
const reach = (eps: number): number => Math.min(Math.PI, 10 * eps);

let lastSeries: { eps: number; tails: number[] } = { eps: NaN, tails: [] };

/**
 * T_k = sum_{l >= k} (2 l + 1) exp(-l (l + 1) eps^2 / 2). As sin((l + 1/2) w) / sin(w / 2) = 1 + 2 sum_{k <= l} cos k w,
 * f = T_0 + 2 sum_k T_k cos k w, which divides by nothing.
 */
function seriesOf(eps: number): readonly number[] {
  if (lastSeries.eps === eps) return lastSeries.tails;
  const count = Math.ceil(9 / eps) + 2;
  const tails = Array.from({ length: count }, (_, l) => (2 * l + 1) * Math.exp(-l * (l + 1) * eps * eps / 2));
  for (let l = count - 2; l >= 0; l--) tails[l] += tails[l + 1];
  lastSeries = { eps, tails };
  return tails;
}

/** A = sum_n (-1)^n (w + 2 pi n) / 2 exp(-((w + 2 pi n)^2 - w^2) / (2 eps^2)) and dA/dw: nothing in it overflows or vanishes. */
function imagesOf(w: number, eps: number): { sum: number; slope: number } {
  let [sum, slope] = [0, 0];
  for (const n of IMAGES) {
    const turn = 2 * Math.PI * n;
    const weight = (n % 2 === 0 ? 1 : -1) * Math.exp(-turn * (2 * w + turn) / (2 * eps * eps));
    sum += weight * (w + turn) / 2;
    slope += weight * (0.5 - (w + turn) / 2 * turn / (eps * eps));
  }
  return { sum, slope };
}
