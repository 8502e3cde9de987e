import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { InputError, UsageError } from '../errors.js';
import { digestOf, type RecipeInput } from '../files/artifact.js';
import { readFromFifo } from '../files/pipes.js';
import { explainReadError } from '../files/system-errors.js';
import { stream as randomStream } from '../random.js';
import { fileBytes } from './bytes.js';
import type { ImageSource } from './decode.js';
import { filesBelow } from './folder.js';
import { isImageName, noImages } from './layout.js';
import { expandBraces, imagesOfTar, standardInput } from './tar.js';

/** The files of a stream, each an image or a tar archive of images, in an order of their own for every pass over them. */
export interface StreamFiles {
  /** What messages call them. */
  readonly name: string;
  /** Whether they can be read more than once. */
  readonly repeatable: boolean;
  /** What a recipe says of them. */
  readonly recipe: RecipeInput;
  /** Names of the files of a pass that come after `after`, or of all; what is not there any more is not among them. */
  list(pass: number, after?: string): Promise<readonly string[]>;
  /** The images in one of the files, in their order; throws InputError where it is damaged or gone. */
  images(file: string): AsyncIterable<ImageSource>;
}

/**
 * Finds what a stream reads. That is one of
 * - tar archives and image files, by name, by a range in braces (`shard-{000..123}.tar`) or by a pattern with * and ?. Every
 *   pass has the files in another order, which `seed` decides. Named pipes are read once;
 * - a folder, read in the order of the names of its images and archives. It may grow: it is listed anew whenever its end is
 *   reached, and what sorts after the last file belongs to the same pass, the rest to the next one;
 * - a tar archive on standard input (`-`), read once.
 *
 * Throws UsageError for other combinations and InputError where there is nothing to read.
 */
export async function streamFiles(sources: readonly string[], seed: number): Promise<StreamFiles> {
  const [source = '-'] = sources;
  if (sources.length > 1 && sources.includes('-')) throw new UsageError('standard input (-) is a stream of its own; name files, or pipe them all in');
  if (source === '-') return ofStandardInput();
  if (sources.length === 1 && await isDirectory(source)) return ofFolder(source);
  const paths = (await Promise.all(sources.flatMap(expandBraces).map(expandPattern))).flat();
  return ofFiles(sources.length === 1 ? source : `${sources[0]} and ${sources.length - 1} more`, paths, seed);
}

/** Whether a path is what only a stream reads: a folder, archives, a range of files. */
export const isStreamSource = async (source: string): Promise<boolean> =>
  isArchiveName(source) || /\{\d+\.\.\d+\}/.test(source) || await isDirectory(source);

const isDirectory = (path: string): Promise<boolean> => stat(path).then((status) => status.isDirectory(), () => false);

/** The files that a pattern with * and ? in its last part stands for, sorted; the path itself where there is none in it. */
async function expandPattern(path: string): Promise<string[]> {
  const name = basename(path);
  if (!/[*?]/.test(name)) return [path];
  const escaped = name.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  const pattern = new RegExp(`^${escaped}$`);
  const folder = dirname(path);
  const entries = await readdir(folder).catch((error) => { throw explainReadError(error, folder); });
  const found = entries.filter((entry) => pattern.test(entry) && !entry.startsWith('.')).sort();
  if (found.length === 0) throw new InputError(`no file is called ${path}; check the pattern`);
  return found.map((entry) => join(folder, entry));
}

async function ofFiles(name: string, paths: readonly string[], seed: number): Promise<StreamFiles> {
  const stats = await Promise.all(paths.map((path) => stat(path).catch((error) => { throw explainReadError(error, path); })));
  const folder = stats.findIndex((status) => status.isDirectory());
  if (folder >= 0) throw new UsageError(`${paths[folder]} is a folder; a stream reads one folder, or files`);
  const base = commonDirectory(paths);
  const names = paths.map((path) => relative(base, resolve(path)).split(sep).join('/'));
  const twice = names.find((file, i) => names.indexOf(file) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is named twice; every pass reads it once`);
  const repeatable = stats.every((status) => status.isFile());
  const pipes = new Set(names.filter((_, i) => stats[i]!.isFIFO()));
  const order = (pass: number): string[] =>
    Array.from(randomStream(seed, 'stream files', pass).permutation(names.length), (i) => names[i]!);
  return {
    name, repeatable,
    recipe: recipeInput(basename(name), names.map((file, i) => `${file}\t${stats[i]!.size}`)),
    list: async (pass, after) => {
      const ordered = order(pass);
      return after === undefined ? ordered : ordered.slice(ordered.indexOf(after) + 1);
    },
    images: (file) => (pipes.has(file)
      ? imagesOfTar({ name: file, bytes: readFromFifo(join(base, file)) })
      : imagesOfFile(base, file)),
  };
}

/** The folder, whatever lies in it by now: a recipe cannot say more of something that grows than its name. */
function ofFolder(folder: string): StreamFiles {
  return {
    name: folder, repeatable: true,
    recipe: recipeInput(basename(resolve(folder)), ['a folder']),
    list: async (_, after) => {
      const files = await filesBelow(folder);
      const readable = files.filter((file) => isImageName(file) || isArchiveName(file));
      if (readable.length === 0) throw noImages(folder, files);
      return after === undefined ? readable : readable.filter((file) => file > after);
    },
    images: (file) => imagesOfFile(folder, file),
  };
}

function ofStandardInput(): StreamFiles {
  const archive = standardInput();
  return {
    name: archive.name, repeatable: false,
    recipe: recipeInput(undefined, [archive.name]),
    list: async (_, after) => (after === undefined ? [archive.name] : []),
    images: () => imagesOfTar(archive),
  };
}

async function* imagesOfFile(base: string, file: string): AsyncGenerator<ImageSource> {
  const path = join(base, file);
  if (isImageName(file)) yield { name: file, load: () => readFile(path) };
  else yield* imagesOfTar({ name: file, bytes: fileBytes(path) });
}

const isArchiveName = (file: string): boolean => /\.(tar|tgz|tar\.gz)$/i.test(file);

/** A stream is known by its files' names and sizes: to read them all for a digest may take longer than to train. */
const recipeInput = (name: string | undefined, files: readonly string[]): RecipeInput =>
  ({ role: 'data', kind: 'stream', digest: digestOf(Buffer.from(files.join('\n'))), ...(name !== undefined && { name }) });

/** The innermost folder that all files are below. */
function commonDirectory(paths: readonly string[]): string {
  const [first, ...others] = paths.map((path) => dirname(resolve(path)).split(sep));
  let depth = first!.length;
  for (const parts of others) while (first!.slice(0, depth).some((part, i) => part !== parts[i])) depth--;
  return first!.slice(0, depth).join(sep) || sep;
}
