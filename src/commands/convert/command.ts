import { defineCommand } from '../../cli/command.js';
import { outputOptions } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { flag, integer, kebab, type OptionTable } from '../../cli/options.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { convertImages, imageOptions } from './images.js';
import { convertTable, holdsTable, tableOptions } from './tables.js';

/** Options of every kind of data. */
export const commonOptions = {
  labels: flag({ default: true, help: 'leave out the labels' }),
  limit: integer({ min: 1, help: 'at most this many examples of each split, evenly over the classes' }),
  strict: flag({ local: true, help: 'stop at the first example that cannot be decoded instead of skipping it' }),
} as const;

const options = { ...commonOptions, ...imageOptions, ...tableOptions, ...outputOptions } as const;

/** What sources hold, and what becomes of it. */
const KINDS = {
  images: { options: imageOptions, convert: convertImages },
  rows: { options: tableOptions, convert: convertTable },
} as const;
type Kind = keyof typeof KINDS;

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
    const kind: Kind = await holdsTable(source, o) ? 'rows' : 'images';
    const recorded = ownOptions(kind, context);
    const progress = await terminal.progress('convert', 0, kind);
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
function ownOptions(kind: Kind, { recorded, origins }: Context): Record<string, unknown> {
  const own: OptionTable = { ...commonOptions, ...KINDS[kind].options };
  for (const [other, table] of Object.entries(KINDS)) {
    const stray = Object.keys(table.options).find((key) => !(key in own) && origins[key] === 'command line');
    if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for ${other}, but the source holds ${kind}; leave it out`);
  }
  return Object.fromEntries(Object.entries(recorded).filter(([key]) => key in own));
}
