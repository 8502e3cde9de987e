import { choice, flag, integer, number, type Values } from '../../cli/options.js';
import { float32, int32 } from '../../core/array.js';
import {
  augment, BYOL_VIEWS, declarePlan, IMAGENET_STATISTICS, normalize, planInputs, planView, type ViewAugmentation,
} from '../../core/data/augment/index.js';
import { Batches, gatherImages } from '../../core/data/batches.js';
import type { ImageSet } from '../../core/data/images.js';
import { UsageError } from '../../core/errors.js';
import { correct, grad, input, type Tensor } from '../../core/graph/index.js';
import { byolLoss, crossEntropy, featureStd } from '../../core/losses/index.js';
import {
  encode, ENCODERS, linear, mlpHead, NORMS, STEMS, stepProgram, type EncoderSpec, type Scope,
} from '../../core/nn/index.js';
import { accumulate, adam, adamw, cosineEmaDecay, emaUpdate, lamb, lars, sgd, warmupCosine, type Update } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import { classCount } from '../../core/stats/labels.js';
import { knnAccuracy, type ImageEncoder, type State } from '../../core/train/index.js';
import { augmentedImages } from '../../core/data/augment/preview.js';
import type { PretrainMethod, Pretraining } from './method.js';

const options = {
  preset: choice({ choices: ['auto', 'tiny', '32', '96', 'imagenet'], default: 'auto', help: 'values for images of a size; auto goes by the data' }),
  encoder: choice({ choices: ENCODERS, default: 'resnet18', help: 'network whose pooled output is the representation' }),
  width: integer({ default: 64, min: 1, help: "channels of the encoder's first stage" }),
  stem: choice({ choices: STEMS, default: 'cifar', help: "a ResNet's first layers: imagenet 7x7/2 + pool, cifar 3x3, stl 3x3 + pool" }),
  norm: choice({ choices: NORMS, default: 'batch', help: 'normalisation of the encoder' }),
  headNorm: choice({ choices: NORMS, default: 'batch', help: 'normalisation of projector and predictor' }),
  groups: integer({ default: 16, min: 1, guess: true, help: 'groups of --norm group' }),
  weightStandardization: flag({ help: "standardise the encoder's filters" }),
  size: integer({ min: 4, help: 'side of the augmented views in pixels; that of the images where left out' }),
  cropScale: number({ default: 0.2, min: 0.01, max: 1, help: 'smallest share of the area that a crop keeps' }),
  epochs: number({ default: 100, positive: true, help: 'passes over the data' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 256, min: 2, help: 'images a step' }),
  accumulate: integer({ default: 1, min: 1, help: 'steps whose gradients are averaged before one update' }),
  optimizer: choice({ choices: ['lars', 'sgd', 'adam', 'adamw', 'lamb'], default: 'lars', help: 'optimiser' }),
  lr: number({ default: 0.45, positive: true, help: 'learning rate for a batch of 256; it is scaled by batch / 256' }),
  weightDecay: number({ default: 1e-6, min: 0, help: 'weight decay; lars and lamb leave out biases and normalisations' }),
  momentum: number({ default: 0.9, min: 0, max: 1, help: 'momentum of lars and sgd' }),
  warmupEpochs: number({ default: 10, min: 0, help: 'epochs of linear warm-up, at most a fifth of the run' }),
  tau: number({ default: 0.99, min: 0, max: 1, help: 'decay of the target at the start; it rises to 1' }),
  tauSchedule: choice({ choices: ['cosine', 'constant'], default: 'cosine', help: "course of the target's decay" }),
  projHidden: integer({ default: 4096, min: 1, help: "projector's hidden units" }),
  projOut: integer({ default: 256, min: 1, help: 'dimension of projections and predictions' }),
  predHidden: integer({ default: 4096, min: 1, help: "predictor's hidden units" }),
  monitor: choice({ choices: ['none', 'linear', 'knn'], default: 'none', help: 'report the accuracy of a linear classifier trained beside the '
    + 'encoder, or of nearest neighbours after every epoch; neither touches the encoder, both need labels' }),
} as const;
type Options = Values<typeof options>;

