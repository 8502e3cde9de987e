import { flag, integer, number, type Values } from '../../cli/options.js';
import { SIMSIAM_VIEWS } from '../../core/data/augment/index.js';
import type { TrainingImages } from '../../core/data/source.js';
import { stopGradient, type Tensor } from '../../core/graph/index.js';
import { featureStd, simsiamLoss } from '../../core/losses/index.js';
import { simsiamPredictor, simsiamProjector, type Scope } from '../../core/nn/index.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';

const options = {
  ...imageOptions,
  optimizer: { ...imageOptions.optimizer, default: 'sgd' },
  lr: { ...imageOptions.lr, default: 0.05 },
  weightDecay: { ...imageOptions.weightDecay, default: 1e-4 },
  warmupEpochs: { ...imageOptions.warmupEpochs, default: 0 },
  cropScale: number({ default: 0.2, min: 0.01, max: 1, help: 'smallest share of the area that a crop keeps' }),
  projHidden: integer({ default: 2048, min: 1, help: "projector's hidden units" }),
  projOut: integer({ default: 2048, min: 1, help: 'dimension of projections and predictions' }),
  predHidden: integer({ default: 512, min: 1, help: "units of the predictor's bottleneck" }),
  constantPredictorLr: flag({ default: true, help: "let the predictor's learning rate fall with the others" }),
  stopGradient: flag({ default: true, help: 'let gradients pass into the projections that are predicted (it collapses)' }),
} as const;
type Options = Values<typeof options>;

const setup = (images: TrainingImages, o: Options, seed: number) => pretrainImages(images, o, seed, {
  name: 'simsiam',
  views: SIMSIAM_VIEWS.map(({ crop, ...view }) => ({ augmentation: { ...view, crop: { ...crop!, scale: [o.cropScale, 1] } } })),
  constantLr: ({ name }) => o.constantPredictorLr && name.startsWith('online.predictor.'),
  ...(o.encoder.startsWith('resnet') && { encoder: { zeroInitResidual: true } }),
  step: (step) => simsiamStep(step, o),
});

/** Chen & He 2021, algorithm 1: one network, which predicts its own projection of the other view. */
function simsiamStep({ root, views, represent, learn }: ImageStep, o: Options): StepResult {
  const [v1, v2] = views as [Tensor, Tensor];
  const head = { norm: o.headNorm, groups: o.groups, out: o.projOut };
  const project = (s: Scope, y: Tensor) => simsiamProjector(s.at('projector'), y, { ...head, hidden: o.projHidden });
  const predict = (s: Scope, z: Tensor) => simsiamPredictor(s.at('predictor'), z, { ...head, hidden: o.predHidden });

  const online = root.at('online');
  const [y1, y2] = [represent(online, v1), represent(online, v2)];
  const [z1, z2] = [project(online, y1), project(online, y2)];
  const [p1, p2] = [predict(online, z1), predict(online, z2)];
  const [t1, t2] = o.stopGradient ? [stopGradient(z1), stopGradient(z2)] : [z1, z2];
  const loss = simsiamLoss(p1, t1, p2, t2);
  learn(loss, online.parameters);
  return { report: { loss, featureStd: featureStd(z1) }, representation: y1 };
}

export const simsiam: PretrainMethod<typeof options> = {
  name: 'simsiam',
  summary: 'learn an image encoder without labels, by predicting its own view of the same image (SimSiam)',
  description: 'Two augmented views of every image go through one network (encoder, projector, predictor). The prediction of one '
    + 'view learns to match the projection of the other, in both directions, with no gradient through what is predicted: BYOL '
    + 'without a slow copy. The result is a model file.',
  paper: 'X. Chen, K. He, Exploring Simple Siamese Representation Learning, 2021, arXiv 2011.10566',
  examples: [
    ['byo pretrain simsiam photos.st --epochs 100 -o encoder.st', 'train on a data set made by byo convert'],
    ['byo pretrain simsiam photos.st --no-stop-gradient -o collapsed.st', 'how it collapses without the stop-gradient'],
  ],
  options,
  presets: {
    tiny: { encoder: 'convnet4', width: 32, projHidden: 256, projOut: 256, predHidden: 64, batch: 128, epochs: 20, lr: 0.05, weightDecay: 1e-4 },
    32: {
      encoder: 'resnet18', stem: 'cifar', projHidden: 2048, projOut: 2048, predHidden: 512, batch: 512, epochs: 200, lr: 0.03,
      weightDecay: 5e-4,
    },
    96: {
      encoder: 'resnet18', stem: 'stl', projHidden: 2048, projOut: 2048, predHidden: 512, batch: 256, epochs: 100, lr: 0.05,
      weightDecay: 1e-4,
    },
    imagenet: {
      encoder: 'resnet50', stem: 'imagenet', size: 224, projHidden: 2048, projOut: 2048, predHidden: 512, batch: 512, epochs: 100,
      lr: 0.05, weightDecay: 1e-4,
    },
  },
  choosePreset: presetBySize,
  setup,
};
