import { integer, number, type Values } from '../../cli/options.js';
import { BARLOW_TWINS_VIEWS } from '../../core/data/augment/index.js';
import type { TrainingImages } from '../../core/data/source.js';
import type { Tensor } from '../../core/graph/index.js';
import { barlowTwinsLoss, featureStd } from '../../core/losses/index.js';
import { barlowTwinsProjector, type Scope } from '../../core/nn/index.js';
import { isWeight } from '../../core/optim/index.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';

const options = {
  ...imageOptions,
  lr: { ...imageOptions.lr, default: 0.2 },
  biasLr: number({ positive: true, help: 'learning rate of biases and normalisations for a batch of 256; --lr where left out' }),
  cropScale: number({ default: 0.08, min: 0.01, max: 1, help: 'smallest share of the area that a crop keeps' }),
  projHidden: integer({ default: 8192, min: 1, help: "projector's hidden units, in two layers" }),
  projOut: integer({ default: 8192, min: 2, help: 'dimension of the embeddings whose correlations are learnt' }),
  lambda: number({ default: 0.0051, min: 0, help: 'weight of the correlations between different dimensions' }),
} as const;
type Options = Values<typeof options>;

const setup = (images: TrainingImages, o: Options, seed: number) => pretrainImages(images, o, seed, {
  name: 'barlow-twins',
  views: BARLOW_TWINS_VIEWS.map(({ crop, ...view }) =>
    ({ augmentation: { ...view, crop: { ...crop!, scale: [o.cropScale, 1] } } })),
  // The official schedule ends at a thousandth of batch / 256, and rates are shares of that: 0.2 falls to 0.0002.
  finalLr: 1e-3,
  lrFactor: (parameter) => (isWeight(parameter) ? 1 : (o.biasLr ?? o.lr) / o.lr),
  step: (step) => barlowTwinsStep(step, o),
});

/** Zbontar et al. 2021, algorithm 1: one network on both views, whose embeddings' cross-correlation becomes the identity. */
function barlowTwinsStep({ root, views, represent, learn }: ImageStep, o: Options): StepResult {
  const [v1, v2] = views as [Tensor, Tensor];
  const head = { norm: o.headNorm, groups: o.groups, hidden: o.projHidden, out: o.projOut };
  const project = (s: Scope, y: Tensor) => barlowTwinsProjector(s.at('projector'), y, head);

  const online = root.at('online');
  const [y1, y2] = [represent(online, v1), represent(online, v2)];
  const [z1, z2] = [project(online, y1), project(online, y2)];
  const { loss, onDiagonal, offDiagonal } = barlowTwinsLoss(z1, z2, o.lambda);
  learn(loss, online.parameters);
  return { report: { loss, onDiagonal, offDiagonal, featureStd: featureStd(z1) }, representation: y1 };
}

export const barlowTwins: PretrainMethod<typeof options> = {
  name: 'barlow-twins',
  summary: 'learn an image encoder without labels, by making its features agree and not repeat each other (Barlow Twins)',
  description: 'Two augmented views of every image go through one network (encoder, projector). Over a batch, every dimension of the '
    + 'embeddings learns to correlate with itself in the other view, and with no other dimension. No slow copy, predictor or '
    + 'stop-gradient. The result is a model file.',
  paper: 'J. Zbontar et al., Barlow Twins: Self-Supervised Learning via Redundancy Reduction, 2021, arXiv 2103.03230',
  examples: [
    ['byo pretrain barlow-twins photos.st --epochs 100 -o encoder.st', 'train on a data set made by byo convert'],
    ['byo pretrain barlow-twins photos.st --lambda 0.02 --proj-out 1024 -o encoder.st', 'fewer, more strictly decorrelated dimensions'],
  ],
  options,
  presets: {
    tiny: {
      encoder: 'convnet4', width: 32, projHidden: 256, projOut: 256, batch: 128, epochs: 20, optimizer: 'adam', lr: 0.004,
      weightDecay: 0, warmupEpochs: 1, lambda: 0.02, cropScale: 0.2,
    },
    32: {
      encoder: 'resnet18', stem: 'cifar', projHidden: 2048, projOut: 2048, batch: 512, epochs: 200, optimizer: 'sgd', lr: 0.03,
      weightDecay: 5e-4, warmupEpochs: 10,
    },
    96: {
      encoder: 'resnet18', stem: 'stl', projHidden: 2048, projOut: 2048, batch: 256, epochs: 100, optimizer: 'sgd', lr: 0.03,
      weightDecay: 4e-4, warmupEpochs: 10,
    },
    imagenet: {
      encoder: 'resnet50', stem: 'imagenet', size: 224, projHidden: 8192, projOut: 8192, batch: 2048, epochs: 1000, optimizer: 'lars',
      lr: 0.2, biasLr: 0.0048, weightDecay: 1e-6, warmupEpochs: 10,
    },
  },
  choosePreset: presetBySize,
  setup,
};
