import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import { float32, int32, type NdArray } from '../../core/array.js';
import {
  augment, declarePlan, IMAGENET_STATISTICS, normalize, planInputs, planView, type ViewAugmentation,
} from '../../core/data/augment/index.js';
import { augmentedImages } from '../../core/data/augment/preview.js';
import { batchesOf, isStream, type TrainingImages } from '../../core/data/source.js';
import { UsageError } from '../../core/errors.js';
import { correct, input, type Operand, type Tensor } from '../../core/graph/index.js';
import { crossEntropy } from '../../core/losses/index.js';
import {
  encode, ENCODERS, HEAD_NORMS, linear, NORMS, parseRegNet, STEMS, stepProgram,
  type EncoderSpec, type Scope, type StepProgram, type Variable,
} from '../../core/nn/index.js';
import { accumulate, adam, adamw, lamb, larc, lars, sgd, updatesOf, warmupCosine, type Update } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import { classCount } from '../../core/stats/labels.js';
import { knnAccuracy, type ImageEncoder, type State } from '../../core/train/index.js';
import { streamOptions } from './data.js';
import { networks } from '../training.js';
import type { Pretraining } from './method.js';

/** Options of every method that pretrains on images; a method's own come after them. */
export const imageOptions = {
  preset: choice({ choices: ['auto', 'tiny', '32', '96', 'imagenet'], default: 'auto', help: 'values for images of a size; auto goes by the data' }),
  encoder: choice({ choices: ENCODERS, default: 'resnet18', help: 'network whose pooled output is the representation' }),
  width: integer({ default: 64, min: 1, help: "channels of the encoder's first stage" }),
  regnet: text({ placeholder: 'shape', default: 'toy', help: 'shape of --encoder regnety: toy, 400mf to 256gf, or w0:wa:wm:depth:group' }),
  stem: choice({ choices: STEMS, default: 'cifar', help: "a ResNet's first layers: imagenet 7x7/2 + pool, cifar 3x3, "
    + "stl 3x3 + pool; a RegNetY's or EfficientNet's: cifar 3x3, otherwise 3x3/2" }),
  norm: choice({ choices: NORMS, default: 'batch', help: 'normalisation of the encoder' }),
  headNorm: choice({ choices: HEAD_NORMS, default: 'batch', help: 'normalisation of projector and predictor' }),
  groups: integer({ default: 16, min: 1, guess: true, help: 'groups of --norm group' }),
  weightStandardization: flag({ help: "standardise the encoder's filters" }),
  remat: flag({ local: true, help: 'keep no values within the blocks of the encoder: compute them again for the backward pass' }),
  size: integer({ min: 4, help: 'side of the augmented views in pixels; that of the images where left out' }),
  epochs: number({ default: 100, positive: true, help: 'passes over the data' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 256, min: 2, help: 'images a step' }),
  accumulate: integer({ default: 1, min: 1, help: 'steps whose gradients are averaged before one update' }),
  optimizer: choice({ choices: ['lars', 'larc', 'sgd', 'adam', 'adamw', 'lamb'], default: 'lars', help: 'optimiser' }),
  lr: number({ default: 0.45, positive: true, help: 'learning rate for a batch of 256; it is scaled by batch / 256' }),
  weightDecay: number({ default: 1e-6, min: 0, help: 'weight decay; lars and lamb leave out biases and normalisations' }),
  momentum: number({ default: 0.9, min: 0, max: 1, help: 'momentum of lars, larc and sgd' }),
  warmupEpochs: number({ default: 10, min: 0, help: 'epochs of linear warm-up, at most a fifth of the run' }),
  warmupSteps: integer({ min: 0, help: 'steps of linear warm-up instead; where left out, a tenth of a run on a stream' }),
  monitor: choice({ choices: ['none', 'linear', 'knn'], default: 'none', help: 'report the accuracy of a linear classifier trained beside the '
    + 'encoder, or of nearest neighbours after every epoch; neither touches the encoder, both need labels' }),
  ...streamOptions,
} as const;
/** Their values; methods have presets of their own. */
export type ImageOptions = Omit<Values<typeof imageOptions>, 'preset' | 'headNorm'>;

