import { ndarray, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import type { Artifact } from '../../files/artifact.js';
import { otherModality, vector } from '../dataset.js';
import type { Skipped } from '../images.js';

/** Sounds of one channel and one rate, each as long as it is, with what their source says of them. */
export interface SoundSet {
  /** int16, of which 32768 is full scale, or float32: all clips behind each other. */
  readonly samples: NdArray<Int16Array | Float32Array>;
  /** [N + 1]: clip i is samples offsets[i] to offsets[i + 1]. */
  readonly offsets: Float64Array;
  /** Samples per second. */
  readonly rate: number;
  /** [N] class numbers from 0. */
  readonly labels?: Int32Array;
  /** Class names by class number; left out where the source has numbers only. */
  readonly classes?: readonly string[];
  /** Further labels by name, such as `speaker`. */
  readonly columns?: Readonly<Record<string, Column>>;
  /** [N]: one of SPLIT; left out where the source is one whole. */
  readonly split?: Uint8Array;
  /** [N] paths of the sounds in their source, where they are files; not stored. */
  readonly names?: readonly string[];
  /** Sounds that were left out because they could not be decoded. */
  readonly skipped: readonly Skipped[];
}

/** One whole number from 0 for each clip, and the names that they stand for where they are not just numbers. */
export interface Column {
  readonly values: Int32Array;
  readonly names?: readonly string[];
}

/** Full scale of int16 samples. */
const FULL_SCALE = 2 ** 15;

export const clipCount = ({ offsets }: Pick<SoundSet, 'offsets'>): number => offsets.length - 1;

export const clipLength = ({ offsets }: Pick<SoundSet, 'offsets'>, i: number): number => offsets[i + 1]! - offsets[i]!;

/** Samples `from` to `to` of clip i (all where left out) as float32, full scale at 1. */
export function clipOf({ samples, offsets }: SoundSet, i: number, from = 0, to = clipLength({ offsets }, i)): Float32Array {
  const own = samples.data.subarray(offsets[i]! + from, offsets[i]! + to);
  return own instanceof Float32Array ? own : Float32Array.from(own, (value) => value / FULL_SCALE);
}

/** Samples as int16, rounded, and how many are beyond full scale and end there. */
export function toInt16(samples: Float32Array): { readonly data: Int16Array; readonly clipped: number } {
  let clipped = 0;
  const data = Int16Array.from(samples, (value) => {
    const scaled = Math.round(value * FULL_SCALE);
    // Full scale itself is one step too many, which nobody hears.
    if (scaled > FULL_SCALE || scaled < -FULL_SCALE) clipped++;
    return Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, scaled));
  });
  return { data, clipped };
}

/** Clips behind each other, with their offsets. */
export function joinClips<T extends Int16Array | Float32Array>(clips: readonly T[]): Pick<SoundSet, 'samples' | 'offsets'> {
  const offsets = new Float64Array(clips.length + 1);
  clips.forEach(({ length }, i) => { offsets[i + 1] = offsets[i]! + length; });
  const total = offsets[clips.length]!;
  const wide = clips[0] instanceof Float32Array;
  const data = wide ? new Float32Array(total) : new Int16Array(total);
  clips.forEach((clip, i) => data.set(clip, offsets[i]));
  return { samples: ndarray(wide ? 'float32' : 'int16', [total], data), offsets };
}

/**
 * Sound sets as artifacts of kind `dataset`: `samples` int16 or float32 [total], `offsets` int64 [N + 1], `labels` int32 [N],
 * `split` uint8 [N], and an int32 [N] for each further label, whose names `meta.columns` has; `meta.rate` in Hz.
 */
export function soundArtifact({ samples, offsets, rate, labels, classes, columns, split }: SoundSet): Omit<Artifact, 'recipe'> {
  const tensors = new Map<string, NdArray>([
    ['samples', samples], ['offsets', ndarray('int64', [offsets.length], BigInt64Array.from(offsets, BigInt))],
  ]);
  if (labels) tensors.set('labels', ndarray('int32', [labels.length], labels));
  for (const [name, { values }] of Object.entries(columns ?? {})) tensors.set(name, ndarray('int32', [values.length], values));
  if (split) tensors.set('split', ndarray('uint8', [split.length], split));
  const named = columns && Object.fromEntries(Object.entries(columns).map(([name, { names = [] }]) => [name, names]));
  return {
    kind: 'dataset', schema: 1, tensors,
    meta: { modality: 'sound', rate, ...(classes && { classes }), ...(named && Object.keys(named).length > 0 && { columns: named }) },
  };
}

/** The sound set in an artifact, without its further labels; throws InputError that names what is missing or misshapen. */
export function soundSetOf(artifact: Artifact, source: string): SoundSet {
  const { tensors, meta } = artifact;
  const [samples, found] = [tensors.get('samples'), tensors.get('offsets')];
  if (!samples || !found) {
    const missing = samples ? 'offsets' : 'samples';
    throw new InputError(`${source} has no tensor '${missing}'${otherModality(artifact)}; byo convert makes data sets of sounds`);
  }
  if (!(samples.data instanceof Int16Array || samples.data instanceof Float32Array) || samples.shape.length !== 1) {
    throw new InputError(`${source}: samples are ${samples.dtype} [${samples.shape}], but int16 or float32 [total] is expected`);
  }
  if (found.dtype !== 'int64' || found.shape.length !== 1) {
    throw new InputError(`${source}: offsets are ${found.dtype} [${found.shape}], but int64 [N + 1] is expected`);
  }
  const offsets = Float64Array.from(found.data as BigInt64Array, Number);
  const count = clipCount({ offsets });
  if (count < 1) throw new InputError(`${source} holds no sounds`);
  const wrong = offsets.findIndex((offset, i) => (i === 0 ? offset !== 0 : !(offset > offsets[i - 1]!)));
  if (wrong >= 0 || offsets[count] !== samples.data.length) {
    throw new InputError(`${source}: offsets have to rise from 0 to the ${samples.data.length} samples, but `
      + (wrong >= 0 ? `offset ${wrong} is ${offsets[wrong]}` : `the last one is ${offsets[count]}`));
  }
  if (samples.data instanceof Float32Array && !samples.data.every(Number.isFinite)) {
    throw new InputError(`${source} holds samples that are not finite; convert its sounds again`);
  }
  const { rate, classes } = meta;
  if (typeof rate !== 'number' || !Number.isInteger(rate) || rate < 1) throw new InputError(`${source} does not say its rate; convert its sounds again`);
  const labels = vector(artifact, 'labels', count, source);
  const split = vector(artifact, 'split', count, source);
  return {
    samples: samples as SoundSet['samples'], offsets, rate,
    ...(labels && { labels: Int32Array.from(labels.data as Int32Array, Number) }),
    ...(split && { split: split.data as Uint8Array }),
    ...(Array.isArray(classes) && { classes: classes.map(String) }),
    skipped: [],
  };
}

/** The clips of some rows, in this order, without their further labels. */
export function clipsAt(set: SoundSet, rows: readonly number[]): SoundSet {
  const { samples, offsets, rate, labels, classes, split } = set;
  const clips = rows.map((i) => samples.data.subarray(offsets[i]!, offsets[i + 1]!) as Int16Array | Float32Array);
  return {
    ...joinClips(clips), rate,
    ...(labels && { labels: Int32Array.from(rows, (i) => labels[i]!), ...(classes && { classes }) }),
    ...(split && { split: Uint8Array.from(rows, (i) => split[i]!) }),
    skipped: [],
  };
}
