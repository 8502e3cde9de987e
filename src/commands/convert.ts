import { defineCommand } from '../cli/command.js';
import { outputOptions } from '../cli/common.js';
import { choice, flag, integer, text, type Values } from '../cli/options.js';
import { readImageSet } from '../core/data/convert.js';
import { datasetArtifact } from '../core/data/dataset.js';
import { parseQuestions, type Question } from '../core/data/questions.js';
import { joinCaptions } from '../core/data/captions.js';
import { joinVotes } from '../core/data/votes.js';
import { digestOf, recordedName, writeArtifact, type RecipeInput } from '../core/files/artifact.js';
import { bytesOf } from '../core/array.js';
import { parseStrictJson } from '../core/files/json.js';
import { checkOutput, nameOf, readInput } from '../core/files/streams.js';
import { UsageError } from '../core/errors.js';
import { parseCsv, type CsvTable } from './interval/csv.js';

const options = {
  size: integer({ min: 1, help: 'side of the square images in pixels; as stored where left out' }),
  fit: choice({ choices: ['cover', 'contain', 'fill'], default: 'cover', help: 'crop the middle, pad, or stretch to the square' }),
  channels: choice({ choices: ['1', '3'], help: 'grey or RGB; as stored where left out' }),
  labels: flag({ default: true, help: 'leave out the labels' }),
  limit: integer({ min: 1, help: 'at most this many images of each split, evenly over the classes' }),
  votes: text({ placeholder: 'file', local: true, help: 'CSV of votes: file names first, then a column QUESTION_ANSWER for each answer' }),
  questions: text({ placeholder: 'file', local: true, help: 'JSON list of the questions of --votes: name, answers, and parents where any' }),
  captions: text({ placeholder: 'file', local: true, help: 'CSV of captions: file names in the first column, and a column caption' }),
  strict: flag({ local: true, help: 'stop at the first image that cannot be decoded instead of skipping it' }),
  ...outputOptions,
} as const;

export const convert = defineCommand({
  name: 'convert',
  summary: 'images in any format to a data set',
  description: 'Reads image folders (class = folder name; train, validation and test folders become splits), lists of files, tar '
    + 'archives and WebDataset shards, CIFAR-10/100, STL-10 and MNIST/IDX binaries, and .npy or .npz arrays. The format is '
    + 'recognised; a prefix such as cifar10:DIR or tar:FILE says it. --votes and --questions add how volunteers answered '
    + 'questions about the images, --captions what they show in words.',
  examples: [
    ['byo convert photos/ --size 96 -o photos.st', 'a folder of images, or of one folder per class'],
    ['byo convert cifar-10-batches-bin/ -o cifar.st', 'CIFAR binaries, with their train and test splits'],
    ['byo convert galaxies/ --votes votes.csv --questions questions.json -o galaxies.st', 'with the votes that byo pretrain hybrid learns from'],
    ['byo convert photos/ --size 64 --captions captions.csv -o photos.st', 'with a sentence about each image'],
    ["byo convert 'shards-{000..009}.tar' --size 64 | byo pretrain byol -o encoder.st", 'WebDataset shards, into a pipeline'],
  ],
  arguments: [{ name: 'source', optional: true, help: 'folder, file or archive; a tar archive on standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    if (source === '-' && process.stdin.isTTY) throw new UsageError('convert needs a source: byo convert FOLDER, or an archive on standard input');
    await checkOutput(o.output, { force: o.force });
    const { terminal } = context;
    const voting = await readVoting(o);
    const captioning = o.captions === undefined ? undefined : await readTable('captions', o.captions);
    const progress = await terminal.progress('convert', 0, 'images');
    const read = await readImageSet(source, {
      size: o.size, fit: o.fit, labels: o.labels, limit: o.limit, strict: o.strict,
      ...(o.channels && { channels: Number(o.channels) as 1 | 3 }),
      onProgress: (done, total) => progress.update(done, {}, total),
    });
    progress.stop();
    const limited = o.limit !== undefined;
    const set = {
      ...read,
      ...(voting && { votes: joinVotes(voting.table, voting.questions, read, { limited }) }),
      ...(captioning && { captions: joinCaptions(captioning.table, read, { limited }) }),
    };
    for (const { name, reason } of set.skipped.slice(0, 10)) terminal.warn(`skipped ${name}: ${reason}`);
    if (set.skipped.length > 10) terminal.warn(`skipped ${set.skipped.length - 10} more images`);
    const [count, channels, height, width] = set.images.shape;
    terminal.info(`${count} images of ${channels}x${height}x${width}${set.classes ? `, ${set.classes.length} classes` : set.labels ? '' : ', no labels'}`);
    const artifact = datasetArtifact(set);
    const decoded = [...artifact.tensors].filter(([name]) => !['votes', 'captions'].includes(name)).map(([, tensor]) => tensor);
    await writeArtifact(o.output, {
      ...artifact,
      recipe: {
        command: 'convert', options: context.recorded, version: context.version,
        // The source's own bytes differ by format and order of files; what matters is what was decoded.
        inputs: [{ role: 'images', digest: digestOf(decoded.map(bytesOf)) }, ...(voting?.inputs ?? []), ...(captioning ? [captioning.input] : [])],
      },
    }, { force: o.force });
  },
});

interface Voting {
  readonly table: CsvTable;
  readonly questions: readonly Question[];
  /** How they enter a recipe. */
  readonly inputs: readonly RecipeInput[];
}

/** The votes and questions that the options name, if any. */
async function readVoting({ votes, questions }: Pick<Values<typeof options>, 'votes' | 'questions'>): Promise<Voting | undefined> {
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

/** A file of text, and how it enters a recipe. */
async function readText(role: string, path: string): Promise<{ readonly text: string; readonly input: RecipeInput }> {
  const bytes = await readInput(path);
  return { text: new TextDecoder().decode(bytes), input: { role, digest: digestOf(bytes), kind: 'text', ...recordedName(path) } };
}

async function readTable(role: string, path: string): Promise<{ readonly table: CsvTable; readonly input: RecipeInput }> {
  const { text, input } = await readText(role, path);
  return { table: parseCsv(text, nameOf(path)), input };
}

/** Brackets in brackets of a list of questions: more are a mistake. */
const MAX_DEPTH = 10;
