import { float32, rowsAt, sizeOf, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { stream } from '../random.js';

/**
 * Which examples each step sees: every epoch is its own permutation of the set, cut into whole batches (a remainder is left
 * out). A function of (seed, step) alone, so a resumed run needs no cursor.
 */
export class Batches {
  readonly stepsPerEpoch: number;
  private epoch = -1;
  private order = new Int32Array();

  /** Throws InputError where a batch is larger than the set. */
  constructor(readonly count: number, readonly batch: number, private readonly seed: number) {
    if (batch > count) {
      throw new InputError(`a batch of ${batch} is larger than the data set of ${count} examples; use --batch ${count} or less`);
    }
    this.stepsPerEpoch = Math.floor(count / batch);
  }

  /** Numbers of the examples of step k. */
  indices(step: number): Int32Array {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.epoch) {
      this.order = stream(this.seed, 'shuffle', epoch).permutation(this.count) as Int32Array<ArrayBuffer>;
      this.epoch = epoch;
    }
    const start = (step % this.stepsPerEpoch) * this.batch;
    return this.order.subarray(start, start + this.batch);
  }
}

/** Images by number as float32 [B, C, H, W]: of uint8 in [0, 1], of float32 as they are. */
export function gatherImages(images: NdArray<Uint8Array | Float32Array>, indices: ArrayLike<number>): NdArray<Float32Array> {
  const [, ...shape] = images.shape;
  if (images.data instanceof Float32Array) return rowsAt(images as NdArray<Float32Array>, indices);
  const size = sizeOf(shape);
  const out = new Float32Array(indices.length * size);
  for (let row = 0; row < indices.length; row++) {
    const from = indices[row]! * size;
    const to = row * size;
    for (let i = 0; i < size; i++) out[to + i] = images.data[from + i]! / 255;
  }
  return float32([indices.length, ...shape], out);
}
