import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import {
  areReal, areRows, EXAMPLE_KINDS, exampleSetOf, exampleStatistics, examplesWithoutTest, type Examples,
} from '../../core/data/examples.js';
import { SPLIT } from '../../core/data/images.js';
import { InputError, UsageError } from '../../core/errors.js';
import { rowsAt, toFloat32 } from '../../core/array.js';
import { asInput, readArtifact, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { train, type EmbedOptions, type ImageEncoder, type ImageInput } from '../../core/train/index.js';
import type { LinearAlgebra } from '../../core/stats/matrix.js';
import { encoderOf, encoderWeights } from '../features.js';
import { encoderSpec, imageOptions, STATISTICS } from '../pretrain/images.js';
import type { Run } from '../pretrain/method.js';
import { distilledOf, type Distilled } from './distilled.js';
import { dsa } from './dsa.js';
import { krrSt, type Watch } from './krr-st.js';
import { matching } from './matching.js';
import type { Source } from './source.js';
import { subset } from './subsets.js';

export const DISTILLATIONS = ['krr-st', 'dm', 'dsa', 'random', 'k-means', 'k-center', 'all'] as const;
export type Distillation = (typeof DISTILLATIONS)[number];

/** Where the targets come from. */
export const sourceOptions = {
  target: text({ placeholder: 'file', local: true, help: 'model whose encoder says what images are to be mapped to, such as one of byo pretrain barlow-twins' }),
  targets: text({ placeholder: 'file', local: true, help: 'its features of the whole data set, from byo embed, in place of --target; takes --augmentation none' }),
} as const;

/** Options of making a synthetic set; those of KRR-ST are those of its official code. */
export const distillOptions = {
  preset: choice({ choices: ['auto', 'tiny', '32', '64', 'imagenette', 'maps', 'rows'], default: 'auto', help: 'values for images of a size, real-valued maps or rows; auto goes by the data' }),
  size: integer({ default: 1000, min: 1, help: 'examples of the synthetic set' }),
  imagesPerClass: integer({ min: 1, help: 'the same as so many for each class of the data; the labels are not looked at otherwise' }),
  encoder: { ...imageOptions.encoder, default: 'distillnet3', help: 'network that is trained on the synthetic set while it is learnt' },
  width: { ...imageOptions.width, default: 128 },
  regnet: imageOptions.regnet, stem: imageOptions.stem, norm: imageOptions.norm, groups: imageOptions.groups,
  weightStandardization: imageOptions.weightStandardization,
  steps: integer({ default: 160_000, min: 1, help: 'outer steps' }),
  batch: integer({ default: 1024, min: 1, help: 'real examples a step; dm and dsa share them out among the classes' }),
  lr: number({ default: 1e-4, positive: true, help: 'learning rate of AdamW on images and targets' }),
  finalLr: number({ default: 1e-3, min: 0, max: 1, help: 'what is left of it at the end, as a share; it falls in a straight line' }),
  ridge: number({ default: 1e-6, min: 0, help: 'penalty of the ridge regression, as a share of the trace of its kernel' }),
  poolSize: integer({ default: 10, min: 1, help: 'networks that are trained along with the set, of which each step takes one' }),
  poolSteps: integer({ default: 1000, min: 1, help: 'steps after which one of them is replaced by a new one' }),
  poolReset: choice({ choices: ['counter', 'sticky'], default: 'counter', help: "count a new network's steps from 0, or never (as the published "
    + 'code does, which then takes a new one at every step)' }),
  poolLr: number({ default: 0.1, positive: true, help: 'learning rate of their SGD' }),
  poolMomentum: number({ default: 0.9, min: 0, max: 1, help: 'its momentum' }),
  poolWeightDecay: number({ default: 1e-3, min: 0, help: 'its weight decay' }),
  init: choice({ choices: ['real', 'noise'], default: 'real', help: 'what the synthetic images start as' }),
  learn: choice({ choices: ['both', 'images', 'targets'], default: 'both', help: 'what is learnt; the rest stays as it starts' }),
  normalizeSynthetic: flag({ help: 'show networks the synthetic images normalised, as real ones are; the published code does not; '
    + 'real-valued examples always are' }),
  augmentation: choice({ choices: ['shift-flip', 'shift', 'none'], default: 'shift-flip', help: 'what is done to real images: shifts, flips' }),
  shift: integer({ default: 4, min: 0, help: 'largest shift in pixels, black coming in (4 in the paper, for 32 and more pixels a side)' }),
  dmLr: number({ default: 1, positive: true, help: 'learning rate of --method dm, whose networks are new at every step' }),
  dsaLr: number({ default: 0.1, positive: true, help: 'learning rate of --method dsa on the images' }),
  dsaSteps: integer({ min: 1, help: 'its steps; --steps where left out (1000 networks in the paper)' }),
  dsaUpdates: integer({ min: 1, help: 'its steps with one network before a new one takes its place; as many as images per class, at most 50, where '
    + 'left out (1, 10 and 50 in the paper for 1, 10 and 50)' }),
  dsaEpochs: integer({ min: 0, help: 'passes over the synthetic set that the network is trained for between two of them; 1 with one image per class, '
    + 'otherwise 500 / images per class where left out (1, 50 and 10 in the paper for 1, 10 and 50)' }),
  dsaNetLr: number({ default: 0.01, positive: true, help: 'learning rate of the network' }),
} as const;
export type DistillOptions = Values<typeof distillOptions>;

export const distillPresets: Readonly<Record<string, Partial<DistillOptions>>> = {
  tiny: {
    encoder: 'distillnet2', width: 16, size: 50, batch: 256, steps: 1000, lr: 0.01, poolSize: 3, poolSteps: 100, normalizeSynthetic: true,
    shift: 0,
  },
  32: { encoder: 'distillnet3', width: 128, size: 1000, lr: 1e-4 },
  64: { encoder: 'distillnet4', width: 64, size: 2000, lr: 1e-5 },
  imagenette: { encoder: 'distillnet5', width: 32, size: 10, lr: 1e-5 },
  maps: {
    encoder: 'distillnet2', width: 16, size: 50, batch: 256, steps: 1000, lr: 0.01, poolSize: 3, poolSteps: 100, poolLr: 0.02,
    augmentation: 'none',
  },
  rows: {
    encoder: 'mlp', width: 128, size: 50, batch: 256, steps: 1000, lr: 0.01, poolSize: 3, poolSteps: 100, augmentation: 'none',
  },
};

/** The preset for examples of a kind and size. */
export const distillPreset = (examples: Examples): string => {
  if (areReal(examples)) return areRows(examples) ? 'rows' : 'maps';
  const side = Math.min(...examples.shape.slice(2));
  return side < 32 ? 'tiny' : side <= 48 ? '32' : side <= 128 ? '64' : 'imagenette';
};

/** Reads data and targets; throws UsageError where not one of --target and --targets is given, InputError as readers do. */
export async function readSource(
  path: string, o: Values<typeof sourceOptions>,
): Promise<{ source: Source; inputs: RecipeInput[]; classes: number | undefined }> {
  if ((o.target === undefined) === (o.targets === undefined)) {
    throw new UsageError('give --target MODEL, whose encoder the set is to teach, or --targets FEATURES of the data set');
  }
  const data = await readArtifact(path, { kind: EXAMPLE_KINDS });
  const whole = exampleSetOf(data, nameOf(path));
  const set = examplesWithoutTest(whole);
  const input = inputOf(set.examples);
  const inputs = [asInput('data', data, path)];
  const classes = set.labels && new Set(set.labels).size;
  if (o.target !== undefined) {
    const model = await readArtifact(o.target, { kind: 'model' });
    const encoder: ImageEncoder = encoderOf(model, nameOf(o.target));
    checkTeacher(encoder.input, input, nameOf(o.target), nameOf(path));
    const { mean, std } = encoder.input;
    const teacher = { encoder, weights: encoderWeights(model, false, nameOf(o.target)) };
    return { source: { set, input: { ...input, mean, std }, teacher }, inputs: [...inputs, asInput('target', model, o.target)], classes };
  }
  const features = await readArtifact(o.targets!, { kind: ['embeddings', 'tensors'] });
  const rows = features.tensors.get('features') ?? features.tensors.get('array');
  const count = whole.examples.shape[0]!;
  if (!rows || rows.shape.length !== 2 || rows.shape[0] !== count) {
    const found = rows ? `features are [${rows.shape}]` : 'there are no features';
    throw new InputError(`${nameOf(o.targets!)}: ${found}, but [${count}, d] is needed, a row for each example of ${nameOf(path)}; `
      + 'byo embed writes them');
  }
  const targets = toFloat32(rows);
  const wrong = targets.data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new InputError(`${nameOf(o.targets!)}: feature ${wrong % rows.shape[1]!} of row ${Math.floor(wrong / rows.shape[1]!)} is `
      + `${targets.data[wrong]}; values have to be finite`);
  }
  const kept = [...Array(count).keys()].filter((i) => whole.split?.[i] !== SPLIT.test);
  const source = { set, input, targets: rowsAt(targets, kept) };
  return { source, inputs: [...inputs, asInput('targets', features, o.targets!)], classes };
}

