import { float32, int32, type NdArray } from '../array.js';
import { distance2 } from '../chem/geometry.js';
import type { Feeds } from '../train/index.js';
import type { Complex, Ligand, Receptor } from './complexes.js';
import { angleCount, frameGroups, type BatchShape, type NetworkSpec } from './network.js';

/** Residues are seen by a ligand from no farther than three deviations of its place, and this: Å. */
const REACH = 20;

/** How far a ligand sees while its place is uncertain by `sigma`: Å. */
export const reachOf = (sigma: number): number => 3 * sigma + REACH;

const known = new WeakMap<Receptor, Map<number, Int32Array>>();

/** Of every residue the `count` nearest others, nearest first, -1 where there are fewer: int32 [r, count]. */
export function nearestResidues(receptor: Receptor, count: number): Int32Array {
  const lists = known.get(receptor) ?? new Map<number, Int32Array>();
  known.set(receptor, lists);
  const existing = lists.get(count);
  if (existing) return existing;
  const { positions } = receptor;
  const r = positions.length / 3;
  const nearest = new Int32Array(r * count).fill(-1);
  const squared = new Float64Array(r);
  for (let i = 0; i < r; i++) {
    for (let j = 0; j < r; j++) squared[j] = distance2(positions, i, positions, j);
    const others = Int32Array.from({ length: r - 1 }, (_, j) => (j < i ? j : j + 1));
    // Equal distances in the order of residues, so that nothing depends on the sorting.
    others.sort((a, b) => squared[a] - squared[b] || a - b);
    nearest.set(others.subarray(0, count), i * count);
  }
  lists.set(count, nearest);
  return nearest;
}

/** What `receptorInputs` of `count` receptors, padded to `nodes` residues, are fed; there may be fewer. */
export function receptorFeeds(
  spec: NetworkSpec, receptors: readonly Receptor[], nodes: number, count = receptors.length,
): Feeds {
  const { neighbours: k, directions } = spec;
  const [groups, angles] = [frameGroups(spec), angleCount(spec)];
  const feeds = {
    'receptor.types': int32([count, nodes]), 'receptor.neighbours': int32([count, nodes, k]),
    'receptor.weights': float32([count, nodes, k]), 'receptor.distances': float32([count, nodes, k]),
    'receptor.angles': float32([count, nodes, k, angles]), 'receptor.frames': float32([count, nodes, 3 * groups, k]),
    'receptor.vectors': float32([count, nodes, 3, directions]),
  };
  receptors.forEach((receptor, g) => {
    const { types, vectors } = receptor;
    const nearest = nearestResidues(receptor, k);
    const first = g * nodes;
    feeds['receptor.types'].data.set(types, first);
    for (let i = 0; i < types.length; i++) {
      const row = first + i;
      for (let which = 0; which < directions; which++) {
        for (let axis = 0; axis < 3; axis++) {
          feeds['receptor.vectors'].data[(row * 3 + axis) * directions + which] = vectors[9 * i + 3 * which + axis];
        }
      }
      let present = 0;
      while (present < k && nearest[i * k + present] >= 0) present++;
      for (let e = 0; e < k; e++) {
        const at = row * k + e;
        feeds['receptor.neighbours'].data[at] = first + (e < present ? nearest[i * k + e] : i);
        if (e >= present) continue;
        feeds['receptor.weights'].data[at] = 1 / present;
        pairGeometry(receptor, i, nearest[i * k + e], at, row * 3 * groups * k + e, 1 / present);
      }
    }
  });
  return feeds;

  /** Distance, cosines and directions of residue i's neighbour j. */
  function pairGeometry(
    { positions, vectors }: Receptor, i: number, j: number, at: number, frame: number, weight: number,
  ): void {
    const distance = Math.sqrt(distance2(positions, i, positions, j));
    feeds['receptor.distances'].data[at] = distance;
    const scale = distance > 0 ? 1 / distance : 0;
    const r = [0, 1, 2].map((axis) => scale * (positions[3 * j + axis] - positions[3 * i + axis]));
    const put = (group: number, x: number, y: number, z: number): void => {
      const { data } = feeds['receptor.frames'];
      data[frame + group * k] = weight * x;
      data[frame + (groups + group) * k] = weight * y;
      data[frame + (2 * groups + group) * k] = weight * z;
    };
    put(0, r[0], r[1], r[2]);
    let angle = at * angles;
    const cosines = feeds['receptor.angles'].data;
    for (let a = 0; a < directions; a++) {
      const own = 9 * i + 3 * a;
      const theirs = 9 * j + 3 * a;
      const [x, y, z] = [vectors[theirs], vectors[theirs + 1], vectors[theirs + 2]];
      cosines[angle++] = r[0] * vectors[own] + r[1] * vectors[own + 1] + r[2] * vectors[own + 2];
      cosines[angle++] = r[0] * x + r[1] * y + r[2] * z;
      for (let b = 0; b < directions; b++) {
        const other = 9 * i + 3 * b;
        cosines[angle++] = vectors[other] * x + vectors[other + 1] * y + vectors[other + 2] * z;
      }
      put(1 + a, x, y, z);
      if (spec.parity === 'se3') put(1 + directions + a, y * r[2] - z * r[1], z * r[0] - x * r[2], x * r[1] - y * r[0]);
    }
  }
}

