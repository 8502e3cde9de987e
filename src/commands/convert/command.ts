import { defineCommand } from '../../cli/command.js';
import { outputOptions } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, kebab, type OptionTable } from '../../cli/options.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { convertImages, imageOptions } from './images.js';
import { kindOf } from './kind.js';
import { convertSounds, soundOptions } from './sounds.js';
import { convertTable, tableOptions } from './tables.js';

/** Options of every kind of data. */
export const commonOptions = {
  labels: flag({ default: true, help: 'leave out the labels' }),
  limit: integer({ min: 1, help: 'at most this many examples of each split, evenly over the classes' }),
  strict: flag({ local: true, help: 'stop at the first example that cannot be decoded instead of skipping it' }),
} as const;

const options = {
  kind: choice({ choices: ['auto', 'images', 'sounds', 'tables'], default: 'auto', local: true,
    help: "what to read; auto goes by the names of the source's files" }),
  ...commonOptions, ...imageOptions, ...soundOptions, ...tableOptions, ...outputOptions,
} as const;

/** What sources hold, and what becomes of it. */
const KINDS = {
  images: { options: imageOptions, convert: convertImages },
  sounds: { options: soundOptions, convert: convertSounds },
  tables: { options: tableOptions, convert: convertTable },
} as const;

export const convert = defineCommand({
  name: 'convert',
  summary: 'images, sounds or tables in any format to a data set',
  description: 'Reads image folders (class = folder name; train, validation and test folders become splits), lists of files, tar '
    + 'archives and WebDataset shards, CIFAR-10/100, STL-10 and MNIST/IDX binaries, and .npy or .npz arrays. The format is '
    + 'recognised; a prefix such as cifar10:DIR or tar:FILE says it. --votes and --questions add how volunteers answered '
    + 'questions about the images, --captions what they show in words. Sounds (WAV, and FLAC where its decoder is installed) are '
    + 'read from folders, lists, tar archives and single files; channels are mixed down, --rate resamples. Tables are CSV, Parquet '
    + '(where its reader is installed) or .npy; the types of their columns are found, or said by --schema.',
  examples: [
    ['byo convert photos/ --size 96 -o photos.st', 'a folder of images, or of one folder per class'],
    ['byo convert cifar-10-batches-bin/ -o cifar.st', 'CIFAR binaries, with their train and test splits'],
    ['byo convert galaxies/ --votes votes.csv --questions questions.json -o galaxies.st', 'with the votes that byo pretrain hybrid learns from'],
    ['byo convert photos/ --size 64 --captions captions.csv -o photos.st', 'with a sentence about each image'],
    ["byo convert digits/ --label-from '{label}_{speaker}_{take}.wav' -o digits.st", 'sounds, with labels and speakers from their names'],
    ['byo convert adult.csv --target income --test adult-test.csv -o adult.st', 'a table with numbers, categories and missing values'],
    ['byo convert speech.tar --rate 16000 -o speech.st', 'sounds of several rates, brought to one'],
    ["byo convert 'shards-{000..009}.tar' --size 64 | byo pretrain byol -o encoder.st", 'WebDataset shards, into a pipeline'],
  ],
  arguments: [{ name: 'source', optional: true, help: 'folder, file or archive; a tar archive on standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    if (source === '-' && process.stdin.isTTY) throw new UsageError('convert needs a source: byo convert FOLDER, or an archive on standard input');
    await checkOutput(o.output, { force: o.force });
    const { terminal } = context;
    const kind = o.kind === 'auto' ? await kindOf(source, o) : o.kind;
    const recorded = ownOptions(kind, context);
    const progress = await terminal.progress('convert', 0, kind === 'tables' ? 'rows' : kind);
    const { artifact, inputs, summary, skipped, warnings = [] } = await KINDS[kind].convert(
      source, o, (done, total) => progress.update(done, {}, total));
    progress.stop();
    for (const warning of warnings) terminal.warn(warning);
    for (const { name, reason } of skipped.slice(0, 10)) terminal.warn(`skipped ${name}: ${reason}`);
    if (skipped.length > 10) terminal.warn(`skipped ${skipped.length - 10} more ${kind}`);
    terminal.info(summary);
    await writeArtifact(o.output, {
      ...artifact, recipe: { command: 'convert', options: recorded, version: context.version, inputs: [...inputs] },
    }, { force: o.force });
  },
});

/** The recorded options of a kind of data; throws UsageError where one of another kind was given. */
function ownOptions(kind: keyof typeof KINDS, { recorded, origins }: Context): Record<string, unknown> {
  const own: OptionTable = { ...commonOptions, ...KINDS[kind].options };
  for (const [other, table] of Object.entries(KINDS)) {
    const stray = Object.keys(table.options).find((key) => !(key in own) && origins[key] === 'command line');
    if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for ${other}, but the source holds ${kind}; leave it out`);
  }
  return Object.fromEntries(Object.entries(recorded).filter(([key]) => key in own));
}
