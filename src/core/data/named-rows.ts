import { InputError } from '../errors.js';
import type { ImageSet } from './images.js';

/** A table of text with a header: the first column names image files, others say something about each. */
export interface NamedTable {
  readonly source: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface JoinOptions {
  /** What the table holds, in the plural: `votes`. */
  readonly what: string;
  /** What to do about an image without a row. */
  readonly advice: string;
  /** The set may lack images that the table has. */
  readonly limited?: boolean;
}

/**
 * Finds the image of every row of a table, by the path of its file or the end of it, and calls `visit(image, row, place)` for
 * each. Throws InputError where images have no names, rows no image, and images no row or more than one.
 */
export function joinByName(
  { source, rows }: NamedTable, { names, skipped }: ImageSet, { what, advice, limited = false }: JoinOptions,
  visit: (image: number, row: readonly string[], place: string) => void,
): void {
  if (!names) throw new InputError(`${source}: ${what} are joined to images by file names, which this source has none of`);
  const imageOf = finder(names);
  const leftOut = finder(skipped.map(({ name }) => name));
  const rowOf = new Map<number, number>();
  rows.forEach((row, r) => {
    const place = `${source}, line ${r + 2}`;
    const image = imageOf(row[0]!, place);
    if (image === undefined) {
      if (limited || leftOut(row[0]!, place) !== undefined) return;
      throw new InputError(`${place}: there is no image '${row[0]}'; the first column holds paths or names of image files`);
    }
    if (rowOf.has(image)) throw new InputError(`${place}: '${row[0]}' has ${what} in line ${rowOf.get(image)! + 2} already`);
    rowOf.set(image, r);
    visit(image, row, place);
  });
  const missing = names.findIndex((_, image) => !rowOf.has(image));
  if (missing >= 0) throw new InputError(`${source} has no row for the image ${names[missing]}; ${advice}`);
}

/** Finds an image by its path or the end of it (`ring/0.png`, `0.png`); throws InputError where several paths end so. */
function finder(paths: readonly string[]): (name: string, place: string) => number | undefined {
  const whole = new Map(paths.map((path, i) => [path, i]));
  const byEnd = new Map<string, number[]>();
  paths.forEach((path, i) => {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const end = path.slice(slash + 1);
      byEnd.set(end, [...(byEnd.get(end) ?? []), i]);
    }
  });
  return (name, place) => {
    const [first, ...others] = whole.has(name) ? [whole.get(name)!] : byEnd.get(name) ?? [];
    if (others.length > 0) {
      throw new InputError(`${place}: ${others.length + 1} images are named '${name}'; give more of their paths, such as ${paths[first!]}`);
    }
    return first;
  };
}