/** Per-channel mean and standard deviation that images are normalised with after augmentation. */
const STATISTICS = {
  3: IMAGENET_STATISTICS,
  1: { mean: [0.5], std: [0.25] },
} as const;

const encoderSpec = (o: Options): EncoderSpec => ({
  name: o.encoder, width: o.width, norm: o.norm,
  ...(o.encoder.startsWith('resnet') && { stem: o.stem }),
  ...(o.norm === 'group' && { groups: o.groups }),
  ...(o.weightStandardization && { weightStandardization: true }),
});

/** BYOL's two views (section 3.3 of its paper's appendix), with the crops that the options ask for. */
const views = (o: Options): ViewAugmentation[] =>
  BYOL_VIEWS.map((view) => ({ ...view, crop: { scale: [o.cropScale, 1], ratio: [3 / 4, 4 / 3] } }));

function setup(set: ImageSet, o: Options, seed: number): Pretraining {
  const { images, labels, classes } = set;
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  const batches = new Batches(count, o.batch, seed);
  const steps = o.steps ?? Math.max(1, Math.round(o.epochs * batches.stepsPerEpoch));
  const size = o.size ?? Math.min(height, width);
  const encoder: ImageEncoder = { encoder: encoderSpec(o), input: { channels, size, ...STATISTICS[channels as 1 | 3] } };
  const classNumber = classes?.length ?? classCount(labels ?? []);
  if (o.monitor !== 'none' && !labels) {
    throw new UsageError(`--monitor ${o.monitor} needs labels, but the data set has none; leave it out or convert with labels`);
  }

  const augmentations = views(o);
  const dims = { batch: o.batch, channels, height, width, size };
  const program = stepProgram('byol', (root) => {
    const raw = input('images', [o.batch, channels, height, width]);
    const [lr, tau, apply] = [input('lr', []), input('tau', []), input('apply', [])];
    const [v1, v2] = augmentations.map((view, i) =>
      normalize(augment(raw, declarePlan(`view${i + 1}`, view, dims), view), encoder.input)) as [Tensor, Tensor];

    const head = { norm: o.headNorm, groups: o.groups, out: o.projOut };
    const represent = (s: Scope, view: Tensor) => encode(encoder.encoder, s.at('encoder'), view);
    const project = (s: Scope, y: Tensor) => mlpHead(s.at('projector'), y, { ...head, hidden: o.projHidden });
    const predict = (s: Scope, z: Tensor) => mlpHead(s.at('predictor'), z, { ...head, hidden: o.predHidden });

    // Grill et al. 2020, algorithm 1. The target runs in training mode on its own batch statistics.
    const online = root.at('online');
    const target = root.at('target').startingFrom(online);
    const [y1, y2] = [represent(online, v1), represent(online, v2)];
    const [z1, z2] = [project(online, y1), project(online, y2)];
    const [p1, p2] = [predict(online, z1), predict(online, z2)];
    const [t1, t2] = [project(target, represent(target, v1)), project(target, represent(target, v2))];
    const loss = byolLoss(p1, t2).add(byolLoss(p2, t1));

    const parameters = online.parameters;
    const gradients = grad(loss, parameters.map(({ tensor }) => tensor));
    const optimizer = root.at('optimizer');
    const update = (updates: readonly Update[]) => {
      optimize(optimizer, updates, o, lr);
      emaUpdate(target, online, tau);
    };
    const updates = parameters.map((p, i): Update => [p, gradients[i]!]);
    if (o.accumulate === 1) update(updates);
    else {
      accumulate(optimizer, updates, { every: o.accumulate, apply }, update,
        () => [...parameters, ...target.parameters, ...optimizer.variables]);
    }
    const monitor = o.monitor === 'linear' ? monitorLinear(root.at('monitor'), y1, classNumber) : {};
    return { loss, featureStd: featureStd(z1), ...monitor };
  });

  const updateCount = Math.ceil(steps / o.accumulate);
  const updatesPerEpoch = batches.stepsPerEpoch / o.accumulate;
  const warmup = Math.min(Math.round(o.warmupEpochs * updatesPerEpoch), Math.floor(updateCount / 5));
  const peak = (o.lr * o.batch * o.accumulate) / 256;
  return {
    program, steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: o.batch,
    feeds: (k) => {
      const indices = batches.indices(k);
      const update = Math.floor(k / o.accumulate);
      const plans = augmentations.map((view, i) =>
        planInputs(`view${i + 1}`, planView(view, dims, stream(seed, `augment view${i + 1}`, k))));
      return {
        images: gatherImages(images, indices),
        ...Object.assign({}, ...plans),
        lr: float32([], [warmupCosine(update, { peak, steps: updateCount, warmup })]),
        tau: float32([], [o.tauSchedule === 'cosine' ? cosineEmaDecay(update, updateCount, o.tau) : o.tau]),
        apply: float32([], [(k + 1) % o.accumulate === 0 ? 1 : 0]),
        ...(o.monitor === 'linear' && { labels: int32([o.batch], Int32Array.from(indices, (i) => labels![i]!)) }),
      };
    },
    model: (state) => ({ meta: { method: 'byol', ...encoder, ...(classes && { classes }) }, tensors: networks(state) }),
    ...(o.monitor === 'knn' && { monitor: (state, compute) => knnAccuracy(encoder, networks(state), set, compute) }),
    preview: async (compute) => {
      const shown = Math.min(count, PREVIEWED);
      const few = { ...dims, batch: shown };
      return Promise.all(augmentations.map((view, i) => augmentedImages(
        gatherImages(images, [...Array(shown).keys()]), view, few, stream(seed, `augment view${i + 1}`, 0), compute)));
    },
  };
}

