import { centroid, rotated, rotationMatrix, turnBond, type Vector } from '../chem/geometry.js';
import type { Torsion } from '../chem/torsions.js';
import { matrix } from '../stats/matrix.js';
import { symmetricEigen } from '../stats/linalg.js';

/** Points [n, 3], one behind the other. */
type Points = ArrayLike<number>;

/** A move of a ligand: Å, an axis-angle vector, and an angle for every torsion. */
export interface Move {
  readonly translation: ArrayLike<number>;
  readonly rotation: ArrayLike<number>;
  readonly torsions: ArrayLike<number>;
}

/** Points turned about their mean by an axis-angle vector and then shifted. */
export function moveRigidly(points: Points, rotation: ArrayLike<number>, translation: ArrayLike<number>): Float64Array {
  const mean = centroid(points);
  const [x, y, z] = mean;
  return rotated(points, rotationMatrix(rotation), mean, [x + translation[0], y + translation[1], z + translation[2]]);
}

/**
 * The points with every torsion turned by its angle, one after the other: the moved side about the axis from v to u, by which an
 * angle of d changes the dihedral by -d (DiffDock's sign). Bond lengths and angles stay.
 */
export function turnTorsions(points: Points, torsions: readonly Torsion[], angles: ArrayLike<number>): Float64Array {
  const turned = Float64Array.from(points);
  torsions.forEach((torsion, i) => turnBond(turned, torsion, angles[i]));
  return turned;
}

/**
 * The points `a`, moved rigidly onto `b` such that the squared distances are least (Kabsch 1976, by Horn's quaternions, which
 * never reflect). Where the best rotation is not unique (points on a line) they are only shifted.
 */
export function alignTo(a: Points, b: Points): Float64Array {
  const [from, to] = [centroid(a), centroid(b)];
  return rotated(a, bestRotation(a, b, from, to), from, to);
}

function bestRotation(a: Points, b: Points, from: Vector, to: Vector): Float64Array {
  const h = new Float64Array(9);
  for (let at = 0; at < a.length; at += 3) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) h[3 * i + j] += (a[at + i] - from[i]) * (b[at + j] - to[j]);
    }
  }
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = h;
  const { values, vectors } = symmetricEigen(matrix(4, 4, Float64Array.of(
    xx + yy + zz, yz - zy, zx - xz, xy - yx,
    yz - zy, xx - yy - zz, xy + yx, zx + xz,
    zx - xz, xy + yx, yy - xx - zz, yz + zy,
    xy - yx, zx + xz, yz + zy, zz - xx - yy,
  )));
  const IDENTITY = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
  if (!(values[0] - values[1] > 1e-9 * Math.abs(values[0]))) return IDENTITY;
  const [w, x, y, z] = vectors.data;
  return Float64Array.of(
    1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
  );
}

/**
 * A ligand after a move (Corso et al. 2023, section 3.2): rotated about its mean and shifted, then with its torsions turned and
 * aligned to where it was before that. The alignment makes torsions neither shift nor turn the ligand as a whole, and lets no
 * choice of the moving side matter. Positions and result are [n, 3] in Å.
 */
export function moveLigand(positions: Points, torsions: readonly Torsion[], move: Move): Float64Array {
  const rigid = moveRigidly(positions, move.rotation, move.translation);
  return torsions.length === 0 ? rigid : alignTo(turnTorsions(rigid, torsions, move.torsions), rigid);
}
