import { neighboursOf, type Molecule } from './molecule.js';
import { aromaticAtoms, ringsOf } from './rings.js';
import { symmetryClasses } from './symmetry.js';

const ELEMENTS = [1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53];
const RING_SIZES = [3, 4, 5, 6, 7, 8];

/** Categorical features of a ligand's atoms (those of DiffDock, without radicals), and how many values each has. */
export const ATOM_FEATURES = [
  { name: 'element', size: ELEMENTS.length + 1 },
  { name: 'chirality', size: 3 },
  { name: 'degree', size: 7 },
  { name: 'charge', size: 6 },
  { name: 'hydrogens', size: 5 },
  { name: 'hybridization', size: 3 },
  { name: 'aromatic', size: 2 },
  { name: 'rings', size: 5 },
  ...RING_SIZES.map((size) => ({ name: `ring${size}`, size: 2 })),
] as const;

/**
 * Features of every atom: int32 [n, F], F = ATOM_FEATURES.length. Element (the last value stands for any other), chirality (1 or
 * 2 by the sign of the volume that three neighbours span, in the order of their symmetry classes; 0 where the atom is no centre),
 * degree, charge from -2 to 3, hydrogens, hybridisation by bond orders (sp, sp2, sp3; an amide's nitrogen counts as sp3),
 * whether aromatic, the number of rings, and whether in rings of 3 to 8. Values beyond the last are the last.
 */
export function atomFeatures(known: Molecule): Int32Array {
  const { elements, charges, bonds, hydrogens } = known;
  const n = elements.length;
  const neighbours = neighboursOf(n, bonds);
  const rings = ringsOf(n, bonds);
  const aromatic = aromaticAtoms(elements, bonds, rings);
  const classes = symmetryClasses(known);
  const rows = Array.from({ length: n }, (_, i) => {
    const orders = bonds.filter(({ a, b }) => a === i || b === i).map(({ order }) => order);
    const doubles = orders.filter((order) => order === 2).length;
    const hybridization = orders.includes(3) || doubles > 1 ? 0 : aromatic[i] || doubles === 1 ? 1 : 2;
    const own = rings.cycles.filter((cycle) => cycle.includes(i));
    const element = ELEMENTS.indexOf(elements[i]);
    return [
      element < 0 ? ELEMENTS.length : element,
      hybridization === 2 ? chirality(known, i, neighbours[i], classes) : 0,
      neighbours[i].length, charges[i] + 2, hydrogens[i], hybridization, Number(aromatic[i]), own.length,
      ...RING_SIZES.map((size) => Number(own.some((cycle) => cycle.length === size))),
    ];
  });
  return Int32Array.from(rows.flatMap((row) => row.map((value, f) => Math.min(Math.max(value, 0), ATOM_FEATURES[f].size - 1))));
}

/** 0 where the atom is no stereocentre or lies in the plane of its neighbours. */
function chirality(
  { positions, hydrogens }: Molecule, atom: number, around: readonly number[], classes: readonly number[],
): number {
  const different = new Set(around.map((other) => classes[other])).size === around.length;
  if (around.length < 3 || around.length + hydrogens[atom] !== 4 || !different) return 0;
  const [p, q, r] = [...around].sort((a, b) => classes[a] - classes[b]).slice(0, 3)
    .map((other) => [0, 1, 2].map((axis) => positions[3 * other + axis] - positions[3 * atom + axis]));
  const volume = p[0] * (q[1] * r[2] - q[2] * r[1]) + p[1] * (q[2] * r[0] - q[0] * r[2]) + p[2] * (q[0] * r[1] - q[1] * r[0]);
  return Math.abs(volume) < 0.1 ? 0 : volume > 0 ? 1 : 2;
}
