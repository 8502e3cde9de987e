import { choice, flag, integer, number, numbers, without, type Values } from '../../cli/options.js';
import { float32, type NdArray } from '../../core/array.js';
import { PLAIN } from '../../core/data/augment/index.js';
import type { TrainingImages } from '../../core/data/source.js';
import { UsageError } from '../../core/errors.js';
import { softmax, sub, type Tensor } from '../../core/graph/index.js';
import { klDivergence, meanSquaredError, softCrossEntropy, softmaxEntropy } from '../../core/losses/index.js';
import { dinoHead, init, initialState, type Scope, type StepProgram } from '../../core/nn/index.js';
import { cosineEmaDecay, emaUpdate, globalNorm, isWeight } from '../../core/optim/index.js';
import type { State } from '../../core/train/index.js';
import { imageOptions, pretrainImages, type ImageStep, type StepResult } from '../pretrain/images.js';
import type { PretrainMethod } from '../pretrain/method.js';
import { studyOptions } from './study-options.js';

const options = {
  ...without(imageOptions, ['headNorm']),
  preset: choice({ choices: ['paper', 'vgg', 'tiny'], default: 'paper', help: "the paper's ResNet-18, or its VGG-11 without normalisation; tiny: "
    + 'a ConvNet without normalisation and a head for two cores' }),
  optimizer: { ...imageOptions.optimizer, default: 'adamw' },
  lr: { ...imageOptions.lr, default: 1e-3 },
  weightDecay: { ...imageOptions.weightDecay, default: 0, help: 'weight decay, of weights only' },
  warmupEpochs: { ...imageOptions.warmupEpochs, default: 0 },
  lrEnd: number({ default: 1, min: 0, max: 1, help: 'learning rate at the end, as a share of its peak' }),
  alpha: number({ default: 1e-4, min: 0, max: 1, help: 'where the student starts: at its teacher (0) or anywhere (1); float32 knows nothing '
    + 'between 0 and 1e-7' }),
  alphaMode: choice({ choices: ['interpolated', 'neighborhood'], default: 'interpolated', help: 'start at (1 - alpha) teacher + alpha draw, or at '
    + 'teacher + alpha draw' }),
  delta: choice({ choices: ['all', 'weights', 'none'], default: 'all', help: 'what of the start is brought to the variance of a draw: all '
    + 'parameters, weights only (not the scales of normalisations), nothing' }),
  teacherSeed: integer({ min: 0, help: 'seed that the teacher is drawn from; --seed where left out' }),
  teacherMode: choice({ choices: ['eval', 'train'], default: 'eval', help: "the teacher's batch norm: its first statistics, mean 0 and variance 1, "
    + 'or those of the batch' }),
  teacherEma: number({ default: 0, min: 0, max: 1, help: 'decay with which the teacher follows the student, rising to 1; 0: the teacher is frozen' }),
  loss: choice({ choices: ['ce', 'mse'], default: 'ce', help: 'cross-entropy of the softmax outputs, or squared difference of the logits' }),
  teacherTemperature: number({ default: 1, positive: true, help: "temperature of the teacher's softmax" }),
  studentTemperature: number({ default: 1, positive: true, help: "temperature of the student's softmax" }),
  centering: choice({ choices: ['off', 'momentum'], default: 'off', help: "subtract a moving average of the teacher's logits from them" }),
  centerMomentum: number({ default: 0.9, min: 0, max: 1, help: 'decay of that average' }),
  head: numbers({ placeholder: 'units', default: [2048, 2048], help: 'hidden layers of the projector; 0 for none' }),
  bottleneck: integer({ default: 256, min: 1, help: 'units of the layer before the outputs, whose length is 1' }),
  outDim: integer({ default: 65_536, min: 2, help: 'outputs of the projector; more than --bottleneck' }),
  weightNorm: flag({ default: true, help: "let the last layer's rows have any length, as the paper's code does (by a mistake)" }),
  featureNorm: flag({ default: true, help: "leave the bottleneck's output as it is" }),
  inputs: choice({ choices: ['data', 'gaussian'], default: 'data', help: 'images, or noise of their shape that is new in every step (a control)' }),
  noiseStd: number({ default: 1, positive: true, guess: true, help: 'standard deviation of --inputs gaussian, where images have about 1' }),
  ...studyOptions,
} as const;
export type Options = Values<typeof options>;

