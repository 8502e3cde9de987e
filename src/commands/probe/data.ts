import { toFloat32, type NdArray } from '../../core/array.js';
import { columnsOf } from '../../core/data/dataset.js';
import { EXAMPLE_KINDS } from '../../core/data/examples.js';
import { SPLIT } from '../../core/data/images.js';
import { parseDevice } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type Artifact, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { classCount, countLabels } from '../../core/stats/labels.js';
import { matrix, takeRows, type Matrix } from '../../core/stats/matrix.js';
import { splitRows } from '../../core/stats/split.js';
import { modelFeatures } from '../features.js';

/** Features of examples and whatever else a file says about them, row by row. */
export interface Table {
  readonly x: Matrix;
  /** Where the rows come from, for messages. */
  readonly source: string;
  /** The same, for recipes. */
  readonly inputs: readonly RecipeInput[];
  readonly classes?: readonly string[];
  /** Names of the values of further labels, by the names of their tensors. */
  readonly columnNames: Readonly<Record<string, readonly string[]>>;
  /** SPLIT of each row, where the file marks any. */
  readonly split?: ArrayLike<number>;
  /** Another tensor of one entry (or one row of entries) per example; undefined where there is none. */
  column(name: string): Matrix | undefined;
  /** Names of those tensors. */
  readonly columns: readonly string[];
}

export interface ReadOptions {
  readonly model: string | undefined;
  readonly device: string;
  readonly threads: number | undefined;
}

/**
 * Features from a file of embeddings, or those of a model for a data set. Throws InputError where there are none, or where one of
 * them is not finite.
 */
export async function readTable(source: string, o: ReadOptions, role = 'data'): Promise<Table> {
  const name = nameOf(source);
  if (o.model === undefined) {
    const features = await readArtifact(source, { kind: ['embeddings', 'tensors'] });
    return tableOf(features, name, [asInput(role, features, source)]);
  }
  if (o.model === '-' && source === '-') throw new UsageError('model and data cannot both be standard input; name a file for one of them');
  const model = await readArtifact(o.model, { kind: 'model' });
  const data = await readArtifact(source, { kind: EXAMPLE_KINDS });
  const features = await modelFeatures({ artifact: model, name: nameOf(o.model) }, { artifact: data, name },
    { device: parseDevice(o.device), threads: o.threads });
  const inputs = [asInput('model', model, o.model), asInput(role, data, source)];
  return tableOf({ ...data, tensors: new Map([...data.tensors, ['features', features]]) }, name, inputs);
}

/** The features in an artifact, with its other tensors of as many rows. */
export function tableOf({ tensors, meta }: Artifact, source: string, inputs: readonly RecipeInput[]): Table {
  const features = tensors.get('features') ?? tensors.get('array');
  if (!features) throw new InputError(`${source} has no tensor 'features'; byo embed makes features`);
  if (features.shape.length !== 2) throw new InputError(`${source}: features are [${features.shape}], but [N, D] is expected`);
  const [rows, width] = features.shape as [number, number];
  if (rows === 0 || width === 0) throw new InputError(`${source}: features are [${features.shape}]; there is nothing to measure`);
  const x = matrixOf(features);
  requireFinite(x, `${source}: feature`);
  const perRow = [...tensors].filter(([, { shape }]) => shape.length <= 2 && shape[0] === rows).map(([name]) => name);
  return {
    x, source, inputs, columns: perRow, columnNames: columnsOf(meta),
    ...(Array.isArray(meta.classes) && { classes: meta.classes.map(String) }),
    ...(perRow.includes('split') && { split: tensors.get('split')!.data as Uint8Array }),
    column: (name) => {
      const found = tensors.get(name);
      if (!found) return undefined;
      if (!perRow.includes(name)) {
        throw new InputError(`${source}: ${name} is [${found.shape}], but one for each of ${rows} examples is expected`);
      }
      return matrixOf(found);
    },
  };
}