/** Poses of one complex's ligand in a batch. */
export interface PosedLigand {
  readonly complex: Complex;
  /** Å, [n, 3] each; at most as many as the batch has places. */
  readonly poses: readonly ArrayLike<number>[];
  readonly times: readonly number[];
  /** How far each pose sees: Å. */
  readonly reach: readonly number[];
  /** Residues that it sees, ascending; all of them where left out. */
  readonly visible?: Int32Array;
}

/**
 * The `limit` residues nearest to any atom of any pose, ascending; undefined where the receptor has no more than that. Large
 * receptors are seen in part, which changes the score only where residues within reach are left out.
 */
export function visibleResidues(
  { positions }: Receptor, poses: readonly ArrayLike<number>[], limit: number,
): Int32Array | undefined {
  const r = positions.length / 3;
  if (r <= limit) return undefined;
  const nearest = new Float64Array(r).fill(Infinity);
  for (const pose of poses) {
    for (let i = 0; i < pose.length / 3; i++) {
      for (let j = 0; j < r; j++) nearest[j] = Math.min(nearest[j], distance2(pose, i, positions, j));
    }
  }
  const order = Int32Array.from({ length: r }, (_, j) => j).sort((a, b) => nearest[a] - nearest[b] || a - b);
  return order.slice(0, limit).sort();
}

/** What `ligandInputs` are fed; places that no complex or pose takes are padding. */
export function ligandFeeds({ features }: NetworkSpec, shape: BatchShape, items: readonly PosedLigand[]): Feeds {
  const { graphs, poses, atoms, torsions, visible } = shape;
  const width = features.length;
  const feeds = {
    'ligand.features': int32([graphs, atoms, width]), 'ligand.mask': float32([graphs, atoms]),
    'ligand.bonds': float32([graphs, 4, atoms, atoms]), 'ligand.positions': float32([graphs, poses, atoms, 3]),
    'torsions.from': float32([graphs, torsions, atoms]), 'torsions.to': float32([graphs, torsions, atoms]),
    'torsions.sides': float32([graphs, torsions, atoms]),
    'visible.positions': float32([graphs, visible, 3]), 'visible.mask': float32([graphs, visible]),
    'times': float32([graphs, poses]), 'reach': float32([graphs, poses]),
  };
  items.forEach((item, g) => {
    const { receptor, ligand } = item.complex;
    const n = ligand.molecule.elements.length;
    feeds['ligand.features'].data.set(ligand.features, g * atoms * width);
    feeds['ligand.mask'].data.fill(1, g * atoms, g * atoms + n);
    for (const { a, b, order } of ligand.molecule.bonds) {
      const plane = (g * 4 + order - 1) * atoms * atoms;
      feeds['ligand.bonds'].data[plane + a * atoms + b] = 1;
      feeds['ligand.bonds'].data[plane + b * atoms + a] = 1;
    }
    putTorsions(ligand, g);
    item.poses.forEach((pose, s) => feeds['ligand.positions'].data.set(pose, (g * poses + s) * atoms * 3));
    feeds.times.data.set(item.times, g * poses);
    feeds.reach.data.set(item.reach, g * poses);
    const rows = item.visible ?? receptor.types.keys();
    let place = g * visible;
    for (const j of rows) {
      feeds['visible.positions'].data.set(receptor.positions.subarray(3 * j, 3 * j + 3), 3 * place);
      feeds['visible.mask'].data[place++] = 1;
    }
  });
  return feeds;

  function putTorsions(ligand: Ligand, g: number): void {
    const n = ligand.molecule.elements.length;
    ligand.torsions.forEach(({ u, v, moved }, k) => {
      const row = (g * torsions + k) * atoms;
      feeds['torsions.from'].data[row + u] = 1;
      feeds['torsions.to'].data[row + v] = 1;
      feeds['torsions.sides'].data.fill(-1, row, row + n);
      for (const atom of moved) feeds['torsions.sides'].data[row + atom] = 1;
    });
  }
}

/** Row numbers of the visible residues [G, visible] among the residues of G receptors padded to `nodes`. */
export function visibleRows({ graphs, nodes, visible }: BatchShape, items: readonly PosedLigand[]): NdArray<Int32Array> {
  const rows = int32([graphs, visible]);
  items.forEach(({ complex, visible: seen }, g) => {
    const count = seen?.length ?? complex.receptor.types.length;
    for (let k = 0; k < count; k++) rows.data[g * visible + k] = g * nodes + (seen ? seen[k] : k);
  });
  return rows;
}
