import { ndarray, rowsAt, toFloat32, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import { trainingRows, vector } from './dataset.js';

/** Points of a space of a few dimensions, to try generative methods on. */
export interface PointSet {
  /** float32 [N, D] */
  readonly points: NdArray<Float32Array>;
  /** [N] numbers from 0 of the mode or arm that each point belongs to. */
  readonly labels?: Int32Array;
  /** [N]: one of SPLIT; left out where the source is one whole. */
  readonly split?: Uint8Array;
}

/** Point sets as artifacts of kind `dataset`: `points` float32 [N, D], `labels` int32 [N], `split` uint8 [N]. */
export function pointsArtifact({ points, labels, split }: PointSet): Omit<Artifact, 'recipe'> {
  const tensors = new Map<string, NdArray>([['points', points]]);
  if (labels) tensors.set('labels', ndarray('int32', [labels.length], labels));
  if (split) tensors.set('split', ndarray('uint8', [split.length], split));
  return { kind: 'dataset', schema: 1, meta: { modality: 'points' }, tensors };
}

/** The point set in an artifact; throws InputError that names what is missing, misshapen or not finite. */
export function pointSetOf(artifact: Artifact, source: string): PointSet {
  const found = artifact.tensors.get('points');
  if (!found) throw new InputError(`${source} has no tensor 'points'; byo synth density makes data sets of points`);
  if (found.shape.length !== 2 || !found.dtype.includes('float')) {
    throw new InputError(`${source}: points are ${found.dtype} [${found.shape}], but float32 [N, D] is expected`);
  }
  const [count, width] = found.shape as [number, number];
  if (count === 0 || width === 0) throw new InputError(`${source} holds no points: they are [${found.shape}]`);
  const points = toFloat32(found);
  const wrong = points.data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new InputError(`${source}: coordinate ${wrong % width} of point ${Math.floor(wrong / width)} is ${points.data[wrong]}; ` +
      'points have to be finite');
  }
  const labels = vector(artifact, 'labels', count, source);
  const split = vector(artifact, 'split', count, source);
  return {
    points,
    ...(labels && { labels: Int32Array.from(labels.data as Int32Array, Number) }),
    ...(split && { split: split.data as Uint8Array }),
  };
}

/** The part of a set that methods may learn from: everything that is not marked as test. */
export function pointsWithoutTest(set: PointSet): PointSet {
  const { points, labels, split } = set;
  const kept = trainingRows(split);
  if (!kept) return set;
  return {
    points: rowsAt(points, kept),
    ...(labels && { labels: Int32Array.from(kept, (i) => labels[i]!) }),
    split: Uint8Array.from(kept, (i) => split![i]!),
  };
}
