import type { NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { isPlainObject } from '../files/json.js';

/** One question that volunteers were asked about images, and where the votes for its answers stand. */
export interface Question {
  readonly name: string;
  readonly answers: readonly string[];
  /** Columns of the first and of the last answer in the votes; the last one belongs to the question too. */
  readonly start: number;
  readonly end: number;
  /** The answers (by the names of their columns) after which the question is asked; none: it is asked first. */
  readonly parents: readonly string[];
}

/** How volunteers answered questions about N images. */
export interface Votes {
  /** int32 [N, answers of all questions]: how many gave each answer; zeros for a question that was not asked. */
  readonly counts: NdArray<Int32Array>;
  readonly questions: readonly Question[];
}

/** The name of an answer's column: `bar_strong`. */
export const columnName = (question: string, answer: string): string => `${question}_${answer}`;

/** The names of all columns of votes, in their order. */
export const columnNames = (questions: readonly Question[]): string[] =>
  questions.flatMap(({ name, answers }) => answers.map((answer) => columnName(name, answer)));

/**
 * Questions from their written form: a JSON list of objects with `name`, `answers` (two or more) and, where a question is asked
 * only after certain answers, `parents` (a list of `QUESTION_ANSWER` of questions above). `start` and `end` may be there and
 * have to fit. Throws InputError that says what is wrong with which question.
 */
export function parseQuestions(value: unknown, where: string): Question[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(`${where}: a list of questions is expected, each with a name and its answers`);
  }
  const questions: Question[] = [];
  for (const [i, entry] of value.entries()) {
    const start = questions.at(-1) ? questions.at(-1)!.end + 1 : 0;
    questions.push(parseQuestion(entry, start, columnNames(questions), `${where}: question ${i + 1}`));
  }
  const names = columnNames(questions);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new InputError(`${where}: two answers are both named ${repeated}; rename one`);
  return questions;
}

function parseQuestion(value: unknown, start: number, above: readonly string[], where: string): Question {
  if (!isPlainObject(value)) throw new InputError(`${where} is not an object with a name and answers`);
  const { name, answers, parents = [], ...position } = value;
  if (typeof name !== 'string' || name === '') throw new InputError(`${where} has no name`);
  const here = `${where} (${name})`;
  if (!isTexts(answers) || answers.length < 2) throw new InputError(`${here} needs a list of two or more answers`);
  if (!isTexts(parents)) throw new InputError(`${here}: parents have to be a list of answers such as ${above[0] ?? `${name}_${answers[0]}`}`);
  const unknown = parents.find((parent) => !above.includes(parent));
  if (unknown !== undefined) {
    throw new InputError(`${here}: its parent ${unknown} is no answer of a question above; these are ${above.join(', ') || 'none'}`);
  }
  const end = start + answers.length - 1;
  const { start: writtenStart = start, end: writtenEnd = end } = position;
  if (writtenStart !== start || writtenEnd !== end) {
    throw new InputError(`${here} says that its columns are ${String(writtenStart)} to ${String(writtenEnd)}, but in this order they are ` +
      `${start} to ${end}`);
  }
  return { name, answers, start, end, parents };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');
