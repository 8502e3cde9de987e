import { stream } from '../random.js';
import type { Complex } from './complexes.js';

/** What a complex takes in a batch. */
export interface Size {
  readonly atoms: number;
  readonly torsions: number;
  /** Residues. */
  readonly nodes: number;
}

export const sizeOfComplex = ({ receptor, ligand }: Complex): Size => ({
  // Nothing has an extent of 0: ligands without torsions get a place for one that is padding.
  atoms: ligand.molecule.elements.length, torsions: Math.max(1, ligand.torsions.length), nodes: receptor.types.length,
});

/** Pairs that a step computes for a complex: residues with their neighbours, and residues with atoms. */
const cost = ({ atoms, nodes }: Size, neighbours: number): number => nodes * (atoms + neighbours);

/** Sizes between which bounds of buckets are looked for, at most. */
const CANDIDATES = 64;

/**
 * A few sizes to which complexes are padded, each at least as large as the one before in every respect: of all choices of bounds
 * on the number of residues that with the least padding.
 */
export class Buckets {
  readonly sizes: readonly Size[];
  /** Share of the work that is padding, for the complexes that the sizes were chosen for. */
  readonly waste: number;

  /** At most `limit` buckets for complexes of these sizes. */
  constructor(sizes: readonly Size[], limit: number, neighbours: number) {
    const sorted = [...sizes].sort((a, b) => a.nodes - b.nodes);
    const ends = [...sorted.keys()].filter((i) => sorted[i].nodes !== sorted[i + 1]?.nodes);
    const candidates = ends.filter((_, i) => i === ends.length - 1 || i % Math.ceil(ends.length / CANDIDATES) === 0);
    // The smallest size for all complexes up to each.
    const covers: Size[] = [];
    sorted.forEach((size, i) => covers.push(i === 0 ? size : largest([covers[i - 1], size])));
    const plans = candidates.map((end) => ({ cost: (end + 1) * cost(covers[end], neighbours), bounds: [end] }));
    for (let count = 2; count <= limit; count++) {
      for (let i = candidates.length - 1; i > 0; i--) {
        for (let j = 0; j < i; j++) {
          if (plans[j].bounds.length >= count) continue;
          const total = plans[j].cost + (candidates[i] - candidates[j]) * cost(covers[candidates[i]], neighbours);
          if (total < plans[i].cost) plans[i] = { cost: total, bounds: [...plans[j].bounds, candidates[i]] };
        }
      }
    }
    const plan = plans[plans.length - 1];
    this.sizes = plan.bounds.map((end) => covers[end]);
    this.waste = 1 - sorted.reduce((total, size) => total + cost(size, neighbours), 0) / plan.cost;
  }

  /** Number of the first bucket that holds complexes of all these sizes. */
  bucketOf(sizes: readonly Size[]): number {
    const needed = largest(sizes);
    const found = this.sizes.findIndex((size) =>
      size.nodes >= needed.nodes && size.atoms >= needed.atoms && size.torsions >= needed.torsions);
    if (found < 0) throw new Error('no bucket is large enough: buckets are made of all complexes that are used');
    return found;
  }
}

const largest = (sizes: readonly Size[]): Size => sizes.reduce((a, b) => ({
  atoms: Math.max(a.atoms, b.atoms), torsions: Math.max(a.torsions, b.torsions), nodes: Math.max(a.nodes, b.nodes),
}));

/**
 * Which complexes each step sees: in every epoch each of them once, in batches of one bucket; the batches of all buckets in
 * random order, the last one of a bucket with fewer complexes. A function of (seed, step) alone.
 */
export class BucketBatches {
  readonly stepsPerEpoch: number;
  private readonly members: readonly (readonly number[])[];
  private epoch = -1;
  private batches: { readonly bucket: number; readonly examples: readonly number[] }[] = [];

  constructor(buckets: Buckets, sizes: readonly Size[], private readonly batch: number, private readonly seed: number) {
    const of = sizes.map((size) => buckets.bucketOf([size]));
    this.members = buckets.sizes.map((_, bucket) => [...of.keys()].filter((i) => of[i] === bucket));
    this.stepsPerEpoch = this.members.reduce((steps, { length }) => steps + Math.ceil(length / batch), 0);
  }

  /** The largest number of complexes in a batch of a bucket. */
  batchOf(bucket: number): number {
    return Math.min(this.batch, this.members[bucket].length);
  }

  at(step: number): { readonly bucket: number; readonly examples: readonly number[] } {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.epoch) {
      const random = stream(this.seed, 'shuffle', epoch);
      const batches = this.members.flatMap((members, bucket) => {
        const order = Array.from(random.permutation(members.length), (i) => members[i]);
        return Array.from({ length: Math.ceil(order.length / this.batch) },
          (_, i) => ({ bucket, examples: order.slice(i * this.batch, (i + 1) * this.batch) }));
      });
      this.batches = Array.from(random.permutation(batches.length), (i) => batches[i]);
      this.epoch = epoch;
    }
    return this.batches[step % this.stepsPerEpoch];
  }
}
