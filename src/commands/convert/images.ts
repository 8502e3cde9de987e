import { choice, integer, text, type Values } from '../../cli/options.js';
import { bytesOf } from '../../core/array.js';
import { joinCaptions } from '../../core/data/captions.js';
import { readImageSet } from '../../core/data/convert.js';
import { datasetArtifact } from '../../core/data/dataset.js';
import { parseQuestions, type Question } from '../../core/data/questions.js';
import { joinVotes } from '../../core/data/votes.js';
import { UsageError } from '../../core/errors.js';
import { digestOf, type RecipeInput } from '../../core/files/artifact.js';
import { parseStrictJson } from '../../core/files/json.js';
import { nameOf } from '../../core/files/streams.js';
import { readTable, readText } from './beside.js';
import type { commonOptions } from './command.js';
import type { Conversion, OnProgress } from './converter.js';
import type { CsvTable } from '../interval/csv.js';

export const imageOptions = {
  size: integer({ min: 1, help: 'side of the square images in pixels; as stored where left out' }),
  fit: choice({ choices: ['cover', 'contain', 'fill'], default: 'cover', help: 'crop the middle, pad, or stretch to the square' }),
  channels: choice({ choices: ['1', '3'], help: 'grey or RGB; as stored where left out' }),
  votes: text({ placeholder: 'file', local: true, help: 'CSV of votes: file names first, then a column QUESTION_ANSWER for each answer' }),
  questions: text({ placeholder: 'file', local: true, help: 'JSON list of the questions of --votes: name, answers, and parents where any' }),
  captions: text({ placeholder: 'file', local: true, help: 'CSV of captions: file names in the first column, and a column caption' }),
} as const;
type Options = Values<typeof imageOptions & typeof commonOptions>;

/** Images of any source as a data set. */
export async function convertImages(source: string, o: Options, onProgress: OnProgress): Promise<Conversion> {
  const voting = await readVoting(o);
  const captioning = o.captions === undefined ? undefined : await readTable('captions', o.captions);
  const read = await readImageSet(source, {
    size: o.size, fit: o.fit, labels: o.labels, limit: o.limit, strict: o.strict,
    ...(o.channels && { channels: Number(o.channels) as 1 | 3 }), onProgress,
  });
  const limited = o.limit !== undefined;
  const set = {
    ...read,
    ...(voting && { votes: joinVotes(voting.table, voting.questions, read, { limited }) }),
    ...(captioning && { captions: joinCaptions(captioning.table, read, { limited }) }),
  };
  const [count, channels, height, width] = set.images.shape;
  const artifact = datasetArtifact(set);
  const decoded = [...artifact.tensors].filter(([name]) => !['votes', 'captions'].includes(name)).map(([, tensor]) => tensor);
  return {
    artifact, skipped: set.skipped,
    summary: `${count} images of ${channels}x${height}x${width}${set.classes ? `, ${set.classes.length} classes` : set.labels ? '' : ', no labels'}`,
    // The source's own bytes differ by format and order of files; what matters is what was decoded.
    inputs: [{ role: 'images', digest: digestOf(decoded.map(bytesOf)) }, ...(voting?.inputs ?? []), ...(captioning ? [captioning.input] : [])],
  };
}

interface Voting {
  readonly table: CsvTable;
  readonly questions: readonly Question[];
  /** How they enter a recipe. */
  readonly inputs: readonly RecipeInput[];
}

/** The votes and questions that the options name, if any. */
async function readVoting({ votes, questions }: Pick<Options, 'votes' | 'questions'>): Promise<Voting | undefined> {
  if (votes === undefined && questions === undefined) return undefined;
  if (votes === undefined) throw new UsageError('--questions says what votes are about; give them with --votes');
  if (questions === undefined) throw new UsageError('--votes needs --questions, which says what columns belong to which question');
  const table = await readTable('votes', votes);
  const schema = await readText('questions', questions);
  return {
    table: table.table,
    questions: parseQuestions(parseStrictJson(schema.text, nameOf(questions), MAX_DEPTH), nameOf(questions)),
    inputs: [table.input, schema.input],
  };
}

/** Brackets in brackets of a list of questions: more are a mistake. */
const MAX_DEPTH = 10;
