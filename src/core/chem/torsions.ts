import { neighboursOf, reachable, type Bond, type Molecule } from './molecule.js';
import { ringsOf } from './rings.js';

/** A bond about which one side of a molecule turns: from u to v, with v and all atoms of `moved` on the side that moves. */
export interface Torsion {
  readonly u: number;
  readonly v: number;
  /** Ascending. */
  readonly moved: readonly number[];
}

/** `graph`: every bond that cuts the molecule into two parts of more than one atom (DiffDock); `strict`: the freely turning. */
export const ROTATABLE_RULES = ['graph', 'strict'] as const;
export type RotatableRule = (typeof ROTATABLE_RULES)[number];

type Graph = Pick<Molecule, 'elements' | 'bonds'>;

/**
 * The rotatable bonds of a connected molecule of heavy atoms, in the order of its bonds. Without a bond the molecule falls into
 * two parts, of which the smaller one moves (of equal ones that with the bond's second atom) and has to have more than one atom.
 * `strict` leaves out double, triple and aromatic bonds, amides (C-N beside C=O), and all but the first of the single bonds in
 * one line with a triple bond, which turn the same parts.
 */
export function rotatableBonds(known: Graph, rule: RotatableRule = 'graph'): Torsion[] {
  const count = known.elements.length;
  const neighbours = neighboursOf(count, known.bonds);
  const { bonds: inRing } = ringsOf(count, known.bonds);
  return known.bonds.flatMap((bond, i) => {
    if (inRing[i] || (rule === 'strict' && isStiff(known, bond))) return [];
    const [sideA, sideB] = [reachable(neighbours, bond.a, bond.b), reachable(neighbours, bond.b, bond.a)];
    const [v, u, moved] = sideA.length < sideB.length ? [bond.a, bond.b, sideA] : [bond.b, bond.a, sideB];
    return moved.length > 1 ? [{ u, v, moved }] : [];
  });
}

function isStiff({ elements, bonds }: Graph, bond: Bond): boolean {
  if (bond.order !== 1) return true;
  const at = (atom: number): readonly Bond[] => bonds.filter(({ a, b }) => a === atom || b === atom);
  const other = ({ a, b }: Bond, atom: number): number => (a === atom ? b : a);
  const amide = (carbon: number, nitrogen: number): boolean => elements[carbon] === 6 && elements[nitrogen] === 7
    && at(carbon).some((own) => own.order === 2 && [8, 16].includes(elements[other(own, carbon)]));
  if (amide(bond.a, bond.b) || amide(bond.b, bond.a)) return true;
  // Along a line of triple bonds every single bond turns the same: the last one before an end without one turns nothing.
  return [bond.a, bond.b].some((start) => {
    let [from, along] = [start, at(start).find(({ order }) => order === 3)];
    if (!along) return false;
    while (along) {
      const across = other(along, from);
      const onward = at(across).find((own) => own !== along);
      if (!onward) return true;
      if (bonds.indexOf(onward) < bonds.indexOf(bond)) return true;
      from = other(onward, across);
      along = at(from).find(({ order }) => order === 3);
    }
    return false;
  });
}
