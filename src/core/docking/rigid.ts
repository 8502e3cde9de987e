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

/** Rodrigues' formula: the rotation [3, 3] about the direction of a vector by its length. */
export function rotationMatrix([x, y, z]: ArrayLike<number> & Iterable<number>): Float64Array {
  const angle = Math.hypot(x, y, z);
  // sin(a) / a and (1 - cos(a)) / a^2, whose limits at 0 are 1 and 1/2.
  const s = angle < 1e-8 ? 1 : Math.sin(angle) / angle;
  const c = angle < 1e-8 ? 0.5 : 2 * (Math.sin(angle / 2) / angle) ** 2;
  return Float64Array.of(
    1 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y,
    c * x * y + s * z, 1 - c * (x * x + z * z), c * y * z - s * x,
    c * x * z - s * y, c * y * z + s * x, 1 - c * (x * x + y * y),
  );
}

/** Mean of points: [3]. */
export function centroid(points: Points): Float64Array {
  const mean = new Float64Array(3);
  for (let i = 0; i < points.length; i++) mean[i % 3] += points[i];
  return mean.map((sum) => (3 * sum) / points.length);
}

/** R (p - from) + to for the points `which` (all of them where left out), in place. */
function transform(
  points: Float64Array, rotation: Float64Array, from: ArrayLike<number>, to: ArrayLike<number>, which?: readonly number[],
): void {
  const count = which?.length ?? points.length / 3;
  for (let k = 0; k < count; k++) {
    const at = 3 * (which ? which[k] : k);
    const [x, y, z] = [points[at] - from[0], points[at + 1] - from[1], points[at + 2] - from[2]];
    for (let axis = 0; axis < 3; axis++) {
      const row = 3 * axis;
      points[at + axis] = rotation[row] * x + rotation[row + 1] * y + rotation[row + 2] * z + to[axis];
    }
  }
}

/** Points turned about their mean by an axis-angle vector and then shifted. */
export function moveRigidly(points: Points, rotation: ArrayLike<number>, translation: ArrayLike<number>): Float64Array {
  const moved = Float64Array.from(points);
  const mean = centroid(moved);
  transform(moved, rotationMatrix(Float64Array.from(rotation)), mean, mean.map((value, axis) => value + translation[axis]));
  return moved;
}

/**
 * The points with every torsion turned by its angle, one after the other: the moved side about the axis from v to u, by which an
 * angle of d changes the dihedral by -d (DiffDock's sign). Bond lengths and angles stay.
 */
export function turnTorsions(points: Points, torsions: readonly Torsion[], angles: ArrayLike<number>): Float64Array {
  const turned = Float64Array.from(points);
  torsions.forEach(({ u, v, moved }, i) => {
    if (angles[i] === 0) return;
    const pivot = turned.slice(3 * v, 3 * v + 3);
    const axis = pivot.map((value, k) => turned[3 * u + k] - value);
    const scale = angles[i] / Math.hypot(...axis);
    transform(turned, rotationMatrix(axis.map((value) => value * scale)), pivot, pivot, moved);
  });
  return turned;
}

/**
 * The points `a`, moved rigidly onto `b` such that the squared distances are least (Kabsch 1976, by Horn's quaternions, which
 * never reflect). Where the best rotation is not unique (points on a line) they are only shifted.
 */
export function alignTo(a: Points, b: Points): Float64Array {
  const aligned = Float64Array.from(a);
  const [from, to] = [centroid(a), centroid(b)];
  transform(aligned, bestRotation(a, b, from, to), from, to);
  return aligned;
}

function bestRotation(a: Points, b: Points, from: Float64Array, to: Float64Array): Float64Array {
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
