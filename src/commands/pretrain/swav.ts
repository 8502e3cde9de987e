import { integer, number, numbers, texts, choice, type Values } from '../../cli/options.js';
import { SWAV_VIEW } from '../../core/data/augment/index.js';
import type { TrainingImages } from '../../core/data/source.js';
import { UsageError } from '../../core/errors.js';
import { concat, l2Normalize, part, where, type Tensor } from '../../core/graph/index.js';
import { featureStd, swavLoss, usageEntropy, type QueueScores } from '../../core/losses/index.js';
import { assign, init, linear, mlp, type Scope } from '../../core/nn/index.js';
import { parseCrops, type CropKind } from './crops.js';
import { imageOptions, presetBySize, pretrainImages, type ImageStep, type StepResult } from './images.js';
import type { PretrainMethod } from './method.js';

const options = {
  ...imageOptions,
  preset: choice({
    choices: [...imageOptions.preset.choices, 'seer'], default: 'auto', help: 'values for images of a size (auto goes by the data), or those of SEER',
  }),
  optimizer: { ...imageOptions.optimizer, default: 'larc' },
  lr: { ...imageOptions.lr, default: 0.3 },
  size: { ...imageOptions.size, help: "side of the images that the encoder is meant for, and that a stream's are brought to; that of the largest crops where left out" },
  lrEnd: number({ default: 0.001, min: 0, max: 1, help: 'learning rate at the end, as a share of its peak' }),
  crops: texts({ placeholder: 'number x side', default: ['2x160', '4x96'], guess: true, help: 'crops of every image; those of the first size have codes, which all others predict' }),
  cropScales: texts({ placeholder: 'from:to', default: ['0.14:1', '0.05:0.14'], help: "share of the image's area that the crops of each size keep" }),
  head: numbers({ placeholder: 'units', default: [2048, 128], help: 'layers between encoder and prototypes; the last is the dimension of the prototypes' }),
  prototypes: integer({ default: 3000, min: 2, help: 'number of prototypes' }),
  freezePrototypes: integer({ default: 313, min: 0, help: 'updates for which the prototypes stay where they are' }),
  temperature: number({ default: 0.1, positive: true, help: 'temperature of the predicted codes' }),
  epsilon: number({ default: 0.05, positive: true, help: 'temperature of the assignment; the smaller, the harder the codes' }),
  sinkhornIters: integer({ default: 3, min: 0, help: 'rounds that spread a batch evenly over the prototypes; without any the codes collapse' }),
  queue: integer({ default: 0, min: 0, help: 'past images that take part in the assignment of a batch, for batches much smaller than the prototypes are many' }),
  queueStart: integer({ default: 0, min: 0, help: 'updates before the queue takes part' }),
} as const;
type Options = Values<typeof options>;

function setup(images: TrainingImages, o: Options, seed: number) {
  const crops = parseCrops(o.crops, o.cropScales);
  if (!o.head.every((units) => Number.isInteger(units) && units > 0)) {
    throw new UsageError(`--head takes whole numbers of units from 1, such as 2048,128, but ${o.head.join(',')} was given`);
  }
  if (o.queue > 0 && o.queue < o.batch) {
    throw new UsageError(`--queue ${o.queue} does not hold a batch of ${o.batch} images; give a longer one, or 0 for none`);
  }
  return pretrainImages(images, { ...o, size: o.size ?? Math.max(...crops.map(({ size }) => size)) }, seed, {
    name: 'swav',
    views: crops.flatMap(({ count, size, scale }) => {
      const augmentation = { ...SWAV_VIEW, crop: { ...SWAV_VIEW.crop!, scale } };
      return Array.from({ length: count }, () => ({ augmentation, size }));
    }),
    schedules: {
      prototypesMove: (update) => Number(update >= o.freezePrototypes),
      ...(o.queue > 0 && { queueJoins: (update) => Number(update >= o.queueStart) }),
    },
    finalLr: o.lrEnd,
    step: (step) => swavStep(step, crops, o),
  });
}

