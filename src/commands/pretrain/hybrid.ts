import { choice, integer, number, numbers, type Values } from '../../cli/options.js';
import { float32, type NdArray } from '../../core/array.js';
import { GALAXY_VIEWS } from '../../core/data/augment/index.js';
import type { Question, Votes } from '../../core/data/questions.js';
import { wholeSet, type TrainingImages } from '../../core/data/source.js';
import { InputError, UsageError } from '../../core/errors.js';
import { abs, constant, div, gt, input, maximum, stopGradient, where, type Tensor } from '../../core/graph/index.js';
import {
  byolLoss, dirichletMultinomialLoss, featureStd, negativeCosine, votesCrossEntropy,
} from '../../core/losses/index.js';
import { concentrationHead, mlpHead, type Scope } from '../../core/nn/index.js';
import { cosineEmaDecay, emaUpdate } from '../../core/optim/index.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';

const options = {
  ...imageOptions,
  augmentation: choice({ choices: ['gz2', 'zoobot'], default: 'gz2', guess: true, help: 'views: with changes of colour, or turned, flipped and '
    + 'cropped only' }),
  cropScale: number({ default: 0.5, min: 0.01, max: 1, guess: true, help: 'smallest share of the area that a crop keeps' }),
  tau: number({ default: 0.99, min: 0, max: 1, guess: true, help: 'decay of the target at the start' }),
  tauSchedule: choice({ choices: ['cosine', 'constant'], default: 'constant', help: "course of the target's decay; cosine: it rises to 1" }),
  projHidden: integer({ default: 1024, min: 1, guess: true, help: "projector's hidden units" }),
  projOut: integer({ default: 256, min: 1, guess: true, help: 'dimension of projections and predictions' }),
  predHidden: integer({ default: 1024, min: 1, guess: true, help: "predictor's hidden units" }),
  byolLoss: choice({ choices: ['neg-cos', '2-2cos'], default: 'neg-cos', help: 'contrastive loss, -cos or 2 - 2 cos: its size scales the votes' }),
  supWeight: number({ default: 1, min: 0, guess: true, help: 'weight of the votes; 0: images only, above 100000: votes only' }),
  supNormalise: choice({ choices: ['ratio', 'none'], default: 'ratio', help: "bring the votes' loss to the size of the contrastive one first" }),
  supLoss: choice({ choices: ['dirichlet', 'ce'], default: 'dirichlet', help: 'loss of the votes: Dirichlet-multinomial, or cross-entropy' }),
  concRange: numbers({ placeholder: 'low,high', default: [1, 101], help: 'range of the concentrations that are predicted for the answers' }),
  headDropout: number({ default: 0.2, min: 0, max: 0.99, help: 'dropout of the representation before the concentrations' }),
} as const;
type Options = Values<typeof options>;

/** From this weight on only the votes are learnt from. */
const VOTES_ONLY = 1e5;

function setup(data: TrainingImages, o: Options, seed: number) {
  const { crop, ...view } = GALAXY_VIEWS[o.augmentation];
  const augmentation = { ...view, crop: { ...crop!, scale: [o.cropScale, 1] as const } };
  const contrasts = o.supWeight <= VOTES_ONLY;
  const votes = o.supWeight > 0 ? votesOf(data) : undefined;
  const concentrations = rangeOf(o);
  const tau = (k: number, updates: number) => (o.tauSchedule === 'cosine' ? cosineEmaDecay(k, updates, o.tau) : o.tau);
  return pretrainImages(data, o, seed, {
    name: 'hybrid',
    views: contrasts ? [{ augmentation }, { augmentation }] : [{ augmentation }],
    ...(contrasts && { schedules: { tau } }),
    ...(votes && {
      meta: { votes: { questions: votes.questions, concentrations, dropout: o.headDropout } },
      feeds: (examples: Int32Array) => ({ votes: votesAt(votes, examples) }),
    }),
    step: (step) => hybridStep(step, o, votes?.questions),
  });
}

/**
 * Walmsley et al. 2022: L = L_C + w c L_S, c = |L_C| / L_S. The paper's code moves the target before each step, here it moves
 * after each: a step sees the same target, and only the one that is stored is a move ahead.
 */
function hybridStep(step: ImageStep, o: Options, questions: readonly Question[] | undefined): StepResult {
  const { root, views, scheduled, represent, learn } = step;
  const online = root.at('online');
  const target = root.at('target').startingFrom(online);
  const y = represent(online, views[0]!);
  const contrast = views[1] && contrastiveLoss(step, y, online, target, o);
  const supervised = questions && supervisedLoss(online, y, questions, o);

  const { loss, weight } = combined(contrast?.loss, supervised, o);
  learn(loss, online.parameters, contrast && (() => emaUpdate(target, online, scheduled.tau!)));
  return {
    report: {
      loss, ...(contrast && { contrastiveLoss: contrast.loss }),
      ...(supervised && { supervisedLoss: supervised, ...(weight && { effectiveWeight: weight }) }),
      featureStd: featureStd(contrast?.projection ?? y),
    },
    representation: y,
  };
}

/** BYOL's loss of both directions, halved. The target runs in training mode on its own batch statistics. */
function contrastiveLoss({ views, represent }: ImageStep, y1: Tensor, online: Scope, target: Scope, o: Options) {
  const [v1, v2] = views as [Tensor, Tensor];
  const head = { norm: o.headNorm, groups: o.groups, out: o.projOut };
  const project = (s: Scope, y: Tensor) => mlpHead(s.at('projector'), y, { ...head, hidden: o.projHidden });
  const predict = (z: Tensor) => mlpHead(online.at('predictor'), z, { ...head, hidden: o.predHidden });
  const criterion = (p: Tensor, z: Tensor) => (o.byolLoss === 'neg-cos' ? negativeCosine(p, stopGradient(z)) : byolLoss(p, z));
  const [z1, z2] = [project(online, y1), project(online, represent(online, v2))];
  const [t1, t2] = [project(target, represent(target, v1)), project(target, represent(target, v2))];
  return { loss: criterion(predict(z1), t2).add(criterion(predict(z2), t1)).mul(0.5), projection: z1 };
}

