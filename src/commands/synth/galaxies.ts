import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { integer, number } from '../../cli/options.js';
import { datasetArtifact } from '../../core/data/dataset.js';
import { synthGalaxies } from '../../core/data/synth/galaxies.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  count: integer({ default: 5000, min: 1, help: 'galaxies' }),
  size: integer({ default: 64, min: 16, help: 'side in pixels' }),
  unasked: number({ default: 0.7, min: 0, max: 1, help: 'share of the questions, drawn for each galaxy, that nobody was asked' }),
  unlabelled: number({ default: 0.5, min: 0, max: 1, help: 'share of the galaxies about which nobody was asked anything' }),
  validation: number({ default: 0.1, min: 0, max: 0.9, help: 'share that is marked as validation' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  ...outputOptions, ...seedOption,
} as const;

export const galaxies = defineCommand({
  name: 'synth galaxies',
  summary: 'draw galaxies with the votes of simulated volunteers, to try byo pretrain hybrid on',
  description: 'Smooth galaxies, discs with bulge, bar, spiral arms and ring, from above to edge-on, mergers and artifacts, as a survey '
    + 'photographs them. Volunteers vote on a tree of questions (smooth or featured, edge-on, bar, arms, …), of which most were '
    + 'asked about few galaxies. The label is whether there is a ring, which no question asks.',
  examples: [
    ['byo synth galaxies --count 5000 -o galaxies.st', 'a data set of 5,000 galaxies of 64x64'],
    ['byo plot images galaxies.st -o galaxies.png', 'what they look like'],
  ],
  arguments: [],
  options,
  async run(context, _, o) {
    await checkOutput(o.output, { force: o.force });
    const { count, size, unasked, unlabelled, seed, validation, test } = o;
    const set = synthGalaxies({ count, size, unasked, unlabelled, seed, split: [1 - validation - test, validation, test] });
    await writeArtifact(o.output, {
      ...datasetArtifact(set),
      recipe: { command: 'synth galaxies', options: context.recorded, seed, version: context.version, inputs: [] },
    }, { force: o.force });
  },
});
