import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';
import type { NdArray } from '../../../src/core/array.js';

/** A new folder with these files in it; it goes when the test ends. */
export async function scratch(files: Readonly<Record<string, Uint8Array | string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'byo-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

/** A PNG of one colour. */
export const png = (rgb: readonly [number, number, number], width = 4, height = width): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: rgb[0], g: rgb[1], b: rgb[2] } } }).png().toBuffer();

/** The first pixel of each image, its channels together. */
export const firstPixels = ({ shape, data }: NdArray): number[][] => {
  const [count, channels, height, width] = shape;
  const area = height * width;
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: channels }, (_, c) => Number(data[(i * channels + c) * area])));
};

/** The message that a promise is rejected with, after a check of the error's name. */
export const messageOf = async (promise: Promise<unknown>, name = 'InputError'): Promise<string> => {
  const error = await promise.then(() => undefined, (reason: Error) => reason);
  if (error?.name !== name) throw new Error(`expected ${name}, but got ${error?.stack ?? 'no error'}`);
  return error.message;
};
