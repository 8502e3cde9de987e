import { int32 } from '../array.js';
import { InputError } from '../errors.js';
import type { ImageSet } from './images.js';
import { joinByName, type NamedTable } from './named-rows.js';
import { columnNames, type Question, type Votes } from './questions.js';

/**
 * The votes of a table for the images of a set, by the paths of their files or the ends of these. An empty cell is no vote;
 * columns that no question names are passed over. `limited` says that the set may lack images that the table has. Throws
 * InputError where images have no names, answers no column, rows no image, images no row or more than one, and where a cell is
 * not a whole number from 0.
 */
export function joinVotes(table: NamedTable, questions: readonly Question[], set: ImageSet, { limited = false } = {}): Votes {
  const { source, header } = table;
  const columns = columnNames(questions).map((name) => {
    const at = header.indexOf(name, 1);
    if (at < 0) throw new InputError(`${source} has no column ${name}; each answer of each question needs one, named QUESTION_ANSWER`);
    return at;
  });
  const counts = int32([set.images.shape[0]!, columns.length]);
  joinByName(table, set, { what: 'votes', advice: 'give it one, with empty cells where nobody voted', limited }, (image, row, place) => {
    columns.forEach((at, answer) => {
      counts.data[image * columns.length + answer] = votesOf(row[at]!, `${place}, ${header[at]}`);
    });
  });
  return { counts, questions };
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
