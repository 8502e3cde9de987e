import { defineCommand } from '../../cli/command.js';
import type { Context } from '../../cli/context.js';
import { choice, integer, number, numbers } from '../../cli/options.js';
import type { Values } from '../../cli/options.js';
import { parseDevice } from '../../core/engine/index.js';
import { InputError } from '../../core/errors.js';
import { accuracy } from '../../core/stats/metrics.js';
import { applyLinear } from '../../core/stats/linear.js';
import { fitLogistic, fitLogisticPath, predict, type LogisticFit } from '../../core/stats/logistic.js';
import { normalizeRows, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { classifierOptions, logGrid, standardizeAll, withAlgebra } from './common.js';
import { headScores, trainHeads } from './heads.js';
import { runClassifier, type Classifier, type ClassifierData } from './classify.js';

const lbfgsOptions = {
  cMin: number({ default: 1e-4, positive: true, help: 'smallest inverse penalty C that is tried' }),
  cMax: number({ default: 1e2, positive: true, help: 'largest inverse penalty C that is tried' }),
  cCount: integer({ default: 7, min: 1, help: 'values of C, evenly spaced on a log scale' }),
  tolerance: number({ default: 1e-4, positive: true, help: 'L-BFGS stops where no entry of the mean gradient is larger' }),
  classWeight: choice({ choices: ['none', 'balanced'], default: 'none', help: 'balanced: every class weighs the same' }),
} as const;

const sgdOptions = {
  solver: choice({ choices: ['lbfgs', 'sgd'], default: 'lbfgs', help: 'exact logistic regression, or SGD as in papers' }),
  protocol: choice({
    choices: ['byol', 'simclr', 'dino', 'mae', 'random-teacher'], default: 'byol', help: 'defaults of the options below (SGD; random-teacher: AdamW)',
  }),
  lrs: numbers({ placeholder: 'lr', help: 'learning rates for a batch of 256, tried all at once; the best on the validation part is kept' }),
  epochs: integer({ min: 1, help: 'epochs of SGD' }),
  batch: integer({ min: 1, help: 'batch of SGD, at most the number of training examples' }),
  weightDecay: number({ min: 0, help: 'weight decay of SGD' }),
  scale: choice({ choices: ['standard', 'unit', 'none'],
    help: 'features standardised by the training part, scaled to length 1, or as they are; standard for L-BFGS, else what the protocol does' }),
} as const;

interface Protocol {
  readonly lrs: readonly number[];
  readonly epochs: number;
  readonly batch: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  readonly scale: Scale;
  /** As of `HeadOptions`; sgd where left out. */
  readonly optimizer?: 'adamw';
  readonly plain?: boolean;
}

/** Settings that the papers' code uses; the sweep's range takes in features of any scale. */
const PROTOCOLS = {
  byol: { lrs: [0.4, 0.3, 0.2, 0.1, 0.05], epochs: 80, batch: 1024, weightDecay: 0, nesterov: true, scale: 'none' },
  simclr: { lrs: [0.1], epochs: 90, batch: 4096, weightDecay: 0, nesterov: true, scale: 'none' },
  dino: { lrs: [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1], epochs: 100, batch: 128, weightDecay: 0, nesterov: false, scale: 'none' },
  mae: { lrs: [0.01, 0.03, 0.1, 0.3, 1], epochs: 90, batch: 1024, weightDecay: 0, nesterov: false, scale: 'standard' },
  // Sarnthein et al. 2023: AdamW at a constant rate, batches in a fixed order
  'random-teacher': { lrs: [1e-3], epochs: 10, batch: 256, weightDecay: 0.01, nesterov: false, scale: 'standard', optimizer: 'adamw', plain: true },
} as const satisfies Record<string, Protocol>;

type Options = Values<typeof lbfgsOptions & typeof sgdOptions & typeof classifierOptions>;
type Scale = 'standard' | 'unit' | 'none';

export const linear = defineCommand({
  name: 'probe linear',
  summary: 'accuracy of a linear classifier on frozen features',
  description: 'Multinomial logistic regression. By L-BFGS: the inverse penalty C (scikit-learn: C sum CE + |W|^2 / 2) is chosen on a '
    + 'validation part of the training data, the classifier fitted again on both, and the test part used once. By SGD: the heads of '
    + 'all learning rates train together in one program, the best on the validation part trains again on both.',
  examples: [
    ['byo probe linear features.st', 'accuracy with its confidence interval'],
    ['byo embed --model encoder.st photos.st | byo probe linear --min 0.6', 'as a check: exits with 1 below 60 %'],
    ['byo probe linear --model encoder.st photos.st', 'the same from the model and the data set'],
    ['byo probe linear train.st --test test.st --json', 'separate test features; all numbers as JSON'],
    ['byo probe linear features.st --solver sgd --protocol dino', "DINO's settings, with a sweep of learning rates"],
    ['byo probe linear features.st --solver sgd --protocol random-teacher', "ten epochs of AdamW, as in Random Teachers are Good Teachers"],
    ['byo probe linear features.st --interval cheap', 'an interval that includes the training examples\' chance, from 5 refits'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options: { ...lbfgsOptions, ...sgdOptions, ...classifierOptions },
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) =>
    runClassifier(context, source, o, (data) =>
      (o.solver === 'sgd' ? bySgd(context, data, o, algebra) : byLbfgs('linear', context, data, o, algebra)))),
});

export const logistic = defineCommand({
  name: 'probe logistic',
  summary: 'accuracy of logistic regression on frozen features',
  description: 'The same as byo probe linear --solver lbfgs.',
  examples: [['byo probe logistic features.st', 'accuracy with its confidence interval']],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options: { ...lbfgsOptions, scale: sgdOptions.scale, ...classifierOptions },
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) =>
    runClassifier(context, source, o, (data) => byLbfgs('logistic', context, data, o, algebra))),
});

