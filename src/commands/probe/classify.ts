import type { Context } from '../../cli/context.js';
import { table as formatTable } from '../../cli/terminal.js';
import { float32, int32, ndarray, type NdArray } from '../../core/array.js';
import { InputError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { countLabels } from '../../core/stats/labels.js';
import { predict } from '../../core/stats/logistic.js';
import type { Matrix } from '../../core/stats/matrix.js';
import {
  accuracy, adaptiveCalibrationError, balancedAccuracy, brierScore, calibrationError, confusionMatrix, macroF1,
  negativeLogLikelihood, reliability, topKAccuracy,
} from '../../core/stats/metrics.js';
import { probabilitiesOf, type ScoreKind } from '../../core/stats/probabilities.js';
import { rowsByValue } from '../../core/stats/split.js';
import {
  column, divide, labelledRows, labelsOf, readProbeTable, unitsOf, type Labelled, type SplitOptions, type Table, type Units,
} from './data.js';
import {
  drawRows, meanOf, printReports, requireMinimum, scoreInterval, type IntervalOptions, type Json, type ReportOptions,
} from './report.js';

/** The rows of a classification probe. */
export interface ClassifierData {
  readonly train: Labelled;
  readonly validation: Labelled;
  readonly fit: Labelled;
  readonly test: Labelled;
  readonly classes: readonly string[];
}

/** A probe with its settings chosen. */
export interface Classifier {
  readonly probe: string;
  readonly chosen: Readonly<Record<string, number | string>>;
  readonly sweep: readonly Json[];
  /** Dimensions of what it takes, where that is not simply the features of the table. */
  readonly features?: number;
  /** Trains on one part and scores another: [rows, classes], the largest score wins. */
  scores(fit: Labelled, x: Matrix): Matrix | Promise<Matrix>;
  readonly kind: ScoreKind;
  readonly extra?: () => Json;
}

interface ClassifierOptions extends SplitOptions, IntervalOptions, ReportOptions {
  readonly labels: string;
  readonly interval: IntervalOptions['interval'];
  readonly group: string | undefined;
  readonly calibration: boolean;
  readonly predictions: string | undefined;
}

/**
 * A classification probe from its data to its score: reads, divides, lets `choose` settle on the validation part what is
 * free, tests once and prints. Throws InputError for data that make no such probe, ByoError where the score is below --min.
 */
export const runClassifier = async (
  context: Context, source: string, o: ClassifierOptions, choose: (data: ClassifierData) => Classifier | Promise<Classifier>,
): Promise<void> => {
  if (o.predictions !== undefined) await checkOutput(o.predictions, { force: true });
  return classifyTable(context, await readProbeTable(source, o), o, choose);
};

/** The same on what has been read already. */
export async function classifyTable(
  context: Context, table: Table, o: ClassifierOptions, choose: (data: ClassifierData) => Classifier | Promise<Classifier>,
): Promise<void> {
  const { labels, classes } = labelsOf(table, o.labels);
  const parts = divide(table, o, labels);
  const [train, validation, fit, test] = [parts.train, parts.validation, parts.fit, parts.test]
    .map((rows) => labelledRows(table.x, labels, rows)) as [Labelled, Labelled, Labelled, Labelled];
  requireSeenClasses(fit.labels, test.labels, classes, context);
  const classifier = await choose({ train, validation, fit, test, classes });
  const scores = await classifier.scores(fit, test.x);
  const predicted = predict(scores);
  const hits = predicted.map((label, i) => (label === test.labels[i] ? 1 : 0));

  const units = { fit: unitsOf(table, o, parts.fit), test: unitsOf(table, o, parts.test) };
  const refits = o.interval === 'cheap' ? await refitScores(classifier, fit, test, units, o) : [];
  const interval = scoreInterval(o, { rows: hits.length, statistic: meanOf(hits), refit: (b) => refits[b]!, units: units.test });

  const confusion = confusionMatrix(test.labels, predicted, classes.length);
  const majority = Math.max(...countLabels(test.labels, classes.length)) / test.labels.length;
  const chance = 1 / classes.length;
  const groups = o.group === undefined ? undefined : groupAccuracies(hits, parts.test, table, o.group);
  const probabilities = o.calibration ? probabilitiesOf(scores, classifier.kind) : undefined;
  const calibration = probabilities && calibrationOf(test.labels, probabilities);
  printReports(context, [{
    probe: classifier.probe, metric: 'accuracy', interval, chosen: classifier.chosen, sweep: classifier.sweep,
    n: { train: train.x.rows, val: validation.x.rows, test: test.x.rows }, features: classifier.features ?? table.x.cols,
    shown: { chance: chance.toFixed(4), majority: majority.toFixed(4) },
    extra: {
      ...classifier.extra?.(), balancedAccuracy: balancedAccuracy(confusion), macroF1: macroF1(confusion),
      ...(classes.length > 5 && { top5: topKAccuracy(test.labels, scores, 5) }),
      ...(refits.length > 0 && { refits }), ...(groups && { groups }), ...(calibration && { calibration }),
      classes: classes.length, baselines: { chance, majority },
    },
  }], { ...o, min: undefined });
  if (!o.json) {
    if (groups) context.terminal.print(`\n${groupTable(groups)}`);
    if (calibration) context.terminal.print(`\n${calibrationTable(calibration)}`);
  }
  if (o.predictions !== undefined) {
    await writeArtifact(o.predictions, {
      kind: 'predictions', schema: 1, meta: { classes, scores: classifier.kind }, tensors: new Map<string, NdArray>([
        ['scores', float32([scores.rows, scores.cols], scores.data)], ['predictions', int32([predicted.length], predicted)],
        ['labels', int32([predicted.length], test.labels)], ['correct', ndarray('uint8', [hits.length], Uint8Array.from(hits))],
      ]),
      recipe: {
        command: context.command, options: context.recorded, seed: o.seed, version: context.version, inputs: [...table.inputs],
      },
    }, { force: true });
  }
  requireMinimum('accuracy', interval, o.min);
}

function requireSeenClasses(fit: Int32Array, test: Int32Array, classes: readonly string[], context: Context): void {
  const seen = countLabels(fit, classes.length);
  if (seen.filter((n) => n > 0).length < 2) {
    throw new InputError('the training part has one class only; give more rows, or mark the splits in the data');
  }
  const unseen = [...new Set(test)].filter((label) => seen[label] === 0).map((label) => classes[label]);
  if (unseen.length > 0) context.terminal.warn(`the training part has no example of ${unseen.join(', ')}, which the test part has`);
}

/** Accuracies of the probe trained on resampled rows and tested on resampled ones: what the cheap bootstrap looks at. */
async function refitScores(
  classifier: Classifier, fit: Labelled, test: Labelled, units: Units, o: IntervalOptions,
): Promise<number[]> {
  const scores: number[] = [];
  for (let b = 0; b < (o.resamples ?? 5); b++) {
    const resampled = labelledRows(fit.x, fit.labels, drawRows(o.seed, 'refit', b, fit.x.rows, units.fit));
    const again = labelledRows(test.x, test.labels, drawRows(o.seed, 'retest', b, test.x.rows, units.test));
    scores.push(accuracy(again.labels, predict(await classifier.scores(resampled, again.x))));
  }
  return scores;
}

/** Fewer test rows than this say little about a group. */
const FEW = 20;

interface GroupScore { readonly group: number; readonly n: number; readonly accuracy: number; readonly few: boolean }
interface GroupScores {
  readonly worst: number;
  readonly mean: number;
  readonly gap: number;
  readonly groups: readonly GroupScore[];
}

function groupAccuracies(hits: ArrayLike<number>, rows: ArrayLike<number>, table: Table, name: string): GroupScores {
  const values = column(table, name).data;
  const groups = rowsByValue(Array.from(rows, (i) => values[i]!))
    .map(([group, own]) => ({ group, n: own.length, accuracy: meanOf(hits)(own), few: own.length < FEW }));
  const accuracies = groups.map(({ accuracy }) => accuracy);
  const [worst, best] = [Math.min(...accuracies), Math.max(...accuracies)];
  return { worst, mean: accuracies.reduce((a, b) => a + b, 0) / accuracies.length, gap: best - worst, groups };
}

const groupTable = ({ worst, mean, gap, groups }: GroupScores): string =>
  `${formatTable(['group', 'n', 'accuracy', ''], groups.map(({ group, n, accuracy, few }) =>
    [String(group), n, accuracy.toFixed(4), few ? `fewer than ${FEW} rows` : '']))}\n` +
  `worst ${worst.toFixed(4)}, mean over groups ${mean.toFixed(4)}, gap ${gap.toFixed(4)}`;

const calibrationOf = (truth: Int32Array, probabilities: Matrix) => ({
  ece: calibrationError(truth, probabilities), adaptiveEce: adaptiveCalibrationError(truth, probabilities),
  brier: brierScore(truth, probabilities), nll: negativeLogLikelihood(truth, probabilities),
  reliability: reliability(truth, probabilities),
});

const calibrationTable = ({ ece, adaptiveEce, brier, nll, reliability: bins }: ReturnType<typeof calibrationOf>): string =>
  `${formatTable(['confidence', 'n', 'mean', 'accuracy'], bins.filter(({ n }) => n > 0).map(({ low, high, n, confidence, accuracy }) =>
    [`${low.toFixed(3)} .. ${high.toFixed(3)}`, n, confidence.toFixed(4), accuracy.toFixed(4)]))}\n` +
  `ECE ${ece.toFixed(4)}, equal mass ${adaptiveEce.toFixed(4)}, Brier ${brier.toFixed(4)}, NLL ${nll.toFixed(4)}`;
