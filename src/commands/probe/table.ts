import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, numbers, text, without, type Values } from '../../cli/options.js';
import { float32 } from '../../core/array.js';
import { encodeTable, fitTable, SCALES } from '../../core/data/table/encoding.js';
import { rowCount, tableRows, tableSetOf, type TableSet, type Target } from '../../core/data/table/set.js';
import { parseDevice, type CompileOptions } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { TABLE_HEADS, type TableHeadSpec } from '../../core/nn/index.js';
import { matrix, type Matrix } from '../../core/stats/matrix.js';
import { meanR2 } from '../../core/stats/metrics.js';
import {
  classTask, columnSource, embedTable, encoderSource, latentSource, numberTask, trainTableHead, untrainedTableWeights,
  type HeadRows, type HeadSource, type HeadTask, type State, type TableEncoder, type TrainedHead,
} from '../../core/train/index.js';
import { encoderWeights, tableEncoderOf } from '../features.js';
import { classifyTable, type Classifier } from './classify.js';
import { accuracyIntervalOptions, featureOptions, splitOptions } from './common.js';
import { tableOf, type Table } from './data.js';
import { describeNumbers, predictTable, type Predictor } from './predict.js';

const options = {
  head: choice({ choices: TABLE_HEADS, default: 'mlp', help: 'network that predicts' }),
  width: integer({ default: 64, min: 1, help: "units of the head's layers, or of its tokens" }),
  layers: integer({ default: 2, min: 1, help: "the head's layers (paper, MLP on jannis: 13)" }),
  heads: integer({ default: 4, min: 1, help: 'heads of attention of autoint and ft-transformer; they divide --width' }),
  dropout: number({ default: 0.1, min: 0, max: 0.9, guess: true, help: "the head's dropout (paper, MLP on jannis: 0.49)" }),
  lrs: numbers({ placeholder: 'lr', default: [1e-3], help: 'learning rates of AdamW; the best on the validation part is kept (paper, MLP on jannis: 7.3e-4)' }),
  weightDecay: number({ default: 1e-5, min: 0, guess: true, help: 'weight decay of matrices' }),
  batch: integer({ default: 256, min: 1, help: 'rows a step, at most the number of rows to train on' }),
  epochs: integer({ default: 100, min: 1, help: 'epochs at most (paper: 200)' }),
  patience: integer({ default: 16, min: 1, help: 'epochs without a smaller loss on the validation part, after which training ends (paper: 16)' }),
  scale: choice({ choices: SCALES, default: 'standard', help: 'without --model: numbers with mean 0 and deviation 1, as normal scores of their ranks, or '
    + 'as they are' }),
  finetune: flag({ help: 'train the encoder of --model together with the head' }),
  untrained: flag({ help: "random weights of the encoder of --model, drawn by --seed, instead of its own (a baseline)" }),
  encoderLr: number({ positive: true, guess: true, help: "learning rate of the encoder with --finetune; a tenth of the head's where left out" }),
  ...featureOptions, ...without(splitOptions, ['test', 'unit']), ...without(accuracyIntervalOptions, ['interval']),
  interval: choice({ choices: ['wilson', 'cheap', 'percentile', 'bca'], help: 'wilson (classes), percentile and bca resample test rows; cheap refits on '
    + 'resampled training rows too; wilson for classes and percentile for numbers where left out' }),
  calibration: flag({ local: true, help: 'of classes: calibration of the probabilities, as ECE, Brier score, reliability by bins' }),
  predictions: text({ placeholder: 'file', local: true, help: 'of classes: write scores, predictions and hits of the test rows' }),
  ...jsonOption,
} as const;
type Options = Values<typeof options>;