/** A tensor [N] or [N, M] as a matrix [N, 1] or [N, M]; float64 stays what it is. */
function matrixOf(array: NdArray): Matrix {
  const { shape, data } = array.data instanceof Float64Array ? array : toFloat32(array);
  return matrix(shape[0]!, shape[1] ?? 1, data as Float32Array | Float64Array);
}

function requireFinite({ cols, data }: Matrix, what: string): void {
  for (let at = 0; at < data.length; at++) {
    if (Number.isFinite(data[at])) continue;
    throw new InputError(`${what} ${at % cols} of row ${Math.floor(at / cols)} is ${data[at]}; values have to be finite`);
  }
}

/** The rows of two tables under each other, those of the second one marked as test. */
function joined(table: Table, test: Table): Table {
  if (test.x.cols !== table.x.cols) {
    throw new InputError(`${test.source} has features of ${test.x.cols} dimensions, but those of ${table.source} have ${table.x.cols}`);
  }
  const split = new Uint8Array(table.x.rows + test.x.rows).fill(SPLIT.test, table.x.rows);
  for (let i = 0; i < table.x.rows; i++) if (table.split?.[i] === SPLIT.validation) split[i] = SPLIT.validation;
  return {
    ...table, x: stacked(table.x, test.x), split, inputs: [...table.inputs, ...test.inputs.filter(({ role }) => role !== 'model')],
    column: (name) => {
      const [above, below] = [table.column(name), test.column(name)];
      if (!above && !below) return undefined;
      if (!above || !below || above.cols !== below.cols) {
        throw new InputError(`${name} has to be in both files in the same form, but ${table.source} has ${described(above)} and ` +
          `${test.source} ${described(below)}`);
      }
      return stacked(above, below);
    },
  };
}

const described = (found: Matrix | undefined): string => (found ? `[${found.rows}, ${found.cols}]` : 'none');

function stacked(a: Matrix, b: Matrix): Matrix {
  const Values = a.data instanceof Float32Array && b.data instanceof Float32Array ? Float32Array : Float64Array;
  const data = new Values(a.data.length + b.data.length);
  data.set(a.data);
  data.set(b.data, a.data.length);
  return matrix(a.rows + b.rows, a.cols, data);
}

/** Row numbers in the three roles; `fit` is train and validation together. */
export interface Parts {
  readonly train: ArrayLike<number>;
  readonly validation: ArrayLike<number>;
  readonly fit: ArrayLike<number>;
  readonly test: ArrayLike<number>;
}

export interface SplitOptions extends ReadOptions {
  readonly test: string | undefined;
  readonly testFraction: number;
  readonly valFraction: number;
  readonly unit: string | undefined;
  readonly seed: number;
}

/** The features of a probe, with those of --test below; throws InputError where all rows are equal. */
export async function readProbeTable(source: string, o: SplitOptions): Promise<Table> {
  const table = await readTable(source, o);
  const { rows, cols, data } = table.x;
  if (rows > 1 && data.every((value, at) => value === data[at % cols])) {
    throw new InputError(`${table.source}: all ${rows} rows of features are equal, so they tell nothing apart; the encoder has collapsed`);
  }
  return o.test === undefined ? table : joined(table, await readTable(o.test, o, 'test'));
}

/**
 * Divides rows: choices are made on the validation part, which is taken from the training part; the test part is used once.
 * What the file marks is respected; the rest is drawn, by class where `labels` are given and by whole units where --unit is.
 */
