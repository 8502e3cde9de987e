import { checkPose } from '../chem/checks.js';
import { centroid, distance2 } from '../chem/geometry.js';
import { automorphisms, symmetricRmsd } from '../chem/symmetry.js';
import { argsort, argsortDescending } from '../stats/order.js';
import type { Complex, Poses } from './complexes.js';

/** What is known of each of n poses of a complex. */
export interface ScoredPoses {
  /** Å: [n]; symmetry-corrected, without superposition, from the nearest of the true poses. */
  readonly rmsd: Float64Array;
  /** Å between the middles of pose and nearest true pose: [n]. */
  readonly centroid: Float64Array;
  /** Whether atoms come too near to the receptor, or to each other: [n] each. */
  readonly receptorClash: readonly boolean[];
  readonly selfClash: readonly boolean[];
  /** Whether all checks of chemistry are passed (core/chem/checks): [n]; left out where the receptor has no atoms. */
  readonly valid?: readonly boolean[];
  /** Logits, -Infinity where they are NaN: [n]. */
  readonly confidence?: Float64Array;
  /** False where the ligand has too many symmetries to try them all. */
  readonly exact: boolean;
}

/** Å: nearer to a bead, whose kind of atoms is not known, is a clash. */
const BEAD_CLASH = 2.8;
/** With more symmetries than this they are searched through for each pose. */
const LISTED = 64;

/** Scores sampled poses against the true ones, of which the complex needs at least one; none are scored without poses. */
export function scorePoses(complex: Complex, { poses, confidence }: Poses): ScoredPoses {
  const { ligand: { molecule }, receptor } = complex;
  const truths = complex.poses.map((pose) => ({ pose, middle: centroid(pose) }));
  const mappings = automorphisms(molecule, LISTED + 1);
  let exact = true;
  const rmsdTo = (pose: Float32Array, truth: Float32Array): number => {
    if (mappings.length > LISTED) {
      const found = symmetricRmsd(molecule, pose, truth);
      exact &&= found.exact;
      return found.rmsd;
    }
    const squares = mappings.map((mapping) => mapping.reduce((sum, j, i) => sum + distance2(pose, i, truth, j), 0));
    return Math.sqrt(Math.min(...squares) / molecule.elements.length);
  };
  /** A pose with NaN in it is infinitely far away. */
  const least = (values: readonly number[]): number =>
    Math.min(...values.map((value) => (Number.isNaN(value) ? Infinity : value)));
  const checks = poses.map((pose) => checkPose(molecule, pose, receptor.atoms));
  const hasAtoms = receptor.atoms.elements.length > 0;
  const rmsd = Float64Array.from(poses, (pose) => least(truths.map((truth) => rmsdTo(pose, truth.pose))));
  return {
    rmsd, exact,
    centroid: Float64Array.from(poses, (pose) => {
      const middle = centroid(pose);
      return least(truths.map((truth) => Math.sqrt(distance2(middle, 0, truth.middle, 0))));
    }),
    receptorClash: poses.map((pose, k) => (hasAtoms ? !checks[k].noReceptorClash : touches(pose, receptor.positions))),
    selfClash: checks.map(({ noInternalClash }) => !noInternalClash),
    ...(hasAtoms && { valid: checks.map(({ valid }) => valid) }),
    ...(confidence && { confidence: Float64Array.from(confidence, (logit) => (Number.isNaN(logit) ? -Infinity : logit)) }),
  };
}

function touches(pose: Float32Array, beads: Float32Array): boolean {
  for (let j = 0; j < beads.length / 3; j++) {
    for (let i = 0; i < pose.length / 3; i++) if (distance2(pose, i, beads, j) < BEAD_CLASH ** 2) return true;
  }
  return false;
}

/** A way to choose among the poses of a complex. */
export interface Selection {
  /** As people read it. */
  readonly name: string;
  readonly key: string;
  /** Numbers of the chosen poses, each of which counts equally; none where there are no poses. */
  readonly pick: (scored: ScoredPoses) => ArrayLike<number>;
}

/**
 * The usual ways to choose: any sample (an average over all), the first by confidence, the best of the first k, the best of all.
 * Those by confidence are left out where there is none, and the best of k where no complex has more poses.
 */
