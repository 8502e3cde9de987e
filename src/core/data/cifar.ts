import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError } from '../errors.js';
import { readInput } from '../files/streams.js';
import { fileHead } from './bytes.js';
import { SPLIT, type ImageOptions, type ImageSet } from './images.js';
import { joinParts, type Part } from './parts.js';

const PIXELS = 3 * 32 * 32;

interface Kind {
  readonly name: string;
  /** Bytes before the pixels; the last of them is the label. */
  readonly labelBytes: number;
  readonly classes: number;
  readonly namesFile: string;
  readonly names?: readonly string[];
}

/** https://www.cs.toronto.edu/~kriz/cifar.html, "binary version" */
const KINDS: Readonly<Record<'cifar10' | 'cifar100', Kind>> = {
  cifar10: {
    name: 'CIFAR-10', labelBytes: 1, classes: 10, namesFile: 'batches.meta.txt',
    names: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  },
  // The first byte is the coarse label, the second the fine one.
  cifar100: { name: 'CIFAR-100', labelBytes: 2, classes: 100, namesFile: 'fine_label_names.txt' },
};

/** The folders that the published archives unpack to. */
const PUBLISHED = ['cifar-10-batches-bin', 'cifar-100-binary', 'cifar-10-batches-py', 'cifar-100-python'];

/**
 * Reads CIFAR-10 or CIFAR-100 in its binary version: one `.bin` file or the folder of them (or the folder around that).
 * Images are uint8 [N, 3, 32, 32]; CIFAR-100 gives its 100 fine labels. Files named after `test` are the test split.
 * `kind` is found from the files' sizes where it is left out.
 *
 * Throws InputError for Python pickles, sizes that are not whole records, and labels out of range.
 */
export async function readCifar(
  path: string, options: ImageOptions = {}, kind?: keyof typeof KINDS,
): Promise<ImageSet> {
  const { folder, files } = await cifarFiles(path);
  const contents = [];
  for (const file of files) contents.push({ file, bytes: await readInput(file) });
  const found = KINDS[kind ?? kindOf(contents)];
  const parts = contents.map(({ file, bytes }) => decodeBatch(bytes, file, found));
  const namesFile = join(folder, found.namesFile);
  const classes = existsSync(namesFile)
    ? (await readFile(namesFile, 'utf8')).split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '')
    : found.names;
  return joinParts(parts, classes, path, options);
}

/** Whether a folder holds CIFAR, as binaries or as pickles. */
export const looksLikeCifar = (names: readonly string[]): boolean =>
  names.some((name) => /^(data_batch_\d|test_batch)(\.bin)?$/.test(name) || PUBLISHED.includes(name))
  || (names.includes('train.bin') && names.includes('test.bin'))
  || (names.includes('train') && names.includes('test') && names.includes('meta'));

async function cifarFiles(path: string): Promise<{ folder: string; files: string[] }> {
  if ((await stat(path)).isFile()) {
    if ((await fileHead(path, 1))[0] === 0x80) throw pickled(path);
    return { folder: join(path, '..'), files: [path] };
  }
  const names = (await readdir(path)).sort();
  const inner = PUBLISHED.find((name) => names.includes(name));
  if (inner !== undefined) return cifarFiles(join(path, inner));
  const files = names.filter((name) => name.endsWith('.bin'));
  if (files.length > 0) return { folder: path, files: files.map((name) => join(path, name)) };
  if (looksLikeCifar(names)) throw pickled(path);
  throw new InputError(`${path} holds no CIFAR files: data_batch_1.bin or train.bin and the like were expected`);
}

const pickled = (path: string): InputError => new InputError(
  `${path} is CIFAR's Python version, and pickles can run any code when they are read; `
  + 'download the binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz) instead',
);

function kindOf(contents: readonly { file: string; bytes: Uint8Array }[]): keyof typeof KINDS {
  const fits = (kind: keyof typeof KINDS): boolean =>
    contents.every(({ bytes }) => bytes.length > 0 && bytes.length % (KINDS[kind].labelBytes + PIXELS) === 0);
  if (fits('cifar10')) return 'cifar10';
  if (fits('cifar100')) return 'cifar100';
  throw new InputError(
    `${contents[0].file} holds ${contents[0].bytes.length} bytes, which is neither a multiple of 3073 (CIFAR-10) nor, `
    + 'with the files beside it, of 3074 (CIFAR-100); is the download complete?',
  );
}

function decodeBatch(bytes: Uint8Array, file: string, kind: Kind): Part {
  const record = kind.labelBytes + PIXELS;
  const count = bytes.length / record;
  if (!Number.isInteger(count) || count === 0) {
    throw new InputError(
      `${file} holds ${bytes.length} bytes, but ${kind.name} files are records of ${record} bytes; is it complete?`,
    );
  }
  const data = new Uint8Array(count * PIXELS);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const start = i * record + kind.labelBytes;
    labels[i] = bytes[start - 1];
    if (labels[i] >= kind.classes) {
      throw new InputError(
        `${file}: image ${i} has label ${labels[i]}, but ${kind.name} has labels 0 to ${kind.classes - 1}`,
      );
    }
    data.set(bytes.subarray(start, start + PIXELS), i * PIXELS);
  }
  const split = basename(file).startsWith('test') ? SPLIT.test : SPLIT.train;
  return { images: { dtype: 'uint8', shape: [count, 3, 32, 32], data }, labels, split };
}
