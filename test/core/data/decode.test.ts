import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImages, fitImages } from '../../../src/core/data/decode.js';
import type { ImageOptions } from '../../../src/core/data/images.js';
import { firstPixels, messageOf, png } from './scratch.js';

const decode = (files: readonly Uint8Array[], options: ImageOptions = {}) =>
  decodeImages(files.map((bytes, i) => ({ name: `${i}.png`, load: async () => bytes })), 'set', options);
const raw = (data: Uint8Array | Uint16Array, width: number, channels: 1 | 2 | 3 | 4) =>
  sharp(data, { raw: { width, height: data.length / width / channels, channels } });

describe('decodeImages', () => {
  it('gives planes, in the order of the sources', async () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const files: Uint8Array[] = [await raw(pixels, 2, 3).png().toBuffer()];
    for (let i = 0; i < 40; i++) files.push(await png([i, 0, 255], 2, 1));
    const { images, kept, skipped } = await decode(files);
    expect(images.shape).toEqual([41, 3, 1, 2]);
    expect([...images.data.subarray(0, 6)]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(firstPixels(images).slice(1).map(([red]) => red)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(kept).toEqual(Array.from({ length: 41 }, (_, i) => i));
    expect(skipped).toEqual([]);
  });

  it('reads 16 bits, grey, grey with alpha, and transparency on white', async () => {
    const files = await Promise.all([
      raw(Uint16Array.of(65535, 0x8080, 0), 1, 3).toColourspace('rgb16').png().toBuffer(),
      raw(Uint16Array.of(0x4040), 1, 1).toColourspace('grey16').png().toBuffer(),
      raw(Uint8Array.of(100), 1, 1).toColourspace('b-w').png().toBuffer(),
      raw(Uint8Array.of(100, 0), 1, 2).toColourspace('b-w').png().toBuffer(),
      raw(Uint8Array.of(255, 0, 0, 51), 1, 4).png().toBuffer(),
    ]);
    const pixels = firstPixels((await decode(files)).images);
    expect(pixels).toEqual([[255, 128, 0], [64, 64, 64], [100, 100, 100], [255, 255, 255], [255, 204, 204]]);
  });

  it('reads CMYK as RGB', async () => {
    const cmyk = await raw(Uint8Array.of(190, 100, 80), 1, 3).resize(8, 8).toColourspace('cmyk')
      .jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    const [[r, g, b]] = firstPixels((await decode([cmyk])).images);
    // Through printing inks and back; a reader that takes inks for light is off by more than 60.
    expect(Math.max(Math.abs(r - 190), Math.abs(g - 100), Math.abs(b - 80))).toBeLessThanOrEqual(15);
  });

  it('turns images as their EXIF orientation says', async () => {
    const [left, right] = [[250, 10, 10], [10, 10, 250]];
    const sideways = await raw(Uint8Array.from([...left, ...right]), 2, 3).resize(16, 8, { kernel: 'nearest' })
      .withMetadata({ orientation: 6 }).png().toBuffer();
    const { images } = await decode([sideways]);
    // A quarter turn clockwise: what was left is now on top.
    expect(images.shape).toEqual([1, 3, 16, 8]);
    expect([images.data[0], images.data[15 * 8]]).toEqual([250, 10]);
  });

  it('makes grey for one channel', async () => {
    const { images } = await decode([await png([77, 77, 77])], { channels: 1 });
    expect(images.shape).toEqual([1, 1, 4, 4]);
    expect(images.data.every((value) => value === 77)).toBe(true);
  });

  it('crops, pads or stretches to a size', async () => {
    // Red, green and blue thirds, side by side.
    const flag = await raw(Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255), 3, 3)
      .resize(48, 16, { kernel: 'nearest' }).png().toBuffer();
    const centreRow = async (fit: ImageOptions['fit']) => {
      const { images } = await decode([flag], { size: 16, fit });
      expect(images.shape).toEqual([1, 3, 16, 16]);
      return [0, 1, 2].map((c) => [0, 7, 15].map((x) => images.data[c * 256 + 8 * 16 + x]));
    };
    expect(await centreRow('cover')).toEqual([[0, 0, 0], [255, 255, 255], [0, 0, 0]]);
    expect(await centreRow(undefined)).toEqual(await centreRow('cover'));
    expect((await centreRow('fill')).map(([left]) => left)).toEqual([255, 0, 0]);
    const { images } = await decode([flag], { size: 16, fit: 'contain' });
    expect(firstPixels(images)).toEqual([[255, 255, 255]]);
    expect([...images.data.subarray(8 * 16, 8 * 16 + 1)]).toEqual([255]);
    expect(images.data[256 + 8 * 16]).toBe(0);
  });

  it('skips what cannot be decoded and says why, or stops', async () => {
    const jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#234567' } }).jpeg().toBuffer();
    const files = [await png([1, 2, 3], 64), Buffer.from('no image'), jpeg.subarray(0, jpeg.length - 40), jpeg];
    const { images, kept, skipped } = await decode(files);
    expect(images.shape[0]).toBe(2);
    expect(kept).toEqual([0, 3]);
    expect(skipped.map(({ name }) => name)).toEqual(['1.png', '2.png']);
    expect(skipped[0].reason).toBe('Input buffer contains unsupported image format');
    expect(skipped[1].reason).toMatch(/premature end/i);
    expect(await messageOf(decode(files, { strict: true }))).toMatch(/^set: 1\.png cannot be decoded \(Input buffer/);
    expect(await messageOf(decode(files.slice(1, 2)))).toBe('set: none of its 1 images can be decoded, '
      + 'the first, 0.png, because: Input buffer contains unsupported image format');
  });

  it('refuses different sizes, naming two images', async () => {
    const files = [Buffer.from('no image'), await png([0, 0, 0], 4, 5), await png([0, 0, 0], 4, 5), await png([0, 0, 0], 6, 5)];
    expect(await messageOf(decode(files))).toBe('set: images differ in size (1.png is 4x5, 3.png is 6x5); '
      + 'give the size they shall all have, such as --size 64');
    expect((await decode(files, { size: 3 })).images.shape).toEqual([3, 3, 3, 3]);
  });

  it('reports progress', async () => {
    const seen: unknown[] = [];
    const file = await png([0, 0, 0]);
    await decodeImages([1, 2].map((i) => ({ name: `${i}`, load: async () => file })), 'set', {
      onProgress: (done, total) => seen.push([done, total]),
    }, 2);
    expect(seen).toEqual([[1, 2], [2, 2]]);
  });
});

describe('fitImages', () => {
  const data = Uint8Array.from({ length: 2 * 3 * 16 }, (_, i) => 255 - i);
  const images = { dtype: 'uint8' as const, shape: [2, 3, 4, 4], data };

  it('leaves images that fit as they are', async () => {
    expect(await fitImages(images, 'x', {})).toBe(images);
    expect(await fitImages(images, 'x', { size: 4, channels: 3 })).toBe(images);
  });

  it('repeats grey as RGB exactly', async () => {
    const grey = { dtype: 'uint8' as const, shape: [2, 1, 4, 4], data: data.slice(0, 32) };
    const rgb = await fitImages(grey, 'x', { channels: 3 });
    expect(rgb.shape).toEqual([2, 3, 4, 4]);
    for (const plane of [0, 1, 2]) expect(rgb.data.subarray(plane * 16, plane * 16 + 16)).toEqual(data.slice(0, 16));
    expect(rgb.data.subarray(48, 64)).toEqual(data.slice(16, 32));
  });

  it('resizes like an image file with the same pixels', async () => {
    const small = await fitImages(images, 'x', { size: 3 });
    const pixels = Uint8Array.from({ length: 48 }, (_, i) => data[(i % 3) * 16 + Math.floor(i / 3)]);
    const same = await decode([await raw(pixels, 4, 3).png().toBuffer()], { size: 3 });
    expect(small.shape).toEqual([2, 3, 3, 3]);
    expect([...small.data.subarray(0, 27)]).toEqual([...same.images.data]);
  });
});
