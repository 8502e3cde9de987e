import { float32, int32, rowsAt, type NdArray } from '../array.js';
import { Batches } from '../data/batches.js';
import { tableFeatures, type EncodedTable, type TableInput } from '../data/table/encoding.js';
import { compile, type CompileOptions, type Executable } from '../engine/index.js';
import { constant, input, logSumExp, pick, square, type Tensor } from '../graph/index.js';
import {
  encodeTokens, initialState, perTokenLinear, stepProgram, tableHead, tableTokens,
  type Scope, type StepProgram, type TableHeadInput, type TableHeadSpec, type Variable,
} from '../nn/index.js';
import { adamw, updatesOf } from '../optim/index.js';
import { fitStandardizer, matrix, standardize, type Matrix } from '../stats/matrix.js';
import { embeddingRows, tableFeeds, tableInputs, type TableEncoder } from './table.js';
import { train, type Feeds, type State } from './train.js';

/** What a head sees of rows: what it is given and fed, and what it makes of that. */
export interface HeadSource {
  /** Numbers of one row as features, for reports. */
  readonly features: number;
  /** Declares the inputs for `batch` rows; layers that come before the head are below `encoder`. */
  declare(root: Scope, batch: number): TableHeadInput;
  feeds(rows: ArrayLike<number>): Feeds;
  /** First values of the layers before the head. */
  readonly weights?: State;
}

/** Columns as they are: numbers and ones among zeros as features, or tokens by a tokenizer of the head's own. */
export function columnSource(takes: TableInput, rows: EncodedTable): HeadSource {
  const features = tableFeatures(takes, rows);
  return {
    features: features.shape[1]!,
    declare: (_, batch) => ({
      get features() { return input('features', [batch, features.shape[1]!]); },
      tokens: (scope, width) =>
        tableTokens(scope, tableInputs(takes, batch), { width, reg: 0, categories: embeddingRows(takes) }),
    }),
    feeds: (chosen) => ({ features: rowsAt(features, chosen), ...tableFeeds(rows, chosen) }),
  };
}

/** Latents [N, T, h] of a frozen encoder, standardised by those of the rows to train on: side by side, or token by token. */
export function latentSource(latents: NdArray<Float32Array>, trainRows: ArrayLike<number>): HeadSource {
  const [, tokens, width] = latents.shape as [number, number, number];
  const { mean, std } = standardizerOf(latents, trainRows);
  const flat = matrix(latents.shape[0]!, tokens * width, latents.data);
  const scaled = float32(latents.shape, standardize(flat, { mean, std }).data as Float32Array);
  return {
    features: tokens * width,
    declare: (_, batch) => tokenInput(input('latents', [batch, tokens, width])),
    feeds: (chosen) => ({ latents: rowsAt(scaled, chosen) }),
  };
}

/**
 * Latents of an encoder that is trained with the head, from `weights` on; `latents` are those that it makes with them, by which
 * its latents are standardised all along.
 */
export function encoderSource(
  { encoder, input: takes }: TableEncoder, weights: State, rows: EncodedTable,
  latents: NdArray<Float32Array>, trainRows: ArrayLike<number>,
): HeadSource {
  const [, tokens, width] = latents.shape as [number, number, number];
  const { mean, std } = standardizerOf(latents, trainRows);
  const perToken = (values: Float64Array): Tensor => constant(float32([tokens, width], Float32Array.from(values)));
  return {
    features: tokens * width, weights,
    declare: (root, batch) => {
      const found = encodeTokens(root.at('encoder'), tableInputs(takes, batch), encoder, embeddingRows(takes));
      return tokenInput(found.sub(perToken(mean)).mul(perToken(std.map((value) => 1 / value))));
    },
    feeds: (chosen) => tableFeeds(rows, chosen),
  };
}

const standardizerOf = (latents: NdArray<Float32Array>, rows: ArrayLike<number>) => {
  const { shape, data } = rowsAt(latents, rows);
  return fitStandardizer(matrix(shape[0]!, shape[1]! * shape[2]!, data));
};

const tokenInput = (latents: Tensor): TableHeadInput => ({
  features: latents.reshape([latents.shape[0]!, -1]), tokens: (scope, width) => perTokenLinear(scope, latents, width),
});

/** What is predicted of rows: classes, or numbers. */
export interface HeadTask {
  /** Predictions of a row. */
  readonly out: number;
  /** Losses [B] of predictions [B, out], by the input that `feeds` gives. */
  losses(predictions: Tensor): Tensor;
  feeds(rows: ArrayLike<number>): Feeds;
}

/** Classes from 0: softmax cross-entropy. */
export const classTask = (labels: Int32Array, classes: number): HeadTask => ({
  out: classes,
  losses: (scores) => {
    const truth = input('labels', [scores.shape[0]!], 'int32');
    return logSumExp(scores).sub(pick(scores, truth));
  },
  feeds: (rows) => ({ labels: rowsAt(int32([labels.length], labels), rows) }),
});

/** One number, which should have mean 0 and deviation 1: squared error. */
export const numberTask = (values: Float32Array): HeadTask => ({
  out: 1,
  losses: (predicted) => square(predicted.reshape([-1]).sub(input('values', [predicted.shape[0]!]))),
  feeds: (rows) => ({ values: rowsAt(float32([values.length], values), rows) }),
});

export interface HeadTraining extends CompileOptions {
  readonly lr: number;
  /** Learning rate of layers before the head. */
  readonly encoderLr: number;
  readonly weightDecay: number;
  /** Rows a step, at most those to train on. */
  readonly batch: number;
  readonly epochs: number;
  /** Epochs without a smaller validation loss, after which training ends. */
  readonly patience: number;
  readonly seed: number;
  readonly onEpoch?: (epoch: number, validationLoss: number | undefined) => void;
}

