import { defineCommand } from '../../cli/command.js';
import { number, integer } from '../../cli/options.js';
import { accuracy } from '../../core/stats/metrics.js';
import { applyLinear } from '../../core/stats/linear.js';
import { fitLogistic, predict, type LogisticFit } from '../../core/stats/logistic.js';
import { fitStandardizer, standardize, type Matrix } from '../../core/stats/matrix.js';
import { accuracyInterval, probeOptions, readProbeData, reportScore, type Labelled } from './common.js';

const options = {
  ...probeOptions,
  cMin: number({ default: 1e-4, positive: true, help: 'smallest inverse penalty C that is tried' }),
  cMax: number({ default: 1e2, positive: true, help: 'largest inverse penalty C that is tried' }),
  cCount: integer({ default: 7, min: 1, help: 'values of C, evenly spaced on a log scale' }),
} as const;

export const linear = defineCommand({
  name: 'probe linear',
  summary: 'accuracy of a linear classifier on frozen features',
  description: 'Multinomial logistic regression by L-BFGS on standardised features. The inverse penalty C is chosen on a validation '
    + 'part of the training data, the classifier fitted again on both, and the test part used once. C follows scikit-learn: '
    + 'C sum CE + |W|^2 / 2.',
  examples: [
    ['byo probe linear features.st', 'accuracy with its confidence interval'],
    ['byo embed --model encoder.st photos.st | byo probe linear --min 0.6', 'as a check: exits with 1 below 60 %'],
    ['byo probe linear train.st --test test.st --json', 'separate test features; all numbers as JSON'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    const data = await readProbeData(source, o);
    const grid = Array.from({ length: o.cCount }, (_, i) =>
      o.cMin * (o.cMax / o.cMin) ** (o.cCount === 1 ? 0 : i / (o.cCount - 1)));
    const progress = await context.terminal.progress('probe linear', grid.length + 1, 'fits');

    // Warm starts from small C to large: each solution is near the next one's.
    const scaled = scale(data.train.x, data.train.x, data.validation.x);
    let start: LogisticFit | undefined;
    const sweep = grid.map((C, i) => {
      start = fitLogistic(scaled[0]!, data.train.labels, data.classes.length, { C, ...(start && { start }) });
      progress.update(i + 1);
      return { C, accuracy: accuracy(data.validation.labels, predict(applyLinear(start, scaled[1]!))) };
    });
    const best = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    const { predictions, fit } = fitAndPredict(data.fit, data.test.x, data.classes.length, best.C);
    progress.stop();
    if (!fit.converged) context.terminal.warn(`L-BFGS stopped after ${fit.iterations} iterations before it had converged`);
    reportScore(context, data, {
      probe: 'linear', metric: 'accuracy', interval: accuracyInterval(data.test.labels, predictions, o.level), intervalMethod: 'wilson',
      chosen: { C: best.C }, sweep, extra: { converged: fit.converged, iterations: fit.iterations },
    }, o);
  },
});

/** Training and other features, all standardised by the training ones' mean and deviation. */
const scale = (reference: Matrix, ...parts: Matrix[]): Matrix[] => {
  const standardizer = fitStandardizer(reference);
  return parts.map((part) => standardize(part, standardizer));
};

function fitAndPredict(fit: Labelled, test: Matrix, classes: number, C: number): { predictions: Int32Array; fit: LogisticFit } {
  const [x, y] = scale(fit.x, fit.x, test) as [Matrix, Matrix];
  const model = fitLogistic(x, fit.labels, classes, { C });
  return { predictions: predict(applyLinear(model, y)), fit: model };
}
