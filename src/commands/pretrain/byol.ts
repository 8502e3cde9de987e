import { choice, flag, integer, number, type Values } from '../../cli/options.js';
import { VIEW_PAIRS } from '../../core/data/augment/index.js';
import { isStream, type TrainingImages } from '../../core/data/source.js';
import { UsageError } from '../../core/errors.js';
import type { Tensor } from '../../core/graph/index.js';
import { byolLoss, featureStd, normalizedDistance } from '../../core/losses/index.js';
import { mlpHead, type Scope } from '../../core/nn/index.js';
import { cosineEmaDecay, emaUpdate } from '../../core/optim/index.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';
import { predict, predictorMeta, predictorOptions, type Pair } from './predictor.js';
import { checkRefine, refined, refineOptions } from './refine.js';

const options = {
  ...imageOptions,
  augmentation: choice({ choices: ['byol', 'simsiam', 'stl'], default: 'byol', help: "whose views; stl: those of the refinement's code, "
    + 'without crops' }),
  cropScale: number({ default: 0.2, min: 0.01, max: 1, help: 'smallest share of the area that a crop keeps' }),
  tau: number({ default: 0.99, min: 0, max: 1, help: 'decay of the target at the start; it rises to 1' }),
  tauSchedule: choice({ choices: ['cosine', 'constant'], default: 'cosine', help: "course of the target's decay" }),
  target: choice({ choices: ['ema', 'online', 'frozen'], default: 'ema', help: 'what is predicted: a moving average of the online network, '
    + 'the online network itself, or its first state' }),
  stopGradient: flag({ default: true, help: 'let gradients pass into the target too, with --target online (it collapses)' }),
  projHidden: integer({ default: 4096, min: 1, help: "projector's hidden units" }),
  projOut: integer({ default: 256, min: 1, help: 'dimension of projections and predictions' }),
  predHidden: integer({ default: 4096, min: 1, help: "predictor's hidden units" }),
  ...predictorOptions,
  ...refineOptions,
} as const;
type Options = Values<typeof options>;

function setup(images: TrainingImages, o: Options, seed: number) {
  checkOptions(images, o);
  return pretrainImages(images, o, seed, {
    name: 'byol',
    views: VIEW_PAIRS[o.augmentation].map(({ crop, ...view }) =>
      ({ augmentation: { ...view, crop: crop && { ...crop, scale: [o.cropScale, 1] } } })),
    schedules: {
      ...(o.target === 'ema' && { tau: (k, updates) => (o.tauSchedule === 'cosine' ? cosineEmaDecay(k, updates, o.tau) : o.tau) }),
      ...(warmsUp(o) && { pairing: (_k, _updates, epochs) => (epochs! < o.pairWarmup ? 0 : 1) }),
    },
    meta: predictorMeta(o),
    step: (step) => byolStep(step, o),
  });
}

/** Grill et al. 2020, algorithm 1. The target runs in training mode on its own batch statistics. */
function byolStep({ root, views, scheduled, represent, learn }: ImageStep, o: Options): StepResult {
  const [v1, v2] = views as [Tensor, Tensor];
  const head = { norm: o.headNorm, groups: o.groups, out: o.projOut };
  const project = (s: Scope, y: Tensor) => mlpHead(s.at('projector'), y, { ...head, hidden: o.projHidden });

  const online = root.at('online');
  const target = root.at('target').startingFrom(online);
  const [y1, y2] = [represent(online, v1), represent(online, v2)];
  const z: Pair = [project(online, y1), project(online, y2)];
  const t: Pair = o.target === 'online' ? z : [project(target, represent(target, v1)), project(target, represent(target, v2))];
  const { predictions: p, report } = predict(online.at('predictor'), z, t, o, { ...head, hidden: o.predHidden });
  const distance = o.stopGradient ? byolLoss : normalizedDistance;
  const { loss, report: pairs } = refined(p, t, distance(p[0], t[1]).add(distance(p[1], t[0])), scheduled.pairing, o);
  learn(loss, online.parameters, () => {
    if (o.target === 'ema') emaUpdate(target, online, scheduled.tau!);
  });
  return { report: { loss, ...pairs, featureStd: featureStd(z[0]), ...report }, representation: y1 };
}

