import { defineCommand } from '../../cli/command.js';
import { choice, number, numbers } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import { nearestNeighbours, voteNeighbours } from '../../core/stats/knn.js';
import type { Matrix } from '../../core/stats/matrix.js';
import { predict } from '../../core/stats/logistic.js';
import { accuracy } from '../../core/stats/metrics.js';
import { classifierOptions, standardizeAll, withAlgebra } from './common.js';
import { runClassifier } from './classify.js';

const options = {
  k: numbers({ placeholder: 'k', default: [20], help: 'neighbours; of several the best on the validation part' }),
  temperature: number({ default: 0.07, positive: true, help: 'T of the weights exp(cosine / T)' }),
  metric: choice({ choices: ['cosine', 'euclidean'], default: 'cosine', help: 'nearness; euclidean weighs 1 / distance' }),
  weights: choice({ choices: ['nearness', 'none'], default: 'nearness', help: 'how neighbours vote: nearer ones more, or each once' }),
  scale: choice({ choices: ['none', 'standard'], default: 'none', help: 'features as they are, or standardised by the training part' }),
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
    ['byo probe knn features.st --metric euclidean --weights none --scale standard', 'plain neighbours of standardised features'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, (algebra) => runClassifier(context, source, o, (data) => {
    const { temperature, metric, weights } = o;
    const scaled = (train: Matrix, other: Matrix) => (o.scale === 'standard' ? standardizeAll(train, other) : [train, other]);
    const neighboursOf = (train: Matrix, queries: Matrix, k: number) => {
      const [known, asked] = scaled(train, queries) as [Matrix, Matrix];
      return nearestNeighbours(known, asked, { k, metric, algebra });
    };
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
      const neighbours = neighboursOf(data.train.x, data.validation.x, ks.at(-1)!);
      sweep = ks.map((k) => {
        const votes = voteNeighbours(neighbours, data.train.labels, classes, { k, temperature, weights });
        return { k, accuracy: accuracy(data.validation.labels, predict(votes)) };
      });
      best = sweep.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
    }
    return {
      probe: 'knn', chosen: { k: best.k, T: temperature }, sweep, kind: 'votes',
      scores: (fit, test) =>
        voteNeighbours(neighboursOf(fit.x, test, best.k), fit.labels, classes, { temperature, weights }),
    };
  })),
});
