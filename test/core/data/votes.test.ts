import { describe, expect, test } from 'vitest';
import { ndarray } from '../../../src/core/array.js';
import { readImageFolder, readImageList } from '../../../src/core/data/folder.js';
import type { ImageSet } from '../../../src/core/data/images.js';
import type { NamedTable } from '../../../src/core/data/named-rows.js';
import { parseQuestions } from '../../../src/core/data/questions.js';
import { joinVotes } from '../../../src/core/data/votes.js';
import { png, scratch } from './scratch.js';

const questions = parseQuestions([
  { name: 'kind', answers: ['smooth', 'featured'] }, { name: 'bar', answers: ['yes', 'no'], parents: ['kind_featured'] },
], 'schema');
const HEADER = ['file', 'bar_no', 'ra', 'kind_smooth', 'kind_featured', 'bar_yes'];
const table = (...rows: string[][]): NamedTable => ({ source: 'votes.csv', header: HEADER, rows });
const set = (names: string[] | undefined, skipped: string[] = []): ImageSet => ({
  images: ndarray('uint8', [names?.length ?? 1, 1, 1, 1], new Uint8Array(names?.length ?? 1)), ...(names && { names }),
  skipped: skipped.map((name) => ({ name, reason: 'damaged' })),
});
const IMAGES = ['a/1.png', 'a/2.png', 'b/1.png'];
const ROWS = [['b/1.png', '3', '12.5', '4', '10', '7'], ['2.png', '', '', '', '', ''], ['a/1.png', '0', '', '5.0', '0', '']];

describe('joinVotes', () => {
  test('finds rows by path or by file name and columns by their names; empty cells are no votes', () => {
    const { counts } = joinVotes(table(...ROWS), questions, set(IMAGES));
    expect(counts.shape).toEqual([3, 4]);
    expect([...counts.data]).toEqual([5, 0, 0, 0, 0, 0, 0, 0, 4, 10, 7, 3]);
  });

  const join = (rows: string[][], images: ImageSet = set(IMAGES)) => () => joinVotes(table(...rows), questions, images);
  test.each<[string, () => unknown, string]>([
    ['a row without an image', join([...ROWS, ['c.png', '', '', '', '', '']]),
      "votes.csv, line 5: there is no image 'c.png'; the first column holds paths or names of image files"],
    ['an image without a row', join(ROWS.slice(1)), 'votes.csv has no row for the image b/1.png; give it one, with empty cells where nobody voted'],
    ['two rows of one image', join([...ROWS, ['a/2.png', '', '', '', '', '']]), "votes.csv, line 5: 'a/2.png' has votes in line 3 already"],
    ['a file name of two images', join([['1.png', '', '', '', '', '']]), "line 2: 2 images are named '1.png'; give more of their paths, such as a/1.png"],
    ['a share', join([['a/1.png', '0.4', '', '', '', '']]), "votes.csv, line 2, bar_no: '0.4' is not a number of votes"],
    ['a negative number', join([['a/1.png', '-1', '', '', '', '']]), "bar_no: '-1' is not a number of votes"],
    ['a word', join([['a/1.png', '', '', 'many', '', '']]), "kind_smooth: 'many' is not a number of votes"],
    ['a column that is missing', () => joinVotes({ ...table(...ROWS), header: HEADER.map((name) => name.replace('bar_no', 'bar')) }, questions, set(IMAGES)),
      'votes.csv has no column bar_no; each answer of each question needs one, named QUESTION_ANSWER'],
    ['images that are no files', join(ROWS, set(undefined)), 'votes are joined to images by file names, which this source has none of'],
  ])('%s is an error', (_, act, message) => {
    expect(act).toThrow(message);
  });

  test('rows of images that were skipped, or left out by a limit, are passed over', () => {
    const rest = set(IMAGES.slice(0, 2), ['b/1.png']);
    expect(joinVotes(table(...ROWS), questions, rest).counts.shape).toEqual([2, 4]);
    expect(join(ROWS, set(IMAGES.slice(0, 2)))).toThrow("there is no image 'b/1.png'");
    expect(joinVotes(table(...ROWS), questions, set(IMAGES.slice(0, 2)), { limited: true }).counts.shape).toEqual([2, 4]);
  });
});

test('folders and lists say what images they read, in the order of the images', async () => {
  const grey = (level: number) => png([level, level, level]);
  const folder = await scratch({
    'b/1.png': await grey(1), 'a/2.png': await grey(2), 'a/1.png': 'no image', 'list.txt': 'b/1.png\na/2.png\n',
  });
  expect((await readImageFolder(folder)).names).toEqual(['a/2.png', 'b/1.png']);
  expect((await readImageList(`${folder}/list.txt`)).names).toEqual(['b/1.png', 'a/2.png']);
});