/** The preset for images of a size. */
export function presetBySize([, height, width]: readonly number[]): '32' | '96' | 'imagenet' {
  const side = Math.min(height!, width!);
  return side <= 48 ? '32' : side <= 128 ? '96' : 'imagenet';
}

/** What a method says of itself; `pretrainImages` does the rest. */
export interface ImageMethod {
  readonly name: string;
  /** The views of every image that a step sees; `size` is --size where left out. */
  readonly views: readonly { readonly augmentation: ViewAugmentation; readonly size?: number }[];
  /**
   * Scalars besides the learning rate that change with the updates: from an update's number, the number of updates, and the
   * epochs done before it (undefined on a stream, which has none).
   */
  readonly schedules?: Readonly<Record<string, (update: number, updates: number, epochs?: number) => number>>;
  /** The learning rate at the end, as a share of its peak; 0 where left out. */
  readonly finalLr?: number;
  /** Parameters whose learning rate is the peak throughout; none where left out. */
  readonly constantLr?: (parameter: Variable) => boolean;
  /** Parameters that --weight-decay decays where the optimiser leaves that open; all of them where left out. */
  readonly decays?: (parameter: Variable) => boolean;
  /** First values of the state where they are not simply drawn. */
  readonly initial?: (program: StepProgram) => State;
  /** As of `Pretraining`. */
  readonly warning?: Pretraining['warning'];
  /** Factor of a parameter's learning rate; 1 where left out. */
  readonly lrFactor?: (parameter: Variable) => number;
  /** What the method settles about the encoder besides the options. */
  readonly encoder?: Partial<EncoderSpec>;
  /** What the model file says of the method besides its name. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** What a step needs of its examples besides their images, by the names of the inputs that the step declares. */
  readonly feeds?: (examples: Int32Array) => Record<string, NdArray>;
  /** Describes one step, from views to updates. */
  step(step: ImageStep): StepResult;
}

/** What a method's step is given. */
export interface ImageStep {
  readonly root: Scope;
  /** Augmented and normalised views, float32 [B, C, size, size]. */
  readonly views: readonly Tensor[];
  /** The values of the method's schedules at this step, by name. */
  readonly scheduled: Readonly<Record<string, Tensor>>;
  /** The encoder below `scope`: [B, C, size, size] -> [B, D]. */
  represent(scope: Scope, view: Tensor): Tensor;
  /**
   * Updates `parameters` against the gradient of `loss`, which it returns; `afterwards` assigns what follows the new weights (a
   * target).
   */
  learn(loss: Tensor, parameters: readonly Variable[], afterwards?: () => void): readonly Tensor[];
}

/** What a step reports (scalars by name), and the representation [B, D] that `--monitor linear` classifies. */
export interface StepResult {
  readonly report: Record<string, Tensor>;
  readonly representation: Tensor;
}

/** Per-channel mean and standard deviation that images are normalised with after augmentation. */
export const STATISTICS = {
  3: IMAGENET_STATISTICS,
  1: { mean: [0.5], std: [0.25] },
} as const;

export const encoderSpec = (
  o: Pick<ImageOptions, 'encoder' | 'width' | 'norm' | 'stem' | 'regnet' | 'groups' | 'weightStandardization'>,
): EncoderSpec => ({
  name: o.encoder, width: o.width, norm: o.norm,
  ...(o.encoder.startsWith('resnet') && { stem: o.stem }),
  ...(o.encoder === 'efficientnet_b0' && { stem: o.stem }),
  ...(o.encoder === 'regnety' && { stem: o.stem, regnet: parseRegNet(o.regnet) }),
  ...(o.norm === 'group' && { groups: o.groups }),
  ...(o.weightStandardization && { weightStandardization: true }),
});

/**
 * Sets a method up on images: batches, augmentation on the device, optimiser with warm-up and cosine, accumulation,
 * monitors, model file. Throws InputError where a batch is larger than the set, UsageError where a monitor lacks labels or a
 * stream its number of steps.
 */
