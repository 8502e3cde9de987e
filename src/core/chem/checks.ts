import { vanDerWaalsRadius } from './elements.js';
import { neighboursOf, type Molecule } from './molecule.js';

/** What is wrong with a pose as chemistry, after the tests of PoseBusters (Buttenschoen et al. 2024). */
export interface PoseChecks {
  /** Bonds are 0.75 to 1.25 times as long as in the reference geometry. */
  readonly bondLengths: boolean;
  /** So are the distances of atoms two bonds apart. */
  readonly bondAngles: boolean;
  /** Atoms more than three bonds apart are at least 0.6 times (our own choice) the sum of their van der Waals radii apart. */
  readonly noInternalClash: boolean;
  /** No heavy atom of the receptor is nearer than 0.75 times that sum. */
  readonly noReceptorClash: boolean;
  /** At most 7.5 % of the ligand's volume lies inside of the receptor's (radii scaled by 0.8). */
  readonly noVolumeOverlap: boolean;
  /** Share of the ligand's volume that lies inside. */
  readonly volumeOverlap: number;
  /** Least distance to a receptor atom over the sum of radii; Infinity without a receptor. */
  readonly receptorDistance: number;
  readonly valid: boolean;
}

/** Heavy atoms of a receptor: atomic numbers [a], and Å [a, 3]. */
interface ReceptorAtoms {
  readonly elements: ArrayLike<number>;
  readonly positions: ArrayLike<number>;
}

const TOLERANCE = 0.25;
const INTERNAL = 0.6;
const RECEPTOR = 0.75;
const OVERLAP = 0.075;
const SCALE = 0.8;
/** Å between the points at which volumes are measured. */
const GRID = 0.4;

/**
 * Checks a pose, [n, 3] in Å, against a reference geometry of the same molecule (its own positions) and the heavy atoms of a
 * receptor in the pose's frame.
 */
export function checkPose(
  known: Pick<Molecule, 'elements' | 'bonds' | 'positions'>, pose: ArrayLike<number>, receptor: ReceptorAtoms,
): PoseChecks {
  const apart = bondsApart(known.elements.length, known.bonds);
  const alike = (bonds: number): boolean => pairs(known.elements.length).every(([i, j]) => {
    if (apart[i][j] !== bonds) return true;
    const ratio = distance(pose, i, pose, j) / distance(known.positions, i, known.positions, j);
    return Math.abs(ratio - 1) <= TOLERANCE;
  });
  const radius = Array.from(known.elements, vanDerWaalsRadius);
  const noInternalClash = pairs(radius.length)
    .every(([i, j]) => apart[i][j] <= 3 || distance(pose, i, pose, j) >= INTERNAL * (radius[i] + radius[j]));
  const near = nearAtoms(pose, receptor);
  const receptorDistance = near.reduce((least, j) => {
    const other = vanDerWaalsRadius(receptor.elements[j]);
    return radius.reduce((own, r, i) => Math.min(own, distance(pose, i, receptor.positions, j) / (r + other)), least);
  }, Infinity);
  const volumeOverlap = overlap(radius, pose, receptor, near);
  const [bondLengths, bondAngles] = [alike(1), alike(2)];
  const [noReceptorClash, noVolumeOverlap] = [receptorDistance >= RECEPTOR, volumeOverlap <= OVERLAP];
  return {
    bondLengths, bondAngles, noInternalClash, noReceptorClash, noVolumeOverlap, volumeOverlap, receptorDistance,
    valid: bondLengths && bondAngles && noInternalClash && noReceptorClash && noVolumeOverlap,
  };
}

function* eachPair(n: number): Generator<[number, number]> {
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) yield [i, j];
}
const pairs = (n: number): [number, number][] => [...eachPair(n)];

const distance = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number =>
  Math.hypot(a[3 * i] - b[3 * j], a[3 * i + 1] - b[3 * j + 1], a[3 * i + 2] - b[3 * j + 2]);

/** Bonds on the shortest way between any two atoms; Infinity between parts. */
function bondsApart(n: number, bonds: Molecule['bonds']): number[][] {
  const neighbours = neighboursOf(n, bonds);
  return Array.from({ length: n }, (_, from) => {
    const steps = Array<number>(n).fill(Infinity);
    steps[from] = 0;
    for (let front = [from]; front.length > 0;) {
      front = front.flatMap((atom) => neighbours[atom].filter((next) => {
        if (steps[next] < Infinity) return false;
        steps[next] = steps[atom] + 1;
        return true;
      }));
    }
    return steps;
  });
}

/** Receptor atoms within reach of any atom of the pose. */
function nearAtoms(pose: ArrayLike<number>, { elements, positions }: ReceptorAtoms): number[] {
  const reach = 6;
  return Array.from({ length: elements.length }, (_, j) => j).filter((j) => {
    for (let i = 0; i < pose.length / 3; i++) if (distance(pose, i, positions, j) < reach) return true;
    return false;
  });
}

/** Share of the points inside of the ligand that are inside of the receptor, too. */
function overlap(
  radius: readonly number[], pose: ArrayLike<number>, receptor: ReceptorAtoms,
  near: readonly number[],
): number {
  const span = [0, 1, 2].map((axis) => {
    const values = radius.map((r, i) => [pose[3 * i + axis] - SCALE * r, pose[3 * i + axis] + SCALE * r]);
    return [Math.min(...values.map(([low]) => low)), Math.max(...values.map(([, high]) => high))];
  });
  const inside = (point: readonly number[], positions: ArrayLike<number>, i: number, r: number): boolean =>
    distance(point, 0, positions, i) <= SCALE * r;
  let [own, shared] = [0, 0];
  for (let x = span[0][0]; x <= span[0][1]; x += GRID) {
    for (let y = span[1][0]; y <= span[1][1]; y += GRID) {
      for (let z = span[2][0]; z <= span[2][1]; z += GRID) {
        const point = [x, y, z];
        if (!radius.some((r, i) => inside(point, pose, i, r))) continue;
        own++;
        if (near.some((j) => inside(point, receptor.positions, j, vanDerWaalsRadius(receptor.elements[j])))) shared++;
      }
    }
  }
  return own === 0 ? 0 : shared / own;
}
