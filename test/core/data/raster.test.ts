import { describe, expect, it } from 'vitest';
import { decodeRaster } from '../../../src/core/data/raster.js';

const text = (content: string): Uint8Array => Buffer.from(content, 'latin1');

describe('netpbm', () => {
  it('reads text and binary, grey and RGB, with comments', () => {
    const expected = { width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 128, 1, 2, 3) };
    expect(decodeRaster(text('P3 # a comment 9\n2 1\n#another\n255\n255 0 128\n1 2 3\n'))).toEqual(expected);
    expect(decodeRaster(text('P6\n2 1\n255\n\xff\x00\x80\x01\x02\x03'))).toEqual(expected);
    expect(decodeRaster(text('P2 3 1 15 0 5 15'))?.data).toEqual(Uint8Array.of(0, 85, 255));
    expect(decodeRaster(text('P5 3 1 255 \n\x0b\xff'))?.data).toEqual(Uint8Array.of(10, 11, 255));
  });

  it('scales 16 bits to 8', () => {
    expect(decodeRaster(text('P5 2 1 65535 \x80\x00\xff\xff'))?.data).toEqual(Uint8Array.of(128, 255));
  });

  it('refuses damaged files', () => {
    expect(() => decodeRaster(text('P6 2 2 255 abc'))).toThrow('pixels are missing');
    expect(() => decodeRaster(text('P2 2 1 255 7'))).toThrow('a number is missing');
    expect(() => decodeRaster(text('P5 0 1 255 7'))).toThrow('size 0 x 1');
    expect(() => decodeRaster(text('P5 99999999 99999999 255 7'))).toThrow('size');
  });
});

describe('BMP', () => {
  /** A header of 54 bytes (and a palette), then `rows` as they are stored. */
  function bmp(width: number, height: number, bits: number, rows: number[], palette: number[] = []): Uint8Array {
    const bytes = Buffer.alloc(54 + palette.length + rows.length);
    bytes.write('BM');
    bytes.writeUInt32LE(54 + palette.length, 10);
    bytes.writeUInt32LE(40, 14);
    bytes.writeInt32LE(width, 18);
    bytes.writeInt32LE(height, 22);
    bytes.writeUInt16LE(1, 26);
    bytes.writeUInt16LE(bits, 28);
    bytes.set([...palette, ...rows], 54);
    return bytes;
  }

  it('reads rows bottom-up, blue first, padded to four bytes', () => {
    const image = decodeRaster(bmp(1, 2, 24, [3, 2, 1, 0, 30, 20, 10, 0]));
    expect(image).toEqual({ width: 1, height: 2, channels: 3, data: Uint8Array.of(10, 20, 30, 1, 2, 3) });
  });

  it('reads rows top-down where the height is negative, and palettes', () => {
    const palette = [0, 0, 0, 0, 30, 20, 10, 0];
    expect(decodeRaster(bmp(2, -2, 8, [1, 0, 9, 9, 0, 1, 9, 9], palette))?.data)
      .toEqual(Uint8Array.of(10, 20, 30, 0, 0, 0, 0, 0, 0, 10, 20, 30));
  });

  it('refuses compression and missing pixels', () => {
    expect(() => decodeRaster(bmp(4, 4, 24, [0, 0, 0]))).toThrow('pixels are missing');
    expect(() => decodeRaster(bmp(1, 1, 4, [0, 0, 0, 0]))).toThrow('4 bits');
    expect(() => decodeRaster(text('BM'))).toThrow('cut off');
  });
});

it('leaves other formats to others', () => {
  expect(decodeRaster(text('\x89PNG'))).toBeUndefined();
  expect(decodeRaster(text('P7\n'))).toBeUndefined();
  expect(decodeRaster(new Uint8Array(0))).toBeUndefined();
});
