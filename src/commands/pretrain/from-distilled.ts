import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { integer, number } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { distilledOf } from '../dataset-distill/distilled.js';
import { regression } from '../dataset-distill/regress.js';
import { runTraining } from '../training.js';
import { encoderSpec, imageOptions } from './images.js';

const options = {
  encoder: { ...imageOptions.encoder, default: 'distillnet3' },
  width: { ...imageOptions.width, default: 128 },
  regnet: imageOptions.regnet, stem: imageOptions.stem, norm: imageOptions.norm, groups: imageOptions.groups,
  weightStandardization: imageOptions.weightStandardization,
  epochs: number({ default: 1000, positive: true, help: 'passes over the synthetic set' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 256, min: 1, help: 'images a step; all where the set has fewer' }),
  lr: number({ default: 0.1, positive: true, help: 'learning rate of SGD, the same throughout' }),
  momentum: number({ default: 0.9, min: 0, max: 1, help: 'momentum of SGD' }),
  weightDecay: number({ default: 1e-3, min: 0, help: 'weight decay of SGD' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;

export const fromDistilled = defineCommand({
  name: 'pretrain from-distilled',
  summary: 'learn an image encoder from a distilled set alone, by regressing its targets',
  description: 'A fresh encoder with a linear head learns to give the synthetic images of byo dataset-distill their targets, without '
    + 'augmentation, at a constant learning rate. The result is a model file that embed, probe and probe fewshot --finetune take.',
  paper: 'D. B. Lee, S. Lee et al., Self-Supervised Dataset Distillation for Transfer Learning, 2024, arXiv 2310.06511',
  examples: [
    ['byo pretrain from-distilled small.st -o encoder.st', 'the network that the set was learnt with'],
    ['byo pretrain from-distilled small.st --encoder resnet18 --width 32 --steps 500 -o encoder.st', 'another one'],
  ],
  arguments: [{ name: 'set', optional: true, help: 'distilled set of byo dataset-distill; standard input where left out' }],
  options,
  async run(context, [path = '-'], o) {
    await checkOutput(o.output, { force: o.force });
    const data = await readArtifact(path, { kind: 'dataset' });
    const set = distilledOf(data, nameOf(path));
    const batch = Math.min(o.batch, set.images.shape[0]!);
    if (batch < 2 && o.norm === 'batch') throw new InputError(`${nameOf(path)}: batch normalisation needs two images or more; give another --norm`);
    const encoder = encoderSpec(o);
    await runTraining(context, {
      ...regression(set, { ...o, encoder, batch }, o.seed), examplesPerStep: batch,
      model: (state) => ({
        meta: { method: 'from-distilled', encoder, input: set.input },
        tensors: new Map([...state].filter(([name]) => !name.startsWith('optimizer.'))),
      }),
    }, o, { command: context.command, options: context.recorded, seed: o.seed, version: context.version, inputs: [asInput('data', data, path)] });
  },
});
