import { InputError } from '../errors.js';
import type { Skipped } from './images.js';

/** A table of text with a header: the first column names files of examples, others say something about each. */
export interface NamedTable {
  readonly source: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface JoinOptions {
  /** What the table holds, in the plural: `votes`. */
  readonly what: string;
  /** What to do about an example without a row. */
  readonly advice: string;
  /** The set may lack examples that the table has. */
  readonly limited?: boolean;
  /** What an example is; an image where left out. */
  readonly example?: 'image' | 'sound';
}

/** Examples by the paths of their files, and those that could not be decoded. */
export interface NamedExamples {
  readonly names?: readonly string[];
  readonly skipped: readonly Skipped[];
}

/**
 * Finds the example of every row of a table, by the path of its file or the end of it, and calls `visit(example, row, place)` for
 * each. Throws InputError where examples have no names, rows no example, and examples no row or more than one.
 */
export function joinByName(
  { source, rows }: NamedTable, { names, skipped }: NamedExamples, { what, advice, limited = false, example = 'image' }: JoinOptions,
  visit: (example: number, row: readonly string[], place: string) => void,
): void {
  if (!names) throw new InputError(`${source}: ${what} are joined to ${example}s by file names, which this source has none of`);
  const numberOf = finder(names, example);
  const leftOut = finder(skipped.map(({ name }) => name), example);
  const rowOf = new Map<number, number>();
  rows.forEach((row, r) => {
    const place = `${source}, line ${r + 2}`;
    const number = numberOf(row[0]!, place);
    if (number === undefined) {
      if (limited || leftOut(row[0]!, place) !== undefined) return;
      throw new InputError(`${place}: there is no ${example} '${row[0]}'; the first column holds paths or names of ${example} files`);
    }
    if (rowOf.has(number)) throw new InputError(`${place}: '${row[0]}' has ${what} in line ${rowOf.get(number)! + 2} already`);
    rowOf.set(number, r);
    visit(number, row, place);
  });
  const missing = names.findIndex((_, number) => !rowOf.has(number));
  if (missing >= 0) throw new InputError(`${source} has no row for the ${example} ${names[missing]}; ${advice}`);
}

/** Finds an example by its path or the end of it (`ring/0.png`, `0.png`); throws InputError where several paths end so. */
function finder(paths: readonly string[], example: string): (name: string, place: string) => number | undefined {
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
      throw new InputError(`${place}: ${others.length + 1} ${example}s are named '${name}'; give more of their paths, such as ${paths[first!]}`);
    }
    return first;
  };
}
