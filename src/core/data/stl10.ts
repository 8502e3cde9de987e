import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.js';
import { readInput } from '../files/streams.js';
import { SPLIT, type ImageOptions, type ImageSet } from './images.js';
import { joinParts, type Part } from './parts.js';

const SIDE = 96;
const PLANE = SIDE * SIDE;
const NAMES = ['airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey', 'ship', 'truck'];

/** Whether a folder holds STL-10's binary files. */
export const looksLikeStl10 = (names: readonly string[]): boolean =>
  names.some((name) => /^(train|test|unlabeled)_X\.bin$/.test(name));

/**
 * Reads STL-10 (Coates et al. 2011; https://cs.stanford.edu/~acoates/stl10): a folder gives the labelled train_X.bin
 * and test_X.bin it holds, or unlabeled_X.bin where it holds nothing else; the path of one `_X.bin` gives that file.
 * Images are uint8 [N, 3, 96, 96]; the files' labels 1 to 10 become 0 to 9.
 *
 * Throws InputError where no such file is there, where its size is not a whole number of images, and where the labels
 * do not fit.
 */
export async function readStl10(path: string, options: ImageOptions = {}): Promise<ImageSet> {
  const files = await stl10Files(path);
  const parts: Part[] = [];
  for (const file of files) parts.push(await readPart(file));
  const namesFile = join(dirname(files[0]), 'class_names.txt');
  const classes = existsSync(namesFile) ? (await readFile(namesFile, 'utf8')).trim().split(/\s+/) : NAMES;
  return joinParts(parts, classes, path, options);
}

async function stl10Files(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const names = await readdir(path);
  const labelled = ['train_X.bin', 'test_X.bin'].filter((name) => names.includes(name));
  if (labelled.length > 0) return labelled.map((name) => join(path, name));
  if (names.includes('unlabeled_X.bin')) return [join(path, 'unlabeled_X.bin')];
  if (names.includes('stl10_binary')) return stl10Files(join(path, 'stl10_binary'));
  throw new InputError(`${path} holds no STL-10 files: train_X.bin, test_X.bin or unlabeled_X.bin were expected`);
}

async function readPart(file: string): Promise<Part> {
  const data = await readInput(file);
  const count = data.length / (3 * PLANE);
  if (!Number.isInteger(count)) {
    throw new InputError(`${file} holds ${data.length} bytes, but STL-10 images have ${3 * PLANE}; is it complete?`);
  }
  transposePlanes(data);
  const images = { dtype: 'uint8' as const, shape: [count, 3, SIDE, SIDE], data };
  const split = basename(file).startsWith('test') ? SPLIT.test : SPLIT.train;
  const labelFile = file.replace(/_X\.bin$/, '_y.bin');
  if (basename(file).startsWith('unlabeled') || labelFile === file) return { images, split };
  if (!existsSync(labelFile)) {
    throw new InputError(`${labelFile} is missing: it holds the labels of ${basename(file)}`);
  }
  const labels = Int32Array.from(await readInput(labelFile), (label) => label - 1);
  const bad = labels.findIndex((label) => label < 0 || label > 9);
  if (bad >= 0) throw new InputError(`${labelFile}: label ${labels[bad] + 1} of image ${bad} is not within 1 and 10`);
  return { images, labels, split };
}

/** STL-10 stores each plane column by column; transposes all in place. */
function transposePlanes(data: Uint8Array): void {
  for (let start = 0; start < data.length; start += PLANE) {
    for (let y = 1; y < SIDE; y++) {
      for (let x = 0; x < y; x++) {
        const a = start + y * SIDE + x;
        const b = start + x * SIDE + y;
        const held = data[a];
        data[a] = data[b];
        data[b] = held;
      }
    }
  }
}
