import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { choice, integer, number } from '../../cli/options.js';
import { clusterScores, silhouette } from '../../core/stats/clustering.js';
import { kMeans } from '../../core/stats/kmeans.js';
import { normalizeRows } from '../../core/stats/matrix.js';
import { featureOptions, labelsOption, withAlgebra } from './common.js';
import { labelsOf, readTable } from './data.js';
import { printReports, scoreInterval } from './report.js';

const options = {
  k: integer({ min: 1, help: 'clusters; as many as classes where left out' }),
  starts: integer({ default: 10, min: 1, help: 'k-means++ starts, of which the tightest result is kept' }),
  scale: choice({ choices: ['unit', 'none'], default: 'unit', help: 'features scaled to length 1, or as they are' }),
  interval: choice({ choices: ['percentile', 'bca'], default: 'percentile', help: 'both resample rows, with their clusters' }),
  resamples: integer({ default: 200, min: 1, help: 'bootstrap resamples B' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  min: number({ local: true, help: 'exit with status 1 where NMI is below this' }),
  ...labelsOption, ...featureOptions, ...jsonOption,
} as const;

export const cluster = defineCommand({
  name: 'probe cluster',
  summary: 'how well clusters of frozen features agree with classes',
  description: 'k-means on all rows, then NMI (arithmetic mean), ARI, AMI, accuracy under the best one-to-one matching, and purity, which '
    + 'rises with the number of clusters. The labels are not used to cluster.',
  examples: [
    ['byo probe cluster features.st', 'as many clusters as classes'],
    ['byo probe cluster features.st --k 50 --json', 'over-clustering; all scores as JSON'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, async (algebra) => {
    const table = await readTable(source, o);
    const { labels, classes } = labelsOf(table, o.labels);
    const x = o.scale === 'unit' ? normalizeRows(table.x) : table.x;
    const { assignments, inertia } = kMeans(x, o.k ?? classes.length, { seed: o.seed, starts: o.starts, algebra });
    const scores = clusterScores(labels, assignments);
    const interval = scoreInterval(o, {
      rows: labels.length,
      statistic: (rows) => clusterScores(rows.map((i) => labels[i]!), rows.map((i) => assignments[i]!)).nmi,
    });
    const width = new Set(assignments).size > 1 ? silhouette(x, assignments, algebra) : NaN;
    printReports(context, [{
      probe: 'cluster', metric: 'NMI', interval, chosen: { k: o.k ?? classes.length }, n: { rows: labels.length }, features: x.cols,
      shown: Object.fromEntries([['ARI', scores.ari], ['AMI', scores.ami], ['accuracy', scores.accuracy], ['purity', scores.purity]]
        .map(([name, value]) => [name, Number(value).toFixed(4)])),
      extra: { ...scores, inertia, silhouette: width },
    }], o);
  }),
});
