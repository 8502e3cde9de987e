import type { Torsion } from './torsions.js';

/** A point or a direction. */
export type Vector = readonly [x: number, y: number, z: number];

/** Mean of positions, [n, 3]. */
export function centroid(positions: ArrayLike<number>): Vector {
  let [x, y, z] = [0, 0, 0];
  for (let i = 0; i < positions.length; i += 3) {
    x += positions[i];
    y += positions[i + 1];
    z += positions[i + 2];
  }
  const n = positions.length / 3;
  return [x / n, y / n, z / n];
}

/** A uniformly distributed unit vector, from two uniform numbers in [0, 1). */
export function direction(u1: number, u2: number): Vector {
  const z = 2 * u1 - 1;
  const r = Math.sqrt(1 - z * z);
  return [r * Math.cos(2 * Math.PI * u2), r * Math.sin(2 * Math.PI * u2), z];
}

/** A uniformly distributed rotation matrix [3, 3], from three uniform numbers in [0, 1) (Shoemake 1992). */
export function rotation(u1: number, u2: number, u3: number): readonly number[] {
  const [a, b] = [Math.sqrt(1 - u1), Math.sqrt(u1)];
  const [x, y] = [a * Math.sin(2 * Math.PI * u2), a * Math.cos(2 * Math.PI * u2)];
  const [z, w] = [b * Math.sin(2 * Math.PI * u3), b * Math.cos(2 * Math.PI * u3)];
  return [
    1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
    2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
    2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
  ];
}

/** Rodrigues' formula: the rotation [3, 3] about the direction of a vector by its length. */
export function rotationMatrix(vector: ArrayLike<number>): Float64Array {
  const [x, y, z] = [vector[0], vector[1], vector[2]];
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

/** Positions [n, 3], turned about `from`, which comes to lie at `to`; written to `out`, which may be `positions` itself. */
export function rotated(
  positions: ArrayLike<number>, turn: ArrayLike<number>, from: Vector, to: Vector, out = new Float64Array(positions.length),
): Float64Array {
  for (let i = 0; i < positions.length; i += 3) {
    const [x, y, z] = [positions[i] - from[0], positions[i + 1] - from[1], positions[i + 2] - from[2]];
    out[i] = turn[0] * x + turn[1] * y + turn[2] * z + to[0];
    out[i + 1] = turn[3] * x + turn[4] * y + turn[5] * z + to[1];
    out[i + 2] = turn[6] * x + turn[7] * y + turn[8] * z + to[2];
  }
  return out;
}

/**
 * Turns the moved side of a bond by an angle in radians about the axis from v to u, in place: the dihedral angle changes by minus
 * the angle, in DiffDock's convention.
 */
export function turnBond(positions: Float64Array, { u, v, moved }: Torsion, angle: number): void {
  if (angle === 0) return;
  const [ox, oy, oz] = [positions[3 * v], positions[3 * v + 1], positions[3 * v + 2]];
  let [ax, ay, az] = [positions[3 * u] - ox, positions[3 * u + 1] - oy, positions[3 * u + 2] - oz];
  const length = Math.hypot(ax, ay, az);
  [ax, ay, az] = [ax / length, ay / length, az / length];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (const atom of moved) {
    const [x, y, z] = [positions[3 * atom] - ox, positions[3 * atom + 1] - oy, positions[3 * atom + 2] - oz];
    const along = (ax * x + ay * y + az * z) * (1 - cos);
    positions[3 * atom] = ox + cos * x + sin * (ay * z - az * y) + along * ax;
    positions[3 * atom + 1] = oy + cos * y + sin * (az * x - ax * z) + along * ay;
    positions[3 * atom + 2] = oz + cos * z + sin * (ax * y - ay * x) + along * az;
  }
}

/** Squared distance of point i of one list from point j of another, [n, 3] each. */
export function distance2(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  const x = a[3 * i] - b[3 * j];
  const y = a[3 * i + 1] - b[3 * j + 1];
  const z = a[3 * i + 2] - b[3 * j + 2];
  return x * x + y * y + z * z;
}
