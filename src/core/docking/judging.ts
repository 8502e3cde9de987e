import { symmetricRmsd } from '../chem/symmetry.js';
import { matrix } from '../stats/matrix.js';
import { auroc, calibrationError } from '../stats/metrics.js';
import type { Complex } from './complexes.js';

/** How far a pose is off, from the nearest true one and over the ligand's symmetries. */
export interface PoseError {
  /** Å */
  readonly rmsd: number;
  /** Of each atom: Å. */
  readonly atoms: Float32Array;
}

/** How far a pose [n, 3] of a complex is off; throws where no true pose is known. */
export function poseError({ ligand: { molecule }, poses }: Complex, pose: ArrayLike<number>): PoseError {
  const found = poses.map((reference) => ({ reference, ...symmetricRmsd(molecule, pose, reference) }));
  const { rmsd, mapping, reference } = found.reduce((best, other) => (other.rmsd < best.rmsd ? other : best));
  const atoms = Float32Array.from(mapping, (j, i) =>
    Math.hypot(pose[3 * i] - reference[3 * j], pose[3 * i + 1] - reference[3 * j + 1], pose[3 * i + 2] - reference[3 * j + 2]));
  return { rmsd, atoms };
}

/** Å: poses nearer to the true one than this count as right. */
export const NEAR = 2;

/** What a confidence model's logits are worth. Shares and areas are NaN where they are not defined. */
export interface JudgingReport {
  readonly complexes: number;
  readonly poses: number;
  /** Share of poses that are right. */
  readonly near: number;
  /** Share of complexes whose pose of the highest logit is right, and of those that have any right pose. */
  readonly top1: number;
  readonly best: number;
  /** Area under the ROC curve of right poses among all. */
  readonly auroc: number;
  /** Expected calibration error of the probabilities that the logits stand for. */
  readonly ece: number;
}

/** Compares logits with the errors (RMSD) of the same poses, complex by complex. */
export function judgingReport(
  logits: readonly ArrayLike<number>[], rmsds: readonly ArrayLike<number>[], near = NEAR,
): JudgingReport {
  const truth = rmsds.flatMap((list) => Array.from(list, (rmsd) => Number(rmsd < near)));
  const flat = logits.flatMap((list) => Array.from(list));
  const probabilities = Float64Array.from(flat.flatMap((logit) => [1 / (1 + Math.exp(logit)), 1 / (1 + Math.exp(-logit))]));
  const share = (of: (i: number) => boolean): number => [...rmsds.keys()].filter(of).length / rmsds.length;
  const first = (i: number): number => Array.from(logits[i]).reduce((best, logit, k, all) => (logit > all[best] ? k : best), 0);
  return {
    complexes: rmsds.length, poses: truth.length, near: truth.reduce((a, b) => a + b, 0) / truth.length,
    top1: share((i) => rmsds[i][first(i)] < near), best: share((i) => Array.from(rmsds[i]).some((rmsd) => rmsd < near)),
    auroc: auroc(truth, flat), ece: calibrationError(truth, matrix(truth.length, 2, probabilities)),
  };
}
