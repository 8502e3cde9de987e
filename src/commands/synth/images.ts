import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { integer, number } from '../../cli/options.js';
import { datasetArtifact } from '../../core/data/dataset.js';
import { synthImages } from '../../core/data/synth/images.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  count: integer({ default: 5000, min: 1, help: 'images, evenly over the classes' }),
  size: integer({ default: 32, min: 8, help: 'side in pixels' }),
  classes: integer({ default: 10, min: 2, max: 10, help: 'kinds of figures' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  ...outputOptions, ...seedOption,
} as const;

export const images = defineCommand({
  name: 'synth images',
  summary: 'draw a labelled set of shapes and textures, to try things on without any download',
  description: 'Each image shows one of ten kinds of figures (the label), repeated at a random size and angle, in random tinted '
    + 'greys and light, over a textured ground, with noise. Colour and brightness say nothing about the class.',
  examples: [['byo synth images --count 5000 -o shapes.st', 'a data set of 5,000 images of 32x32']],
  arguments: [],
  options,
  async run(context, _, o) {
    await checkOutput(o.output, { force: o.force });
    const set = synthImages({
      count: o.count, size: o.size, classes: o.classes, seed: o.seed,
      ...(o.test > 0 && { split: [1 - o.test, 0, o.test] as const }),
    });
    await writeArtifact(o.output, {
      ...datasetArtifact(set),
      recipe: { command: 'synth images', options: context.recorded, seed: o.seed, version: context.version, inputs: [] },
    }, { force: o.force });
  },
});
