import { choice, flag, integer, numbers, type Values } from '../../cli/options.js';
import { float32, int32, type NdArray } from '../../core/array.js';
import { augment, declarePlan, normalize, planInputs, planView, WEAK, type ViewAugmentation } from '../../core/data/augment/index.js';
import { Batches, gatherImages } from '../../core/data/batches.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { imagesAt } from '../../core/data/images.js';
import type { CompileOptions } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type Artifact, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { grad, input } from '../../core/graph/index.js';
import { crossEntropy } from '../../core/losses/index.js';
import { encode, init, initialState, linear, stepProgram } from '../../core/nn/index.js';
import { adam, warmupCosine } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import { applyLinear } from '../../core/stats/linear.js';
import { predict } from '../../core/stats/logistic.js';
import { matrix, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { accuracy } from '../../core/stats/metrics.js';
import { embedImages, train, type ImageEncoder, type State } from '../../core/train/index.js';
import { encoderOf, encoderWeights } from '../embed.js';
import { tableOf, type Labelled, type Table } from './data.js';

/** Options of fine-tuning, where the encoder is trained together with a classifier. */
export const finetuneOptions = {
  finetune: flag({ help: 'train the encoder of --model too, with a linear classifier, on the images of a data set' }),
  untrained: flag({ help: 'with --finetune: from random weights, which is direct training (a baseline)' }),
  lrs: numbers({ placeholder: 'lr', default: [3e-4, 1e-3, 3e-3], help: 'learning rates of Adam, of which each draw takes the best on validation' }),
  steps: integer({ default: 200, min: 1, help: 'steps of fine-tuning, along half a cosine' }),
  batch: integer({ default: 32, min: 2, help: 'images a step, at most the labelled ones' }),
  flips: choice({ choices: ['none', 'horizontal', 'all'], default: 'horizontal', help: 'augmentation of fine-tuning; all: to the eight sides of a square' }),
} as const;
type Options = Values<typeof finetuneOptions>;

/** What fine-tuning needs of them. */
export type TuneSettings = Pick<Options, 'untrained' | 'lrs' | 'steps' | 'batch' | 'flips'>;

/** A model, and the images that it is fine-tuned and tested on. */
export interface Tunable {
  readonly encoder: ImageEncoder;
  readonly weights: State;
  readonly images: NdArray<Uint8Array>;
  /** A table of the images whose only feature is each one's number: a `Labelled` of its rows says which images they are. */
  readonly table: Table;
}

/** Reads what is fine-tuned; throws UsageError where no model is given, InputError as the readers do. */
export async function readTunable(
  source: string, { model: path, test }: { readonly model: string | undefined; readonly test: string | undefined },
): Promise<Tunable> {
  if (path === undefined) throw new UsageError('--finetune trains an encoder; name the model with --model, and give a data set of images');
  if (test !== undefined) throw new UsageError('--finetune tests on the test part of the data set; leave --test out');
  const model = await readArtifact(path, { kind: 'model' });
  const data = await readArtifact(source, { kind: 'dataset' });
  return {
    encoder: encoderOf(model, nameOf(path)), weights: encoderWeights(model, false, nameOf(path)),
    ...numberedImages(data, nameOf(source), [asInput('model', model, path), asInput('data', data, source)]),
  };
}

/** The images of a data set, and the table in which each one's number is its only feature. */
export function numberedImages(data: Artifact, source: string, inputs: readonly RecipeInput[]): Pick<Tunable, 'images' | 'table'> {
  const { images } = imageSetOf(data, source);
  const rows = images.shape[0]!;
  const numbered = float32([rows, 1], Float32Array.from({ length: rows }, (_, i) => i));
  return { images, table: tableOf({ ...data, tensors: new Map([...data.tensors, ['features', numbered]]) }, source, inputs) };
}

export interface Tuned {
  /** Predicted classes of the test images. */
  readonly predicted: Int32Array;
  /** The learning rate that was chosen, and the accuracy on the validation images that each one reached. */
  readonly lr: number;
  readonly validation: readonly number[];
  /** Dimension of the representation. */
  readonly features: number;
}

/**
 * Fine-tunes the encoder with a linear classifier on a few labelled images, once for each learning rate, and predicts the test
 * images with the one that is best on the validation images. `seed` draws first weights, batches and flips.
 */
export async function fineTune(
  tunable: Tunable, { support, validation, test }: Readonly<Record<'support' | 'validation' | 'test', Labelled>>,
  o: TuneSettings & { readonly classes: number; readonly seed: number },
  compute: CompileOptions & { readonly algebra: LinearAlgebra },
): Promise<Tuned> {
  const classify = async (state: State, { x }: Labelled): Promise<Int32Array> => {
    const features = await embedImages(tunable.encoder, state, imagesAt(tunable.images, Array.from(x.data)), compute);
    const [weight, bias] = [state.get('head.weight')!, state.get('head.bias')!];
    const head = { weights: matrixOf(weight), bias: Float64Array.from(bias.data as Float32Array) };
    return predict(applyLinear(head, matrixOf(features), compute.algebra));
  };
  const reached: number[] = [];
  let best: { state: State; lr: number } | undefined;
  for (const lr of o.lrs) {
    const state = await tune(tunable, support, { ...o, lr }, compute);
    const share = accuracy(validation.labels, await classify(state, validation));
    if (share > Math.max(-1, ...reached)) best = { state, lr };
    reached.push(share);
  }
  const { state, lr } = best!;
  return { predicted: await classify(state, test), lr, validation: reached, features: state.get('head.weight')!.shape[1]! };
}

const matrixOf = ({ shape, data }: NdArray): Matrix => matrix(shape[0]!, shape[1]!, data as Float32Array);

interface TuneOptions extends TuneSettings { readonly classes: number; readonly seed: number; readonly lr: number }

/** Trains encoder and classifier on labelled images; the final weights. */
async function tune(
  { encoder, weights, images }: Tunable, { x: { data: numbers }, labels }: Labelled, { classes, seed, lr, ...o }: TuneOptions,
  compute: CompileOptions,
): Promise<State> {
  const batches = new Batches(labels.length, Math.min(o.batch, labels.length), seed);
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const dims = { batch: batches.batch, channels, height, width, size: encoder.input.size };
  const view = viewOf(o.flips);
  const program = stepProgram('finetune', (root) => {
    const raw = input('images', [dims.batch, channels, height, width]);
    const x = normalize(augment(raw, declarePlan('view', view, dims), view), encoder.input);
    const y = encode(encoder.encoder, root.at('encoder'), x);
    const scores = linear(root.at('head'), y, classes, { init: init.zeros, biasInit: init.zeros });
    const loss = crossEntropy(scores, input('labels', [dims.batch], 'int32'));
    const { parameters } = root;
    const gradients = grad(loss, parameters.map(({ tensor }) => tensor));
    adam(root.at('optimizer'), parameters.map((parameter, i) => [parameter, gradients[i]!]), { lr: input('lr', []) });
    return { loss };
  });
  const start = new Map([...initialState(program, seed), ...(o.untrained ? [] : weights)]);
  const { state } = await train({
    program, steps: o.steps,
    feeds: (step) => {
      const chosen = batches.indices(step);
      return {
        images: gatherImages(images, Array.from(chosen, (i) => numbers[i]!)),
        labels: int32([dims.batch], Int32Array.from(chosen, (i) => labels[i]!)),
        ...planInputs('view', planView(view, dims, stream(seed, 'augment finetune', step))),
        lr: float32([], [warmupCosine(step, { peak: lr, steps: o.steps })]),
      };
    },
  }, { seed, ...compute, resume: { state: start, step: 0 } });
  return state;
}

/** The whole image (the square in its middle), flipped. */
function viewOf(flips: Options['flips']): ViewAugmentation {
  const half = (asked: boolean): number => (asked ? 0.5 : 0);
  const [once, all] = [half(flips !== 'none'), half(flips === 'all')];
  return { ...WEAK, crop: undefined, flip: once, flipVertical: all, transpose: all };
}