export function divide(table: Table, o: SplitOptions, labels?: ArrayLike<number>): Parts {
  const all = Array.from({ length: table.x.rows }, (_, i) => i);
  const units = o.unit === undefined ? undefined : column(table, o.unit).data;
  const draw = (rows: readonly number[], shares: { validation: number; test: number }) => {
    const own = (values: ArrayLike<number>) => rows.map((i) => values[i]!);
    const strata = units ? { groups: own(units) } : labels ? { labels: own(labels) } : {};
    const parts = splitRows(rows.length, shares, { seed: o.seed, ...strata });
    const back = (part: Int32Array) => Array.from(part, (i) => rows[i]!);
    return { train: back(parts.train), validation: back(parts.validation), test: back(parts.test) };
  };
  const marked = (value: number) => all.filter((i) => table.split?.[i] === value);
  let [fit, test] = [all.filter((i) => table.split?.[i] !== SPLIT.test), marked(SPLIT.test)];
  if (test.length === 0) ({ train: fit, test } = draw(all, { validation: 0, test: o.testFraction }));
  if (fit.length < 2) throw new InputError(`${table.source} has ${fit.length} examples to train on; a probe needs two or more`);
  const inTest = new Set(test);
  const validation = marked(SPLIT.validation).filter((i) => !inTest.has(i));
  if (validation.length === 0) return { ...draw(fit, { validation: o.valFraction, test: 0 }), fit, test };
  const inValidation = new Set(validation);
  return { train: fit.filter((i) => !inValidation.has(i)), validation, fit, test };
}

/** Which rows of the two parts belong together; undefined where --unit does not say. */
export interface Units {
  readonly fit: ArrayLike<number> | undefined;
  readonly test: ArrayLike<number> | undefined;
}

export function unitsOf(table: Table, { unit }: Pick<SplitOptions, 'unit'>, rows: ArrayLike<number>): number[] | undefined {
  if (unit === undefined) return undefined;
  const { data } = column(table, unit);
  return Array.from(rows, (i) => data[i]!);
}

/** A column of a table; throws InputError that lists those it has. */
export function column(table: Table, name: string): Matrix {
  const found = table.column(name);
  if (found) return found;
  const others = table.columns.filter((other) => other !== 'features');
  throw new InputError(`${table.source} has no tensor '${name}'; ${others.length ? `it has ${others.join(', ')}` : 'it has features only'}`);
}

export interface Labels {
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

/** Class labels from 0 on; throws InputError for anything else, and for a single class where there should be several. */
export function labelsOf(table: Table, name = 'labels'): Labels {
  const found = table.column(name);
  if (!found) throw new InputError(`${table.source} has no ${name}, which this probe needs; convert the data with class folders or labels`);
  const wrong = found.data.findIndex((value) => !Number.isInteger(value) || value < 0);
  if (found.cols > 1 || wrong >= 0) {
    throw new InputError(`${table.source}: ${name} have to be one whole number from 0 per example, but ` +
      (found.cols > 1 ? `there are ${found.cols}; see byo probe multilabel` : `that of row ${wrong} is ${found.data[wrong]}; see byo probe regression`));
  }
  const labels = Int32Array.from(found.data);
  const count = classCount(labels);
  if (countLabels(labels, count).filter((n) => n > 0).length < 2) {
    throw new InputError(`${table.source} has one class only; a classification probe needs two or more`);
  }
  const names = name === 'labels' ? table.classes : table.columnNames[name];
  return { labels, classes: names && names.length >= count ? names : Array.from({ length: count }, (_, i) => String(i)) };
}

/** Numbers to predict [N, T]; throws InputError where one is not finite or all of a column are equal. */
export function targetsOf(table: Table, name: string): Matrix {
  const targets = column(table, name);
  requireFinite(targets, `${table.source}: ${name}`);
  for (let t = 0; t < targets.cols; t++) {
    const first = targets.data[t];
    let constant = true;
    for (let i = 0; i < targets.rows && constant; i++) constant = targets.data[i * targets.cols + t] === first;
    if (constant) throw new InputError(`${table.source}: column ${t} of ${name} is ${first} in every row; there is nothing to predict`);
  }
  return targets;
}

/** Rows of features with what is to be predicted. */
export interface Labelled {
  readonly x: Matrix;
  readonly labels: Int32Array;
}

export const labelledRows = (x: Matrix, labels: ArrayLike<number>, rows: ArrayLike<number>): Labelled =>
  ({ x: takeRows(x, rows), labels: Int32Array.from(rows, (i) => labels[i]!) });
