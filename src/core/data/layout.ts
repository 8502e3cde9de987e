import { InputError } from '../errors.js';
import { SPLIT, type ImageLabels } from './images.js';

const IMAGE_EXTENSIONS = new Set([
  'jpg', 'jpeg', 'jpe', 'png', 'webp', 'gif', 'tif', 'tiff', 'bmp', 'avif', 'ppm', 'pgm', 'pnm',
]);

const SOUND_EXTENSIONS = new Set(['wav', 'wave', 'flac']);

/** Parts of a data set by the names that people give them, in lower case. */
export const SPLIT_NAMES: Readonly<Record<string, number>> = {
  train: SPLIT.train, val: SPLIT.validation, valid: SPLIT.validation, validation: SPLIT.validation, test: SPLIT.test,
};

/** The part after the last dot, in lower case; empty where there is none. */
export const extensionOf = (path: string): string => /\.([^./]*)$/.exec(path)?.[1].toLowerCase() ?? '';

export const isImageName = (path: string): boolean => IMAGE_EXTENSIONS.has(extensionOf(path));

export const isSoundName = (path: string): boolean => SOUND_EXTENSIONS.has(extensionOf(path));

/** A dot file, or anything below a dot directory or a Mac's resource directory. */
export const isHidden = (path: string): boolean =>
  path.split('/').some((part) => part === '__MACOSX' || (part.startsWith('.') && part !== '.' && part !== '..'));

/**
 * What the directories of a data set say, from its images' paths (`/` between directories). Directories that hold all
 * images say nothing and are passed over. If the next ones are all named train, val, valid, validation or test, they
 * are splits. The next after those is the class, however deep the image lies below it; if any image lies in no
 * further directory, none has a label. Class numbers follow the sorted names.
 */
export function layoutOf(paths: readonly string[]): ImageLabels {
  const directories = paths.map((path) => path.split('/').slice(0, -1).filter((part) => part !== '' && part !== '.'));
  const isSplit = (name: string | undefined): boolean => name !== undefined && name.toLowerCase() in SPLIT_NAMES;
  let level = 0;
  const sharedAt = (depth: number): boolean =>
    directories[0]?.[depth] !== undefined && directories.every((parts) => parts[depth] === directories[0][depth]);
  while (sharedAt(level) && !isSplit(directories[0][level])) level++;

  let split: Uint8Array | undefined;
  if (directories.length > 0 && directories.every((parts) => isSplit(parts[level]))) {
    split = Uint8Array.from(directories, (parts) => SPLIT_NAMES[parts[level].toLowerCase()]);
    level++;
  }
  const names = directories.map((parts) => parts[level]);
  const labelled = names.length > 0 && names.every((name) => name !== undefined);
  return { ...(labelled && classNumbers(names)), ...(split && { split }) };
}

/** Class numbers of class names, by the sorted names (in code unit order, the same everywhere). */
export function classNumbers(names: readonly string[]): Required<Pick<ImageLabels, 'labels' | 'classes'>> {
  const classes = [...new Set(names)].sort();
  const numbers = new Map(classes.map((name, number) => [name, number]));
  return { labels: Int32Array.from(names, (name) => numbers.get(name) as number), classes };
}

/**
 * Labels that a source wrote out, one for each image: whole numbers from 0 are class numbers already and stay as they
 * are, anything else is a class name. Throws InputError where only some images have one.
 */
export function writtenLabels(
  written: readonly (string | undefined)[], paths: readonly string[], where: string,
): Pick<ImageLabels, 'labels' | 'classes'> {
  const missing = written.indexOf(undefined);
  if (missing >= 0) {
    if (written.every((label) => label === undefined)) return {};
    throw new InputError(`${where}: ${paths[missing]} has no label although others have; label all images or none`);
  }
  const labels = written as readonly string[];
  if (labels.every((label) => /^\d{1,9}$/.test(label))) return { labels: Int32Array.from(labels, Number) };
  return classNumbers(labels);
}

/** The error for a source without images, naming what it holds instead. */
export const noImages = (where: string, otherFiles: readonly string[]): InputError => nothingRead(where, otherFiles, {
  examples: 'images', one: 'an image', formats: 'jpg, png, webp, gif, tiff, bmp, avif, ppm and pgm', others: [[isSoundName, 'sounds']],
});

/** The error for a source without sounds, naming what it holds instead. */
export const noSounds = (where: string, otherFiles: readonly string[]): InputError => nothingRead(where, otherFiles, {
  examples: 'sounds', one: 'a sound', formats: 'wav and flac', others: [[isImageName, 'images']],
});

interface Wanted {
  /** What was looked for: `images`, and `an image`. */
  readonly examples: string;
  readonly one: string;
  readonly formats: string;
  /** Names of other kinds of data that --kind asks for. */
  readonly others: readonly (readonly [is: (path: string) => boolean, kind: string])[];
}

function nothingRead(where: string, otherFiles: readonly string[], { examples, one, formats, others }: Wanted): InputError {
  if (otherFiles.length === 0) return new InputError(`${where} is empty: ${examples} were expected`);
  const kinds = new Map<string, number>();
  for (const file of otherFiles) {
    const kind = extensionOf(file) ? `.${extensionOf(file)}` : 'no extension';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const listed = [...kinds]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, 5)
    .map(([kind, count]) => `${count} ${kind}`);
  const files = otherFiles.length === 1 ? '1 file' : `${otherFiles.length} files`;
  const tars = kinds.has('.tar') ? '; give its tar files by name, such as shards-{000..003}.tar' : '';
  const other = others.find(([is]) => otherFiles.some(is));
  const hint = other ? `; --kind ${other[1]} reads its ${other[1]}` : '';
  return new InputError(`${where} holds ${files}, but none is ${one} (${listed.join(', ')}); ${formats} are read${tars}${hint}`);
}
