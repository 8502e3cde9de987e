import { defineCommand } from '../../cli/command.js';
import { integer, number, numbers } from '../../cli/options.js';
import { parseDevice } from '../../core/engine/index.js';
import { predict } from '../../core/stats/logistic.js';
import { accuracy } from '../../core/stats/metrics.js';
import { classifierOptions, standardizeAll, withAlgebra } from './common.js';
import { headScores, trainHeads } from './heads.js';
import { runClassifier } from './classify.js';

const options = {
  hidden: integer({ default: 512, min: 1, help: 'units of the hidden layer' }),
  lrs: numbers({ placeholder: 'lr', default: [1e-4, 1e-3, 1e-2], help: 'learning rates of Adam, tried all at once; the best on the validation part is kept' }),
  epochs: integer({ default: 50, min: 1, help: 'epochs of training' }),
  batch: integer({ default: 256, min: 1, help: 'batch, at most the number of training examples' }),
  weightDecay: number({ default: 0, min: 0, help: 'weight decay' }),
  ...classifierOptions,
} as const;

export const mlp = defineCommand({
  name: 'probe mlp',
  summary: 'accuracy of a classifier with one hidden layer on frozen features',
  description: 'Linear, ReLU, linear on standardised features, trained by Adam with rates that fall along half a cosine. What it gains '
    + 'over byo probe linear is what the features hold but not linearly.',
  examples: [
    ['byo probe mlp features.st', '512 hidden units, three learning rates'],
    ['byo probe mlp features.st --hidden 1024 --lrs 3e-4,1e-3 --epochs 100', 'a larger one for longer'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) => runClassifier(context, source, o, async (data) => {
    const classes = data.classes.length;
    const compute = { device: parseDevice(o.device), threads: o.threads };
    const settings = { ...o, optimizer: 'adam', momentum: 0, nesterov: false } as const;
    const progress = await context.terminal.progress('probe mlp', 2 * o.epochs, 'epochs');
    const [x, validation] = standardizeAll(data.train.x, data.validation.x);
    const train = { x: x!, labels: data.train.labels };
    const heads = await trainHeads(train, classes, settings, compute, (epoch) => progress.update(epoch));
    const sweep = heads.map((head, i) =>
      ({ lr: o.lrs[i]!, accuracy: accuracy(data.validation.labels, predict(headScores(head, validation!, algebra))) }));
    const { lr } = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    return {
      probe: 'mlp', chosen: { lr, hidden: o.hidden }, sweep, kind: 'logits',
      scores: async (fit, test) => {
        const [features, others] = standardizeAll(fit.x, test);
        const [head] = await trainHeads({ x: features!, labels: fit.labels }, classes, { ...settings, lrs: [lr] }, compute,
          (epoch) => progress.update(o.epochs + epoch));
        progress.stop();
        return headScores(head!, others!, algebra);
      },
    };
  })),
});