/** How networks take such examples: images normalised as ImageNet's are, real values by their own mean and deviation. */
function inputOf(examples: Examples): ImageInput {
  const [channels, ...sides] = examples.shape.slice(1) as [number, ...number[]];
  const size = Math.min(...sides, ...(sides.length ? [] : [1]));
  if (!areReal(examples)) return { channels, size, ...STATISTICS[channels as 1 | 3] };
  return { channels, size, shape: examples.shape.slice(1), ...exampleStatistics(examples) };
}

/** Throws InputError where a teacher takes other examples than those of the data. */
function checkTeacher(takes: ImageInput, given: ImageInput, model: string, data: string): void {
  const described = ({ shape, channels }: ImageInput): string =>
    (shape ? `real-valued examples [${shape}]` : `images of ${channels} channel${channels === 1 ? '' : 's'}`);
  if (described(takes) === described(given)) return;
  throw new InputError(`${model} takes ${described(takes)}, but ${data} has ${described(given)}; give features of the data with --targets`);
}

/** Options checked against the source, with the size that --images-per-class asks for. */
export function settled(o: DistillOptions, source: Source, classes: number | undefined) {
  const { examples } = source.set;
  if (areRows(examples) && o.augmentation !== 'none') throw new UsageError('rows are not shifted; give --augmentation none');
  if (areReal(examples) && o.augmentation === 'shift-flip') {
    throw new UsageError('real-valued maps have sides that mean something, so they are not flipped; give --augmentation shift or none');
  }
  if (source.targets && o.augmentation !== 'none') {
    throw new UsageError('--targets knows no features of shifted images; give --augmentation none, or the model itself with --target');
  }
  if (o.imagesPerClass !== undefined && classes === undefined) {
    throw new UsageError('--images-per-class counts the classes of the data, but the data set has no labels; give --size');
  }
  const size = o.imagesPerClass === undefined ? o.size : o.imagesPerClass * classes!;
  return { ...o, size, encoder: encoderSpec(o) };
}
export type Settled = ReturnType<typeof settled>;

