import { defineCommand } from '../../cli/command.js';
import { integer, number, text, type Values } from '../../cli/options.js';
import { jsonOption } from '../../cli/common.js';
import { InputError } from '../../core/errors.js';
import { applyLinear } from '../../core/stats/linear.js';
import { predict } from '../../core/stats/logistic.js';
import { zeros, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { accuracy, meanR2 } from '../../core/stats/metrics.js';
import { fitRidge } from '../../core/stats/ridge.js';
import { classifierOptions, featureOptions, logGrid, scoreIntervalOptions, splitOptions, standardizeAll, withAlgebra } from './common.js';
import { runClassifier } from './classify.js';
import type { Labelled } from './data.js';
import { describeNumbers, runPredictor } from './predict.js';

const alphaOptions = {
  alphaMin: number({ default: 1e-2, positive: true, help: 'smallest penalty alpha that is tried' }),
  alphaMax: number({ default: 1e5, positive: true, help: 'largest penalty alpha that is tried' }),
  alphaCount: integer({ default: 8, min: 1, help: 'values of alpha, evenly spaced on a log scale' }),
} as const;

const ridgeOptions = { ...alphaOptions, ...classifierOptions } as const;

const regressionOptions = {
  target: text({ placeholder: 'tensor', default: 'targets', help: 'what to predict: a number or a row of numbers per example' }),
  ...alphaOptions, ...featureOptions, ...splitOptions, ...scoreIntervalOptions, ...jsonOption,
} as const;

export const ridge = defineCommand({
  name: 'probe ridge',
  summary: 'accuracy of ridge regression onto one-hot classes on frozen features',
  description: 'The closed-form classifier: |Y - X W - b|^2 + alpha |W|^2 with one column of Y per class, on standardised features. '
    + 'alpha is chosen on the validation part. For numbers instead of classes see byo probe regression.',
  examples: [['byo probe ridge features.st', 'accuracy with its confidence interval']],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options: ridgeOptions,
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) =>
    runClassifier(context, source, o, (data) => {
      const classes = data.classes.length;
      const sweep = sweepOf(o, data.train.x, oneHot(data.train, classes), data.validation.x, algebra,
        (scores) => accuracy(data.validation.labels, predict(scores)), 'accuracy');
      const { alpha } = sweep.reduce((a, b) => (b.score > a.score ? b : a));
      return {
        probe: 'ridge', chosen: { alpha }, sweep: sweep.map((s) => ({ alpha: s.alpha, accuracy: s.score })), kind: 'logits',
        scores: (fit, test) => predictions(fit.x, oneHot(fit, classes), [alpha], test, algebra)[0]!,
      };
    })),
});

export const regression = defineCommand({
  name: 'probe regression',
  summary: 'R2 of ridge regression on frozen features',
  description: 'Ridge regression on standardised features, alpha chosen on the validation part by R2. R2 is about the mean of the test '
    + 'part and can be below 0; of several targets it is the mean. MAE, RMSE and correlations are means over targets too.',
  examples: [
    ['byo probe regression features.st --target age', 'R2 with its confidence interval'],
    ['byo probe regression features.st --target affinity --unit scaffold', 'rows of a scaffold on one side of the split'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with targets; standard input where left out' }],
  options: regressionOptions,
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) => runPredictor(context, source, o, {
    probe: 'regression', metric: 'R2', score: meanR2,
    choose: (train, validation) => {
      const sweep = sweepOf(o, train.x, train.y, validation.x, algebra, (predicted) => meanR2(validation.y, predicted), 'R2');
      const { alpha } = sweep.reduce((a, b) => (b.score > a.score ? b : a));
      return {
        chosen: { alpha }, sweep: sweep.map((s) => ({ alpha: s.alpha, r2: s.score })),
        predict: (fit, x) => predictions(fit.x, fit.y, [alpha], x, algebra)[0]!,
      };
    },
    describe: describeNumbers,
  })),
});

/** The scores of every alpha on the validation part. */
function sweepOf(
  o: Values<typeof alphaOptions>, x: Matrix, y: Matrix, validation: Matrix, algebra: LinearAlgebra,
  score: (predicted: Matrix) => number, metric: string,
): { alpha: number; score: number }[] {
  if (o.alphaMin > o.alphaMax) throw new InputError(`--alpha-min ${o.alphaMin} is above --alpha-max ${o.alphaMax}; exchange them`);
  const alphas = logGrid(o.alphaMin, o.alphaMax, o.alphaCount);
  const sweep = predictions(x, y, alphas, validation, algebra)
    .map((predicted, i) => ({ alpha: alphas[i]!, score: score(predicted) }));
  if (sweep.some((s) => Number.isNaN(s.score))) {
    throw new InputError(`the ${validation.rows} validation rows give no ${metric}; raise --val-fraction or give more rows`);
  }
  return sweep;
}

/** Predictions of ridge regression at every alpha, on features standardised by the training part. */
function predictions(x: Matrix, y: Matrix, alphas: readonly number[], other: Matrix, algebra: LinearAlgebra): Matrix[] {
  const [features, others] = standardizeAll(x, other) as [Matrix, Matrix];
  return fitRidge(features, y, alphas, algebra).map((fit) => applyLinear(fit, others, algebra));
}

function oneHot({ labels }: Labelled, classes: number): Matrix {
  const targets = zeros(labels.length, classes);
  labels.forEach((label, i) => { targets.data[i * classes + label] = 1; });
  return targets;
}
