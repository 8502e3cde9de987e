import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { integer, number } from '../../cli/options.js';
import { datasetArtifact } from '../../core/data/dataset.js';
import { synthCaptioned } from '../../core/data/synth/captioned.js';
import { SHAPE_NAMES } from '../../core/data/synth/scene.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  count: integer({ default: 5000, min: 1, help: 'images, evenly over the shapes' }),
  size: integer({ default: 32, min: 16, help: 'side in pixels' }),
  shapes: integer({ default: SHAPE_NAMES.length, min: 2, max: SHAPE_NAMES.length, help: 'kinds of shapes' }),
  pairs: number({ default: 0.5, min: 0, max: 1, help: 'share of the images that show two shapes' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  ...outputOptions, ...seedOption,
} as const;

export const captioned = defineCommand({
  name: 'synth captioned',
  summary: 'draw coloured shapes with a sentence about each picture, to generate images from words',
  description: 'One or two shapes of six colours and two sizes on a black, grey or white background, and a sentence such as "a small red '
    + 'circle above a large blue square", in changing words. The label is the shape that the sentence names first.',
  examples: [
    ['byo synth captioned --count 5000 -o scenes.st', 'a data set of 5,000 captioned images of 32x32'],
    ['byo plot images scenes.st --columns 6 -o scenes.png', 'pictures and their sentences'],
  ],
  arguments: [],
  options,
  async run(context, _, o) {
    await checkOutput(o.output, { force: o.force });
    const { count, size, shapes, pairs, seed, test } = o;
    const set = synthCaptioned({ count, size, shapes, pairs, seed, ...(test > 0 && { split: [1 - test, 0, test] as const }) });
    await writeArtifact(o.output, {
      ...datasetArtifact(set),
      recipe: { command: 'synth captioned', options: context.recorded, seed, version: context.version, inputs: [] },
    }, { force: o.force });
  },
});
