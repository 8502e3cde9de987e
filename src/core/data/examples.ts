import { rowsAt, toFloat32, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import { imageSetOf, otherModality, trainingRows, vector } from './dataset.js';

/**
 * What encoders take: images uint8 [N, 1 or 3, H, W], real-valued maps float32 [N, C, H, W] such as log-mel spectrograms
 * [N, 1, frequencies, times], or rows float32 [N, D] such as those of a table.
 */
export type Examples = NdArray<Uint8Array | Float32Array>;

/** Examples with what their source says of them. */
export interface ExampleSet {
  readonly examples: Examples;
  /** [N] class numbers from 0. */
  readonly labels?: Int32Array;
  readonly classes?: readonly string[];
  /** [N]: one of SPLIT; left out where the source is one whole. */
  readonly split?: Uint8Array;
}

/** Kinds of files that hold examples; `tensors` are .npy, .npz and foreign safetensors. */
export const EXAMPLE_KINDS = ['dataset', 'embeddings', 'tensors'];

/** Tensors that real-valued examples are looked for in, after the uint8 `images` of a data set. */
const NAMES = ['features', 'points', 'array', 'x', 'x_syn'] as const;

/** Rows, which have neither height nor width. */
export const areRows = ({ shape }: Pick<NdArray, 'shape'>): boolean => shape.length === 2;

/** Images count in 256 levels; everything else is real-valued, and has units of its own. */
export const areReal = ({ dtype }: Pick<NdArray, 'dtype'>): boolean => dtype !== 'uint8';

/**
 * The examples in an artifact: its uint8 `images`, or a floating-point tensor `features`, `points`, `array` (the one of an .npy
 * file), `x` or `x_syn`, rows [N, D], maps [N, H, W] or [N, C, H, W]. Throws InputError that names what is missing, misshapen or
 * not finite.
 */
export function exampleSetOf(artifact: Artifact, source: string): ExampleSet {
  if (artifact.tensors.has('images')) {
    const { images: examples, labels, classes, split } = imageSetOf(artifact, source);
    return { examples, ...(labels && { labels }), ...(classes && { classes }), ...(split && { split }) };
  }
  const name = NAMES.find((one) => artifact.tensors.has(one));
  if (!name) {
    throw new InputError(`${source} has no tensor 'images'${otherModality(artifact)}, nor one of real numbers (${NAMES.join(', ')}); byo convert makes data sets `
      + 'of images, and .npy files hold rows [N, D] or maps [N, C, H, W]');
  }
  const examples = realExamples(artifact.tensors.get(name)!, `${source}: ${name}`);
  const count = examples.shape[0]!;
  const labels = vector(artifact, 'labels', count, source);
  const split = vector(artifact, 'split', count, source);
  const { classes } = artifact.meta;
  return {
    examples,
    ...(labels && { labels: Int32Array.from(labels.data as Int32Array, Number) }),
    ...(split && { split: split.data as Uint8Array }),
    ...(Array.isArray(classes) && { classes: classes.map(String) }),
  };
}

function realExamples(found: NdArray, where: string): Examples {
  const { dtype, shape } = found;
  if (!dtype.includes('float') || shape.length < 2 || shape.length > 4) {
    throw new InputError(`${where} is ${dtype} [${shape}], but real numbers are expected: rows [N, D], or maps [N, H, W] or [N, C, H, W]`);
  }
  if (shape.includes(0)) throw new InputError(`${where} is [${shape}]; there is nothing in it`);
  const { data } = toFloat32(found);
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new InputError(`${where} has ${data[wrong]} in row ${Math.floor(wrong / (data.length / shape[0]!))}; values have to be finite`);
  }
  return { dtype: 'float32', shape: shape.length === 3 ? [shape[0]!, 1, ...shape.slice(1)] : shape, data };
}

/** The part of a set that methods may learn from: everything that is not marked as test. */
export function examplesWithoutTest(set: ExampleSet): ExampleSet {
  const { examples, labels, split } = set;
  const kept = trainingRows(split);
  if (!kept) return set;
  return {
    ...set, examples: rowsAt(examples, kept), split: Uint8Array.from(kept, (i) => split![i]!),
    ...(labels && { labels: Int32Array.from(kept, (i) => labels[i]!) }),
  };
}

/** Mean and standard deviation of real-valued examples per channel or column (axis 1); a constant one has the deviation 1. */
export function exampleStatistics({ shape, data }: NdArray<Uint8Array | Float32Array>): { mean: number[]; std: number[] } {
  const [count, channels] = shape as [number, number];
  const inner = data.length / (count * channels);
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  const each = (visit: (channel: number, value: number) => void): void => {
    for (let at = 0; at < data.length; at++) visit(Math.floor(at / inner) % channels, data[at]!);
  };
  each((c, value) => { sums[c]! += value; });
  const mean = Array.from(sums, (total) => total / (count * inner));
  each((c, value) => { squares[c]! += (value - mean[c]!) ** 2; });
  const std = Array.from(squares, (total, c) => {
    const deviation = Math.sqrt(total / (count * inner));
    // Equal values are off their mean by rounding.
    return deviation > 1e-7 * Math.abs(mean[c]!) ? deviation : 1;
  });
  return { mean, std };
}