const warmsUp = (o: Options): boolean => o.refine !== 'none' && o.pairWarmup > 0;

/** Throws UsageError where options do not fit together. */
function checkOptions(images: TrainingImages, o: Options): void {
  checkRefine(o);
  if (!o.stopGradient && (o.target !== 'online' || o.refine !== 'none')) {
    throw new UsageError('--no-stop-gradient shows how plain BYOL collapses when its target is trained too; give --target online and no --refine');
  }
  if (warmsUp(o) && isStream(images)) throw new UsageError('--pair-warmup counts epochs, and a stream of images has none; leave it out');
}

export const byol: PretrainMethod<typeof options> = {
  name: 'byol',
  summary: 'learn an image encoder without labels, by predicting a slow copy of itself (BYOL)',
  description: 'Two augmented views of every image go through an online network (encoder, projector, predictor) and a target '
    + 'network (encoder, projector). The online prediction of one view learns to match the target projection of the other, '
    + 'in both directions; the target follows the online weights as a moving average. The result is a model file. '
    + '--refine also pulls images together that look alike (Garg & Jain 2022, arXiv 2204.04545, reconstructed); --predictor '
    + 'computes the predictor from each batch instead of training it (Richemond et al. 2023, arXiv 2302.04817).',
  paper: 'J.-B. Grill et al., Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning, 2020, arXiv 2006.07733',
  examples: [
    ['byo pretrain byol photos.st --epochs 50 -o encoder.st', 'train on a data set made by byo convert'],
    ['byo convert photos/ --size 32 | byo pretrain byol --preset tiny | byo embed --data test.st', 'as part of a pipeline'],
    ['byo pretrain byol photos.st -o encoder.st --resume', 'go on where an interrupted run stopped'],
    ['byo pretrain byol photos.st --norm group --weight-standardization -o encoder.st', 'without batch statistics in the encoder'],
    ['byo pretrain byol photos.st --predictor stiefel -o encoder.st --log run.jsonl', 'a predictor in closed form, its gauges in the log'],
    ['byo pretrain byol photos.st --predictor directpred --ema-on correlation --predictor-ema 0.3 --predictor-scale spectral --ridge 0.1 -o encoder.st',
      "with DirectPred's own settings"],
    ['byo pretrain byol photos.st --predictor none --target online -o collapsed.st', 'how it collapses without a predictor'],
  ],
  options,
  presets: {
    tiny: {
      encoder: 'convnet4', width: 32, projHidden: 256, projOut: 64, predHidden: 256, batch: 128, epochs: 20,
      optimizer: 'sgd', lr: 0.1, weightDecay: 1e-4, warmupEpochs: 1, tau: 0.97,
    },
    32: {
      encoder: 'resnet18', stem: 'cifar', projHidden: 1024, projOut: 256, predHidden: 1024, batch: 256, epochs: 200,
      optimizer: 'sgd', lr: 0.06, weightDecay: 5e-4, warmupEpochs: 10, tau: 0.99,
    },
    96: {
      encoder: 'resnet18', stem: 'stl', projHidden: 1024, projOut: 256, predHidden: 1024, batch: 256, epochs: 100,
      optimizer: 'sgd', lr: 0.06, weightDecay: 4e-4, warmupEpochs: 10, tau: 0.996,
    },
    imagenet: {
      encoder: 'resnet50', stem: 'imagenet', size: 224, cropScale: 0.08, projHidden: 4096, projOut: 256, predHidden: 4096,
      batch: 4096, epochs: 100, optimizer: 'lars', lr: 0.45, weightDecay: 1e-6, warmupEpochs: 10, tau: 0.99,
    },
  },
  choosePreset: presetBySize,
  setup,
};
