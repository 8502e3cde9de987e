import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ndarray, type NdArray } from '../../../src/core/array.js';
import { readImageArrays } from '../../../src/core/data/arrays.js';
import { encodeNpy, encodeNpz } from '../../../src/core/files/npy.js';
import { messageOf, scratch } from './scratch.js';

const read = async (content: NdArray | Record<string, NdArray>) => {
  const isArray = 'dtype' in content && typeof content.dtype === 'string';
  const chunks = isArray ? encodeNpy(content as NdArray) : encodeNpz(new Map(Object.entries(content)));
  return readImageArrays(join(await scratch({ file: Buffer.concat(chunks) }), 'file'));
};
const bytes = (shape: readonly number[], values: readonly number[]) => ndarray('uint8', shape, Uint8Array.from(values));
const int64 = (shape: readonly number[], values: readonly bigint[]) =>
  ndarray('int64', shape, BigInt64Array.from(values));

describe('readImageArrays', () => {
  it('reads [N, H, W, C], [N, C, H, W] and [N, H, W]', async () => {
    const values = [1, 2, 3, 4, 5, 6];
    expect((await read(bytes([1, 1, 2, 3], values))).images).toEqual(bytes([1, 3, 1, 2], [1, 4, 2, 5, 3, 6]));
    expect((await read(bytes([1, 3, 1, 2], values))).images).toEqual(bytes([1, 3, 1, 2], values));
    expect((await read(bytes([2, 1, 3], values))).images).toEqual(bytes([2, 1, 1, 3], values));
    expect((await read(bytes([2, 1, 3, 1], values))).images).toEqual(bytes([2, 1, 1, 3], values));
  });

  it('scales floats from 0 to 1 and takes integers up to 255', async () => {
    const floats = ndarray('float64', [1, 2, 2], Float64Array.of(0, 0.5, 1, 0.2));
    expect((await read(floats)).images.data).toEqual(Uint8Array.of(0, 128, 255, 51));
    expect((await read(int64([1, 1, 2], [7n, 255n]))).images.data).toEqual(Uint8Array.of(7, 255));
  });

  it('reads images and labels by name, with splits as MedMNIST and Keras name them', async () => {
    const plain = await read({ X: bytes([2, 1, 1], [1, 2]), y: int64([2], [3n, 0n]) });
    expect([[...plain.labels!], plain.split]).toEqual([[3, 0], undefined]);
    const medical = await read({
      test_images: bytes([1, 1, 1], [3]), test_labels: bytes([1, 1], [9]),
      train_images: bytes([1, 1, 1], [1]), train_labels: bytes([1, 1], [7]),
      val_images: bytes([1, 1, 1], [2]), val_labels: bytes([1, 1], [8]),
    });
    expect([medical.images.data, medical.labels, medical.split])
      .toEqual([Uint8Array.of(1, 2, 3), Int32Array.of(7, 8, 9), Uint8Array.of(0, 1, 2)]);
    const keras = await read({ x_train: bytes([1, 1, 1], [1]), x_test: bytes([1, 1, 1], [2]) });
    expect([keras.labels, keras.split]).toEqual([undefined, Uint8Array.of(0, 2)]);
  });

  it('refuses what does not fit', async () => {
    const refused = async (content: Parameters<typeof read>[0]) => messageOf(read(content));
    expect(await refused(bytes([2, 2], [1, 2, 3, 4]))).toContain('has shape [2,2], but images are');
    expect(await refused(bytes([1, 2, 1, 2], [1, 2, 3, 4]))).toContain('has shape [1,2,1,2]');
    expect(await refused(ndarray('float32', [1, 1, 2], Float32Array.of(0, 1.5)))).toContain('holds 1.5 at position 1');
    expect(await refused(ndarray('float32', [1, 1, 1], Float32Array.of(NaN)))).toContain('holds NaN');
    expect(await refused(ndarray('int32', [1, 1, 1], Int32Array.of(256)))).toContain('values from 0 to 255');
    expect(await refused({ pixels: bytes([1, 1, 1], [1]) })).toContain('holds the arrays pixels; images are expected as');
    expect(await refused({ x: bytes([1, 1, 1], [1]), y: bytes([2], [1, 2]) })).toContain('1 images, but 2 labels');
    expect(await refused({ x: bytes([1, 1, 1], [1]), y: ndarray('float32', [1], Float32Array.of(0.5)) }))
      .toContain('labels are whole numbers');
    expect(await refused({ x_train: bytes([1, 1, 1], [1]), x_test: bytes([1, 1, 2], [1, 2]) })).toContain('shapes');
    expect(await refused({ x_train: bytes([1, 1, 1], [1]), y_train: bytes([1], [1]), x_test: bytes([1, 1, 1], [1]) }))
      .toContain('some of its parts have labels');
  });
});
