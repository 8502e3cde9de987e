import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { choice, number, numbers, integer } from '../../cli/options.js';
import { retrievalScores } from '../../core/stats/retrieval.js';
import { featureOptions, labelsOption, splitOptions, withAlgebra } from './common.js';
import { divide, labelledRows, labelsOf, readProbeTable } from './data.js';
import { meanOf, printReports, scoreInterval } from './report.js';

const options = {
  gallery: choice({ choices: ['auto', 'train', 'self'], default: 'auto',
    help: 'what is ranked: the training part for test queries, or all other rows; train where the data mark a test part' }),
  k: numbers({ placeholder: 'k', default: [1, 5, 10], help: 'cut-offs of recall, precision and nDCG' }),
  interval: choice({ choices: ['percentile', 'bca'], default: 'percentile', help: 'both resample queries' }),
  resamples: integer({ default: 1000, min: 1, help: 'bootstrap resamples B' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  min: number({ local: true, help: 'exit with status 1 where mAP is below this' }),
  ...labelsOption, ...featureOptions, ...splitOptions, ...jsonOption,
} as const;

export const retrieval = defineCommand({
  name: 'probe retrieval',
  summary: 'how well frozen features find others of the same class',
  description: 'Ranks by cosine similarity; what has the label of the query is relevant. mAP is over whole rankings, MAP@R cut at the '
    + 'number of relevant items; a query is never part of its own ranking, and queries without relevant items are left out.',
  examples: [
    ['byo probe retrieval features.st', 'mAP, MAP@R, recall, precision and nDCG'],
    ['byo probe retrieval features.st --gallery self', 'every row against all others'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, async (algebra) => {
    const table = await readProbeTable(source, o);
    const { labels } = labelsOf(table, o.labels);
    const parts = divide(table, o, labels);
    const self = o.gallery === 'self' || (o.gallery === 'auto' && !table.split);
    const [queries, gallery] = self
      ? [{ x: table.x, labels }, { x: table.x, labels }]
      : [labelledRows(table.x, labels, parts.test), labelledRows(table.x, labels, parts.fit)];
    const { averagePrecisions, at, mapAtR, queries: counted, excluded } =
      retrievalScores(queries.x, queries.labels, gallery.x, gallery.labels, { ks: o.k, excludeSelf: self, algebra });
    const interval = scoreInterval(o, { rows: counted, statistic: meanOf(averagePrecisions) });
    const cutOffs = Object.fromEntries(at.map(({ k, recall }) => [`R@${k}`, recall.toFixed(4)]));
    printReports(context, [{
      probe: 'retrieval', metric: 'mAP', interval, n: { queries: counted, gallery: gallery.x.rows }, features: table.x.cols,
      shown: { 'MAP@R': mapAtR.toFixed(4), ...cutOffs }, extra: { mapAtR, at, excluded, gallery: self ? 'self' : 'train' },
    }], o);
  }),
});
