import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { choice, flag, integer, number, numbers, type Values } from '../../cli/options.js';
import { Batches } from '../../core/data/batches.js';
import {
  conditionShape, conditionsOf, defaultRate, diffuse, diffusionData, learn, learnFeeds, prediction, PREDICTIONS, SCHEDULES,
  someHidden, target, timesFeeds, timesInputs, trainingTime, vocabularyOf,
  type Condition, type DenoiserSpec, type DiffusionData, type DiffusionMeta,
} from '../../core/diffusion/index.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { input } from '../../core/graph/index.js';
import { meanSquaredError } from '../../core/losses/index.js';
import { stepProgram } from '../../core/nn/index.js';
import { stream } from '../../core/random.js';
import { below, runTraining } from '../training.js';
import type { Pretraining } from './method.js';

const options = {
  network: choice({ choices: ['auto', 'unet', 'mlp'], default: 'auto', help: 'the denoiser: a U-Net for images, an MLP for points' }),
  channels: integer({ default: 32, min: 2, help: "channels of the U-Net's first level" }),
  multipliers: numbers({ placeholder: 'number', default: [1, 2, 2], help: 'channels of every level as multiples; each level has half the resolution' }),
  blocks: integer({ default: 2, min: 1, help: 'residual blocks of a level' }),
  attention: numbers({ placeholder: 'side', default: [4], help: 'resolutions at which blocks attend to all positions, besides the middle; 0: none' }),
  heads: integer({ default: 1, min: 1, help: 'heads of attention' }),
  groups: integer({ default: 8, min: 1, help: 'groups of group normalisation' }),
  dropout: number({ default: 0, min: 0, max: 0.9, help: 'dropout in residual blocks' }),
  modulation: choice({ choices: ['scale-shift', 'shift'], default: 'scale-shift', help: 'what time and condition do to the channels of a block' }),
  hidden: integer({ default: 128, min: 1, help: "units of the MLP's layers" }),
  layers: integer({ default: 3, min: 1, help: 'hidden layers of the MLP' }),
  schedule: choice({ choices: SCHEDULES, default: 'cosine', help: 'noise over time: cosine, linear (DDPM) or iddpm (the cosine of Nichol & Dhariwal)' }),
  predict: choice({ choices: PREDICTIONS, default: 'v', help: 'what the network puts out: the velocity, the data or the noise' }),
  condition: choice({ choices: ['none', 'class', 'text'], default: 'none', help: 'learn to be asked for a class, or for what a caption says' }),
  dropCondition: number({ default: 0.1, min: 0, max: 1, help: 'share of examples whose condition is hidden, for classifier-free guidance' }),
  textWidth: integer({ default: 64, min: 4, help: 'units per word of the text encoder' }),
  textLayers: integer({ default: 1, min: 0, help: 'layers of the text encoder' }),
  flip: flag({ help: 'mirror images at random' }),
  steps: integer({ default: 5000, min: 1, help: 'training steps' }),
  batch: integer({ default: 64, min: 1, help: 'examples a step' }),
  lr: number({ positive: true, help: 'learning rate of Adam; 2e-4 for a U-Net and 1e-3 for an MLP where left out' }),
  lrSchedule: choice({ choices: ['constant', 'cosine'], default: 'constant', help: 'learning rate after the warm-up' }),
  warmup: integer({ default: 100, min: 0, help: 'steps of linear warm-up' }),
  ema: number({ default: 0.999, min: 0, max: 1, help: 'decay of the moving average of the weights, which is the model; 0: the weights themselves' }),
  clip: number({ default: 1, positive: true, help: 'largest norm of the gradient' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;
type Options = Values<typeof options>;

export const diffusion = defineCommand({
  name: 'pretrain diffusion',
  summary: 'learn to draw: a diffusion model of images or points',
  description: 'Trains a denoiser on examples with noise of random strength (Ho et al. 2020). byo sample draws from it, byo distill boot '
    + 'makes a one-step student of it. Conditions (classes, captions) are hidden at random while training, so that sampling can be guided.',
  paper: 'J. Ho, A. Jain, P. Abbeel, Denoising Diffusion Probabilistic Models, 2020, arXiv 2006.11239; '
    + 'T. Salimans, J. Ho, Progressive Distillation for Fast Sampling of Diffusion Models, 2022, arXiv 2202.00512',
  examples: [
    ['byo pretrain diffusion photos.st --steps 5000 -o teacher.st', 'train on images made by byo convert'],
    ['byo pretrain diffusion shapes.st --condition class -o teacher.st && byo sample teacher.st --class disc --guidance 2 -o discs.st', 'draw a class'],
    ['byo synth captioned | byo pretrain diffusion --condition text -o t2i.st', 'from text to image'],
  ],
  arguments: [{ name: 'data', optional: true, help: 'data set of images or points; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    await checkOutput(o.output, { force: o.force });
    const artifact = await readArtifact(source, { kind: 'dataset' });
    const data = diffusionData(artifact, nameOf(source));
    if (o.flip && data.shape.length !== 3) throw new UsageError('--flip mirrors images, but the data set holds points; leave it out');
    await runTraining(context, setUp(data, o), o, {
      command: context.command, options: context.recorded, seed: o.seed, version: context.version,
      inputs: [asInput('data', artifact, source)],
    });
  },
});

/** Distinct captions that a model file keeps at most, as prompts for its students. */
const CAPTIONS_KEPT = 2000;

function setUp(data: DiffusionData, o: Options): Pretraining {
  const denoiser = denoiserSpec(data, o);
  const { condition } = denoiser;
  const batches = new Batches(data.count, o.batch, o.seed);
  const learning = { ...o, lr: o.lr ?? defaultRate(denoiser) };
  const asked = condition && conditionsOf(data, condition);
  const program = stepProgram('diffusion', (root) => {
    const x0 = input('data', [o.batch, ...data.shape]);
    const times = timesInputs('x', o.batch);
    const online = root.at('online');
    const noise = root.draw('noise', x0.shape, 'normal');

    const output = prediction(denoiser, online.at('denoiser'), diffuse(x0, noise, times), times,
      condition && input('condition', conditionShape(condition, o.batch), 'int32'));
    const loss = meanSquaredError(output, target(denoiser, x0, noise, times));
    return { loss, gradNorm: learn(root, loss, online, learning) };
  });

  const captions = condition?.kind === 'text' ? [...new Set(data.captions)].sort().slice(0, CAPTIONS_KEPT) : undefined;
  return {
    program, steps: o.steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: o.batch,
    feeds: (step) => {
      const examples = batches.indices(step);
      const draws = (name: string) => stream(o.seed, name, step);
      return {
        data: data.batch(examples, o.flip ? draws('flip').bernoulli(o.batch, 0.5) : undefined),
        ...timesFeeds('x', o.schedule, Array.from(draws('times').uniform(o.batch), (u) => trainingTime(o.schedule, u))),
        ...(asked && {
          condition: someHidden(asked, condition!, examples, draws('hidden conditions').bernoulli(o.batch, o.dropCondition)),
        }),
        ...learnFeeds(step, learning),
      };
    },
    model: (state) => {
      const meta: DiffusionMeta = { denoiser, ...(captions && { captions }) };
      return { meta: { method: 'diffusion', ...meta }, tensors: below(state, o.ema > 0 ? 'ema' : 'online') };
    },
  };
}

function denoiserSpec({ shape, classes, captions, labels }: DiffusionData, o: Options): DenoiserSpec {
  const network = o.network === 'auto' ? (shape.length === 3 ? 'unet' : 'mlp') : o.network;
  if ((network === 'unet') !== (shape.length === 3)) {
    throw new UsageError(`--network ${network} does not fit examples of [${shape}]; a unet takes images, an mlp points`);
  }
  return {
    network: network === 'mlp' ? { name: 'mlp', hidden: o.hidden, layers: o.layers } : unetSpec(shape, o),
    shape, schedule: o.schedule, predict: o.predict, ...(o.condition !== 'none' && { condition: conditionSpec() }),
  };

  function conditionSpec(): Condition {
    if (o.condition === 'text') {
      if (!captions) throw new UsageError('--condition text needs captions, but the data set has none; byo convert --captions adds them');
      return { kind: 'text', ...vocabularyOf(captions), width: o.textWidth, layers: o.textLayers, heads: 4 };
    }
    if (!labels) throw new UsageError('--condition class needs labels, but the data set has none');
    const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
    return { kind: 'class', classes: classes ?? Array.from({ length: count }, (_, i) => String(i)) };
  }
}

function unetSpec(shape: readonly number[], o: Options): DenoiserSpec['network'] {
  const { channels, multipliers, groups, heads, textWidth } = o;
  if (!multipliers.every((m) => Number.isInteger(m) && m > 0)) {
    throw new UsageError(`--multipliers takes whole numbers from 1, such as 1,2,2, but ${multipliers.join()} was given`);
  }
  if (channels % 2 || channels % groups || channels % heads) {
    throw new UsageError(`--channels ${channels} has to be even and a multiple of --groups ${groups} and --heads ${heads}`);
  }
  if (textWidth % 4) throw new UsageError(`--text-width ${textWidth} has to be a multiple of 4, one part for each head`);
  const [, height, width] = shape as [number, number, number];
  const halvings = 2 ** (multipliers.length - 1);
  if (height % halvings || width % halvings) {
    throw new UsageError(`images of ${height}x${width} cannot be halved ${multipliers.length - 1} times; give fewer --multipliers, `
      + 'or images of another size (byo convert --size)');
  }
  const { blocks, dropout, modulation } = o;
  return { name: 'unet', channels, multipliers, blocks, attention: o.attention.filter((side) => side > 0), heads, groups, dropout, modulation };
}
