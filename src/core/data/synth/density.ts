import { ndarray } from '../../array.js';
import { InputError } from '../../errors.js';
import { stream, type Stream } from '../../random.js';
import type { PointSet } from '../points.js';
import { checkWhole, splitBy } from './images.js';

export const DENSITIES = ['ring8', 'moons', 'spiral', 'checkerboard', 'gaussian'] as const;
export type DensityKind = (typeof DENSITIES)[number];

export interface SynthDensityOptions {
  readonly kind: DensityKind;
  readonly count: number;
  readonly seed: number;
  /** Where the middle of the figure lies: one value for each dimension. Its length is the number of dimensions. */
  readonly mean?: readonly number[];
  /** Standard deviation of the Gaussians, or of the noise around a curve; for `gaussian` one for each dimension, too. */
  readonly sd?: readonly number[];
  /** The ring's radius; half the extent of the other figures. Not for `gaussian`. */
  readonly radius?: number;
  /** Shares of train, validation and test; left out: no splits. */
  readonly split?: readonly [number, number, number];
}

/** A point of the plane around the origin, and the number of the mode or arm it belongs to. */
type Draw = (random: Stream, radius: number) => readonly [x: number, y: number, label: number];

/** The figures before their noise. Of all coordinates only these are not Gaussian. */
const FIGURES: Readonly<Record<Exclude<DensityKind, 'gaussian'>, Draw>> = {
  // Centres of eight Gaussians, evenly around a circle.
  ring8: (random, radius) => {
    const mode = random.int(8);
    return [radius * Math.cos(mode * Math.PI / 4), radius * Math.sin(mode * Math.PI / 4), mode];
  },
  // Two half circles of a third of the width each as radius, each reaching into the other.
  moons: (random, radius) => {
    const arm = random.int(2);
    const t = random.between(0, Math.PI);
    const [x, y] = arm === 0 ? [Math.cos(t) - 0.5, Math.sin(t) - 0.25] : [0.5 - Math.cos(t), 0.25 - Math.sin(t)];
    return [x * radius / 1.5, y * radius / 1.5, arm];
  },
  // Two arms of Archimedes' spiral, one and a half turns each; the root spreads points evenly along them.
  spiral: (random, radius) => {
    const arm = random.int(2);
    const t = Math.sqrt(random.next());
    const angle = 3 * Math.PI * t + Math.PI * arm;
    return [radius * t * Math.cos(angle), radius * t * Math.sin(angle), arm];
  },
  // The eight dark squares of a board of four by four.
  checkerboard: (random, radius) => {
    const square = random.int(8);
    const row = Math.floor(square / 2);
    const column = 2 * (square % 2) + (row % 2);
    return [radius * ((column + random.next()) / 2 - 1), radius * ((row + random.next()) / 2 - 1), square];
  },
};

const DEFAULT_SD: Readonly<Record<DensityKind, number>> = { ring8: 0.15, moons: 0.1, spiral: 0.05, checkerboard: 0, gaussian: 1 };

/**
 * Draws points independently from a density of known form: float32 [count, D], D = 2 but for `gaussian`, which has as many
 * dimensions as `mean`. Labels are the number of the mode (`ring8`), the arm or the square.
 *
 * Every point takes the same number of random draws, so a larger set starts with the points of a smaller one. Throws InputError
 * for counts, dimensions, deviations and radii out of range.
 */
export function synthDensity(options: SynthDensityOptions): PointSet {
  const { kind, count, seed, mean = [0, 0], sd = [DEFAULT_SD[kind]], radius = 2, split } = options;
  checkWhole('the number of points', count, 1, 100_000_000);
  const width = mean.length;
  if (kind !== 'gaussian' && width !== 2) throw new InputError(`${kind} lies in the plane, but its mean has ${width} values; give two`);
  if (width < 1 || !mean.every(Number.isFinite)) throw new InputError(`the mean needs one finite value for each dimension, but is ${mean}`);
  if (sd.length !== 1 && !(kind === 'gaussian' && sd.length === width)) {
    throw new InputError(`${sd.length} standard deviations were given; ${kind} takes one${kind === 'gaussian' ? `, or one for each of ${width} dimensions` : ''}`);
  }
  if (!sd.every((value) => value >= 0 && value < Infinity)) throw new InputError(`standard deviations must be finite and not below 0, but are ${sd}`);
  if (!(radius > 0 && radius < Infinity)) throw new InputError(`the radius must be above 0, but is ${radius}`);

  const figure = kind === 'gaussian' ? undefined : FIGURES[kind];
  const [where, noise] = [stream(seed, 'synth/density'), stream(seed, 'synth/density noise')];
  const points = new Float32Array(count * width);
  const labels = new Int32Array(figure ? count : 0);
  for (let i = 0; i < count; i++) {
    const row = points.subarray(i * width, (i + 1) * width);
    noise.normal(row);
    const [x, y, label] = figure?.(where, radius) ?? [0, 0, 0];
    if (figure) labels[i] = label;
    for (let j = 0; j < width; j++) row[j] = mean[j]! + (j === 0 ? x : j === 1 ? y : 0) + sd[sd.length === 1 ? 0 : j]! * row[j]!;
  }
  return {
    points: ndarray('float32', [count, width], points),
    ...(figure && { labels }),
    ...(split && { split: splitBy(split, count) }),
  };
}
