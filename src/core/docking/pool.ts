import type { Stream } from '../random.js';
import type { Complex } from './complexes.js';
import { poseError, type PoseError } from './judging.js';
import { withNoise, type LabelledLigand } from './learn.js';
import { reachOf } from './graphs.js';
import type { NoiseRanges } from './noise.js';

/** A pose that a confidence model may learn from. */
export interface PooledPose {
  /** Å: [n, 3]. */
  readonly positions: ArrayLike<number>;
  readonly error: PoseError;
}

/** Poses of a complex with their errors: drawn ones, and `nearNative` true ones with noise of random times up to `nearTime`. */
export function poolOf(
  complex: Complex, drawn: readonly ArrayLike<number>[], noise: NoiseRanges,
  { nearNative, nearTime }: { readonly nearNative: number; readonly nearTime: number }, random: Stream,
): PooledPose[] {
  const times = Array.from({ length: nearNative }, () => nearTime * random.next());
  const near = withNoise(complex, complex.poses[0], noise, times, random).poses;
  return [...drawn, ...near].map((positions) => ({ positions, error: poseError(complex, positions) }));
}

/** Which poses are right and wrong, and whether both are to be equally frequent. */
export interface Labelling {
  /** Right below this RMSD, and each atom below this distance: Å. */
  readonly near: number;
  /** When balanced, wrong above this RMSD. */
  readonly far: number;
  readonly balance: boolean;
}

/**
 * A pose to learn from and its label. Balanced, a coin decides which kind it is; where a complex has no right pose its true one
 * takes its place, and where it has no wrong one a right one does, as what it is.
 */
export function pickPose(
  complex: Complex, pool: readonly PooledPose[], { near, far, balance }: Labelling, random: Stream,
): PooledPose & { readonly right: boolean } {
  const any = (poses: readonly PooledPose[]): PooledPose => poses[random.int(poses.length)];
  const labelled = (pose: PooledPose) => ({ ...pose, right: pose.error.rmsd < near });
  if (!balance) return labelled(any(pool));
  const right = pool.filter(({ error }) => error.rmsd < near);
  const wrong = pool.filter(({ error }) => error.rmsd > far);
  if (random.next() < 0.5 && wrong.length > 0) return labelled(any(wrong));
  if (right.length > 0) return labelled(any(right));
  const { poses: [truth] } = complex;
  return { positions: truth, error: { rmsd: 0, atoms: new Float32Array(truth.length / 3) }, right: true };
}

/** Poses of a complex with labels, as a confidence model learns from them: clean, at time 0. */
export function labelledLigand(
  complex: Complex, pool: readonly PooledPose[], noise: NoiseRanges, count: number, labelling: Labelling, random: Stream,
): LabelledLigand {
  const picked = Array.from({ length: count }, () => pickPose(complex, pool, labelling, random));
  const isNear = (off: number): number => Number(off < labelling.near);
  return {
    complex, poses: picked.map(({ positions }) => positions), times: picked.map(() => 0),
    reach: picked.map(() => reachOf(noise.tr.min)),
    labels: picked.map(({ right, error }) => ({ pose: Number(right), atoms: error.atoms.map(isNear) })),
  };
}
