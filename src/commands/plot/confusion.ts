import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { confusionChart } from '../../core/plot/confusion.js';
import { chart } from '../../core/plot/vega.js';
import { accuracy, balancedAccuracy, confusionMatrix } from '../../core/stats/metrics.js';
import { checkPicture, plotOptions, writePicture } from './common.js';
import { percent, readPredictions } from './predictions.js';

export const confusion = defineCommand({
  name: 'plot confusion',
  summary: 'which classes a probe takes for which, from its predictions',
  description: 'Rows are true classes, columns predicted ones. Cells show counts; their colour is the share of the row.',
  examples: [
    ['byo probe linear features.st --predictions predictions.st && byo plot confusion predictions.st -o confusion.png',
      "a linear probe's mistakes"],
  ],
  arguments: [{ name: 'predictions', optional: true, help: 'what a probe wrote with --predictions; standard input where left out' }],
  options: plotOptions,
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const { labels, predicted, classes } = await readPredictions(source);
    const counts = confusionMatrix(labels, predicted, classes.length);
    await writePicture(await chart(confusionChart(counts, classes, {
      title: o.title ?? `confusion of ${source === '-' ? 'predictions' : basename(source)}`,
      subtitle: `${labels.length} rows, accuracy ${percent(accuracy(labels, predicted))}, mean recall ${percent(balancedAccuracy(counts))}`,
      theme: o.theme,
    }), o.theme), o);
  },
});
