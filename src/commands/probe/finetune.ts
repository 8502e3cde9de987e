import { choice, flag, integer, numbers, type Values } from '../../cli/options.js';
import { float32 } from '../../core/array.js';
import { PLAIN, type ViewAugmentation } from '../../core/data/augment/index.js';
import { EXAMPLE_KINDS, exampleSetOf, type Examples } from '../../core/data/examples.js';
import { imagesAt } from '../../core/data/images.js';
import type { CompileOptions } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type Artifact, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { initialState } from '../../core/nn/index.js';
import { adam, warmupCosine } from '../../core/optim/index.js';
import { predict } from '../../core/stats/logistic.js';
import type { LinearAlgebra } from '../../core/stats/matrix.js';
import { accuracy } from '../../core/stats/metrics.js';
import { classScores, supervisedJob, train, type ImageEncoder, type State } from '../../core/train/index.js';
import { encoderOf, encoderWeights } from '../features.js';
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
export type TuneSettings = Pick<Options, 'untrained' | 'lrs' | 'steps' | 'batch' | 'flips'> & {
  /** The option that gives `lrs`, for messages; --lrs where left out. */
  readonly ratesOption?: string;
};

/** A model, and the images or other examples that it is fine-tuned and tested on. */
export interface Tunable {
  readonly encoder: ImageEncoder;
  readonly weights: State;
  readonly images: Examples;
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
  const data = await readArtifact(source, { kind: EXAMPLE_KINDS });
  return {
    encoder: encoderOf(model, nameOf(path)), weights: encoderWeights(model, false, nameOf(path)),
    ...numberedImages(data, nameOf(source), [asInput('model', model, path), asInput('data', data, source)]),
  };
}

/** The images of a data set, and the table in which each one's number is its only feature. */
export function numberedImages(data: Artifact, source: string, inputs: readonly RecipeInput[]): Pick<Tunable, 'images' | 'table'> {
  const { examples: images } = exampleSetOf(data, source);
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
  const classify = async (state: State, { x }: Labelled): Promise<Int32Array> =>
    predict(await classScores(tunable.encoder, state, imagesAt(tunable.images, Array.from(x.data)), compute));
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

interface TuneOptions extends TuneSettings { readonly classes: number; readonly seed: number; readonly lr: number }

/** Trains encoder and classifier on labelled images; the final weights. */
async function tune(
  { encoder, weights, images }: Tunable, { x: { data: numbers }, labels }: Labelled, { classes, seed, lr, ...o }: TuneOptions,
  compute: CompileOptions,
): Promise<State> {
  const job = supervisedJob(encoder, { images, rows: numbers, labels, classes }, {
    view: viewOf(o.flips), batch: o.batch, steps: o.steps, seed,
    lr: (step) => warmupCosine(step, { peak: lr, steps: o.steps }),
    optimize: (scope, updates, rate) => adam(scope, updates, { lr: rate }),
  });
  const start = new Map([...initialState(job.program, seed), ...(o.untrained ? [] : weights)]);
  const remedy = `try smaller ${o.ratesOption ?? '--lrs'}`;
  const { state } = await train({ ...job, remedy }, { seed, ...compute, resume: { state: start, step: 0 } });
  return state;
}

/** The whole image (the square in its middle), flipped. */
function viewOf(flips: Options['flips']): ViewAugmentation {
  const half = (asked: boolean): number => (asked ? 0.5 : 0);
  const [once, all] = [half(flips !== 'none'), half(flips === 'all')];
  return { ...PLAIN, flip: once, flipVertical: all, transpose: all };
}
