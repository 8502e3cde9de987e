import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sizeOf, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { readUnzipped } from './bytes.js';
import { SPLIT, type ImageOptions, type ImageSet } from './images.js';
import { joinParts, type Part } from './parts.js';

/** MNIST's own names, with `-idx3-` or `.idx3-`, gzipped or not. */
const IMAGES_FILE = /images[-.]idx3-ubyte(\.gz)?$/i;

/** Whether a folder holds IDX image files. */
export const looksLikeIdx = (names: readonly string[]): boolean => names.some((name) => IMAGES_FILE.test(name));

/**
 * Reads MNIST and its relatives in IDX files (http://yann.lecun.com/exdb/mnist), gzipped or not: all image files of a
 * folder, or one image file, each with the label file of its name (`images` replaced by `labels`, `idx3` by `idx1`)
 * where that is there. Files named after t10k or test are the test split. Images are uint8 [N, 1, H, W].
 *
 * Throws InputError where no such file is there, and where a file is not IDX or does not hold what its header says.
 */
export async function readIdxImages(path: string, options: ImageOptions = {}): Promise<ImageSet> {
  const folder = (await stat(path)).isDirectory();
  const names = (await readdir(folder ? path : dirname(path))).sort();
  const files = folder ? names.filter((name) => IMAGES_FILE.test(name)) : [basename(path)];
  if (files.length === 0) {
    throw new InputError(`${path} holds no IDX images: files such as train-images-idx3-ubyte were expected`);
  }
  const parts: Part[] = [];
  // Train before test, whatever the names.
  for (const split of [SPLIT.train, SPLIT.validation, SPLIT.test]) {
    const own = files.filter((name) => splitOf(name) === split);
    if (own.length > 1 && own[0].replace(/\.gz$/, '') === own[1].replace(/\.gz$/, '')) {
      throw new InputError(`${path} holds ${own[0]} both plain and gzipped; give one of them by its path`);
    }
    for (const name of own) parts.push(await readPart(folder ? path : dirname(path), name, names, split));
  }
  return joinParts(parts, undefined, path, options);
}

async function readPart(folder: string, name: string, names: readonly string[], split: number): Promise<Part> {
  const file = join(folder, name);
  const stored = parseIdx(await readUnzipped(file), file);
  if (stored.shape.length !== 3) {
    throw new InputError(`${file} is an array of shape [${stored.shape}], but images [N, height, width] were expected`);
  }
  const [count, height, width] = stored.shape;
  const images: NdArray<Uint8Array> = { ...stored, shape: [count, 1, height, width] };
  const plainName = name.replace('images', 'labels').replace('idx3', 'idx1').replace(/\.gz$/, '');
  const labelName = names.find((other) => other !== name && other.replace(/\.gz$/, '') === plainName);
  if (labelName === undefined) return { images, split };
  const labels = parseIdx(await readUnzipped(join(folder, labelName)), join(folder, labelName));
  if (labels.shape.length !== 1) {
    throw new InputError(`${join(folder, labelName)} is of shape [${labels.shape}], but labels [N] were expected`);
  }
  return { images, labels: Int32Array.from(labels.data), split };
}

const splitOf = (name: string): number => {
  if (/t10k|test/i.test(name)) return SPLIT.test;
  return /val/i.test(name) ? SPLIT.validation : SPLIT.train;
};

/** Parses an IDX file of unsigned bytes: 00 00 08 rank, big-endian extents, values. Throws InputError otherwise. */
export function parseIdx(bytes: Uint8Array, where: string): NdArray<Uint8Array> {
  const rank = bytes[3];
  const start = 4 + 4 * rank;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || rank < 1 || bytes.length < start) {
    throw new InputError(`${where} is not an IDX file: it does not start with an IDX header`);
  }
  if (bytes[2] !== 8) throw new InputError(`${where} holds IDX values of type ${bytes[2]}; only bytes (8) are images`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = sizeOf(shape);
  if (bytes.length - start !== size) {
    throw new InputError(
      `${where} holds ${bytes.length - start} values, but its header says [${shape}]; is it complete?`,
    );
  }
  return { dtype: 'uint8', shape, data: bytes.subarray(start) };
}
