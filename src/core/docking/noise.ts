import type { Torsion } from '../chem/torsions.js';
import type { Stream } from '../random.js';
import { moveLigand } from './rigid.js';
import { igso3Score, sampleIgso3, tabulatedScoreNorm } from './so3.js';
import { wrappedNormalScore, wrappedNormalScoreNorm2 } from './torus.js';

/** The factors of the space of poses: translations, rotations, torsions. */
export const FACTORS = ['tr', 'rot', 'tor'] as const;
export type Factor = (typeof FACTORS)[number];
export type PerFactor<T> = Readonly<Record<Factor, T>>;

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Standard deviations of the noise at times 0 and 1: Å, radians, radians. */
export type NoiseRanges = PerFactor<Range>;

/** sigma(t) = min^(1 - t) max^t. */
export const sigmaAt = ({ min, max }: Range, t: number): number => min ** (1 - t) * max ** t;

/** g(t), the diffusion coefficient: g^2 = d sigma^2 / dt. */
export const diffusionAt = (range: Range, t: number): number =>
  sigmaAt(range, t) * Math.sqrt(2 * Math.log(range.max / range.min));

export const perFactor = <T>(of: (factor: Factor) => T): PerFactor<T> => ({ tr: of('tr'), rot: of('rot'), tor: of('tor') });

export const sigmasAt = (ranges: NoiseRanges, t: number): PerFactor<number> => perFactor((factor) => sigmaAt(ranges[factor], t));

/**
 * Root mean squares of scores at a time: 1 / sigma_tr of each axis, of the whole rotation vector, and of a torsion. A network
 * puts out scores in units of these.
 */
export function scoreScales(ranges: NoiseRanges, t: number): PerFactor<number> {
  const sigma = sigmasAt(ranges, t);
  return { tr: 1 / sigma.tr, rot: tabulatedScoreNorm(sigma.rot), tor: Math.sqrt(wrappedNormalScoreNorm2(sigma.tor)) };
}

/** A pose with noise, and the score of the noise in units of `scoreScales`: what a network learns to say. */
export interface Noised {
  /** Å: [n, 3]. */
  readonly positions: Float64Array;
  readonly targets: { readonly tr: Float64Array; readonly rot: Float64Array; readonly tor: Float64Array };
}

/**
 * A clean pose [n, 3] after the forward process until time t: Gaussian translation, IGSO(3) rotation, Gaussian torsions. A single
 * atom has no orientation: its rotation's score is 0.
 */
export function addNoise(
  pose: ArrayLike<number>, torsions: readonly Torsion[], ranges: NoiseRanges, t: number, random: Stream,
): Noised {
  const sigma = sigmasAt(ranges, t);
  const scales = scoreScales(ranges, t);
  const z = Float64Array.from(random.normal(3));
  const rotation = sampleIgso3(sigma.rot, random);
  const angles = Float64Array.from(random.normal(torsions.length), (value) => value * sigma.tor);
  const angle = Math.hypot(...rotation);
  const slope = angle > 0 && pose.length > 3 ? igso3Score(angle, sigma.rot) / (scales.rot * angle) : 0;
  return {
    positions: moveLigand(pose, torsions, { translation: z.map((value) => value * sigma.tr), rotation, torsions: angles }),
    targets: {
      tr: z.map((value) => -value), rot: rotation.map((value) => value * slope),
      tor: angles.map((value) => wrappedNormalScore(value, sigma.tor) / scales.tor),
    },
  };
}
