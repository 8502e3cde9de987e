import { molecule, type Molecule } from '../../src/core/chem/molecule.js';
import { rotatableBonds } from '../../src/core/chem/torsions.js';
import { SPLIT } from '../../src/core/data/images.js';
import type { Complex, Complexes } from '../../src/core/docking/complexes.js';
import { centroid } from '../../src/core/docking/rigid.js';
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
      features: Int32Array.from({ length: 2 * atoms }, (_, i) => (i % 2 === 0 ? Number(known.elements[i >> 1] === 7) : degree(i >> 1))),
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