/** The probe by L-BFGS, its C chosen on the validation part. */
export function byLbfgs(
  probe: string, context: Context, data: ClassifierData,
  o: Pick<Options, keyof typeof lbfgsOptions | 'scale'>, algebra: LinearAlgebra,
): Classifier {
  const classes = data.classes.length;
  const settings = { tolerance: o.tolerance, algebra, ...(o.classWeight === 'balanced' && { classWeight: 'balanced' as const }) };
  const scale = o.scale ?? 'standard';
  if (o.cMin > o.cMax) throw new InputError(`--c-min ${o.cMin} is above --c-max ${o.cMax}; exchange them`);
  const grid = logGrid(o.cMin, o.cMax, o.cCount);
  const [x, validation] = scaled(scale, data.train.x, data.validation.x);
  const sweep = (grid.length > 1 ? fitLogisticPath(x, data.train.labels, classes, grid, settings) : [])
    .map((fit) => {
      const predicted = predict(applyLinear(fit, validation, algebra));
      return { C: fit.C, accuracy: accuracy(data.validation.labels, predicted), converged: fit.converged };
    });
  const C = sweep.length > 0 ? sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a)).C : grid[0]!;
  let last: LogisticFit | undefined;
  return {
    probe, chosen: { C }, sweep, kind: 'logits',
    scores: (fit, test) => {
      const [features, others] = scaled(scale, fit.x, test);
      const model = fitLogistic(features, fit.labels, classes, { C, ...settings });
      if (!model.converged) context.terminal.warn(`L-BFGS stopped after ${model.iterations} iterations before it had converged`);
      last ??= model;
      return applyLinear(model, others, algebra);
    },
    extra: () => ({ converged: last!.converged, iterations: last!.iterations, objective: last!.objective }),
  };
}

async function bySgd(context: Context, data: ClassifierData, o: Options, algebra: LinearAlgebra): Promise<Classifier> {
  const protocol: Protocol = PROTOCOLS[o.protocol];
  const classes = data.classes.length;
  const scale = o.scale ?? protocol.scale;
  const { epochs = protocol.epochs, weightDecay = protocol.weightDecay } = o;
  const lrs = o.lrs ?? protocol.lrs;
  const compute = { device: parseDevice(o.device), threads: o.threads };
  const progress = await context.terminal.progress('probe linear', 2 * epochs, 'epochs');
  const settings = (rows: number) => {
    const batch = Math.min(o.batch ?? protocol.batch, rows);
    const scaledRates = (rates: readonly number[]) => rates.map((lr) => (lr * batch) / 256);
    const { nesterov, optimizer = 'sgd', plain = false } = protocol;
    const fixed = { optimizer, plain, hidden: 0, momentum: 0.9, nesterov, weightDecay, epochs, batch, seed: o.seed } as const;
    return (rates: readonly number[]) => ({ ...fixed, lrs: scaledRates(rates) });
  };
  const [x, validation] = scaled(scale, data.train.x, data.validation.x);
  const train = { x, labels: data.train.labels };
  const heads = await trainHeads(train, classes, settings(x.rows)(lrs), compute, (epoch) => progress.update(epoch));
  const sweep = heads.map((head, i) =>
    ({ lr: lrs[i]!, accuracy: accuracy(data.validation.labels, predict(headScores(head, validation, algebra))) }));
  const { lr } = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  return {
    probe: `linear (${o.protocol})`, chosen: { lr, epochs }, sweep, kind: 'logits',
    scores: async (fit, test) => {
      const [features, others] = scaled(scale, fit.x, test);
      const [head] = await trainHeads({ x: features, labels: fit.labels }, classes, settings(features.rows)([lr]), compute,
        (epoch) => progress.update(epochs + epoch));
      progress.stop();
      return headScores(head!, others, algebra);
    },
  };
}

/** Training features and others, both scaled by what the training features say. */
function scaled(scale: Scale, train: Matrix, other: Matrix): [Matrix, Matrix] {
  if (scale === 'standard') return standardizeAll(train, other) as [Matrix, Matrix];
  return scale === 'unit' ? [normalizeRows(train), normalizeRows(other)] : [train, other];
}
