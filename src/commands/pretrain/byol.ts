import { choice, integer, number, type Values } from '../../cli/options.js';
import { BYOL_VIEWS } from '../../core/data/augment/index.js';
import type { TrainingImages } from '../../core/data/source.js';
import type { Tensor } from '../../core/graph/index.js';
import { byolLoss, featureStd } from '../../core/losses/index.js';
import { mlpHead, type Scope } from '../../core/nn/index.js';
import { cosineEmaDecay, emaUpdate } from '../../core/optim/index.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';

const options = {
  ...imageOptions,
  cropScale: number({ default: 0.2, min: 0.01, max: 1, help: 'smallest share of the area that a crop keeps' }),
  tau: number({ default: 0.99, min: 0, max: 1, help: 'decay of the target at the start; it rises to 1' }),
  tauSchedule: choice({ choices: ['cosine', 'constant'], default: 'cosine', help: "course of the target's decay" }),
  projHidden: integer({ default: 4096, min: 1, help: "projector's hidden units" }),
  projOut: integer({ default: 256, min: 1, help: 'dimension of projections and predictions' }),
  predHidden: integer({ default: 4096, min: 1, help: "predictor's hidden units" }),
} as const;
type Options = Values<typeof options>;

const setup = (images: TrainingImages, o: Options, seed: number) => pretrainImages(images, o, seed, {
  name: 'byol',
  views: BYOL_VIEWS.map((view) => ({ augmentation: { ...view, crop: { scale: [o.cropScale, 1], ratio: [3 / 4, 4 / 3] } } })),
  schedules: { tau: (k, updates) => (o.tauSchedule === 'cosine' ? cosineEmaDecay(k, updates, o.tau) : o.tau) },
  step: (step) => byolStep(step, o),
});

/** Grill et al. 2020, algorithm 1. The target runs in training mode on its own batch statistics. */
function byolStep({ root, views, scheduled, represent, learn }: ImageStep, o: Options): StepResult {
  const [v1, v2] = views as [Tensor, Tensor];
  const head = { norm: o.headNorm, groups: o.groups, out: o.projOut };
  const project = (s: Scope, y: Tensor) => mlpHead(s.at('projector'), y, { ...head, hidden: o.projHidden });
  const predict = (s: Scope, z: Tensor) => mlpHead(s.at('predictor'), z, { ...head, hidden: o.predHidden });

  const online = root.at('online');
  const target = root.at('target').startingFrom(online);
  const [y1, y2] = [represent(online, v1), represent(online, v2)];
  const [z1, z2] = [project(online, y1), project(online, y2)];
  const [p1, p2] = [predict(online, z1), predict(online, z2)];
  const [t1, t2] = [project(target, represent(target, v1)), project(target, represent(target, v2))];
  const loss = byolLoss(p1, t2).add(byolLoss(p2, t1));
  learn(loss, online.parameters, () => emaUpdate(target, online, scheduled.tau!));
  return { report: { loss, featureStd: featureStd(z1) }, representation: y1 };
}

export const byol: PretrainMethod<typeof options> = {
  name: 'byol',
  summary: 'learn an image encoder without labels, by predicting a slow copy of itself (BYOL)',
  description: 'Two augmented views of every image go through an online network (encoder, projector, predictor) and a target '
    + 'network (encoder, projector). The online prediction of one view learns to match the target projection of the other, '
    + 'in both directions; the target follows the online weights as a moving average. The result is a model file.',
  paper: 'J.-B. Grill et al., Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning, 2020, arXiv 2006.07733',
  examples: [
    ['byo pretrain byol photos.st --epochs 50 -o encoder.st', 'train on a data set made by byo convert'],
    ['byo convert photos/ --size 32 | byo pretrain byol --preset tiny | byo embed --data test.st', 'as part of a pipeline'],
    ['byo pretrain byol photos.st -o encoder.st --resume', 'go on where an interrupted run stopped'],
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