export function selections(scored: readonly ScoredPoses[], tops: readonly number[]): Selection[] {
  const most = Math.max(0, ...scored.map(({ rmsd }) => rmsd.length));
  const ranked = scored.every(({ confidence, rmsd }) => confidence !== undefined || rmsd.length === 0);
  const best = (one: ScoredPoses, among: ArrayLike<number>): number[] =>
    (among.length === 0 ? [] : [Array.from(among).reduce((a, b) => (one.rmsd[b] < one.rmsd[a] ? b : a))]);
  const all = ({ rmsd }: ScoredPoses): number[] => [...rmsd.keys()];
  return [
    { name: 'random sample', key: 'random', pick: all },
    ...(ranked ? tops.filter((k) => k < most || k === 1).map((k): Selection => ({
      name: k === 1 ? 'top-1 by confidence' : `best of top ${k} by confidence`, key: `top${k}`,
      pick: (one) => best(one, argsortDescending(one.confidence ?? []).subarray(0, k)),
    })) : []),
    { name: `best of all ${most} (oracle)`, key: 'oracle', pick: (one) => best(one, all(one)) },
  ];
}

/** Of each complex the share of chosen poses that are as asked for; 0 without poses: [complexes]. */
export const shares = (
  scored: readonly ScoredPoses[], { pick }: Selection, test: (one: ScoredPoses, pose: number) => boolean,
): Float64Array => Float64Array.from(scored, (one) => {
  const chosen = Array.from(pick(one));
  return chosen.length === 0 ? 0 : chosen.filter((pose) => test(one, pose)).length / chosen.length;
});

/**
 * Quantiles of the RMSD of chosen poses. Every complex counts once (each of n chosen poses counts 1/n), those without poses as
 * infinitely far off. Interpolated between neighbours; with one pose of each complex these are numpy's quantiles.
 */
export function rmsdQuantiles(scored: readonly ScoredPoses[], { pick }: Selection, at: readonly number[]): number[] {
  const sorted = scored.flatMap((one) => {
    const chosen = Array.from(pick(one), (pose) => one.rmsd[pose]);
    return chosen.length === 0 ? [{ value: Infinity, weight: 1 }] : chosen.map((value) => ({ value, weight: 1 / chosen.length }));
  }).sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  // Each value stands half of its own and of its predecessor's weight behind the predecessor.
  const places = sorted.map(() => 0);
  for (let i = 1; i < sorted.length; i++) places[i] = places[i - 1] + (sorted[i - 1].weight + sorted[i].weight) / 2;
  return at.map((q) => {
    const place = q * places.at(-1)!;
    const above = places.findIndex((own) => own >= place - 1e-9);
    const high = sorted[above].value;
    if (above === 0 || high === Infinity) return high;
    const share = Math.min(1, (place - places[above - 1]) / (places[above] - places[above - 1]));
    return sorted[above - 1].value + share * (high - sorted[above - 1].value);
  });
}

/**
 * The area under the ROC curve of confidence, successes being poses nearer than the threshold: a function of the numbers of
 * complexes, some of which may come several times, as in a resample. NaN where only successes or only failures occur.
 */
export function confidenceAuroc(scored: readonly ScoredPoses[], threshold: number): (complexes: ArrayLike<number>) => number {
  const poses = scored.flatMap(({ confidence, rmsd }, complex) =>
    Array.from(confidence ?? [], (logit, k) => ({ complex, logit, success: rmsd[k] < threshold })));
  const order = argsort(poses.map(({ logit }) => logit));
  return (complexes) => {
    const weights = new Float64Array(scored.length);
    for (let i = 0; i < complexes.length; i++) weights[complexes[i]]++;
    let [failures, successes, area] = [0, 0, 0];
    for (let start = 0, end; start < order.length; start = end) {
      let [lost, won] = [0, 0];
      for (end = start; end < order.length && poses[order[end]].logit === poses[order[start]].logit; end++) {
        const { complex, success } = poses[order[end]];
        if (success) won += weights[complex];
        else lost += weights[complex];
      }
      area += won * (failures + lost / 2);
      failures += lost;
      successes += won;
    }
    return area / (successes * failures);
  };
}