/**
 * R sum(loss) / (n_lab n_answers) with R = n_batch / n_lab and n_lab the images with any vote; 0 in a batch without votes. The
 * representation y [B, D] is that of the first view only.
 */
function supervisedLoss(online: Scope, y: Tensor, questions: readonly Question[], o: Options): Tensor {
  const [batch, answers] = [y.shape[0]!, questions.at(-1)!.end + 1];
  const votes = input('votes', [batch, answers]);
  const [low, high] = rangeOf(o);
  const concentrations = concentrationHead(online.at('head'), y, { answers, low, high, dropout: o.headDropout });
  const loss = o.supLoss === 'dirichlet' ? dirichletMultinomialLoss : votesCrossEntropy;
  const labelled = maximum(gt(votes.sum(1), 0).sum(), 1);
  return div(loss(concentrations, votes, questions).sum().mul(batch / answers), labelled.square());
}

interface Combined { readonly loss: Tensor; readonly weight?: Tensor }

/** Both losses together, and the weight w c that the votes' one really has. */
function combined(contrastive: Tensor | undefined, supervised: Tensor | undefined, o: Options): Combined {
  if (!contrastive || !supervised) return { loss: (contrastive ?? supervised)! };
  const size = stopGradient(supervised);
  const ratio = where(gt(size, 1e-8), div(abs(stopGradient(contrastive)), maximum(size, 1e-8)), 0);
  const weight = o.supNormalise === 'ratio' ? ratio.mul(o.supWeight) : constant(o.supWeight);
  return { loss: contrastive.add(supervised.mul(weight)), weight };
}

/** Votes of the examples of a batch, float32 [B, answers]. */
function votesAt({ counts }: Votes, examples: Int32Array): NdArray {
  const answers = counts.shape[1]!;
  const rows = new Float32Array(examples.length * answers);
  examples.forEach((example, i) => rows.set(counts.data.subarray(example * answers, (example + 1) * answers), i * answers));
  return float32([examples.length, answers], rows);
}

/** The votes of a data set; throws where it has none at all. */
function votesOf(data: TrainingImages): Votes {
  const { votes } = wholeSet(data, 'byo pretrain hybrid learns from votes');
  if (!votes) {
    throw new InputError('byo pretrain hybrid learns from votes, which the data set has none of; byo convert --votes adds them, '
      + 'and --sup-weight 0 learns from the images alone');
  }
  if (votes.counts.data.every((n) => n === 0)) throw new InputError('nobody voted on any image to learn from; --sup-weight 0 learns from the images alone');
  return votes;
}

function rangeOf({ concRange }: Options): readonly [low: number, high: number] {
  const [low, high, ...more] = concRange;
  if (low === undefined || high === undefined || more.length > 0 || !(low > 0 && low < high)) {
    throw new UsageError(`--conc-range takes two ascending numbers above 0, such as 1,101, but '${concRange}' was given`);
  }
  return [low, high];
}

export const hybrid: PretrainMethod<typeof options> = {
  name: 'hybrid',
  summary: "learn an image encoder from images and from volunteers' votes on some of them (hybrid BYOL)",
  description: 'BYOL on all images, and beside it a head that predicts from one view how volunteers voted: for every question '
    + 'a Dirichlet distribution over its answers, whose likelihood of the votes is the loss. A question that nobody was asked '
    + 'about an image says nothing, so data sets with different questions, and images without any votes, go together. The log '
    + 'has both losses; of their sum it is enough to know that the second is scaled to the size of the first. The model file holds '
    + 'the encoder and the head.',
  paper: 'M. Walmsley et al., Towards Galaxy Foundation Models with Hybrid Contrastive Learning, 2022, arXiv 2206.11927',
  examples: [
    ['byo synth galaxies | byo pretrain hybrid --preset tiny -o encoder.st', 'on drawn galaxies with simulated votes'],
    ['byo convert galaxies/ --votes votes.csv --questions questions.json | byo pretrain hybrid -o encoder.st', 'on photographs'],
    ['byo probe fewshot --model encoder.st galaxies.st --counts 50,200 --classifier logistic', 'what few labels then do'],
    ['byo pretrain hybrid galaxies.st --sup-weight 0 -o byol.st', 'without the votes, to compare with'],
  ],
  options,
  presets: {
    tiny: {
      encoder: 'convnet4', width: 32, projHidden: 256, projOut: 64, predHidden: 256, batch: 128, epochs: 20,
      optimizer: 'adam', lr: 2e-3, weightDecay: 0, warmupEpochs: 1, tau: 0.97,
    },
    32: {
      encoder: 'resnet18', stem: 'cifar', batch: 256, epochs: 200, optimizer: 'adam', lr: 1e-3, weightDecay: 0, warmupEpochs: 5,
    },
    96: {
      encoder: 'resnet18', stem: 'stl', batch: 256, epochs: 100, optimizer: 'adam', lr: 1e-3, weightDecay: 0, warmupEpochs: 5,
    },
    imagenet: {
      encoder: 'efficientnet_b0', stem: 'imagenet', size: 224, batch: 512, epochs: 100, optimizer: 'adam', lr: 1e-3, weightDecay: 0,
      warmupEpochs: 5,
    },
  },
  choosePreset: presetBySize,
  setup,
};
