import { defineCommand } from '../../cli/command.js';
import { choice, number, numbers } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { nearestNeighbours, voteNeighbours } from '../../core/stats/knn.js';
import { predict } from '../../core/stats/logistic.js';
import { accuracy } from '../../core/stats/metrics.js';
import { accuracyInterval, probeOptions, readProbeData, reportScore } from './common.js';

const options = {
  ...probeOptions,
  k: numbers({ placeholder: 'k', default: [20], help: 'neighbours; of several the best on the validation part' }),
  temperature: number({ default: 0.07, positive: true, help: 'T of the weights exp(cosine / T)' }),
  metric: choice({ choices: ['cosine', 'euclidean'], default: 'cosine', help: 'nearness; euclidean weighs 1 / distance' }),
} as const;

export const knn = defineCommand({
  name: 'probe knn',
  summary: 'accuracy of weighted nearest neighbours on frozen features',
  description: "DINO's protocol: cosine similarity of normalised features, each of the k nearest votes for its class with weight "
    + 'exp(similarity / T). Nothing is trained.',
  examples: [
    ['byo probe knn features.st', 'k = 20, T = 0.07'],
    ['byo probe knn features.st --k 5,10,20,100', 'k chosen on the validation part'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  async run(context, [source = '-'], o) {
    const data = await readProbeData(source, o);
    const ks = [...o.k].sort((a, b) => a - b);
    const largest = ks.at(-1)!;
    if (ks.some((k) => !Number.isInteger(k) || k < 1) || largest > data.train.x.rows) {
      throw new InputError(`--k ${o.k} does not fit ${data.train.x.rows} training examples; use whole numbers from 1 to that`);
    }
    const classes = data.classes.length;
    const { temperature, metric } = o;
    let best = { k: largest, accuracy: NaN };
    let sweep: { k: number; accuracy: number }[] = [];
    if (ks.length > 1) {
      const neighbours = nearestNeighbours(data.train.x, data.validation.x, { k: largest, metric });
      sweep = ks.map((k) => ({
        k, accuracy: accuracy(data.validation.labels, predict(voteNeighbours(neighbours, data.train.labels, classes, { k, temperature }))),
      }));
      best = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    }
    const neighbours = nearestNeighbours(data.fit.x, data.test.x, { k: best.k, metric });
    const predictions = predict(voteNeighbours(neighbours, data.fit.labels, classes, { temperature }));
    reportScore(context, data, {
      probe: 'knn', metric: 'accuracy', interval: accuracyInterval(data.test.labels, predictions, o.level), intervalMethod: 'wilson',
      chosen: { k: best.k, T: temperature }, sweep,
    }, o);
  },
});
