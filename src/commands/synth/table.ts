import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { choice, integer, number } from '../../cli/options.js';
import { STRUCTURES, synthTable } from '../../core/data/synth/table.js';
import { tableArtifact } from '../../core/data/table/set.js';
import { tableText } from '../../core/data/table/text.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput, writeOutput } from '../../core/files/streams.js';

const options = {
  count: integer({ default: 5000, min: 1, help: 'rows' }),
  numeric: integer({ default: 8, min: 2, help: 'numeric columns, in four shapes: normal, log-normal, heavy-tailed and bounded' }),
  categorical: integer({ default: 3, min: 0, help: 'categorical columns' }),
  categories: integer({ default: 4, min: 2, max: 26, help: 'categories of each' }),
  structure: choice({ choices: STRUCTURES, default: 'factors', help: 'columns that depend on each other through hidden factors, or not at all (a control)' }),
  factors: integer({ default: 3, min: 1, help: 'hidden factors' }),
  task: choice({ choices: ['classification', 'regression'], default: 'classification', help: 'whether the target is a class or a number' }),
  classes: integer({ default: 2, min: 2, help: 'classes, equally likely' }),
  noise: number({ default: 0.1, min: 0, help: "deviation of the target's noise, as a multiple of its own" }),
  missing: number({ default: 0.02, min: 0, max: 0.9, help: 'share of values that are missing' }),
  validation: number({ default: 0.1, min: 0, max: 0.9, help: 'share that is marked as validation' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  format: choice({ choices: ['st', 'csv'], default: 'st', help: 'a data set, or a CSV file for byo convert and for other programs' }),
  ...outputOptions, ...seedOption,
} as const;

export const table = defineCommand({
  name: 'synth table',
  summary: 'draw a table with numbers, categories, interactions and missing values',
  description: 'Columns share a few hidden factors, so that some can be told from others; with --structure independent they do not. The '
    + 'target is a sum of products of columns, whose signs categories turn around, so that no weighted sum of columns tells it.',
  examples: [
    ['byo synth table --count 5000 -o table.st', '8 numeric and 3 categorical columns, two classes'],
    ['byo synth table --task regression --structure independent -o control.st', 'columns that say nothing of each other'],
    ['byo synth table --format csv -o table.csv && byo convert table.csv --split-column split -o table.st', 'through a CSV file'],
  ],
  arguments: [],
  options,
  async run(context, _, { output, force, format, validation, test, ...o }) {
    if (validation + test > 0.95) throw new UsageError(`--validation ${validation} and --test ${test} leave too little to learn from`);
    if (format === 'st') await checkOutput(output, { force });
    const set = synthTable({ ...o, ...(validation + test > 0 && { split: [1 - validation - test, validation, test] as const }) });
    if (format === 'csv') return writeOutput(output, tableText(set), { force });
    const recipe = { command: 'synth table', options: context.recorded, seed: o.seed, version: context.version, inputs: [] };
    await writeArtifact(output, { ...tableArtifact(set), recipe }, { force });
  },
});
