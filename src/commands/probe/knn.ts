import { defineCommand } from '../../cli/command.js';
import { choice, number, numbers } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { nearestNeighbours, voteNeighbours } from '../../core/stats/knn.js';
import { predict } from '../../core/stats/logistic.js';
import { accuracy } from '../../core/stats/metrics.js';
import { classifierOptions, withAlgebra } from './common.js';
import { runClassifier } from './classify.js';

const options = {
  k: numbers({ placeholder: 'k', default: [20], help: 'neighbours; of several the best on the validation part' }),
  temperature: number({ default: 0.07, positive: true, help: 'T of the weights exp(cosine / T)' }),
  metric: choice({ choices: ['cosine', 'euclidean'], default: 'cosine', help: 'nearness; euclidean weighs 1 / distance' }),
  ...classifierOptions,
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
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) => runClassifier(context, source, o, (data) => {
    const { temperature, metric } = o;
    const classes = data.classes.length;
    const ks = [...o.k].sort((a, b) => a - b);
    // One k needs no choice, so all of the training part is there to search.
    const candidates = (ks.length > 1 ? data.train : data.fit).x.rows;
    if (ks.some((k) => !Number.isInteger(k) || k < 1 || k > candidates)) {
      throw new InputError(`--k ${o.k} does not fit ${candidates} training examples; use whole numbers from 1 to that`);
    }
    let best = { k: ks[0]!, accuracy: NaN };
    let sweep: (typeof best)[] = [];
    if (ks.length > 1) {
      const neighbours = nearestNeighbours(data.train.x, data.validation.x, { k: ks.at(-1)!, metric, algebra });
      sweep = ks.map((k) => {
        const votes = voteNeighbours(neighbours, data.train.labels, classes, { k, temperature });
        return { k, accuracy: accuracy(data.validation.labels, predict(votes)) };
      });
      best = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    }
    return {
      probe: 'knn', chosen: { k: best.k, T: temperature }, sweep, kind: 'votes',
      scores: (fit, test) =>
        voteNeighbours(nearestNeighbours(fit.x, test, { k: best.k, metric, algebra }), fit.labels, classes, { temperature }),
    };
  })),
});
