import { float32, int32, ndarray, rowsAt, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import type { Artifact } from '../../files/artifact.js';
import { isPlainObject } from '../../files/json.js';
import { classCount } from '../../stats/labels.js';
import { trainingRows, vector } from '../dataset.js';

/** A column of numbers, or of names out of a list. */
export type Column =
  | { readonly name: string; readonly type: 'numeric' }
  | { readonly name: string; readonly type: 'categorical'; readonly categories: readonly string[] };

export type CategoricalColumn = Extract<Column, { type: 'categorical' }>;

/** What a table is asked about: one of several classes, or a number. */
export type Target =
  | { readonly name: string; readonly task: 'classification'; readonly labels: Int32Array; readonly classes: readonly string[] }
  | { readonly name: string; readonly task: 'regression'; readonly values: Float32Array };

/** A table with N rows. */
export interface TableSet {
  /** In the order of their source, the target left out. */
  readonly columns: readonly Column[];
  /** float32 [N, numeric columns] in their order; NaN where a value is missing. */
  readonly numeric: NdArray<Float32Array>;
  /** int32 [N, categorical columns] in their order: positions in the column's categories; -1 where a value is missing. */
  readonly categorical: NdArray<Int32Array>;
  readonly target?: Target;
  /** [N]: one of SPLIT; left out where the source is one whole. */
  readonly split?: Uint8Array;
}

export const numericColumns = (columns: readonly Column[]): Column[] => columns.filter(({ type }) => type === 'numeric');

export const categoricalColumns = (columns: readonly Column[]): CategoricalColumn[] =>
  columns.filter((column): column is CategoricalColumn => column.type === 'categorical');

export const rowCount = ({ numeric }: TableSet): number => numeric.shape[0]!;

/**
 * Tables as artifacts of kind `dataset`: `numeric` float32 [N, C] with NaN for missing values, `categorical` int32 [N, K] with -1
 * for missing ones (either is left out where a table has no such columns), `labels` int32 [N] or `targets` float32 [N], `split`
 * uint8 [N]; `meta.table` has the columns with their categories, and the target's name and task.
 */
export function tableArtifact({ columns, numeric, categorical, target, split }: TableSet): Omit<Artifact, 'recipe'> {
  const tensors = new Map<string, NdArray>();
  if (numeric.shape[1]! > 0) tensors.set('numeric', numeric);
  if (categorical.shape[1]! > 0) tensors.set('categorical', categorical);
  if (target?.task === 'classification') tensors.set('labels', int32([target.labels.length], target.labels));
  if (target?.task === 'regression') tensors.set('targets', float32([target.values.length], target.values));
  if (split) tensors.set('split', ndarray('uint8', [split.length], split));
  return {
    kind: 'dataset', schema: 1, tensors,
    meta: {
      modality: 'table', ...(target?.task === 'classification' && { classes: target.classes }),
      table: { columns, ...(target && { target: { name: target.name, task: target.task } }) },
    },
  };
}

/** The table in an artifact; throws InputError that names what is missing or misshapen. */
export function tableSetOf(artifact: Artifact, source: string): TableSet {
  const { table, classes } = artifact.meta;
  if (!isPlainObject(table) || !Array.isArray(table.columns) || !table.columns.every(isColumn)) {
    throw new InputError(`${source} holds no table; byo convert makes data sets of CSV, Parquet and npy files`);
  }
  const columns: readonly Column[] = table.columns;
  const [numbers, categories] = [numericColumns(columns).length, categoricalColumns(columns)];
  const count = (artifact.tensors.get('numeric') ?? artifact.tensors.get('categorical'))?.shape[0];
  if (!count) throw new InputError(`${source} holds a table without rows`);
  const numeric = block(artifact, 'numeric', 'float32', [count, numbers], source);
  const categorical = block(artifact, 'categorical', 'int32', [count, categories.length], source) as NdArray<Int32Array>;
  const columnAt = (at: number): CategoricalColumn => categories[at % categories.length]!;
  const wrong = categorical.data.findIndex((code, at) => code < -1 || code >= columnAt(at).categories.length);
  if (wrong >= 0) {
    const { name, categories: { length } } = columnAt(wrong);
    const row = Math.floor(wrong / categories.length);
    throw new InputError(`${source}: row ${row} has category ${categorical.data[wrong]} in column ${name}, which has ${length}`);
  }
  const split = vector(artifact, 'split', count, source);
  const target = targetOf(artifact, isPlainObject(table.target) ? table.target : {}, classes, count, source);
  return {
    columns, numeric: numeric as NdArray<Float32Array>, categorical, ...(target && { target }),
    ...(split && { split: split.data as Uint8Array }),
  };
}

const isColumn = (value: unknown): value is Column => isPlainObject(value) && typeof value.name === 'string' && (
  value.type === 'numeric'
  || (value.type === 'categorical' && Array.isArray(value.categories) && value.categories.every((name) => typeof name === 'string')));

/** A tensor [N, columns]; an empty one where there are no columns. */
function block(
  { tensors }: Artifact, name: string, dtype: 'float32' | 'int32', shape: readonly [number, number], source: string,
): NdArray {
  const found = tensors.get(name);
  if (!found && shape[1] === 0) return dtype === 'int32' ? int32(shape) : float32(shape);
  if (found?.dtype === dtype && found.shape.join() === shape.join()) return found;
  throw new InputError(`${source}: ${name} is ${found ? `${found.dtype} [${found.shape}]` : 'not there'}, but ${dtype} [${shape}] is expected, ` +
    'one value for each of its columns in meta.table');
}

function targetOf(
  artifact: Artifact, { name = 'target' }: Record<string, unknown>, classes: unknown, count: number, source: string,
): Target | undefined {
  const [labels, values] = [vector(artifact, 'labels', count, source), vector(artifact, 'targets', count, source)];
  if (labels) {
    const numbers = Int32Array.from(labels.data as Int32Array, Number);
    const wrong = numbers.findIndex((label) => label < 0);
    if (wrong >= 0) throw new InputError(`${source}: the label of row ${wrong} is ${numbers[wrong]}; labels are whole numbers from 0`);
    const count = classCount(numbers);
    const named = Array.isArray(classes) && classes.length >= count;
    return {
      name: String(name), task: 'classification', labels: numbers,
      classes: named ? classes.map(String) : Array.from({ length: count }, (_, i) => String(i)),
    };
  }
  return values && { name: String(name), task: 'regression', values: Float32Array.from(values.data as Float32Array, Number) };
}

/** Rows of a table by number. */
export function tableRows({ columns, numeric, categorical, target, split }: TableSet, rows: ArrayLike<number>): TableSet {
  return {
    columns, numeric: rowsAt(numeric, rows), categorical: rowsAt(categorical, rows),
    ...(target?.task === 'classification' && { target: { ...target, labels: Int32Array.from(rows, (i) => target.labels[i]!) } }),
    ...(target?.task === 'regression' && { target: { ...target, values: Float32Array.from(rows, (i) => target.values[i]!) } }),
    ...(split && { split: Uint8Array.from(rows, (i) => split[i]!) }),
  };
}

/** The part of a table that methods may learn from: everything that is not marked as test. */
export function tableWithoutTest(set: TableSet): TableSet {
  const kept = trainingRows(set.split);
  return kept ? tableRows(set, kept) : set;
}
