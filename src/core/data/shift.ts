import { float32, sizeOf, type NdArray } from '../array.js';
import { areReal, type Examples } from './examples.js';
import type { Stream } from '../random.js';

export interface ShiftOptions {
  /** Largest shift in pixels in each direction. */
  readonly pad: number;
  /** What comes in from outside, per channel; black (0) where left out. */
  readonly outside?: readonly number[];
  /** Probability of a left-right flip. */
  readonly flip: number;
}

/**
 * Images by number as float32, [B, C, H, W] (uint8 in [0, 1], real values as they are), each shifted and flipped at random: the
 * crops of zero-padded images that CIFAR's classifiers are trained with. Draws per image: rows, columns, flip.
 */
export function shiftedImages(
  images: Examples, indices: ArrayLike<number>, { pad, flip, outside }: ShiftOptions, random: Stream,
): NdArray<Float32Array> {
  const scale = areReal(images) ? 1 : 255;
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const size = sizeOf(images.shape.slice(1));
  const out = new Float32Array(indices.length * size);
  for (let row = 0; row < indices.length; row++) {
    const [down, right] = [random.int(2 * pad + 1) - pad, random.int(2 * pad + 1) - pad];
    const flipped = random.next() < flip;
    const from = indices[row]! * size;
    let at = row * size;
    for (let c = 0; c < channels; c++) {
      if (outside) out.fill(outside[c]!, at, at + height * width);
      for (let y = 0; y < height; y++) {
        const source = y + down;
        for (let x = 0; x < width; x++, at++) {
          const column = (flipped ? width - 1 - x : x) + right;
          if (source < 0 || source >= height || column < 0 || column >= width) continue;
          out[at] = images.data[from + (c * height + source) * width + column]! / scale;
        }
      }
    }
  }
  return float32([indices.length, channels, height, width], out);
}
