import { neighboursOf, type Molecule } from './molecule.js';

type Graph = Pick<Molecule, 'elements' | 'bonds'>;

/** The least root mean square deviation over the symmetries of a molecule. */
export interface SymmetricRmsd {
  /** Å */
  readonly rmsd: number;
  /** Atom of the reference that each atom of the pose stands for. */
  readonly mapping: readonly number[];
  /** False where the search was given up after `maxNodes` steps: then `rmsd` is the least that was found. */
  readonly exact: boolean;
}

/**
 * Classes of atoms that no symmetry of the graph can tell apart by their surroundings: elements refined by the classes of their
 * neighbours until nothing changes. [n] numbers from 0. Bond orders do not count: the two oxygens of a carboxylate are alike.
 */
export function symmetryClasses({ elements, bonds }: Graph): number[] {
  const neighbours = neighboursOf(elements.length, bonds);
  const numbered = (keys: readonly string[]): number[] => {
    const order = new Map([...new Set(keys)].sort().map((key, i) => [key, i]));
    return keys.map((key) => order.get(key)!);
  };
  let classes = numbered(Array.from(elements, String));
  for (;;) {
    const finer = numbered(classes.map((own, i) => `${own}:${neighbours[i].map((j) => classes[j]).sort((a, b) => a - b).join()}`));
    if (Math.max(...finer) === Math.max(...classes)) return classes;
    classes = finer;
  }
}

/** All maps of a molecule's graph onto itself that keep elements and bonds, at most `limit` of them. */
export function automorphisms(known: Graph, limit = 10_000): number[][] {
  const found: number[][] = [];
  search(known, known, () => 0, () => undefined, (mapping) => { found.push([...mapping]); return found.length < limit; });
  return found;
}

/** For each atom of `one` the atom of `other` that it is in the same molecule; undefined where the graphs differ. */
export function isomorphism(one: Graph, other: Graph): number[] | undefined {
  let found: number[] | undefined;
  if (one.elements.length === other.elements.length && one.bonds.length === other.bonds.length) {
    search(one, other, () => 0, () => undefined, (mapping) => { found = [...mapping]; return false; });
  }
  return found;
}

/**
 * Root mean square deviation of a pose from a reference, [n, 3] each in Å and in the same frame, least over the automorphisms of
 * the molecule's graph (branch and bound: symmetries of many equal parts are not listed one by one).
 */
export function symmetricRmsd(
  known: Graph, pose: ArrayLike<number>, reference: ArrayLike<number>, maxNodes = 1_000_000,
): SymmetricRmsd {
  const n = known.elements.length;
  const squared = (i: number, j: number): number => {
    let sum = 0;
    for (let axis = 0; axis < 3; axis++) sum += (pose[3 * i + axis] - reference[3 * j + axis]) ** 2;
    return sum;
  };
  let mapping = [...Array(n).keys()];
  let best = mapping.reduce((sum, i) => sum + squared(i, i), 0);
  let nodes = 0;
  const exact = search(
    known, known, squared, (cost) => (++nodes > maxNodes ? 'stop' : cost >= best ? 'cut' : undefined),
    (found, cost) => { [best, mapping] = [cost, [...found]]; return true; });
  return { rmsd: Math.sqrt(best / n), mapping, exact };
}

/**
 * Walks over the maps of one graph onto another that keep elements and bonds, atom by atom, each next to one that is mapped
 * already. `bound` sees the cost so far and may cut a branch off or stop; `visit` sees every whole mapping and says whether to go
 * on. Returns false where `bound` stopped it.
 */
function search(
  from: Graph, to: Graph, cost: (atom: number, image: number) => number,
  bound: (cost: number) => 'cut' | 'stop' | undefined, visit: (mapping: readonly number[], cost: number) => boolean,
): boolean {
  const n = from.elements.length;
  const [neighbours, around] = [neighboursOf(n, from.bonds), neighboursOf(n, to.bonds)];
  // Classes of both side by side, so that equal numbers mean equal surroundings.
  const both = symmetryClasses({
    elements: Uint8Array.from([...from.elements, ...to.elements]),
    bonds: [...from.bonds, ...to.bonds.map(({ a, b, order }) => ({ a: a + n, b: b + n, order }))],
  });
  const [classes, others] = [both.slice(0, n), both.slice(n)];
  const order = walk(neighbours);
  const mapping = Array<number>(n).fill(-1);
  const taken = new Uint8Array(n);
  let stopped = false;
  const step = (depth: number, total: number): boolean => {
    if (depth === n) return visit(mapping, total);
    const atom = order[depth];
    const mapped = neighbours[atom].filter((other) => mapping[other] >= 0);
    // Images are among the neighbours of a mapped neighbour's image; the first atom of a fragment goes anywhere in its class.
    const candidates = (mapped.length > 0 ? around[mapping[mapped[0]]] : [...others.keys()])
      .filter((image) => !taken[image] && others[image] === classes[atom]
        && mapped.every((other) => around[image].includes(mapping[other])))
      .map((image) => ({ image, own: cost(atom, image) }))
      .sort((a, b) => a.own - b.own);
    for (const { image, own } of candidates) {
      const verdict = bound(total + own);
      if (verdict === 'stop') stopped = true;
      if (stopped) return false;
      if (verdict === 'cut') continue;
      mapping[atom] = image;
      taken[image] = 1;
      const goOn = step(depth + 1, total + own);
      mapping[atom] = -1;
      taken[image] = 0;
      if (!goOn) return false;
    }
    return true;
  };
  step(0, 0);
  return !stopped;
}

/** Atoms in an order in which each but the first of a fragment has a neighbour before it. */
function walk(neighbours: readonly (readonly number[])[]): number[] {
  const order: number[] = [];
  const seen = new Uint8Array(neighbours.length);
  for (let start = 0; start < neighbours.length; start++) {
    if (seen[start]) continue;
    seen[start] = 1;
    const queue = [start];
    for (let atom = queue.shift(); atom !== undefined; atom = queue.shift()) {
      order.push(atom);
      for (const next of neighbours[atom]) {
        if (seen[next]) continue;
        seen[next] = 1;
        queue.push(next);
      }
    }
  }
  return order;
}
