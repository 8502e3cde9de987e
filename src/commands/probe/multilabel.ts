import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { integer, number, text } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { applyLinear } from '../../core/stats/linear.js';
import { fitOneVsRestPath } from '../../core/stats/logistic.js';
import type { Matrix } from '../../core/stats/matrix.js';
import { auroc, averagePrecision, meanAveragePrecision } from '../../core/stats/metrics.js';
import { featureOptions, logGrid, scoreIntervalOptions, splitOptions, standardizeAll, withAlgebra } from './common.js';
import { columnOf, runPredictor, type Pairs } from './predict.js';

const options = {
  target: text({ placeholder: 'tensor', default: 'targets', help: 'what to predict: 0 or 1 for each label, one row per example' }),
  cMin: number({ default: 1e-4, positive: true, help: 'smallest inverse penalty C that is tried' }),
  cMax: number({ default: 1e2, positive: true, help: 'largest inverse penalty C that is tried' }),
  cCount: integer({ default: 7, min: 1, help: 'values of C, evenly spaced on a log scale' }),
  ...featureOptions, ...splitOptions, ...scoreIntervalOptions, ...jsonOption,
} as const;

export const multilabel = defineCommand({
  name: 'probe multilabel',
  summary: 'mean average precision of one linear classifier per label on frozen features',
  description: 'One-versus-rest logistic regression on standardised features, C chosen on the validation part. Average precision is the '
    + 'step-wise sum without interpolation, ties grouped; the mean is over labels with a positive among the test rows.',
  examples: [['byo probe multilabel features.st --target tags', 'mAP with its confidence interval']],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with 0-or-1 targets [N, labels]; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) => {
    const scoresOf = (from: Pairs, x: Matrix, Cs: readonly number[]): Matrix[] => {
      const [features, others] = standardizeAll(from.x, x) as [Matrix, Matrix];
      return fitOneVsRestPath(features, from.y, Cs, { algebra, tolerance: 1e-4 })
        .map((model) => applyLinear(model, others, algebra));
    };
    return runPredictor(context, source, o, {
      probe: 'multilabel', metric: 'mAP', score: meanAveragePrecision,
      choose: (train, validation) => {
        const grid = logGrid(o.cMin, o.cMax, o.cCount);
        const sweep = scoresOf(train, validation.x, grid)
          .map((scores, i) => ({ C: grid[i]!, mAP: meanAveragePrecision(validation.y, scores) }));
        if (sweep.some(({ mAP }) => Number.isNaN(mAP))) {
          throw new InputError(`the ${validation.x.rows} validation rows have no label; raise --val-fraction or give more rows`);
        }
        const { C } = sweep.reduce((a, b) => (b.mAP > a.mAP ? b : a));
        return { chosen: { C }, sweep, predict: (fit, x) => scoresOf(fit, x, [C])[0]! };
      },
      describe: (truth, scores) => {
        const labels = Array.from({ length: truth.cols }, (_, label) => {
          const [wanted, own] = [columnOf(truth, label), columnOf(scores, label)];
          const positives = wanted.filter((value) => value === 1).length;
          return { label, positives, ap: averagePrecision(wanted, own), auroc: auroc(wanted, own) };
        });
        const areas = labels.map((label) => label.auroc).filter((area) => !Number.isNaN(area));
        const macroAuroc = areas.reduce((a, b) => a + b, 0) / areas.length;
        return { shown: { labels: truth.cols, AUROC: macroAuroc.toFixed(4) }, extra: { macroAuroc, labels } };
      },
    }, (targets, table) => {
      const wrong = targets.data.find((value) => value !== 0 && value !== 1);
      if (wrong !== undefined) throw new InputError(`${table.source}: ${o.target} have to be 0 or 1, but one of them is ${wrong}`);
    });
  }),
});