export interface TrainedHead {
  /** Predictions [rows, out], in evaluation mode. */
  predict(rows: ArrayLike<number>): Promise<Matrix>;
  /** Epochs after which the validation loss was smallest, or all where there were no rows to validate. */
  readonly epochs: number;
  readonly validationLoss: number | undefined;
  dispose(): void;
}

export interface HeadRows {
  readonly train: ArrayLike<number>;
  readonly validation?: ArrayLike<number>;
}

/**
 * Trains a head by AdamW at a constant rate (Gorishniy et al. 2021) on some rows, and keeps the weights of the epoch with the
 * smallest loss on others; without those, the last. Biases, normalisations and tokenizers do not decay.
 */
export async function trainTableHead(
  source: HeadSource, task: HeadTask, spec: TableHeadSpec, rows: HeadRows, o: HeadTraining,
): Promise<TrainedHead> {
  const batches = new Batches(rows.train.length, Math.min(o.batch, rows.train.length), o.seed);
  const program = stepProgram('table head', (root) => {
    const predictions = tableHead(root.at('head'), source.declare(root, batches.batch), spec, task.out);
    const loss = task.losses(predictions).mean();
    const [encoder, head] = [root.at('encoder'), root.at('head')].map((scope) => updatesOf(loss, scope.parameters));
    const settings = { weightDecay: o.weightDecay, decays };
    if (encoder!.length > 0) adamw(root.at('optimizer.encoder'), encoder!, { ...settings, lr: o.encoderLr });
    adamw(root.at('optimizer.head'), head!, { ...settings, lr: o.lr });
    return { loss };
  });
  const scorer = rowScorer(source, task, spec, o);
  const kept = (state: State): State => new Map([...state].filter(([name]) => !name.startsWith('optimizer.')));
  let best: { state: State; epochs: number; loss: number } | undefined;
  let epoch = 0;
  try {
    const { state } = await train({
      program, steps: o.epochs * batches.stepsPerEpoch,
      feeds: (step) => {
        const chosen = Int32Array.from(batches.indices(step), (i) => rows.train[i]!);
        return { ...source.feeds(chosen), ...task.feeds(chosen) };
      },
    }, {
      seed: o.seed, device: o.device, threads: o.threads,
      resume: { state: startOf(program, source, o.seed), step: 0 },
      onStep: async ({ done, state: current }) => {
        if (done % batches.stepsPerEpoch) return;
        epoch = done / batches.stepsPerEpoch;
        if (!rows.validation) return o.onEpoch?.(epoch, undefined);
        const now = kept(current());
        const loss = await scorer.loss(now, rows.validation);
        if (!best || loss < best.loss) best = { state: now, epochs: epoch, loss };
        o.onEpoch?.(epoch, loss);
      },
      shouldStop: () => best !== undefined && epoch - best.epochs >= o.patience,
    });
    const weights = best?.state ?? kept(state);
    return {
      epochs: best?.epochs ?? epoch, validationLoss: best?.loss,
      predict: (chosen) => scorer.predict(weights, chosen), dispose: () => scorer.dispose(),
    };
  } catch (error) {
    scorer.dispose();
    throw error;
  }
}

const startOf = (program: StepProgram, { weights }: HeadSource, seed: number): State =>
  new Map([...initialState(program, seed), ...(weights ?? [])]);

const decays = ({ name, tensor }: Variable): boolean =>
  tensor.rank > 1 && !name.endsWith('bias') && !name.includes('tokenizer.') && !name.endsWith('.cls');

/** Rows that are predicted at a time. */
const BLOCK = 512;

/** Predictions of any number of rows, and their mean loss, with weights that are given each time. */
function rowScorer(source: HeadSource, task: HeadTask, spec: TableHeadSpec, compute: CompileOptions) {
  let executable: Executable | undefined;
  let used: State | undefined;
  const open = (weights: State): Executable => {
    executable ??= compile(stepProgram('table head', (root) => {
      const predictions = tableHead(root.at('head'), source.declare(root, BLOCK), spec, task.out);
      return { predictions, losses: task.losses(predictions) };
    }, { training: false }), compute);
    if (used !== weights) executable.setState(weights);
    used = weights;
    return executable;
  };
  async function* blocks(weights: State, rows: ArrayLike<number>): AsyncGenerator<{ count: number; outputs: Feeds }> {
    for (let start = 0; start < rows.length; start += BLOCK) {
      // The last block is filled up with its first row; what comes of those is not read.
      const chosen = Int32Array.from({ length: BLOCK }, (_, i) => rows[start + i < rows.length ? start + i : start]!);
      const outputs = await open(weights).run({ ...source.feeds(chosen), ...task.feeds(chosen) });
      yield { count: Math.min(BLOCK, rows.length - start), outputs };
    }
  }
  return {
    predict: async (weights: State, rows: ArrayLike<number>): Promise<Matrix> => {
      const found = new Float32Array(rows.length * task.out);
      let at = 0;
      for await (const { count, outputs } of blocks(weights, rows)) {
        found.set((outputs.predictions!.data as Float32Array).subarray(0, count * task.out), at);
        at += count * task.out;
      }
      return matrix(rows.length, task.out, found);
    },
    loss: async (weights: State, rows: ArrayLike<number>): Promise<number> => {
      let total = 0;
      for await (const { count, outputs } of blocks(weights, rows)) {
        for (let i = 0; i < count; i++) total += outputs.losses!.data[i] as number;
      }
      return total / rows.length;
    },
    dispose: () => executable?.dispose(),
  };
}