export function pretrainImages(data: TrainingImages, o: ImageOptions, seed: number, method: ImageMethod): Pretraining {
  const set = isStream(data) ? undefined : data;
  const { labels, classes } = set ?? {};
  const source = batchesOf(data, o.batch, seed);
  const { shape: [channels, height, width], stepsPerEpoch } = source;
  const steps = o.steps ?? (stepsPerEpoch && Math.max(1, Math.round(o.epochs * stepsPerEpoch)));
  if (!steps) throw new UsageError('a stream of images has no epochs; say with --steps how long to train');
  const size = o.size ?? Math.min(height, width);
  const encoder: ImageEncoder = {
    encoder: { ...encoderSpec(o), ...method.encoder }, input: { channels, size, ...STATISTICS[channels as 1 | 3] },
  };
  if (o.monitor !== 'none' && !labels) {
    const lacks = set ? 'the data set has none; leave it out or convert with labels' : 'a stream has none; leave it out';
    throw new UsageError(`--monitor ${o.monitor} needs labels, but ${lacks}`);
  }

  const views = method.views.map(({ augmentation, ...view }, i) => ({
    name: `view${i + 1}`, augmentation, dims: { batch: o.batch, channels, height, width, size: view.size ?? size },
  }));
  const schedules = Object.entries(method.schedules ?? {});
  const peak = (o.lr * o.batch * o.accumulate) / 256;
  const program = stepProgram(method.name, (root) => {
    const raw = input('images', [o.batch, channels, height, width]);
    const [lr, apply] = [input('lr', []), input('apply', [])];
    const { report, representation } = method.step({
      root,
      views: views.map(({ name, augmentation, dims }) =>
        normalize(augment(raw, declarePlan(name, augmentation, dims), augmentation), encoder.input)),
      scheduled: Object.fromEntries(schedules.map(([name]) => [name, input(name, [])])),
      represent: (scope, view) => encode({ ...encoder.encoder, remat: o.remat }, scope.at('encoder'), view),
      learn: (loss, parameters, afterwards) =>
        learn(root, loss, parameters, o, { lr, peak, ...method, apply, afterwards }),
    });
    const classNumber = classes?.length ?? classCount(labels ?? []);
    const monitor = o.monitor === 'linear' ? monitorLinear(root.at('monitor'), representation, classNumber) : {};
    return { ...report, ...monitor };
  });

  const updates = Math.ceil(steps / o.accumulate);
  const warmup = warmupUpdates(o, updates, stepsPerEpoch);
  const final = peak * (method.finalLr ?? 0);
  const randomOf = (view: string, step: number) => stream(seed, `augment ${view}`, step);
  return {
    program, steps, stepsPerEpoch, examplesPerStep: o.batch, ...(isStream(data) && { stream: data }),
    ...(method.initial && { initial: () => method.initial!(program) }), warning: method.warning,
    feeds: async (k) => {
      const batch = await source.batch(k);
      if (!batch) return undefined;
      const { images, examples } = batch;
      const update = Math.floor(k / o.accumulate);
      const epochs = stepsPerEpoch && (update * o.accumulate) / stepsPerEpoch;
      const plans = views.map(({ name, augmentation, dims }) =>
        planInputs(name, planView(augmentation, dims, randomOf(name, k))));
      return {
        images,
        ...Object.assign({}, ...plans),
        ...(examples && method.feeds?.(examples)),
        lr: float32([], [warmupCosine(update, { peak, steps: updates, warmup, final })]),
        ...Object.fromEntries(schedules.map(([name, at]) => [name, float32([], [at(update, updates, epochs)])])),
        apply: float32([], [(k + 1) % o.accumulate === 0 ? 1 : 0]),
        ...(o.monitor === 'linear' && { labels: int32([o.batch], Int32Array.from(examples!, (i) => labels![i]!)) }),
      };
    },
    model: (state) => ({
      meta: { method: method.name, ...method.meta, ...encoder, ...(classes && { classes }) }, tensors: networks(state),
    }),
    ...(o.monitor === 'knn' && set && { monitor: (state, compute) => knnAccuracy(encoder, networks(state), set, compute) }),
    preview: async (compute) => {
      const first = await source.first(PREVIEWED);
      const batch = first.shape[0]!;
      return Promise.all(views.map(({ name, augmentation, dims }) =>
        augmentedImages(first, augmentation, { ...dims, batch }, randomOf(name, 0), compute)));
    },
  };
}

