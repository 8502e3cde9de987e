import { jsonOption } from '../../cli/common.js';
import { defineCommand } from '../../cli/command.js';
import { choice, integer, number, numbers, type Values } from '../../cli/options.js';
import { parseDevice } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { stream } from '../../core/random.js';
import { seedInterval } from '../../core/stats/intervals.js';
import { applyLinear } from '../../core/stats/linear.js';
import { fitLogistic, predict } from '../../core/stats/logistic.js';
import { normalizeRows, zeros, type LinearAlgebra, type Matrix } from '../../core/stats/matrix.js';
import { accuracy } from '../../core/stats/metrics.js';
import { fewShot, rowsByValue, stratifiedSubset } from '../../core/stats/split.js';
import { featureOptions, labelsOption, splitOptions, standardizeAll, withAlgebra } from './common.js';
import { divide, labelledRows, labelsOf, readProbeTable, type Labelled } from './data.js';
import { fineTune, finetuneOptions, readTunable, type Tuned } from './finetune.js';
import { printReports, type Report } from './report.js';

const options = {
  shots: numbers({ placeholder: 'k', help: 'labelled examples per class' }),
  counts: numbers({ placeholder: 'n', help: 'labelled examples in all, at least one per class' }),
  fractions: numbers({ placeholder: 'share', help: 'shares of the training part, at least one example per class' }),
  ways: integer({ min: 2, help: 'episodes: each draws this many classes, its shots and its queries' }),
  queries: integer({ default: 15, min: 1, help: 'queries per class of an episode' }),
  draws: integer({ min: 2, help: 'draws of examples; 20, or 600 episodes, or 3 with --finetune' }),
  classifier: choice({ choices: ['centroid', 'logistic'], default: 'centroid', help: 'nearest class mean by cosine, or logistic regression' }),
  c: number({ default: 1, positive: true, help: 'inverse penalty C of logistic regression' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  min: number({ local: true, help: 'exit with status 1 where an accuracy is below this' }),
  ...finetuneOptions, ...labelsOption, ...featureOptions, ...splitOptions, ...jsonOption,
} as const;

/** One draw: what to train on and what to test on. */
interface Draw { readonly support: Labelled; readonly query: Labelled; readonly classes: number }

export const fewshot = defineCommand({
  name: 'probe fewshot',
  summary: 'accuracy from a few labelled examples, on frozen features or with the encoder fine-tuned',
  description: 'Draws a few labelled training examples many times, fits a classifier on each draw and tests it on the whole test part, or '
    + 'in episodes (--ways) on a few queries. The interval is Student\'s, over draws. With --finetune the encoder of a model is '
    + 'trained along with a linear classifier on each draw, at a learning rate chosen on the validation part of the data.',
  examples: [
    ['byo probe fewshot features.st --shots 1,5,10', 'k examples per class'],
    ['byo probe fewshot features.st --ways 5 --shots 1,5', '600 episodes of 5 classes with 15 queries each'],
    ['byo probe fewshot features.st --fractions 0.01,0.1 --classifier logistic', '1 % and 10 % of the labels'],
    ['byo probe fewshot features.st --counts 40,250,1000', 'label counts'],
    ['byo probe fewshot --model encoder.st photos.st --finetune --counts 50,200', 'with the encoder fine-tuned'],
    ['byo probe fewshot --model encoder.st photos.st --finetune --untrained --counts 50,200', 'the same encoder trained directly'],
  ],
  arguments: [{ name: 'features', optional: true, help: 'embeddings with labels, or with --model a data set; standard input where left out' }],
  options,
  run: async (context, [source = '-'], o) => withAlgebra(o, async (algebra) => {
    const kinds = [o.counts, o.fractions].filter((list) => list !== undefined).length;
    if (kinds + (o.shots ? 1 : 0) > 1) throw new UsageError('give one of --shots, --counts and --fractions');
    if (o.ways !== undefined && kinds > 0) throw new UsageError('episodes (--ways) take --shots, not --counts or --fractions');
    if (o.finetune && o.ways !== undefined) throw new UsageError('episodes (--ways) are of frozen features; leave --finetune out');
    if (o.untrained && !o.finetune) throw new UsageError('--untrained is for --finetune; byo embed --untrained makes features of random weights');
    const tunable = o.finetune ? await readTunable(source, o) : undefined;
    const table = tunable?.table ?? await readProbeTable(source, o);
    const { labels, classes } = labelsOf(table, o.labels);
    const parts = divide(table, o, labels);
    const pool = labelledRows(table.x, labels, tunable ? parts.train : parts.fit);
    const validation = labelledRows(table.x, labels, parts.validation);
    const test = labelledRows(table.x, labels, parts.test);
    const all = { x: table.x, labels };
    const draws = o.draws ?? (o.finetune ? 3 : o.ways === undefined ? 20 : 600);

    const settings: { name: string; value: number; draw: (d: number) => Draw }[] = [];
    const whole = (support: Labelled): Draw => ({ support, query: test, classes: classes.length });
    const subset = (rows: ArrayLike<number>): Draw => whole(labelledRows(pool.x, pool.labels, rows));
    for (const share of o.fractions ?? []) {
      settings.push({ name: 'share', value: share, draw: (d) => subset(stratifiedSubset(pool.labels, share, o.seed, d)) });
    }
    for (const count of o.counts ?? []) {
      if (!(count >= 1 && count <= pool.labels.length)) {
        throw new InputError(`--counts ${count}: there are ${pool.labels.length} training examples; use a number from 1 to that`);
      }
      settings.push({ name: 'labels', value: count, draw: (d) => subset(stratifiedSubset(pool.labels, count / pool.labels.length, o.seed, d)) });
    }
    for (const shots of kinds > 0 ? [] : o.shots ?? [1, 5]) {
      if (!(Number.isInteger(shots) && shots >= 1)) throw new InputError(`--shots ${shots}: shots are whole numbers from 1`);
      settings.push({ name: 'shots', value: shots, draw: o.ways === undefined
        ? (d) => subset(fewShot(pool.labels, shots, o.seed, d).train)
        : episodes(all, o.ways, shots, o.queries, o.seed) });
    }

    const progress = await context.terminal.progress('probe fewshot', settings.length * draws, 'draws');
    const compute = { device: parseDevice(o.device), threads: o.threads, algebra };
    const classify = async (drawn: Draw, d: number): Promise<Partial<Tuned> & Pick<Tuned, 'predicted'>> => {
      if (!tunable) return { predicted: predict(scoresOf(drawn, o, algebra)) };
      const seed = stream(o.seed, 'finetune', d).int(2 ** 31);
      const { support, query, classes } = drawn;
      return fineTune(tunable, { support, validation, test: query }, { ...o, classes, seed }, compute);
    };
    const reports: Report[] = [];
    for (const [s, { name, value, draw }] of settings.entries()) {
      const accuracies: number[] = [];
      const tuned: Partial<Tuned>[] = [];
      let support = 0;
      for (let d = 0; d < draws; d++) {
        const drawn = draw(d);
        const outcome = await classify(drawn, d);
        accuracies.push(accuracy(drawn.query.labels, outcome.predicted));
        tuned.push(outcome);
        support = drawn.support.labels.length;
        progress.update(s * draws + d + 1);
      }
      const { std, ...interval } = seedInterval(accuracies, o.level);
      reports.push({
        probe: probeName(o), metric: 'accuracy', interval, chosen: { [name]: value },
        features: tuned[0]!.features ?? table.x.cols,
        n: { train: support, test: o.ways === undefined ? test.labels.length : o.ways * o.queries, draws },
        ...(tunable && { sweep: o.lrs.map((lr, i) => ({ lr, validation: tuned.map((outcome) => outcome.validation![i]!) })) }),
        shown: { std: std.toFixed(4) }, extra: {
          std, ...(o.ways === undefined && { accuracies }),
          ...(tunable ? { lrs: tuned.map(({ lr }) => lr) } : { classifier: o.classifier }),
        },
      });
    }
    progress.stop();
    printReports(context, reports, { ...o, interval: 't' });
  }),
});

function probeName({ ways, finetune, untrained }: Pick<Values<typeof options>, 'ways' | 'finetune' | 'untrained'>): string {
  if (finetune) return untrained ? 'direct' : 'finetune';
  return ways === undefined ? 'fewshot' : `${ways}-way`;
}

/** Episodes: `ways` classes, `shots` and `queries` rows of each, labels counted from 0 within the episode. */
function episodes({ x, labels }: Labelled, ways: number, shots: number, queries: number, seed: number): (draw: number) => Draw {
  const large = rowsByValue(labels).filter(([, rows]) => rows.length >= shots + queries).map(([, rows]) => rows);
  if (large.length < ways) {
    throw new InputError(`episodes of ${ways} ways need ${ways} classes of at least ${shots} shots + ${queries} queries, but there are ` +
      `${large.length}; use fewer --ways, --shots or --queries`);
  }
  return (draw) => {
    const random = stream(seed, 'episode', draw);
    const chosen = Array.from(random.permutation(large.length).subarray(0, ways), (c) => large[c]!);
    const picked = chosen.map((rows) =>
      Array.from(random.permutation(rows.length).subarray(0, shots + queries), (i) => rows[i]!));
    const part = (from: number, to: number): Labelled => ({
      x: labelledRows(x, labels, picked.flatMap((rows) => rows.slice(from, to))).x,
      labels: Int32Array.from(picked.flatMap((rows, way) => rows.slice(from, to).map(() => way))),
    });
    return { support: part(0, shots), query: part(shots, shots + queries), classes: ways };
  };
}

function scoresOf({ support, query, classes }: Draw, o: { classifier: string; c: number }, algebra: LinearAlgebra): Matrix {
  if (o.classifier === 'centroid') return algebra.multiplyTransposed(normalizeRows(query.x), centroids(support, classes));
  const [x, others] = standardizeAll(support.x, query.x) as [Matrix, Matrix];
  return applyLinear(fitLogistic(x, support.labels, classes, { C: o.c, tolerance: 1e-4, algebra }), others, algebra);
}

/** Means of the unit rows of each class, of length 1 again: [classes, features]. */
function centroids({ x, labels }: Labelled, classes: number): Matrix {
  const unit = normalizeRows(x);
  const sums = zeros(classes, x.cols);
  for (let i = 0, at = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++, at++) sums.data[labels[i]! * x.cols + j]! += unit.data[at]!;
  }
  return normalizeRows(sums);
}
