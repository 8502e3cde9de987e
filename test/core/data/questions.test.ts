import { describe, expect, test } from 'vitest';
import { int32, ndarray } from '../../../src/core/array.js';
import { datasetArtifact, imageSetOf, withoutTest } from '../../../src/core/data/dataset.js';
import { columnNames, parseQuestions } from '../../../src/core/data/questions.js';
import type { ImageSet } from '../../../src/core/data/images.js';

const WRITTEN = [
  { name: 'kind', answers: ['smooth', 'featured'] },
  { name: 'bar', answers: ['strong', 'weak', 'no'], parents: ['kind_featured'] },
];
const parse = (value: unknown) => () => parseQuestions(value, 'schema.json');

describe('parseQuestions', () => {
  test('numbers the columns in order, and reads its own result', () => {
    const questions = parseQuestions(WRITTEN, 'schema.json');
    expect(questions.map(({ start, end, parents }) => [start, end, parents])).toEqual([[0, 1, []], [2, 4, ['kind_featured']]]);
    expect(columnNames(questions)).toEqual(['kind_smooth', 'kind_featured', 'bar_strong', 'bar_weak', 'bar_no']);
    expect(parseQuestions(JSON.parse(JSON.stringify(questions)), 'again')).toEqual(questions);
  });

  test.each([
    [{}, 'schema.json: a list of questions is expected'],
    [[], 'schema.json: a list of questions is expected'],
    [['kind'], 'schema.json: question 1 is not an object'],
    [[{ answers: ['a', 'b'] }], 'schema.json: question 1 has no name'],
    [[{ name: 'kind', answers: ['a'] }], 'schema.json: question 1 (kind) needs a list of two or more answers'],
    [[WRITTEN[0], { ...WRITTEN[1], parents: ['kind_odd'] }], 'question 2 (bar): its parent kind_odd is no answer of a question above; these are kind_smooth, kind_featured'],
    [[WRITTEN[0], { ...WRITTEN[1], start: 1 }], 'question 2 (bar) says that its columns are 1 to 4, but in this order they are 2 to 4'],
    [[WRITTEN[0], WRITTEN[0]], 'two answers are both named kind_smooth'],
  ])('refuses %j', (value, message) => {
    expect(parse(value)).toThrow(message);
  });
});

describe('data sets with votes', () => {
  const questions = parseQuestions(WRITTEN, 'schema');
  const set: ImageSet = {
    images: ndarray('uint8', [3, 1, 2, 2], Uint8Array.from({ length: 12 }, (_, i) => i)), split: Uint8Array.of(0, 2, 1), skipped: [],
    votes: { counts: int32([3, 5], [1, 2, 0, 0, 2, 9, 9, 9, 9, 9, 0, 0, 4, 0, 0]), questions },
  };

  test('come back from an artifact, and lose the votes of the test part with its images', () => {
    const back = imageSetOf({ ...datasetArtifact(set), meta: JSON.parse(JSON.stringify(datasetArtifact(set).meta)) }, 'set.st');
    expect(back.votes).toEqual(set.votes);
    expect(withoutTest(back).votes).toEqual({ counts: int32([2, 5], [1, 2, 0, 0, 2, 0, 0, 4, 0, 0]), questions });
  });

  test('are refused where votes and questions do not fit', () => {
    const artifact = datasetArtifact(set);
    const read = (counts: ReturnType<typeof int32>, meta = artifact.meta) => () =>
      imageSetOf({ ...artifact, meta, tensors: new Map([...artifact.tensors, ['votes', counts]]) }, 'set.st');
    expect(read(int32([3, 4]))).toThrow('set.st: votes are int32 [3,4], but int32 [3, 5] is expected');
    expect(read(int32([3, 5], Array(15).fill(-1)))).toThrow('set.st: image 0 has -1 votes for an answer');
    expect(read(int32([3, 5]), {})).toThrow('set.st: meta.questions: a list of questions is expected');
  });
});
