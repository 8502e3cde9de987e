import { float32, int32, rowsAt, sizeOf, type NdArray } from '../array.js';
import { imageSetOf, withoutTest } from '../data/dataset.js';
import { pointSetOf, pointsWithoutTest } from '../data/points.js';
import type { Artifact } from '../files/artifact.js';
import { conditionWidth, emptyCondition, type Condition } from './denoiser.js';
import { tokenize } from './text.js';

/** Examples that a diffusion learns: images, brought from uint8 to [-1, 1], or points as they are. */
export interface DiffusionData {
  readonly count: number;
  /** Of one example. */
  readonly shape: readonly number[];
  readonly labels?: Int32Array;
  readonly classes?: readonly string[];
  readonly captions?: readonly string[];
  /** float32 [B, ...] of the examples; `mirrored` says which images to flip. */
  batch(examples: ArrayLike<number>, mirrored?: ArrayLike<number>): NdArray<Float32Array>;
}

/** Everything of a data set that is not marked as test; throws InputError where it holds neither images nor points. */
export function diffusionData(artifact: Artifact, source: string): DiffusionData {
  if (artifact.tensors.has('points')) return pointData(artifact, source);
  const { images, labels, classes, captions } = withoutTest(imageSetOf(artifact, source));
  const [count, ...shape] = images.shape as [number, number, number, number];
  const size = sizeOf(shape);
  return {
    count, shape, ...(labels && { labels }), ...(classes && { classes }), ...(captions && { captions }),
    batch: (examples, mirrored) => {
      const out = new Float32Array(examples.length * size);
      for (let i = 0; i < examples.length; i++) {
        const pixels = images.data.subarray(examples[i]! * size, (examples[i]! + 1) * size);
        writePixels(pixels, out.subarray(i * size, (i + 1) * size), mirrored?.[i] ? shape[2] : 0);
      }
      return float32([examples.length, ...shape], out);
    },
  };
}

function pointData(artifact: Artifact, source: string): DiffusionData {
  const { points, labels } = pointsWithoutTest(pointSetOf(artifact, source));
  const [count, width] = points.shape as [number, number];
  return { count, shape: [width], ...(labels && { labels }), batch: (examples) => rowsAt(points, examples) };
}

/** Pixels from 0..255 to -1..1, each row of `width` pixels mirrored unless it is 0. */
function writePixels(pixels: Uint8Array, out: Float32Array, width = 0): void {
  for (let i = 0; i < pixels.length; i++) {
    const column = width && i % width;
    out[i] = pixels[width ? i - column + (width - 1 - column) : i]! / 127.5 - 1;
  }
}

/** Values in [-1, 1] as pixels from 0 to 255, rounded. */
export const toPixels = (values: Float32Array): Uint8Array =>
  Uint8Array.from(values, (value) => Math.round(Math.min(Math.max((value + 1) * 127.5, 0), 255)));

/** The condition numbers of every example: int32 of `conditionShape`. */
export function conditionsOf({ count, labels, captions }: DiffusionData, condition: Condition): NdArray<Int32Array> {
  return condition.kind === 'class' ? int32([count], labels) : tokenize(captions!, condition);
}

/** Those of a batch, where `hidden` examples get the empty condition. */
export function someHidden(
  numbers: NdArray<Int32Array>, condition: Condition, examples: ArrayLike<number>, hidden: ArrayLike<number>,
): NdArray<Int32Array> {
  const batch = rowsAt(numbers, examples);
  const width = conditionWidth(condition);
  for (let i = 0; i < examples.length; i++) {
    if (hidden[i]) batch.data.fill(emptyCondition(condition), i * width, (i + 1) * width);
  }
  return batch;
}