function setup(images: TrainingImages, o: Options, seed: number) {
  if (!o.head.every((units) => Number.isInteger(units) && units >= 0)) {
    throw new UsageError(`--head takes whole numbers of units such as 2048,2048, or 0 for no hidden layer, but ${o.head.join(',')} was given`);
  }
  return pretrainImages(images, o, seed, {
    name: 'random-teacher',
    views: [{ augmentation: PLAIN }],
    schedules: { ...(o.teacherEma > 0 && { tau: (k, updates) => cosineEmaDecay(k, updates, o.teacherEma) }) },
    finalLr: o.lrEnd,
    decays: isWeight,
    initial: (program) => startingPoint(program, o, seed),
    warning: (metrics) => stuck(metrics, o),
    meta: {
      distillation: {
        alpha: o.alpha, alphaMode: o.alphaMode, delta: o.delta, teacherSeed: o.teacherSeed ?? seed, studentSeed: seed,
      },
    },
    step: (step) => distillationStep(step, o),
  });
}

/**
 * Sarnthein et al. 2023, section 3: the student learns the outputs of a network that was only drawn, on images as they are. With
 * the teacher in evaluation mode nothing of it ever changes, its statistics neither.
 */
function distillationStep({ root, views, scheduled, represent, learn }: ImageStep, o: Options): StepResult {
  const [view] = views as [Tensor];
  const x = o.inputs === 'gaussian' ? root.draw('noise', view.shape, 'normal').mul(o.noiseStd) : view;
  const [teacher, student] = [root.at('target'), root.at('online')];
  const { t, s, y } = outputsOf(root, x, represent, o);
  const loss = o.loss === 'ce' ? softCrossEntropy(s, softmax(t)) : meanSquaredError(s, t);
  const gradients = learn(loss, student.parameters, () => {
    if (o.teacherEma > 0) emaUpdate(teacher, student, scheduled.tau!);
  });
  return {
    report: {
      loss, kl: klDivergence(t, s), teacherEntropy: softmaxEntropy(t), gradientNorm: globalNorm(gradients),
      teacherDistance: distance(student, teacher),
    },
    representation: y,
  };
}

/** Logits [B, K] of teacher and student over their temperatures, and the student's features [B, D], of images x [B, C, H, W]. */
export function outputsOf(
  root: Scope, x: Tensor, represent: ImageStep['represent'], o: Options,
): { readonly t: Tensor; readonly s: Tensor; readonly y: Tensor } {
  const head = { ...o, hidden: o.head.filter((units) => units > 0), out: o.outDim };
  const [teacher, student] = [root.at('target'), root.at('online')];
  const watched = teacher.mode({ training: o.teacherMode === 'train' });
  const y = represent(student, x);
  const outputs = dinoHead(watched.at('head'), represent(watched, x), head).stopGradient();
  const t = centred(teacher, outputs, o).div(o.teacherTemperature);
  const s = dinoHead(student.at('head'), y, head).div(o.studentTemperature);
  return { t, s, y };
}

/** The teacher's logits [B, K] less their moving average over steps (Caron et al. 2021, section 3.1), where there is one. */
function centred(teacher: Scope, logits: Tensor, o: Options): Tensor {
  if (o.centering === 'off') return logits;
  const centre = teacher.buffer('center', [1, logits.shape[1]!], init.zeros);
  teacher.assign('center', centre.mul(o.centerMomentum).add(logits.mean(0, true).mul(1 - o.centerMomentum)));
  return sub(logits, centre);
}

/** ||student - teacher|| / ||teacher|| over all parameters. */
function distance(student: Scope, teacher: Scope): Tensor {
  const own = teacher.parameters.map(({ tensor }) => tensor);
  const differences = teacher.parameters.map((p) => sub(teacher.counterpart(p, student).tensor, p.tensor));
  return globalNorm(differences).div(globalNorm(own));
}

/** Equation 2: the teacher is drawn from its seed, and the student starts between it and a draw of its own. */
function startingPoint(program: StepProgram, o: Options, seed: number): State {
  const own = initialState(program, seed);
  const drawn = o.teacherSeed === undefined || o.teacherSeed === seed ? own : initialState(program, o.teacherSeed);
  return new Map([...program.variables.values()].map(({ name, trainable }) => {
    if (name.startsWith('target.')) return [name, drawn.get(name)!];
    const teacher = drawn.get(name.replace(/^online\./, 'target.'));
    return [name, trainable && teacher ? between(teacher, own.get(name)!, o) : own.get(name)!];
  }));
}