function warmupUpdates(o: ImageOptions, updates: number, stepsPerEpoch: number | undefined): number {
  if (o.warmupSteps !== undefined) return Math.round(o.warmupSteps / o.accumulate);
  if (stepsPerEpoch === undefined) return Math.floor(updates / 10);
  return Math.min(Math.round((o.warmupEpochs * stepsPerEpoch) / o.accumulate), Math.floor(updates / 5));
}

/** Images of each view in a preview. */
const PREVIEWED = 32;

interface Learning {
  readonly lr: Tensor;
  /** Learning rate of the parameters that `constantLr` picks. */
  readonly peak: number;
  readonly constantLr?: ImageMethod['constantLr'];
  readonly decays?: ImageMethod['decays'];
  readonly lrFactor?: ImageMethod['lrFactor'];
  /** 1 on steps that update, 0 on those that only accumulate. */
  readonly apply: Tensor;
  readonly afterwards?: () => void;
}

function learn(
  root: Scope, loss: Tensor, parameters: readonly Variable[], o: ImageOptions,
  { lr, peak, constantLr = () => false, lrFactor = () => 1, decays, apply, afterwards }: Learning,
): readonly Tensor[] {
  const updates = updatesOf(loss, parameters);
  const optimizer = root.at('optimizer');
  const update = (updates: readonly Update[]) => {
    const scheduled = updates.filter(([parameter]) => !constantLr(parameter));
    for (const factor of new Set(scheduled.map(([parameter]) => lrFactor(parameter)))) {
      const group = scheduled.filter(([parameter]) => lrFactor(parameter) === factor);
      optimize(factor === 1 ? optimizer : optimizer.at('scaled'), group, o, { lr: factor === 1 ? lr : lr.mul(factor), decays });
    }
    const constant = updates.filter(([parameter]) => constantLr(parameter));
    if (constant.length > 0) optimize(optimizer.at('constant'), constant, o, { lr: peak, decays });
    afterwards?.();
  };
  if (o.accumulate === 1) {
    update(updates);
  } else {
    // Running statistics move on every step; only what the update assigns waits for the last of the accumulated ones.
    const moved = new Set(root.variables.filter(({ next }) => next));
    accumulate(optimizer, updates, { every: o.accumulate, apply }, update, () => root.variables.filter((v) => !moved.has(v)));
  }
  return updates.map(([, gradient]) => gradient);
}

function optimize(
  scope: Scope, updates: readonly Update[], { optimizer, momentum, weightDecay }: ImageOptions,
  { lr, decays }: { readonly lr: Operand; readonly decays?: ImageMethod['decays'] },
): void {
  const settings = { lr, weightDecay, ...(decays && { decays }) };
  switch (optimizer) {
    case 'lars': return lars(scope, updates, { ...settings, momentum });
    case 'larc': return larc(scope, updates, { ...settings, momentum });
    case 'sgd': return sgd(scope, updates, { ...settings, momentum });
    case 'adam': return adam(scope, updates, settings);
    case 'adamw': return adamw(scope, updates, settings);
    case 'lamb': return lamb(scope, updates, settings);
  }
}

/** A linear classifier on representations that get no gradient from it; reports its accuracy on the batch. */
function monitorLinear(scope: Scope, y: Tensor, classes: number): Record<string, Tensor> {
  const labels = input('labels', [y.shape[0]!], 'int32');
  const scores = linear(scope, y.stopGradient(), classes);
  adam(scope.at('optimizer'), updatesOf(crossEntropy(scores, labels), scope.parameters), { lr: 1e-3 });
  return { monitorAccuracy: correct(scores, labels).mean() };
}
