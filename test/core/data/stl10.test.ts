import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStl10 } from '../../../src/core/data/stl10.js';
import { messageOf, scratch } from './scratch.js';

/** One image as STL-10 stores it, column by column: value(plane, row, column). */
const stored = (value: (c: number, y: number, x: number) => number): Uint8Array =>
  Uint8Array.from({ length: 3 * 96 * 96 }, (_, i) => value(Math.floor(i / 9216), i % 96, Math.floor(i / 96) % 96));

const slope = stored((c, y, x) => 50 * c + y - Math.floor(x / 2) + 50);

describe('readStl10', () => {
  it('turns columns into rows and counts labels from 0', async () => {
    const folder = await scratch({
      'train_X.bin': Buffer.concat([slope, slope]), 'train_y.bin': Buffer.of(1, 10),
      'test_X.bin': slope, 'test_y.bin': Buffer.of(4), 'unlabeled_X.bin': slope,
    });
    const set = await readStl10(folder);
    expect(set.images.shape).toEqual([3, 3, 96, 96]);
    const at = (n: number, c: number, y: number, x: number) => set.images.data[((n * 3 + c) * 96 + y) * 96 + x];
    expect([at(0, 0, 0, 0), at(0, 0, 95, 0), at(0, 0, 0, 95), at(2, 2, 7, 40)]).toEqual([50, 145, 3, 137]);
    expect([...set.labels!]).toEqual([0, 9, 3]);
    expect([...set.split!]).toEqual([0, 0, 2]);
    expect(set.classes?.slice(0, 3)).toEqual(['airplane', 'bird', 'car']);
  });

  it('reads the unlabelled images where they are asked for or alone', async () => {
    const folder = await scratch({ 'stl10_binary/unlabeled_X.bin': slope });
    for (const path of [folder, join(folder, 'stl10_binary/unlabeled_X.bin')]) {
      const set = await readStl10(path);
      expect([set.images.shape[0], set.labels, set.classes]).toEqual([1, undefined, undefined]);
    }
  });

  it('refuses what does not fit', async () => {
    const read = async (files: Record<string, Uint8Array>) => messageOf(readStl10(await scratch(files)));
    expect(await read({ x: slope })).toContain('holds no STL-10 files');
    expect(await read({ 'train_X.bin': slope.subarray(1) })).toContain('holds 27647 bytes');
    expect(await read({ 'train_X.bin': slope })).toContain('train_y.bin is missing');
    expect(await read({ 'train_X.bin': slope, 'train_y.bin': Buffer.of(0) })).toContain('label 0 of image 0');
    expect(await read({ 'train_X.bin': slope, 'train_y.bin': Buffer.of(1, 2) })).toContain('1 images, but 2 labels');
  });
});
