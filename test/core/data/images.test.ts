import { describe, expect, it } from 'vitest';
import { imagesAt, limited } from '../../../src/core/data/images.js';

describe('limited', () => {
  it('takes evenly over the classes of each split and keeps the order', () => {
    const labels = Int32Array.of(0, 0, 0, 0, 1, 1, 2, 0, 1, 2);
    expect(limited(10, { labels }, 5)).toEqual([0, 1, 4, 5, 6]);
    const split = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 2, 2);
    expect(limited(10, { labels, split }, 3)).toEqual([0, 4, 6, 7, 8, 9]);
  });

  it('fills up from larger classes where one runs out', () => {
    expect(limited(5, { labels: Int32Array.of(1, 0, 0, 0, 0) }, 4)).toEqual([0, 1, 2, 3]);
  });

  it('takes the first without labels, and all without a limit', () => {
    expect(limited(4, {}, 2)).toEqual([0, 1]);
    expect(limited(3, { labels: Int32Array.of(2, 1, 0) })).toEqual([0, 1, 2]);
  });
});

it('imagesAt copies the images asked for', () => {
  const images = { dtype: 'uint8' as const, shape: [3, 1, 1, 2], data: Uint8Array.of(0, 1, 10, 11, 20, 21) };
  expect(imagesAt(images, [2, 0])).toEqual({ dtype: 'uint8', shape: [2, 1, 1, 2], data: Uint8Array.of(20, 21, 0, 1) });
  expect(imagesAt(images, [0, 1, 2])).toBe(images);
});