/** Caron et al. 2020, algorithm 1 with multi-crop: the codes of the crops of the first size are predicted from all others. */
function swavStep({ root, views, scheduled, represent, learn }: ImageStep, crops: readonly CropKind[], o: Options): StepResult {
  const online = root.at('online');
  // Crops of one size go through the encoder together, so they share their batch statistics; rows are in order of the crops.
  const features = crops.map(({ count }, kind) => {
    const first = crops.slice(0, kind).reduce((total, before) => total + before.count, 0);
    return represent(online, concat(views.slice(first, first + count)));
  });
  if (features.some(({ shape }) => shape[1] !== features[0]!.shape[1])) {
    throw new UsageError(`--encoder ${o.encoder} keeps its maps, so crops of several sizes have features of several lengths; take one that `
      + 'pools, such as a resnet or a convnet, or crops of one size');
  }
  const y = concat(features);
  const z = l2Normalize(mlp(online.at('projector'), y, { sizes: o.head, norm: o.headNorm, groups: o.groups }));
  const score = (rows: Tensor) => linear(online.at('prototypes'), rows, o.prototypes, { bias: false, init: init.unitRows });
  const scores = score(z);

  const assigned = crops[0]!.count;
  const crop = (v: number) => part(z, 0, v * o.batch, (v + 1) * o.batch);
  const queues = o.queue === 0 ? undefined : Array.from({ length: assigned }, (_, v): QueueScores => {
    const past = enqueue(root.at('queue'), String(v), crop(v), o.queue);
    return { scores: score(past), joins: scheduled.queueJoins! };
  });
  const loss = swavLoss(scores, {
    crops: views.length, assigned, temperature: o.temperature, epsilon: o.epsilon, iterations: o.sinkhornIters, queues,
  });
  learn(loss, online.parameters, () => movePrototypes(root, scheduled.prototypesMove!));
  const codes = part(scores, 0, 0, assigned * o.batch);
  return {
    report: { loss, usageEntropy: usageEntropy(codes), featureStd: featureStd(crop(0)) }, representation: part(y, 0, 0, o.batch),
  };
}

/** The embeddings [length, D] of steps before this one, the latest first; those of this step [B, D] join them after it. */
function enqueue(scope: Scope, name: string, z: Tensor, length: number): Tensor {
  const width = z.shape[1]!;
  const past = scope.buffer(name, [length, width], init.uniform(Math.sqrt(3 / width)));
  scope.assign(name, part(concat([z.stopGradient(), past]), 0, 0, length));
  return past.stopGradient();
}

/** Prototypes are vectors of length 1 after every update. As long as they are frozen, neither they nor their moments change. */
function movePrototypes(root: Scope, moves: Tensor): void {
  for (const variable of root.variables.filter(({ name, next }) => next && name.endsWith('online.prototypes.weight'))) {
    const moved = variable.trainable ? l2Normalize(variable.next!) : variable.next!;
    assign(variable, where(moves, moved, variable.tensor));
  }
}

export const swav: PretrainMethod<typeof options> = {
  name: 'swav',
  summary: 'learn an image encoder without labels, by clustering that is consistent over crops (SwAV, SEER)',
  description: 'Several crops of every image, large and small, go through an encoder and a projector. Every large crop is assigned to '
    + 'learned prototypes, so that a batch is spread evenly over them (Sinkhorn-Knopp); all other crops of the image learn to predict '
    + 'this code. The result is a model file. With --preset seer, a RegNetY and --stream it is SEER.',
  paper: 'M. Caron et al., Unsupervised Learning of Visual Features by Contrasting Cluster Assignments, 2020, arXiv 2006.09882; '
    + 'P. Goyal et al., Self-supervised Pretraining of Visual Features in the Wild, 2021, arXiv 2103.01988',
  examples: [
    ['byo pretrain swav photos.st --epochs 100 -o encoder.st', 'train on a data set made by byo convert'],
    ['byo pretrain swav photos.st --encoder regnety --regnet 400mf --crops 2x64,4x32 -o encoder.st', 'a RegNetY, with crops of two sizes'],
    ['byo pretrain swav --stream "shards-{000..123}.tar" --size 224 --preset seer --regnet 8gf --batch 64 --steps 100000 --remat -o seer.st',
      'one pass over an unbounded set'],
  ],
  options,
  presets: {
    tiny: {
      encoder: 'convnet4', width: 32, crops: ['2x32', '2x16'], head: [256, 64], prototypes: 60, freezePrototypes: 50, batch: 128,
      epochs: 20, optimizer: 'sgd', lr: 1, weightDecay: 1e-4, warmupEpochs: 1,
    },
    32: {
      encoder: 'resnet18', stem: 'cifar', crops: ['2x32', '4x16'], head: [1024, 128], prototypes: 300, batch: 256, epochs: 200,
      optimizer: 'sgd', lr: 0.06, weightDecay: 5e-4, warmupEpochs: 10,
    },
    96: {
      encoder: 'resnet18', stem: 'stl', crops: ['2x96', '4x48'], head: [1024, 128], prototypes: 500, batch: 256, epochs: 100,
      optimizer: 'sgd', lr: 0.06, weightDecay: 4e-4, warmupEpochs: 10,
    },
    imagenet: {
      encoder: 'resnet50', stem: 'imagenet', crops: ['2x224', '6x96'], head: [2048, 128], prototypes: 3000, batch: 4096, epochs: 800,
      optimizer: 'larc', lr: 0.3, weightDecay: 1e-6, warmupEpochs: 10,
    },
    seer: {
      encoder: 'regnety', regnet: '256gf', stem: 'imagenet', crops: ['2x160', '4x96'], head: [8192, 8192, 256], headNorm: 'none',
      prototypes: 16_000, sinkhornIters: 10, batch: 8192, steps: 122_000, optimizer: 'larc', lr: 0.3, weightDecay: 1e-5, warmupSteps: 8000,
    },
  },
  choosePreset: presetBySize,
  setup,
};
