import { vanDerWaalsRadius } from './elements.js';
import { distance2 } from './geometry.js';
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
  const count = known.elements.length;
  const apart = bondsApart(count, known.bonds);
  const radius = Array.from(known.elements, vanDerWaalsRadius);
  let [bondLengths, bondAngles, noInternalClash] = [true, true, true];
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const here = distance(pose, i, pose, j);
      if (apart[i][j] > 3) noInternalClash &&= here >= INTERNAL * (radius[i] + radius[j]);
      if (apart[i][j] > 2) continue;
      const isAlike = Math.abs(here / distance(known.positions, i, known.positions, j) - 1) <= TOLERANCE;
      if (apart[i][j] === 1) bondLengths &&= isAlike;
      else bondAngles &&= isAlike;
    }
  }
  let receptorDistance = Infinity;
  /** Receptor atoms whose volume meets that of an atom of the ligand. */
  const meeting: number[] = [];
  for (let j = 0; j < receptor.elements.length; j++) {
    const other = vanDerWaalsRadius(receptor.elements[j]);
    let least = Infinity;
    for (let i = 0; i < count; i++) least = Math.min(least, distance(pose, i, receptor.positions, j) / (radius[i] + other));
    receptorDistance = Math.min(receptorDistance, least);
    if (least < SCALE) meeting.push(j);
  }
  const volumeOverlap = overlap(radius, pose, receptor, meeting);
  const [noReceptorClash, noVolumeOverlap] = [receptorDistance >= RECEPTOR, volumeOverlap <= OVERLAP];
  return {
    bondLengths, bondAngles, noInternalClash, noReceptorClash, noVolumeOverlap, volumeOverlap, receptorDistance,
    valid: bondLengths && bondAngles && noInternalClash && noReceptorClash && noVolumeOverlap,
  };
}

function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  return Math.sqrt(distance2(a, i, b, j));
}

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

/** Share of the points inside of the ligand that are inside of the receptor, too, of which these atoms are near enough. */
function overlap(
  radius: readonly number[], pose: ArrayLike<number>, receptor: ReceptorAtoms, meeting: readonly number[],
): number {
  if (meeting.length === 0) return 0;
  const sphere = (positions: ArrayLike<number>, i: number, r: number): Sphere =>
    ({ x: positions[3 * i], y: positions[3 * i + 1], z: positions[3 * i + 2], r2: (SCALE * r) ** 2 });
  const ligand = radius.map((r, i) => sphere(pose, i, r));
  const others = meeting.map((j) => sphere(receptor.positions, j, vanDerWaalsRadius(receptor.elements[j])));
  const span = (along: 'x' | 'y' | 'z'): [number, number] => {
    const reach = (sign: number): number[] => ligand.map((atom) => atom[along] + sign * Math.sqrt(atom.r2));
    return [Math.min(...reach(-1)), Math.max(...reach(1))];
  };
  const [[x0, x1], [y0, y1], [z0, z1]] = [span('x'), span('y'), span('z')];
  let [own, shared] = [0, 0];
  for (let x = x0; x <= x1; x += GRID) {
    for (let y = y0; y <= y1; y += GRID) {
      const column = ligand.filter((atom) => (atom.x - x) ** 2 + (atom.y - y) ** 2 <= atom.r2);
      if (column.length === 0) continue;
      for (let z = z0; z <= z1; z += GRID) {
        if (!inside(column, x, y, z)) continue;
        own++;
        if (inside(others, x, y, z)) shared++;
      }
    }
  }
  return own === 0 ? 0 : shared / own;
}

interface Sphere {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly r2: number;
}

function inside(spheres: readonly Sphere[], x: number, y: number, z: number): boolean {
  for (const sphere of spheres) if ((sphere.x - x) ** 2 + (sphere.y - y) ** 2 + (sphere.z - z) ** 2 <= sphere.r2) return true;
  return false;
}
