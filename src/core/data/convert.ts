import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InputError, UsageError } from '../errors.js';
import { isNpy, isNpz } from '../files/npy.js';
import { explainReadError } from '../files/system-errors.js';
import { readImageArrays } from './arrays.js';
import { fileBytes, fileHead, isGzip, peek } from './bytes.js';
import { looksLikeCifar, readCifar } from './cifar.js';
import { readImageFile, readImageFolder, readImageList } from './folder.js';
import { looksLikeIdx, readIdxImages } from './idx.js';
import type { ImageOptions, ImageSet } from './images.js';
import { extensionOf, isImageName } from './layout.js';
import { looksLikeStl10, readStl10 } from './stl10.js';
import { readTar, standardInput, tarFiles, type TarStream } from './tar.js';

type Reader = (path: string, options: ImageOptions) => Promise<ImageSet>;

/** The readers by the name of their format, which may stand before a path: `stl10:data/stl10_binary`. */
const READERS = {
  folder: readImageFolder,
  list: readImageList,
  tar: (path, options) => readTar(path === '-' ? [standardInput()] : tarFiles(path), options),
  cifar10: (path, options) => readCifar(path, options, 'cifar10'),
  cifar100: (path, options) => readCifar(path, options, 'cifar100'),
  stl10: readStl10,
  idx: readIdxImages,
  npy: readImageArrays,
  npz: readImageArrays,
} satisfies Record<string, Reader>;

/** The format names that `readImageSet` takes before a path. */
export const IMAGE_FORMATS = Object.keys(READERS);

/**
 * Reads a set of images: a folder, a list of files (.txt), one image, a tar archive (gzipped or not; shards as in
 * `train-{000..003}.tar`; `-` for standard input), CIFAR, STL-10, IDX, .npy or .npz. The format is found from content
 * and names; `FORMAT:PATH` names it.
 *
 * Throws InputError where the source does not exist, is of no known format or does not fit its format, and UsageError
 * for options that are out of range.
 */
export async function readImageSet(source: string, options: ImageOptions = {}): Promise<ImageSet> {
  checkOptions(options);
  const prefix = /^([a-z0-9]+):(.+)$/s.exec(source);
  if (prefix && Object.hasOwn(READERS, prefix[1])) {
    const [, format, path] = prefix;
    if (path === '-' && format !== 'tar') {
      throw new UsageError(`${format}: cannot be read from standard input, which takes tar archives of images`);
    }
    if (path !== '-' && format !== 'tar') await existing(path, path);
    return READERS[format as keyof typeof READERS](path, options);
  }
  if (source === '-') return readStream(standardInput(), options);
  if (/\{\d+\.\.\d+\}/.test(source)) return readTar(tarFiles(source), options);
  const unknown = prefix ? ` (${prefix[1]} is no format either: these are ${IMAGE_FORMATS.join(', ')})` : '';
  const status = await existing(source, source + unknown);
  if (status.isFIFO()) return readStream({ name: source, bytes: fileBytes(source) }, options);
  const read = status.isDirectory() ? await folderReader(source) : await fileReader(source);
  return read(source, options);
}

async function folderReader(folder: string): Promise<Reader> {
  const names = await readdir(folder);
  if (looksLikeStl10(names)) return readStl10;
  if (looksLikeIdx(names)) return readIdxImages;
  return looksLikeCifar(names) ? readCifar : readImageFolder;
}

async function fileReader(file: string): Promise<Reader> {
  const head = await fileHead(file, 512);
  if (isNpy(head) || isNpz(head)) return readImageArrays;
  if (isImageName(file)) return readImageFile;
  if (isTar(head)) return READERS.tar;
  if (/idx3-ubyte(\.gz)?$/.test(file) || (head[0] === 0 && head[1] === 0 && head[2] === 8)) return readIdxImages;
  if (isGzip(head)) return READERS.tar;
  if (looksLikeStl10([basename(file)])) return readStl10;
  if (extensionOf(file) === 'bin' || head[0] === 0x80) return readCifar;
  if (extensionOf(file) === 'txt') return readImageList;
  throw new InputError(
    `${file} is of no known image format; if it is one, name it, as in tar:${file} (formats: ${IMAGE_FORMATS.join(', ')})`,
  );
}

async function readStream({ name, bytes }: TarStream, options: ImageOptions): Promise<ImageSet> {
  const { head, all } = await peek(bytes, 512);
  if (head.length === 0) throw new InputError(`${name} is empty: a tar archive of images was expected`);
  if (!isTar(head) && !isGzip(head)) {
    throw new InputError(`${name} is not a tar archive, the one form in which images are read from a pipe`);
  }
  return readTar([{ name, bytes: all }], options);
}

/** The mark of POSIX and GNU tar, at byte 257 of the first header. */
export const isTar = (head: Uint8Array): boolean => Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar';

/** What the file system says of a path; throws InputError where there is nothing to read. */
export const existing = (path: string, where: string): Promise<Stats> =>
  stat(path).catch((error) => { throw explainReadError(error, where); });

function checkOptions({ size, limit, channels, fit }: ImageOptions): void {
  for (const [name, value] of [['size', size], ['limit', limit]] as const) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      throw new UsageError(`${name} must be a whole number from 1, but is ${value}`);
    }
  }
  if (size !== undefined && size > 16_384) throw new UsageError(`size must be at most 16384 pixels, but is ${size}`);
  if (channels !== undefined && channels !== 1 && channels !== 3) {
    throw new UsageError(`channels must be 1 (grey) or 3 (RGB), but is ${channels}`);
  }
  if (fit !== undefined && !['cover', 'contain', 'fill'].includes(fit)) {
    throw new UsageError(`fit must be cover, contain or fill, but is ${fit}`);
  }
}
