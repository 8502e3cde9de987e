import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { choice, text, type Values } from '../../cli/options.js';
import type { NdArray } from '../../core/array.js';
import { areReal } from '../../core/data/examples.js';
import { parseDevice } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact, type Recipe } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { imageGrid } from '../../core/plot/grid.js';
import { checkPicture, writePicture } from '../plot/common.js';
import { applyPreset } from '../pretrain/command.js';
import type { Result } from '../pretrain/method.js';
import { gridRows } from '../plot/images.js';
import { withAlgebra } from '../probe/common.js';
import { runTraining } from '../training.js';
import { distilledResult } from './distilled.js';
import {
  distillation, DISTILLATIONS, distillOptions, distillPreset, distillPresets, readSource, settled, sourceOptions,
} from './options.js';

const options = {
  method: choice({ choices: DISTILLATIONS, default: 'krr-st', help: 'learn the set (krr-st), match mean features (dm) or gradients (dsa), or choose real images: any, '
    + 'those nearest to k-means centres, far from each other, or all of them' }),
  ...sourceOptions, ...distillOptions,
  grid: text({ placeholder: 'file', local: true, help: 'picture of the synthetic images, .png or .svg' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;

export const datasetDistill = defineCommand({
  name: 'dataset-distill',
  summary: 'a small synthetic set of images and targets that pretrains like the whole data set (KRR-ST)',
  description: 'Learns images, and the representations that a network is to give them, such that a network trained on these few pairs '
    + 'alone maps real images to where a self-supervised model (--target) maps them. No labels are used, and no random '
    + 'augmentation inside, which would bias the gradient. The result is a data set: x_syn and y_syn (float32, what was learnt) '
    + 'and images (uint8, to look at). byo pretrain from-distilled trains on it. Other methods make sets of the same kind to compare with.',
  paper: 'D. B. Lee, S. Lee et al., Self-Supervised Dataset Distillation for Transfer Learning, 2024, arXiv 2310.06511',
  examples: [
    ['byo pretrain barlow-twins photos.st -o target.st', 'the model that the set will teach'],
    ['byo dataset-distill photos.st --target target.st --size 100 -o small.st --grid small.png', '100 images that stand for all'],
    ['byo pretrain from-distilled small.st -o encoder.st', 'an encoder from these alone'],
    ['byo dataset-distill photos.st --target target.st --method random --size 100 -o random.st', 'as many real images, to compare with'],
    ['byo dataset-distill photos.st --target target.st -o small.st --resume', 'go on where an interrupted run stopped'],
  ],
  arguments: [{ name: 'data', optional: true, help: 'data set of images; standard input where left out' }],
  options,
  presets: distillPresets,
  run: async (context, [path = '-'], given) => withAlgebra(given, async (algebra) => {
    await checkOutput(given.output, { force: given.force });
    if (given.grid !== undefined) await checkPicture({ output: given.grid, force: given.force, theme: 'light' });
    const { source, inputs, classes } = await readSource(path, given);
    if (given.grid !== undefined && areReal(source.set.examples)) {
      throw new UsageError('--grid shows images, but the data are real numbers; leave it out');
    }
    const table = { options, presets: distillPresets as Readonly<Record<string, Partial<Values<typeof options>>>> };
    const o = applyPreset(table, context, given, () => distillPreset(source.set.examples));
    const recorded = Object.fromEntries(Object.keys(context.recorded).map((key) => [key, o[key as keyof typeof o]]));
    const recipe: Recipe = { command: context.command, options: recorded, seed: o.seed, version: context.version, inputs };

    const compute = { device: parseDevice(o.device), threads: o.threads, algebra };
    const made = await distillation(o.method, source, settled(o, source, classes), o.seed, compute, {
      onWarmUp: (done, of) => {
        if (done === 1) context.terminal.info(`the networks of the pool take their first steps, ${of} in all`);
      },
    });
    let result: Result | undefined;
    if ('set' in made) {
      result = distilledResult(made.set);
      await writeArtifact(o.output, { kind: 'dataset', schema: 1, ...result, recipe }, { force: o.force });
    } else {
      const { model } = made.run;
      await runTraining(context, { ...made.run, model: async (state) => (result = await model(state)) }, o, recipe);
    }
    if (o.grid !== undefined && result && context.interruption.signal === undefined) await writeGrid(o.grid, result, o);
  }),
});

async function writeGrid(
  path: string, { tensors }: Result, o: { readonly force: boolean; readonly method: string },
): Promise<void> {
  const images = tensors.get('images') as NdArray<Uint8Array>;
  const [count, channels, height, width] = images.shape;
  const rows = gridRows({ images, skipped: [] }, { columns: 10, rows: Math.min(100, Math.ceil(count! / 10)), split: 'all' });
  const svg = await imageGrid(images, rows, {
    title: `synthetic set (${o.method})`, subtitle: `${count} images of ${channels} x ${height} x ${width}`, theme: 'light',
  });
  await writePicture(svg, { output: path, force: o.force, theme: 'light' });
}
