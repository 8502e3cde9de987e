import { gatherImages } from '../../core/data/batches.js';
import { stream } from '../../core/random.js';
import { kMeans } from '../../core/stats/kmeans.js';
import { matrix, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import type { EmbedOptions } from '../../core/train/index.js';
import type { Distilled } from './distilled.js';
import { randomRows, requireSize } from './krr-st.js';
import { distilledSet, targetsAt, type DistillSettings, type Source } from './source.js';

export type SubsetMethod = 'random' | 'k-means' | 'k-center' | 'all';

type Compute = EmbedOptions & { readonly algebra: LinearAlgebra };

/**
 * A set of real images with the teacher's targets: chosen at random, or in the space of the targets the image nearest to each of
 * `size` k-means centres, or images one by one as far as possible from those before (k-centre, Sener & Savarese 2018); or all of
 * the images, which no synthetic set can be expected to beat by much.
 */
export async function subset(
  method: SubsetMethod, source: Source, o: DistillSettings, seed: number, compute: Compute,
): Promise<Distilled> {
  const { examples } = source.set;
  const count = examples.shape[0]!;
  if (method !== 'all') requireSize(count, o.size);
  const rows = await rowsOf(method, source, o.size, seed, compute);
  const targets = await targetsAt(source, rows, compute);
  return distilledSet(source, method, gatherImages(examples, rows), targets, o);
}

async function rowsOf(
  method: SubsetMethod, source: Source, size: number, seed: number, compute: Compute,
): Promise<number[]> {
  const count = source.set.examples.shape[0]!;
  if (method === 'random') return randomRows(count, size, seed);
  const all = [...Array(count).keys()];
  if (method === 'all') return all;
  const { shape, data } = await targetsAt(source, all, compute);
  const x = matrix(shape[0]!, shape[1]!, data);
  if (method === 'k-center') return kCenter(x, size, stream(seed, 'k-center').int(count));
  const { centers, assignments } = kMeans(x, size, { seed, starts: 1, algebra: compute.algebra });
  const nearest = Array.from({ length: size }, () => ({ row: 0, distance: Infinity }));
  for (let i = 0; i < count; i++) {
    const cluster = assignments[i]!;
    const distance = squaredDistance(x, i, centers, cluster);
    if (distance < nearest[cluster]!.distance) nearest[cluster] = { row: i, distance };
  }
  return nearest.map(({ row }) => row);
}

/** Greedy k-centre from row `first`: each next row is the one farthest from its nearest centre. */
export function kCenter(x: Matrix, size: number, first: number): number[] {
  const rows = [first];
  const distances = Float64Array.from({ length: x.rows }, (_, i) => squaredDistance(x, i, x, first));
  // Below all others: never again, even where all that is left are copies.
  distances[first] = -1;
  while (rows.length < size) {
    let farthest = 0;
    for (let i = 1; i < x.rows; i++) if (distances[i]! > distances[farthest]!) farthest = i;
    rows.push(farthest);
    for (let i = 0; i < x.rows; i++) distances[i] = Math.min(distances[i]!, squaredDistance(x, i, x, farthest));
    distances[farthest] = -1;
  }
  return rows;
}

function squaredDistance(a: Matrix, i: number, b: Matrix, j: number): number {
  let total = 0;
  for (let k = 0; k < a.cols; k++) total += (a.data[i * a.cols + k]! - b.data[j * b.cols + k]!) ** 2;
  return total;
}
