import { neighboursOf, type Bond } from './molecule.js';

/** What of a graph lies in cycles. */
export interface Rings {
  /** Whether each bond is part of a cycle: [bonds]. */
  readonly bonds: readonly boolean[];
  /** Atoms of the shortest ring through each bond, every ring once, in the order of walking round it. */
  readonly cycles: readonly (readonly number[])[];
}

/** Rings of a molecule: a bond is in a ring where its ends stay connected without it, and its ring is the shortest such way. */
export function ringsOf(count: number, bonds: readonly Pick<Bond, 'a' | 'b'>[]): Rings {
  const neighbours = neighboursOf(count, bonds);
  const paths = bonds.map(({ a, b }) => shortestPath(neighbours, a, b));
  const cycles = new Map<string, readonly number[]>();
  for (const path of paths) {
    if (path) cycles.set([...path].sort((x, y) => x - y).join(), path);
  }
  return { bonds: paths.map(Boolean), cycles: [...cycles.values()] };
}

/** A shortest way between the ends of a bond that does not use it; undefined where there is none. */
function shortestPath(neighbours: readonly (readonly number[])[], from: number, to: number): number[] | undefined {
  const before = new Map([[from, from]]);
  for (let front = [from]; front.length > 0;) {
    const next: number[] = [];
    for (const atom of front) {
      for (const other of neighbours[atom]) {
        if (before.has(other) || (atom === from && other === to)) continue;
        before.set(other, atom);
        if (other === to) {
          const path = [to];
          for (let at = to; at !== from;) path.push(at = before.get(at)!);
          return path.reverse();
        }
        next.push(other);
      }
    }
    front = next;
  }
  return undefined;
}

/** Whether each atom is aromatic: in a ring of five to seven with 4n + 2 electrons, or at a bond that is marked as aromatic. */
export function aromaticAtoms(
  elements: ArrayLike<number>, bonds: readonly Bond[], { cycles, bonds: inRing }: Rings,
): boolean[] {
  const aromatic = Array<boolean>(elements.length).fill(false);
  for (const { a, b, order } of bonds) {
    if (order === 4) [aromatic[a], aromatic[b]] = [true, true];
  }
  const ringDouble = new Set(bonds.flatMap(({ a, b, order }, i) => (order === 2 && inRing[i] ? [a, b] : [])));
  const outerDouble = new Set(bonds.flatMap(({ a, b, order }, i) => (order === 2 && !inRing[i] ? [a, b] : [])));
  const triple = new Set(bonds.flatMap(({ a, b, order }) => (order === 3 ? [a, b] : [])));
  const electrons = (atom: number): number => {
    if (triple.has(atom)) return NaN;
    if (ringDouble.has(atom)) return 1;
    if (outerDouble.has(atom)) return [6, 7].includes(elements[atom]) ? 0 : NaN;
    // A lone pair of nitrogen, oxygen, sulphur or selenium; a carbon without a double bond interrupts the ring.
    return [7, 8, 16, 34].includes(elements[atom]) ? 2 : NaN;
  };
  for (const cycle of cycles) {
    if (cycle.length < 5 || cycle.length > 7) continue;
    const total = cycle.reduce((sum, atom) => sum + electrons(atom), 0);
    if (total % 4 === 2) for (const atom of cycle) aromatic[atom] = true;
  }
  return aromatic;
}
