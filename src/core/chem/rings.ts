import { neighboursOf, type Bond } from './molecule.js';

/** What of a graph lies in cycles. */
export interface Rings {
  /** Whether each bond is part of a cycle: [bonds]. */
  readonly bonds: readonly boolean[];
  /** For each atom, the sizes of its shortest rings, one for each pair of its ring bonds that a ring runs through, ascending. */
  readonly sizes: readonly (readonly number[])[];
}

/**
 * Rings of a molecule. A bond is in a ring where its ends stay connected without it. An atom's rings are the shortest cycles
 * through two of its bonds (its smallest rings; rings that are sums of smaller ones at the same atom are left out).
 */
export function ringsOf(count: number, bonds: readonly Pick<Bond, 'a' | 'b'>[]): Rings {
  const neighbours = neighboursOf(count, bonds);
  const inRing = bonds.map(({ a, b }) =>
    distance(neighbours, a, b, (x, y) => (x === a && y === b) || (x === b && y === a)) < Infinity);
  const ringNeighbours = neighboursOf(count, bonds.filter((_, i) => inRing[i]));
  const sizes = ringNeighbours.map((around, atom) => {
    const found: number[] = [];
    for (const [i, from] of around.entries()) {
      for (const to of around.slice(i + 1)) {
        const size = 2 + distance(ringNeighbours, from, to, (x, y) => x === atom || y === atom);
        if (size < Infinity) found.push(size);
      }
    }
    // An atom with k ring bonds is in k - 1 independent rings.
    return found.sort((x, y) => x - y).slice(0, Math.max(0, around.length - 1));
  });
  return { bonds: inRing, sizes };
}

/** Bonds on the shortest way between two atoms that avoids some steps; Infinity where there is none. */
function distance(
  neighbours: readonly (readonly number[])[], from: number, to: number, barred: (x: number, y: number) => boolean,
): number {
  const seen = new Set([from]);
  let front = [from];
  for (let steps = 1; front.length > 0; steps++) {
    const next: number[] = [];
    for (const atom of front) {
      for (const other of neighbours[atom]) {
        if (seen.has(other) || barred(atom, other)) continue;
        if (other === to) return steps;
        seen.add(other);
        next.push(other);
      }
    }
    front = next;
  }
  return Infinity;
}