/** Between the teacher's and another draw of one parameter, scaled to their variance where `delta` says so. */
export function between(
  teacher: NdArray, draw: NdArray, { alpha, alphaMode, delta }: Pick<Options, 'alpha' | 'alphaMode' | 'delta'>,
): NdArray {
  const kept = alphaMode === 'interpolated' ? 1 - alpha : 1;
  const scaled = delta === 'all' || (delta === 'weights' && teacher.shape.length > 1);
  const scale = scaled ? 1 / Math.hypot(alpha, kept) : 1;
  const [t, d] = [teacher.data, draw.data] as [Float32Array, Float32Array];
  return float32(teacher.shape, t.map((value, i) => (kept * value + alpha * d[i]!) * scale));
}

/** Half a unit in the last place of float32: smaller parts of a number are lost when it is added to. */
const RESOLUTION = 2 ** -24;

/** Why a student may never leave its teacher. */
function stuck({ gradientNorm }: Readonly<Record<string, number>>, { alpha, teacherEma }: Options): string | undefined {
  const rounded = alpha > 0 && alpha < RESOLUTION;
  if (gradientNorm === 0) {
    return `the first gradient is exactly 0: ${rounded ? `--alpha ${alpha} is 0 in float32, and ` : ''}student and teacher give the same outputs, so `
      + `the student stays where it is; give --alpha 1e-4 or more${teacherEma > 0 ? '' : ', or --norm batch, which tells them apart'}`;
  }
  return rounded ? `--alpha ${alpha} is 0 for nearly all weights in float32, whose numbers have 24 bits; 1e-4 is as local in practice` : undefined;
}

export const randomTeacher: PretrainMethod<typeof options> = {
  name: 'random-teacher',
  summary: 'learn an image encoder from the outputs of a random network, without labels or augmentation',
  description: 'A student learns to copy the softmax outputs of a frozen network of its own architecture that nobody has trained, on the '
    + 'images as they are. Its features become better than its teacher\'s all the same, most of all where it starts near it (--alpha). The '
    + 'model file holds both: byo embed reads the student, byo embed --target the teacher. --study repeats the paper\'s experiments around '
    + 'it and writes a table and a picture instead of a model.',
  paper: 'F. Sarnthein et al., Random Teachers are Good Teachers, 2023, arXiv 2302.12091',
  examples: [
    ['byo distill random-teacher photos.st --preset tiny -o student.st', 'a small student, in minutes on two cores'],
    ['byo embed --model student.st --target photos.st | byo probe linear', 'what its teacher knows, to compare with byo embed without --target'],
    ['byo distill random-teacher photos.st --preset vgg --keep-every 1000 -o student.st', "the paper's VGG-11, with models to probe along the way"],
    ['byo distill random-teacher photos.st --preset tiny --inputs gaussian -o control.st', 'the control: noise instead of images'],
    ['byo distill random-teacher photos.st --preset tiny --study training --transfer other.st', 'student against teacher, step by step, also '
      + 'on another set'],
    ['byo distill random-teacher photos.st --preset tiny --study locality --plot locality.svg', 'features and KL against alpha'],
    ['byo distill random-teacher photos.st --study lottery --model student.st --plot lottery.svg', 'pruning with rewinding, from a student that is there'],
    ['byo distill random-teacher photos.st --study landscape --model student.st', 'barriers between students fine-tuned in different orders'],
    ['byo distill random-teacher photos.st --preset tiny --study plane --plot plane.png', 'KL and a probe on a plane around the teacher'],
  ],
  options,
  presets: {
    paper: { encoder: 'resnet18', stem: 'cifar', norm: 'batch' },
    vgg: { encoder: 'vgg11', norm: 'none' },
    tiny: {
      encoder: 'convnet4', width: 32, norm: 'none', head: [256, 256], bottleneck: 64, outDim: 1024, batch: 128, lr: 1e-3, epochs: 30,
    },
  },
  choosePreset: () => 'paper',
  setup,
};