function optimize(scope: Scope, updates: readonly Update[], o: Options, lr: Tensor): void {
  const { momentum, weightDecay } = o;
  switch (o.optimizer) {
    case 'lars': return lars(scope, updates, { lr, momentum, weightDecay });
    case 'sgd': return sgd(scope, updates, { lr, momentum, weightDecay });
    case 'adam': return adam(scope, updates, { lr, weightDecay });
    case 'adamw': return adamw(scope, updates, { lr, weightDecay });
    case 'lamb': return lamb(scope, updates, { lr, weightDecay });
  }
}

/** A linear classifier on representations that get no gradient from it; reports its accuracy on the batch. */
function monitorLinear(scope: Scope, y: Tensor, classes: number): Record<string, Tensor> {
  const labels = input('labels', [y.shape[0]!], 'int32');
  const scores = linear(scope, y.stopGradient(), classes);
  const { parameters } = scope;
  const gradients = grad(crossEntropy(scores, labels), parameters.map(({ tensor }) => tensor));
  adam(scope.at('optimizer'), parameters.map((p, i) => [p, gradients[i]!]), { lr: 1e-3 });
  return { monitorAccuracy: correct(scores, labels).mean() };
}

/** Images of each view in a preview. */
const PREVIEWED = 32;

/** The online networks under their own names, and the target's: `encoder.*`, `projector.*`, `predictor.*`, `target.*`. */
function networks(state: State): State {
  const kept = [...state].filter(([name]) => name.startsWith('online.') || name.startsWith('target.'));
  return new Map(kept.map(([name, value]) => [name.replace(/^online\./, ''), value]));
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
  choosePreset: ({ images }) => {
    const side = Math.min(images.shape[2]!, images.shape[3]!);
    return side <= 48 ? '32' : side <= 128 ? '96' : 'imagenet';
  },
  setup,
};
