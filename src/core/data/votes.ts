import { int32 } from '../array.js';
import { InputError } from '../errors.js';
import type { ImageSet } from './images.js';
import { columnNames, type Question, type Votes } from './questions.js';

/** A table of text with a header: the first column names image files, others hold the votes for the answer that they name. */
export interface VoteTable {
  readonly source: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * The votes of a table for the images of a set, by the paths of their files or the ends of these. An empty cell is no vote;
 * columns that no question names are passed over. `limited` says that the set may lack images that the table has. Throws
 * InputError where images have no names, answers no column, rows no image, images no row or more than one, and where a cell is
 * not a whole number from 0.
 */
export function joinVotes(table: VoteTable, questions: readonly Question[], set: ImageSet, { limited = false } = {}): Votes {
  const { source, header, rows } = table;
  if (!set.names) throw new InputError(`${source}: votes are joined to images by file names, which this source has none of`);
  const columns = columnNames(questions).map((name) => {
    const at = header.indexOf(name, 1);
    if (at < 0) throw new InputError(`${source} has no column ${name}; each answer of each question needs one, named QUESTION_ANSWER`);
    return at;
  });
  const imageOf = finder(set.names);
  const leftOut = finder(set.skipped.map(({ name }) => name));
  const counts = int32([set.names.length, columns.length]);
  const rowOf = new Map<number, number>();
  rows.forEach((row, r) => {
    const place = `${source}, line ${r + 2}`;
    const image = imageOf(row[0]!, place);
    if (image === undefined) {
      if (limited || leftOut(row[0]!, place) !== undefined) return;
      throw new InputError(`${place}: there is no image '${row[0]}'; the first column holds paths or names of image files`);
    }
    if (rowOf.has(image)) throw new InputError(`${place}: '${row[0]}' has votes in line ${rowOf.get(image)! + 2} already`);
    rowOf.set(image, r);
    columns.forEach((at, answer) => {
      counts.data[image * columns.length + answer] = votesOf(row[at]!, `${place}, ${header[at]}`);
    });
  });
  const missing = set.names.findIndex((_, image) => !rowOf.has(image));
  if (missing >= 0) {
    throw new InputError(`${source} has no row for the image ${set.names[missing]}; give it one, with empty cells where nobody voted`);
  }
  return { counts, questions };
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

function votesOf(cell: string, place: string): number {
  if (cell === '') return 0;
  const votes = Number(cell);
  // Catalogues written through floating-point tables say 3.0.
  if (!Number.isInteger(votes) || votes < 0 || votes >= 2 ** 31) {
    throw new InputError(`${place}: '${cell}' is not a number of votes; whole numbers from 0 are, and empty cells`);
  }
  return votes;
}
