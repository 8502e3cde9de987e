import { molecule, type Molecule } from '../../src/core/chem/molecule.js';
import { rotatableBonds, type Torsion } from '../../src/core/chem/torsions.js';
import { SPLIT } from '../../src/core/data/images.js';
import type { Complex, Complexes } from '../../src/core/docking/complexes.js';
import type { NetworkSpec } from '../../src/core/docking/network.js';
import type { NoiseRanges } from '../../src/core/docking/noise.js';
import { centroid } from '../../src/core/chem/geometry.js';
import { stream, type Stream } from '../../src/core/random.js';

/** A zig-zag chain of `atoms` carbons with a branch and a nitrogen at its end: bond length 1.5 Å, no symmetry, chiral. */
export function zigzag(atoms: number): Molecule {
  const chain = Math.max(1, atoms - (atoms > 5 ? 1 : 0));
  const positions: number[] = [];
  const bonds: { a: number; b: number; order: 1 }[] = [];
  for (let i = 0; i < chain; i++) {
    positions.push(1.24 * i, i % 2 === 0 ? 0 : 0.84, 0.4 * Math.sin(1.3 * i));
    if (i > 0) bonds.push({ a: i - 1, b: i, order: 1 });
  }
  if (chain < atoms) {
    positions.push(positions[6] - 0.2, positions[7] - 0.9, positions[8] + 1.18);
    bonds.push({ a: 2, b: chain, order: 1 });
  }
  const elements = new Uint8Array(atoms).fill(6);
  elements[0] = 7;
  const mean = centroid(positions);
  return molecule({
    name: `zigzag${atoms}`, elements, charges: new Int8Array(atoms), bonds,
    positions: Float64Array.from(positions, (p, i) => p - mean[i % 3]),
  });
}

export interface Toy {
  readonly atoms: number;
  readonly nodes: number;
  readonly cluster?: number;
  /** True poses; one where left out. */
  readonly poses?: number;
  readonly split?: number;
}

/** Atoms of one feature of four categories, and receptor types of five. */
export const TOY_FEATURES = [{ name: 'element', size: 3 }, { name: 'degree', size: 4 }] as const;

/** Random beads around the origin and a zig-zag ligand somewhere among them. */
export function toyComplex(name: string, { atoms, nodes, cluster, poses = 1, split = SPLIT.train }: Toy): Complex {
  const random = stream(11, `toy ${name}`);
  const known = zigzag(atoms);
  const place = (): Float32Array => {
    const shift = random.normal(3, 0, 3);
    return Float32Array.from(known.positions, (p, i) => p + shift[i % 3]);
  };
  const degree = (atom: number): number => known.bonds.filter(({ a, b }) => a === atom || b === atom).length;
  return {
    name, split, center: [1, 2, 3], ...(cluster !== undefined && { cluster }),
    receptor: beads(nodes, random),
    ligand: {
      molecule: known, torsions: rotatableBonds(known),
      features: Int32Array.from({ length: 2 * atoms },
        (_, i) => (i % 2 === 0 ? Number(known.elements[i >> 1] === 7) : degree(i >> 1))),
    },
    poses: Array.from({ length: poses }, place),
  };
}

function beads(count: number, random: Stream): Complex['receptor'] {
  const positions = random.normal(3 * count, 0, 7);
  const mean = centroid(positions);
  const vectors = new Float32Array(9 * count);
  for (let i = 0; i < count; i++) {
    const direction = random.normal(3);
    const length = Math.hypot(...direction);
    direction.forEach((value, axis) => { vectors[9 * i + axis] = value / length; });
  }
  return {
    types: random.integers(count, 5), positions: positions.map((p, i) => p - mean[i % 3]), vectors,
    atoms: { elements: new Uint8Array(), positions: new Float32Array() },
  };
}

export const toyComplexes = (toys: readonly Toy[]): Complexes => ({
  complexes: toys.map((toy, i) => toyComplex(`toy${i}`, toy)), features: TOY_FEATURES,
  receptorTypes: ['apolar', 'donor', 'acceptor', 'plus', 'minus'], clusters: ['a', 'b'], rotatable: 'graph',
});

/** A small network for complexes of `toyComplexes`. */
export const toyNetwork = (more: Partial<NetworkSpec> = {}): NetworkSpec => ({
  parity: 'se3', scalars: 8, vectors: 4, layers: 2, receptorLayers: 2, neighbours: 6, radial: 8,
  features: TOY_FEATURES.map(({ size }) => size), types: 5, directions: 1, ...more,
});

export const TOY_NOISE: NoiseRanges = {
  tr: { min: 0.1, max: 10 }, rot: { min: 0.06, max: 3.1 }, tor: { min: 0.0314, max: 3.14 },
};

type Points = ArrayLike<number>;
const pointAt = (points: Points, i: number): number[] => [points[3 * i], points[3 * i + 1], points[3 * i + 2]];
export const minus = (a: number[], b: number[]): number[] => a.map((value, k) => value - b[k]);
export const crossed = ([a, b, c]: number[], [x, y, z]: number[]): number[] => [b * z - c * y, c * x - a * z, a * y - b * x];
export const dotted = (a: number[], b: number[]): number => a.reduce((sum, value, k) => sum + value * b[k], 0);

/** IUPAC dihedral of four atoms. */
function dihedral(points: Points, [i, j, k, l]: readonly number[]): number {
  const [b1, b2, b3] = [[i, j], [j, k], [k, l]].map(([from, to]) => minus(pointAt(points, to), pointAt(points, from)));
  const [n1, n2] = [crossed(b1, b2), crossed(b2, b3)];
  return Math.atan2(dotted(crossed(n1, n2), b2) / Math.hypot(...b2), dotted(n1, n2));
}

/** Dihedrals about the bonds of torsions, each with the first neighbours of its ends. */
export function dihedralsOf({ bonds }: Molecule, torsions: readonly Torsion[], points: Points): number[] {
  const neighbour = (atom: number, without: number): number => bonds.flatMap(({ a, b }) =>
    (a === atom && b !== without ? [b] : b === atom && a !== without ? [a] : []))[0];
  return torsions.map(({ u, v }) => dihedral(points, [neighbour(u, v), u, v, neighbour(v, u)]));
}

/** The axis-angle vector of the rotation that takes the points a, up to a shift, to b; they have the same shape. */
export function rotationBetween(a: Points, b: Points): Float64Array {
  // Of three independent arms in a and b: R = B A^-1 by the matrix of a's, and the vector of its antisymmetric part.
  const frame = (points: Points): number[][] => {
    const x = minus(pointAt(points, 1), pointAt(points, 0)).map((v, _, all) => v / Math.hypot(...all));
    const other = minus(pointAt(points, 2), pointAt(points, 0));
    const side = minus(other, x.map((v) => v * dotted(other, x)));
    const y = side.map((v) => v / Math.hypot(...side));
    return [x, y, crossed(x, y)];
  };
  const [from, to] = [frame(a), frame(b)];
  const entry = (i: number, j: number): number => from.reduce((sum, axis, k) => sum + to[k][i] * axis[j], 0);
  const cosine = (entry(0, 0) + entry(1, 1) + entry(2, 2) - 1) / 2;
  const axis = [entry(2, 1) - entry(1, 2), entry(0, 2) - entry(2, 0), entry(1, 0) - entry(0, 1)];
  const sine = Math.hypot(...axis) / 2;
  const angle = Math.atan2(sine, cosine);
  return Float64Array.from(axis, (value) => (sine > 1e-9 ? (value / (2 * sine)) * angle : 0));
}
