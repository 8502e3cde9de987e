import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { decodeImages } from './decode.js';
import { labelsAt, limited, type ImageLabels, type ImageOptions, type ImageSet } from './images.js';
import { isHidden, isImageName, layoutOf, noImages, writtenLabels } from './layout.js';

/**
 * Reads a folder of image files, its paths in sorted order, with the splits and classes that its directories name (see
 * `layoutOf`). Hidden files and files of other kinds are passed over. Throws InputError where no image is found and as
 * `decodeImages` does.
 */
export async function readImageFolder(folder: string, options: ImageOptions = {}): Promise<ImageSet> {
  const files = await filesBelow(folder);
  const paths = files.filter(isImageName);
  if (paths.length === 0) throw noImages(folder, files);
  return readFiles(folder, paths, folder, layoutOf(paths), options);
}

/**
 * Reads the images that a text file names, one path a line (relative to the file's own folder), each optionally with a
 * tab and its label. Splits are not read from paths. Throws InputError where no path is given, where some lines have
 * a label and some do not, and as `decodeImages` does.
 */
export async function readImageList(file: string, options: ImageOptions = {}): Promise<ImageSet> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new InputError(`${file} is empty: one image path a line was expected`);
  const columns = lines.map((line) => line.split('\t'));
  const paths = columns.map(([path]) => path.trim());
  if (!paths.some(isImageName)) throw noImages(`${file} (as a list of paths)`, paths);
  const labels = options.labels === false
    ? {}
    : writtenLabels(columns.map(([, label]) => label?.trim() || undefined), paths, file);
  return readFiles(dirname(file), paths, file, labels, options);
}

/** Reads one image file: a set of one image without a label. */
export async function readImageFile(file: string, options: ImageOptions = {}): Promise<ImageSet> {
  return readFiles('', [file], file, {}, options);
}

async function readFiles(
  base: string, paths: readonly string[], where: string, known: ImageLabels, options: ImageOptions,
): Promise<ImageSet> {
  const chosen = limited(paths.length, known, options.limit);
  const sources = chosen.map((i) => ({ name: paths[i], load: () => readFile(resolve(base, paths[i])) }));
  const { images, kept, skipped } = await decodeImages(sources, where, options, sources.length);
  const indices = kept.map((position) => chosen[position]);
  return { images, ...labelsAt(known, indices, options), names: indices.map((i) => paths[i]), skipped };
}

/** Paths of all files below a folder, relative to it, sorted; hidden ones are left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  // Symbolic links are followed, but not back into a directory that is being listed.
  const walk = async (relative: string, open: readonly string[]): Promise<void> => {
    const directory = join(folder, relative);
    const real = await realpath(directory);
    if (open.includes(real)) return;
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (isHidden(entry.name)) continue;
      // A link without a target counts as a file: reading it reports the reason.
      const kind = entry.isSymbolicLink() ? await stat(join(folder, path)).catch(() => undefined) : entry;
      if (kind?.isDirectory()) await walk(path, [...open, real]);
      else if (!kind || kind.isFile()) found.push(path);
    }
  };
  await walk('', []);
  return found.sort();
}
