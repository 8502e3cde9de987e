import { InputError } from '../errors.js';
import { impliedHydrogens } from './elements.js';

/** 1, 2, 3, or 4 for an aromatic bond, as in molfiles. */
export type BondOrder = 1 | 2 | 3 | 4;

export interface Bond {
  readonly a: number;
  readonly b: number;
  readonly order: BondOrder;
}

/** A small molecule with one set of coordinates. */
export interface Molecule {
  readonly name: string;
  /** Atomic numbers: [n]. */
  readonly elements: Uint8Array;
  /** Formal charges: [n]. */
  readonly charges: Int8Array;
  /** Å: [n, 3]. */
  readonly positions: Float64Array;
  readonly bonds: readonly Bond[];
  /** Hydrogens of each atom that are no atoms of their own: [n]. */
  readonly hydrogens: Uint8Array;
  /** Data fields of the file that it came from. */
  readonly tags: ReadonlyMap<string, string>;
}

/** A molecule whose hydrogens that are not atoms follow from its valences. */
export function molecule(parts: Omit<Molecule, 'hydrogens' | 'tags'> & Partial<Pick<Molecule, 'tags'>>): Molecule {
  const { elements, charges, bonds } = parts;
  const used = new Float64Array(elements.length);
  for (const { a, b, order } of bonds) {
    for (const atom of [a, b]) used[atom] += order === 4 ? 1.5 : order;
  }
  const hydrogens = Uint8Array.from(elements, (element, i) => impliedHydrogens(element, charges[i], Math.floor(used[i])));
  return { tags: new Map(), ...parts, hydrogens };
}

export const atomCount = ({ elements }: Pick<Molecule, 'elements'>): number => elements.length;

/** Neighbours of every atom, in the order of the bonds. */
export function neighboursOf(count: number, bonds: readonly Pick<Bond, 'a' | 'b'>[]): number[][] {
  const neighbours = Array.from({ length: count }, (): number[] => []);
  for (const { a, b } of bonds) {
    neighbours[a].push(b);
    neighbours[b].push(a);
  }
  return neighbours;
}

/** The atoms that can be reached from `start`, without walking over the bond between `start` and `without`; ascending. */
export function reachable(neighbours: readonly (readonly number[])[], start: number, without?: number): number[] {
  const seen = new Set([start]);
  const open = [start];
  for (let atom = open.pop(); atom !== undefined; atom = open.pop()) {
    for (const next of neighbours[atom]) {
      if (seen.has(next) || (atom === start && next === without) || (atom === without && next === start)) continue;
      seen.add(next);
      open.push(next);
    }
  }
  return [...seen].sort((x, y) => x - y);
}

/** The parts that no bond connects, each with its atoms ascending; the largest first, ties in the order of their first atoms. */
export function fragmentsOf({ elements, bonds }: Pick<Molecule, 'elements' | 'bonds'>): number[][] {
  const neighbours = neighboursOf(elements.length, bonds);
  const seen = new Set<number>();
  const fragments: number[][] = [];
  for (let atom = 0; atom < elements.length; atom++) {
    if (seen.has(atom)) continue;
    const fragment = reachable(neighbours, atom);
    for (const member of fragment) seen.add(member);
    fragments.push(fragment);
  }
  return fragments.sort((x, y) => y.length - x.length || x[0] - y[0]);
}

/** The molecule of some of the atoms, in the given order; hydrogens that are left out count as their neighbours'. */
export function atomsAt(whole: Molecule, atoms: readonly number[]): Molecule {
  const place = new Map(atoms.map((atom, i) => [atom, i]));
  const hydrogens = Uint8Array.from(atoms, (atom) => whole.hydrogens[atom]);
  const bonds: Bond[] = [];
  for (const { a, b, order } of whole.bonds) {
    const [from, to] = [place.get(a), place.get(b)];
    if (from !== undefined && to !== undefined) bonds.push({ a: from, b: to, order });
    else if (from !== undefined && whole.elements[b] === 1) hydrogens[from]++;
    else if (to !== undefined && whole.elements[a] === 1) hydrogens[to]++;
  }
  return {
    name: whole.name, tags: whole.tags, bonds, hydrogens,
    elements: Uint8Array.from(atoms, (atom) => whole.elements[atom]),
    charges: Int8Array.from(atoms, (atom) => whole.charges[atom]),
    positions: Float64Array.from(atoms.flatMap((atom) => [...whole.positions.subarray(3 * atom, 3 * atom + 3)])),
  };
}

/** Without hydrogen atoms; throws InputError where nothing is left. */
export function heavyAtoms(whole: Molecule): Molecule {
  const kept = [...whole.elements.keys()].filter((i) => whole.elements[i] !== 1);
  if (kept.length === 0) throw new InputError(`${whole.name || 'the molecule'} has no atoms but hydrogens`);
  return kept.length === whole.elements.length ? whole : atomsAt(whole, kept);
}

/** The largest connected part by heavy atoms (salts and waters fall away), and how many atoms were left out. */
export function largestFragment(whole: Molecule): { readonly molecule: Molecule; readonly dropped: number } {
  const [largest] = fragmentsOf(whole);
  if (!largest || largest.length === whole.elements.length) return { molecule: whole, dropped: 0 };
  return { molecule: atomsAt(whole, largest), dropped: whole.elements.length - largest.length };
}

/** The same molecule with other coordinates, [n, 3] in Å. */
export const withPositions = (known: Molecule, positions: ArrayLike<number>): Molecule =>
  ({ ...known, positions: Float64Array.from(positions) });

/** Whether all atoms lie in one plane z = 0, as those of a drawing do. */
export const isDrawing = ({ positions }: Molecule): boolean =>
  positions.length > 9 && positions.every((value, i) => i % 3 !== 2 || value === 0);