export const table = defineCommand({
  name: 'probe table',
  summary: 'a network that predicts the target of a table, from its columns or from latents of them',
  description: 'Trains an MLP, ResNet, DCN V2, AutoInt, FT-Transformer or linear layer on the columns of a table or, with --model, on the latents of '
    + 'all tokens of its encoder, frozen or trained too. Training ends where the validation loss has stopped falling; the weights of its '
    + 'smallest value are tested once. Classes are scored by accuracy, numbers by R2. The networks are those of Gorishniy et al. 2021 '
    + '(arXiv 2106.11959) and Wang et al. 2021 (arXiv 2008.13535).',
  examples: [
    ['byo probe table table.st --head resnet', 'a ResNet on the columns'],
    ['byo probe table table.st --head resnet --model encoder.st', 'the same on latents of T-JEPA'],
    ['byo probe table table.st --head ft-transformer --model encoder.st --finetune', 'with the encoder trained too'],
    ['byo probe table table.st --lrs 3e-4,1e-3,3e-3 --json', 'a choice of learning rates; all numbers as JSON'],
  ],
  arguments: [{ name: 'data', optional: true, help: 'data set of a table with a target; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    const stray = o.finetune ? '--finetune' : o.untrained ? '--untrained' : undefined;
    if (stray && o.model === undefined) throw new UsageError(`${stray} is about an encoder; name its model with --model`);
    if (o.width % o.heads && ['autoint', 'ft-transformer'].includes(o.head)) {
      throw new UsageError(`--width ${o.width} does not divide into --heads ${o.heads}; change one of them`);
    }
    const data = await readArtifact(source, { kind: 'dataset' });
    const set = tableSetOf(data, nameOf(source));
    const { target } = set;
    if (!target) throw new InputError(`${nameOf(source)} has no target to predict; byo convert --target names one`);
    checkTask(target, o);
    const model = o.model === undefined ? undefined : await readArtifact(o.model, { kind: 'model' });
    const encoder = model && weighted(model, nameOf(o.model!), o);
    // A table whose only feature is the number of each row: what is divided, resampled and scored are numbers of rows.
    const count = rowCount(set);
    const numbered = float32([count, 1], Float32Array.from({ length: count }, (_, i) => i));
    const rows = tableOf({ ...data, tensors: new Map([...data.tensors, ['features', numbered]]) }, nameOf(source),
      [...(model ? [asInput('model', model, o.model)] : []), asInput('data', data, source)]);

    const progress = await context.terminal.progress('probe table', o.epochs * o.lrs.length, 'epochs');
    const trainer = await headTrainer(set, target, nameOf(source), encoder, o, (done, shown) => progress.update(done, shown));
    try {
      if (target.task === 'classification') await classify(context, rows, trainer, o);
      else await predict(context, rows, trainer, target, o);
    } finally {
      progress.stop();
      trainer.dispose();
    }
  },
});

/** Throws UsageError where options do not fit what is predicted. */
function checkTask({ task }: Target, { interval, predictions, calibration }: Options): void {
  if (task === 'classification') return;
  if (interval === 'wilson') throw new UsageError('--interval wilson is for shares of right answers; use percentile, bca or cheap for numbers');
  if (predictions !== undefined || calibration) throw new UsageError('--predictions and --calibration are for classes, but the target is a number');
}

interface Chosen {
  readonly chosen: Readonly<Record<string, number>>;
  readonly sweep: readonly Readonly<Record<string, number>>[];
  readonly features: number;
  /** Predictions of rows by the network that was chosen. */
  predict(rows: ArrayLike<number>): Promise<Matrix>;
  /** The same by another one, trained on other rows for as long. */
  again(train: ArrayLike<number>, rows: ArrayLike<number>): Promise<Matrix>;
}

interface HeadTrainer {
  choose(rows: Required<HeadRows>): Promise<Chosen>;
  dispose(): void;
}

type Weighted = TableEncoder & { readonly weights: State };

function weighted(model: Artifact, name: string, { untrained, seed }: Options): Weighted {
  const encoder = tableEncoderOf(model, name);
  return { ...encoder, weights: untrained ? untrainedTableWeights(encoder, seed) : encoderWeights(model, false, name) };
}

type OnEpoch = (done: number, shown: Record<string, number>) => void;

/** Trains heads on rows of a table, which they see as the options say. */
async function headTrainer(
  set: TableSet, target: Target, name: string, encoder: Weighted | undefined, o: Options, onEpoch: OnEpoch,
): Promise<HeadTrainer> {
  const compute: CompileOptions = { device: parseDevice(o.device), threads: o.threads };
  const latents = encoder && await embedTable(encoder, encoder.weights, set, name, compute);
  const sourceOf = (train: ArrayLike<number>): HeadSource => {
    if (!encoder) {
      const takes = fitTable(tableRows(set, train), o.scale);
      return columnSource(takes, encodeTable(takes, set, name));
    }
    if (!o.finetune) return latentSource(latents!, train);
    return encoderSource(encoder, encoder.weights, encodeTable(encoder.input, set, name), latents!, train);
  };
  const spec: TableHeadSpec = { name: o.head, width: o.width, layers: o.layers, heads: o.heads, dropout: o.dropout };
  const open: TrainedHead[] = [];
  let done = 0;
  const fit = async (source: HeadSource, rows: HeadRows, lr: number, epochs: number): Promise<TrainedHead> => {
    const trained = await trainTableHead(source, taskOf(target, rows.train), spec, rows, {
      ...o, ...compute, lr, encoderLr: o.encoderLr ?? lr / 10, epochs,
      onEpoch: (_, loss) => onEpoch(++done, { lr, ...(loss !== undefined && { validationLoss: loss }) }),
    });
    open.push(trained);
    return trained;
  };
  return {
    async choose(rows) {
      const source = sourceOf(rows.train);
      const heads: TrainedHead[] = [];
      for (const lr of o.lrs) heads.push(await fit(source, rows, lr, o.epochs));
      const losses = heads.map(({ validationLoss }) => validationLoss!);
      const best = losses.indexOf(Math.min(...losses));
      const [{ epochs, predict: predictRows }, lr] = [heads[best]!, o.lrs[best]!];
      return {
        chosen: { lr, epochs }, features: source.features, predict: predictRows,
        sweep: heads.map((head, i) => ({ lr: o.lrs[i]!, epochs: head.epochs, validationLoss: losses[i]! })),
        again: async (train, asked) => (await fit(sourceOf(train), { train }, lr, epochs)).predict(asked),
      };
    },
    dispose: () => open.forEach((head) => head.dispose()),
  };
}

function taskOf(target: Target, train: ArrayLike<number>): HeadTask {
  if (target.task === 'classification') return classTask(target.labels, target.classes.length);
  const { mean, std } = spreadOf(target, train);
  return numberTask(target.values.map((value) => (value - mean) / std));
}

function spreadOf({ values }: Extract<Target, { task: 'regression' }>, rows: ArrayLike<number>): { mean: number; std: number } {
  const known = Float64Array.from(rows, (i) => values[i]!);
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  return { mean, std: Math.sqrt(known.reduce((total, value) => total + (value - mean) ** 2, 0) / known.length) || 1 };
}

const probeOf = ({ head, model, finetune, untrained }: Options): string =>
  `${head} on ${model === undefined ? 'columns' : `${untrained ? 'random ' : ''}latents${finetune ? ', fine-tuned' : ''}`}`;

const numbersOf = ({ data }: Matrix): ArrayLike<number> => data;

async function classify(context: Context, rows: Table, trainer: HeadTrainer, o: Options): Promise<void> {
  const settings = { ...o, test: undefined, unit: undefined, group: undefined, labels: 'labels', interval: o.interval ?? 'wilson' } as const;
  await classifyTable(context, rows, settings, async ({ train, validation, fit }): Promise<Classifier> => {
    const { chosen, sweep, features, predict: ofChosen, again } =
      await trainer.choose({ train: numbersOf(train.x), validation: numbersOf(validation.x) });
    return {
      probe: probeOf(o), chosen, sweep, features, kind: 'logits',
      scores: (on, x) => (on === fit ? ofChosen(numbersOf(x)) : again(numbersOf(on.x), numbersOf(x))),
    };
  });
}

async function predict(
  context: Context, rows: Table, trainer: HeadTrainer, target: Extract<Target, { task: 'regression' }>, o: Options,
): Promise<void> {
  const inUnits = ({ rows: count, data }: Matrix, train: ArrayLike<number>): Matrix => {
    const { mean, std } = spreadOf(target, train);
    return matrix(count, 1, Float64Array.from(data, (value) => mean + std * value));
  };
  const settings = { ...o, interval: o.interval ?? 'percentile', test: undefined, unit: undefined, target: 'targets' } as const;
  await predictTable(context, rows, settings, {
    probe: probeOf(o), metric: 'R2', score: meanR2, describe: describeNumbers,
    choose: async (train, validation, fit): Promise<Predictor> => {
      const trainRows = numbersOf(train.x);
      const { chosen, sweep, features, predict: ofChosen, again } =
        await trainer.choose({ train: trainRows, validation: numbersOf(validation.x) });
      return {
        chosen, sweep, features,
        predict: async (on, x) => (on === fit
          ? inUnits(await ofChosen(numbersOf(x)), trainRows)
          : inUnits(await again(numbersOf(on.x), numbersOf(x)), numbersOf(on.x))),
      };
    },
  });
}
