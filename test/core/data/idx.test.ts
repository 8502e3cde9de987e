import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseIdx, readIdxImages } from '../../../src/core/data/idx.js';
import { messageOf, scratch } from './scratch.js';

const idx = (shape: readonly number[], values: readonly number[]): Uint8Array => {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((extent, i) => header.writeUInt32BE(extent, 4 + 4 * i));
  return Uint8Array.from([...header, ...values]);
};

describe('readIdxImages', () => {
  it('reads the pairs of a folder, gzipped or not, train before test', async () => {
    const folder = await scratch({
      't10k-images-idx3-ubyte': idx([1, 2, 3], [9, 8, 7, 6, 5, 4]), 't10k-labels-idx1-ubyte': idx([1], [5]),
      'train-images-idx3-ubyte.gz': gzipSync(idx([2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])),
      'train-labels-idx1-ubyte.gz': gzipSync(idx([2], [7, 0])),
    });
    const set = await readIdxImages(folder);
    expect(set.images).toEqual({
      dtype: 'uint8', shape: [3, 1, 2, 3],
      data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 9, 8, 7, 6, 5, 4),
    });
    expect([...set.labels!]).toEqual([7, 0, 5]);
    expect([...set.split!]).toEqual([0, 0, 2]);
  });

  it('reads one file of images with its labels beside it, and makes RGB on demand', async () => {
    const folder = await scratch({
      'emnist-train-images.idx3-ubyte': idx([1, 1, 2], [3, 4]), 'emnist-train-labels.idx1-ubyte': idx([1], [25]),
      'other': idx([1, 1, 1], [1]),
    });
    const set = await readIdxImages(join(folder, 'emnist-train-images.idx3-ubyte'), { channels: 3 });
    expect(set.images).toEqual({ dtype: 'uint8', shape: [1, 3, 1, 2], data: Uint8Array.of(3, 4, 3, 4, 3, 4) });
    expect([...set.labels!]).toEqual([25]);
    expect((await readIdxImages(join(folder, 'other'))).labels).toBeUndefined();
  });

  it('refuses what does not fit', async () => {
    const read = async (files: Record<string, Uint8Array>) => messageOf(readIdxImages(await scratch(files)));
    const images = idx([1, 1, 1], [1]);
    expect(await read({ x: images })).toContain('holds no IDX images');
    expect(await read({ 'images-idx3-ubyte': images, 'images-idx3-ubyte.gz': gzipSync(images) })).toContain('gzipped');
    expect(await read({ 'images-idx3-ubyte.gz': gzipSync(images).subarray(0, 20) })).toContain('not a whole gzip file');
    expect(await read({ 'images-idx3-ubyte': idx([1], [1]) })).toContain('shape [1]');
    expect(await read({ 'images-idx3-ubyte': images, 'labels-idx1-ubyte': idx([2], [1, 2]) })).toContain('but 2 labels');
  });
});

it('parseIdx checks header and length', () => {
  expect(parseIdx(idx([2, 1], [5, 6]), 'x')).toEqual({ dtype: 'uint8', shape: [2, 1], data: Uint8Array.of(5, 6) });
  expect(() => parseIdx(idx([3], [5, 6]), 'x')).toThrow('x holds 2 values, but its header says [3]');
  expect(() => parseIdx(Buffer.from('\x00\x00\x0d\x01\x00\x00\x00\x00'), 'x')).toThrow('type 13');
  expect(() => parseIdx(Buffer.from('no'), 'x')).toThrow('not an IDX file');
});
