import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { choice, integer, number, type Values } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { ENCODERS, NORMS, type EncoderSpec } from '../../core/nn/index.js';
import { distilledOf, type Distilled } from '../dataset-distill/distilled.js';
import { regression } from '../dataset-distill/regress.js';
import { runTraining } from '../training.js';
import { encoderSpec, imageOptions } from './images.js';

const options = {
  encoder: choice({ choices: ENCODERS, help: 'network that learns; the one that the set was learnt with where left out' }),
  width: integer({ min: 1, help: "channels of the encoder's first stage, or units of an mlp; 128, or as the set was learnt with" }),
  regnet: imageOptions.regnet, stem: imageOptions.stem,
  norm: choice({ choices: NORMS, help: 'normalisation of the encoder; batch, or as the set was learnt with' }),
  groups: imageOptions.groups,
  weightStandardization: imageOptions.weightStandardization,
  epochs: number({ default: 1000, positive: true, help: 'passes over the synthetic set' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 256, min: 1, help: 'examples a step; all where the set has fewer' }),
  lr: number({ default: 0.1, positive: true, help: 'learning rate of SGD, the same throughout' }),
  momentum: number({ default: 0.9, min: 0, max: 1, help: 'momentum of SGD' }),
  weightDecay: number({ default: 1e-3, min: 0, help: 'weight decay of SGD' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;

export const fromDistilled = defineCommand({
  name: 'pretrain from-distilled',
  summary: 'learn an encoder from a distilled set alone, by regressing its targets',
  description: 'A fresh encoder with a linear head learns to give the synthetic examples of byo dataset-distill their targets, without '
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
    const encoder = networkOf(set, o);
    if (batch < 2 && (encoder.norm ?? 'batch') === 'batch') {
      throw new InputError(`${nameOf(path)}: batch normalisation needs two examples or more; give another --norm`);
    }
    await runTraining(context, {
      ...regression(set, { ...o, encoder, batch }, o.seed), examplesPerStep: batch,
      model: (state) => ({
        meta: { method: 'from-distilled', encoder, input: set.input },
        tensors: new Map([...state].filter(([name]) => !name.startsWith('optimizer.'))),
      }),
    }, o, { command: context.command, options: context.recorded, seed: o.seed, version: context.version, inputs: [asInput('data', data, path)] });
  },
});

/** The network that the options name, or that of the set with what they change about it. */
function networkOf({ encoder }: Distilled, o: Values<typeof options>): EncoderSpec {
  if (o.encoder !== undefined) return encoderSpec({ ...o, encoder: o.encoder, width: o.width ?? 128, norm: o.norm ?? 'batch' });
  return {
    ...encoder, width: o.width ?? encoder.width, norm: o.norm ?? encoder.norm,
    ...(o.norm === 'group' && { groups: o.groups }), ...(o.weightStandardization && { weightStandardization: true }),
  };
}
