import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { reliabilityChart } from '../../core/plot/reliability.js';
import { chart } from '../../core/plot/vega.js';
import { accuracy, calibrationError, reliability as reliabilityBins } from '../../core/stats/metrics.js';
import { probabilitiesOf } from '../../core/stats/probabilities.js';
import { checkPicture, plotOptions, writePicture } from './common.js';
import { percent, readPredictions } from './predictions.js';

export const reliability = defineCommand({
  name: 'plot reliability',
  summary: 'whether a probe is as often right as it is confident',
  description: 'Bars show the accuracy of the rows in each of 15 bins of confidence (the largest probability); below the dashed line '
    + 'the probe is too confident. ECE is the expected calibration error (Guo et al. 2017).',
  examples: [
    ['byo probe logistic features.st --predictions predictions.st && byo plot reliability predictions.st -o reliability.png',
      "a logistic regression's calibration"],
  ],
  arguments: [{ name: 'predictions', optional: true, help: 'what a probe wrote with --predictions; standard input where left out' }],
  options: plotOptions,
  async run(_, [source = '-'], o) {
    await checkPicture(o);
    const { scores, kind, labels, predicted } = await readPredictions(source);
    const probabilities = probabilitiesOf(scores, kind);
    const ece = calibrationError(labels, probabilities);
    await writePicture(await chart(reliabilityChart(reliabilityBins(labels, probabilities), {
      title: o.title ?? `reliability of ${source === '-' ? 'predictions' : basename(source)}`,
      subtitle: `${labels.length} rows, accuracy ${percent(accuracy(labels, predicted))}, ECE ${ece.toFixed(4)}`,
      theme: o.theme,
    }), o.theme), o);
  },
});