type Compute = EmbedOptions & { readonly algebra: LinearAlgebra };

/** The run that learns a set, or the set itself where nothing is learnt. */
export async function distillation(
  method: Distillation, source: Source, o: Settled, seed: number, compute: Compute, watch?: Watch,
): Promise<{ run: Run } | { set: Distilled }> {
  if ((method === 'dm' || method === 'dsa') && !source.teacher) {
    throw new UsageError(`--method ${method} makes new examples, whose targets only the model itself can tell; give it with --target`);
  }
  switch (method) {
    case 'krr-st': return { run: await krrSt(source, o, seed, compute, watch) };
    case 'dm': return { run: matching(source, o, seed, compute) };
    case 'dsa': return { run: dsa(source, o, seed, compute) };
    default: return { set: await subset(method, source, o, seed, compute) };
  }
}

/** The set itself, whatever it takes; `onStep` is told of every step. */
export async function distilled(
  method: Distillation, source: Source, o: Settled, seed: number, compute: Compute, onStep: () => void,
): Promise<Distilled> {
  const made = await distillation(method, source, o, seed, compute);
  if ('set' in made) return made.set;
  const { state } = await train(made.run, { ...compute, seed, onStep });
  const { tensors, meta } = await made.run.model(state);
  return distilledOf({ kind: 'dataset', schema: 1, tensors, meta }, method);
}
