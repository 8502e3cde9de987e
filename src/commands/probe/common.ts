import { jsonOption, seedOption } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { number, text } from '../../cli/options.js';
import { table } from '../../cli/terminal.js';
import { vector } from '../../core/data/dataset.js';
import { SPLIT } from '../../core/data/images.js';
import { ByoError, InputError } from '../../core/errors.js';
import { readArtifact, type Artifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { classCount, countLabels } from '../../core/stats/labels.js';
import { wilsonInterval, type Interval } from '../../core/stats/intervals.js';
import { matrix, takeRows, type Matrix } from '../../core/stats/matrix.js';
import { splitRows } from '../../core/stats/split.js';
import { toFloat32 } from '../../core/array.js';

/** Options of every probe of labelled features. */
export const probeOptions = {
  test: text({ placeholder: 'file', local: true, help: 'features to test on; the test part of the data where left out' }),
  testFraction: number({ default: 0.2, min: 0.01, max: 0.9, help: 'share to test on where the data mark no test part' }),
  valFraction: number({ default: 0.1, min: 0.01, max: 0.9, help: 'share of the training part that choices are made on' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence interval' }),
  min: number({ local: true, help: 'exit with status 1 where the score is below this' }),
  ...jsonOption, ...seedOption,
} as const;

export interface Labelled {
  readonly x: Matrix;
  readonly labels: Int32Array;
}

/** Features and labels in the three roles; `fit` is train and validation together. */
export interface ProbeData {
  readonly train: Labelled;
  readonly validation: Labelled;
  readonly fit: Labelled;
  readonly test: Labelled;
  readonly classes: readonly string[];
}

interface SplitOptions {
  readonly test: string | undefined;
  readonly testFraction: number;
  readonly valFraction: number;
  readonly seed: number;
}

/**
 * Reads labelled features and divides them: choices are made on the validation part, which is taken from the training part; the
 * test part is used once. Throws InputError for missing labels, NaN features and a single class.
 */
export async function readProbeData(source: string, o: SplitOptions): Promise<ProbeData> {
  const first = await readArtifact(source, { kind: ['embeddings', 'tensors'] });
  const data = labelled(first, nameOf(source));
  const given = o.test === undefined ? undefined : labelled(await readArtifact(o.test, { kind: ['embeddings', 'tensors'] }), o.test);
  if (given && given.x.cols !== data.x.cols) {
    throw new InputError(`${o.test} has features of ${given.x.cols} dimensions, but those of ${nameOf(source)} have ${data.x.cols}`);
  }
  const count = Math.max(classCount(data.labels), given ? classCount(given.labels) : 0);
  const { classes: named } = first.meta;
  const classes = Array.isArray(named) && named.length >= count ? named.map(String) : Array.from({ length: count }, (_, i) => String(i));
  if (countLabels(data.labels, count).filter((n) => n > 0).length < 2) {
    throw new InputError(`${nameOf(source)} has one class only; a classification probe needs two or more`);
  }

  const rows = (part: Labelled, indices: ArrayLike<number>): Labelled =>
    ({ x: takeRows(part.x, indices), labels: Int32Array.from(indices, (i) => part.labels[i]!) });
  const split = vector(first, 'split', data.x.rows, nameOf(source))?.data as Uint8Array | undefined;
  const marked = (value: number) => [...data.labels.keys()].filter((i) => split?.[i] === value);
  let fitRows = [...data.labels.keys()];
  let test = given;
  if (!test && marked(SPLIT.test).length > 0) {
    test = rows(data, marked(SPLIT.test));
    fitRows = fitRows.filter((i) => split![i] !== SPLIT.test);
  } else if (!test) {
    const parts = splitRows(data.x.rows, { validation: 0, test: o.testFraction }, { seed: o.seed, labels: data.labels });
    test = rows(data, parts.test);
    fitRows = [...parts.train];
  }
  const fit = rows(data, fitRows);
  const inFit = fitRows.map((row, i) => [row, i] as const).filter(([row]) => split?.[row] === SPLIT.validation).map(([, i]) => i);
  const parts = inFit.length > 0
    ? { train: [...fit.labels.keys()].filter((i) => !inFit.includes(i)), validation: inFit }
    : splitRows(fit.x.rows, { validation: o.valFraction, test: 0 }, { seed: o.seed, labels: fit.labels });
  return { train: rows(fit, parts.train), validation: rows(fit, parts.validation), fit, test, classes };
}

function labelled(artifact: Artifact, source: string): Labelled {
  const features = artifact.tensors.get('features');
  if (!features) throw new InputError(`${source} has no tensor 'features'; byo embed makes features`);
  if (features.shape.length !== 2) throw new InputError(`${source}: features are [${features.shape}], but [N, D] is expected`);
  const [count, width] = features.shape as [number, number];
  const labels = vector(artifact, 'labels', count, source);
  if (!labels) throw new InputError(`${source} has no labels, which this probe needs; convert the data with class folders or labels`);
  const { data } = toFloat32(features);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new InputError(`${source}: feature ${bad % width} of row ${Math.floor(bad / width)} is ${data[bad]}; features have to be finite`);
  return { x: matrix(count, width, data), labels: Int32Array.from(labels.data as Int32Array, Number) };
}

export interface Score {
  readonly probe: string;
  readonly metric: string;
  readonly interval: Interval;
  readonly intervalMethod: string;
  /** What was chosen on the validation part, and the scores it was chosen by. */
  readonly chosen: Readonly<Record<string, number | string>>;
  readonly sweep: readonly Readonly<Record<string, number>>[];
  readonly extra?: Readonly<Record<string, number | boolean>>;
}

/** Accuracy of predictions with Wilson's interval. */
export function accuracyInterval(truth: Int32Array, predicted: ArrayLike<number>, level: number): Interval {
  let hits = 0;
  for (let i = 0; i < truth.length; i++) if (truth[i] === predicted[i]) hits++;
  return wilsonInterval(hits, truth.length, level);
}

/** Prints a score beside the baselines that need no features; throws where it is below --min. */
export function reportScore(
  context: Context, data: ProbeData, score: Score, o: { readonly level: number; readonly json: boolean; readonly min: number | undefined },
): void {
  const { probe, metric, interval, intervalMethod, chosen, sweep, extra = {} } = score;
  const majority = Math.max(...countLabels(data.test.labels, data.classes.length)) / data.test.labels.length;
  const chance = 1 / data.classes.length;
  const counts = { train: data.train.x.rows, validation: data.validation.x.rows, test: data.test.x.rows };
  if (o.json) {
    context.terminal.print(JSON.stringify({
      probe, metric, value: interval.estimate, interval: { low: interval.low, high: interval.high, level: o.level, method: intervalMethod },
      chosen, sweep, ...extra, n: counts, features: data.test.x.cols, classes: data.classes.length, baselines: { chance, majority },
    }));
  } else {
    const settings = Object.entries(chosen).map(([name, value]) => `${name}=${typeof value === 'number' ? Number(value.toPrecision(3)) : value}`).join(' ');
    context.terminal.print(table(
      ['probe', metric, `${Math.round(o.level * 1000) / 10}% interval`, 'chosen', 'train', 'val', 'test', 'chance'],
      [[probe, interval.estimate.toFixed(4), `${interval.low.toFixed(4)} .. ${interval.high.toFixed(4)}`, settings,
        counts.train, counts.validation, counts.test, chance.toFixed(4)]]));
  }
  if (o.min !== undefined && interval.estimate < o.min) {
    throw new ByoError(`${metric} ${interval.estimate.toFixed(4)} is below --min ${o.min}`);
  }
}
