import { float32, int32, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import { isPlainObject } from '../../files/json.js';
import { normalQuantile } from '../../stats/distributions.js';
import { quantile } from '../../stats/order.js';
import { categoricalColumns, numericColumns, rowCount, type Column, type TableSet } from './set.js';

export const SCALES = ['standard', 'quantile', 'none'] as const;
export type Scale = (typeof SCALES)[number];

/** How a model takes numbers of a column; fitted on the rows that it learns from. */
export interface NumericInput {
  readonly name: string;
  /** Subtracted from the numbers, and dividing them then. */
  readonly mean: number;
  readonly std: number;
  /** Evenly spaced quantiles, instead of mean and deviation: numbers become normal scores of their ranks among them. */
  readonly quantiles?: readonly number[];
  /** Whether rows that it learns from lack values. */
  readonly missing: boolean;
}

/** How a model takes the categories of a column: those of the rows that it learns from. */
export interface CategoricalInput {
  readonly name: string;
  readonly categories: readonly string[];
  readonly missing: boolean;
}

/** What a model of tables expects of one; the `input` of its file. */
export interface TableInput {
  readonly modality: 'table';
  readonly numeric: readonly NumericInput[];
  readonly categorical: readonly CategoricalInput[];
}

/** Numbers of categories that the model never saw, and of missing ones, where it saw any; those that it knows begin at 2. */
export const [UNKNOWN, ABSENT, FIRST_CATEGORY] = [0, 1, 2] as const;

/** Rows as networks take them. */
export interface EncodedTable {
  /** float32 [N, numeric columns], scaled; 0, which is the mean, where missing. */
  readonly numbers: NdArray<Float32Array>;
  /** float32 [N, numeric columns]: 1 where a number is missing, else 0. */
  readonly missing: NdArray<Float32Array>;
  /** int32 [N, categorical columns]: UNKNOWN, ABSENT, or FIRST_CATEGORY + the category's position in the model's list. */
  readonly codes: NdArray<Int32Array>;
}

/** Rows for each quantile that is kept, and how many are at least and at most. */
const [ROWS_PER_QUANTILE, FEWEST, MOST] = [30, 10, 200];

/** Scales and lists of categories from rows to learn from. Throws InputError where there are none. */
export function fitTable(rows: TableSet, scale: Scale = 'standard'): TableInput {
  const count = rowCount(rows);
  if (count === 0) throw new InputError('the table has no rows to learn from');
  const column = (values: NdArray, at: number): number[] =>
    Array.from({ length: count }, (_, row) => Number(values.data[row * values.shape[1]! + at]));
  return {
    modality: 'table',
    numeric: numericColumns(rows.columns).map(({ name }, at) => fitNumbers(name, column(rows.numeric, at), scale)),
    categorical: categoricalColumns(rows.columns).map(({ name, categories }, at) => {
      const codes = new Set(column(rows.categorical, at));
      return { name, categories: categories.filter((_, code) => codes.has(code)), missing: codes.has(-1) };
    }),
  };
}

function fitNumbers(name: string, values: readonly number[], scale: Scale): NumericInput {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value)));
  const missing = known.length < values.length;
  if (scale === 'none' || known.length === 0) return { name, mean: 0, std: 1, missing };
  if (scale === 'quantile') return { name, mean: 0, std: 1, missing, quantiles: quantilesOf(known.sort()) };
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  const std = Math.sqrt(known.reduce((total, value) => total + (value - mean) ** 2, 0) / known.length);
  // The mean of equal values is off by rounding, so a constant column shows as a deviation at the last digit.
  return { name, mean, std: std > 1e-14 * Math.abs(mean) ? std : 1, missing };
}

/** Evenly spaced quantiles of ascending values. */
function quantilesOf(values: Float64Array): number[] {
  const count = Math.min(values.length, Math.max(FEWEST, Math.min(MOST, Math.floor(values.length / ROWS_PER_QUANTILE))));
  return Array.from({ length: count }, (_, i) => quantile(values, count === 1 ? 0 : i / (count - 1)));
}

/** A table for a model. Throws InputError where it lacks one of the model's columns, or has it of another type. */
export function encodeTable({ numeric, categorical }: TableInput, set: TableSet, source: string): EncodedTable {
  const count = rowCount(set);
  const places = (type: Column['type'], names: readonly string[]): number[] => {
    const own = set.columns.filter((column) => column.type === type).map(({ name }) => name);
    return names.map((name) => {
      const at = own.indexOf(name);
      if (at >= 0) return at;
      const other = set.columns.find((column) => column.name === name);
      throw new InputError(other
        ? `column ${name} of ${source} is ${other.type}, but the model takes it as ${type}; convert it with a --schema that says so`
        : `${source} has no column ${name}, which the model takes; its columns are ${set.columns.map((column) => column.name).join(', ')}`);
    });
  };
  const shape = [count, numeric.length];
  const [numbers, missing, codes] = [float32(shape), float32(shape), int32([count, categorical.length])];
  places('numeric', numeric.map(({ name }) => name)).forEach((from, to) => {
    const scaled = scaler(numeric[to]!);
    for (let row = 0; row < count; row++) {
      const value = set.numeric.data[row * set.numeric.shape[1]! + from]!;
      const at = row * numeric.length + to;
      if (Number.isNaN(value)) missing.data[at] = 1;
      else numbers.data[at] = scaled(value);
    }
  });
  const theirs = categoricalColumns(set.columns);
  places('categorical', categorical.map(({ name }) => name)).forEach((from, to) => {
    const known = new Map(categorical[to]!.categories.map((name, i) => [name, FIRST_CATEGORY + i]));
    const absent = categorical[to]!.missing ? ABSENT : UNKNOWN;
    const translated = theirs[from]!.categories.map((name) => known.get(name) ?? UNKNOWN);
    for (let row = 0; row < count; row++) {
      const code = set.categorical.data[row * set.categorical.shape[1]! + from]!;
      codes.data[row * categorical.length + to] = code < 0 ? absent : translated[code]!;
    }
  });
  return { numbers, missing, codes };
}

function scaler({ mean, std, quantiles }: NumericInput): (value: number) => number {
  if (!quantiles) return (value) => (value - mean) / std;
  // Half a rank from either end, so that the smallest and largest values have finite scores, and others beyond them the same.
  const scores = quantiles.map((_, i) => normalQuantile((i + 0.5) / quantiles.length));
  return (value) => {
    const rank = rankOf(value, quantiles);
    const [below, share] = [Math.floor(rank), rank % 1];
    return share === 0 ? scores[below]! : scores[below]! + share * (scores[below + 1]! - scores[below]!);
  };
}

/** Where a value stands among ascending quantiles, from 0 to their number - 1: on a line between two of them, amid equal ones. */
function rankOf(value: number, quantiles: readonly number[]): number {
  const first = countWhile(quantiles, (q) => q < value);
  const equal = countWhile(quantiles, (q) => q <= value) - first;
  if (equal > 0) return first + (equal - 1) / 2;
  if (first === 0) return 0;
  if (first === quantiles.length) return quantiles.length - 1;
  return first - 1 + (value - quantiles[first - 1]!) / (quantiles[first]! - quantiles[first - 1]!);
}

/** How many values of an ascending list come before the first for which `holds` does not. */
function countWhile(values: readonly number[], holds: (value: number) => boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of them `tableFeatures` gives. */
export const featureCount = ({ numeric, categorical }: TableInput): number =>
  numeric.reduce((n, { missing }) => n + (missing ? 2 : 1), 0)
    + categorical.reduce((n, { categories, missing }) => n + categories.length + (missing ? 1 : 0), 0);

/**
 * Rows as plain features, float32 [N, featureCount]: of each numeric column its number and, where the model met missing ones,
 * whether it is missing; of each categorical column a 1 among zeros for its category, or for a missing one. An unknown category
 * is all zeros.
 */
export function tableFeatures(input: TableInput, { numbers, missing, codes }: EncodedTable): NdArray<Float32Array> {
  const [count, width] = [numbers.shape[0]!, featureCount(input)];
  const features = float32([count, width]);
  for (let row = 0; row < count; row++) {
    let at = row * width;
    input.numeric.forEach((column, j) => {
      const from = row * input.numeric.length + j;
      features.data[at++] = numbers.data[from]!;
      if (column.missing) features.data[at++] = missing.data[from]!;
    });
    input.categorical.forEach((column, j) => {
      const code = codes.data[row * input.categorical.length + j]!;
      if (code >= FIRST_CATEGORY) features.data[at + code - FIRST_CATEGORY] = 1;
      at += column.categories.length;
      if (column.missing) features.data[at++] = code === ABSENT ? 1 : 0;
    });
  }
  return features;
}

/** The `input` of a model of tables; throws InputError where the model takes something else. */
export function tableInputOf({ input }: Readonly<Record<string, unknown>>, source: string): TableInput {
  if (isPlainObject(input) && input.modality === 'table' && Array.isArray(input.numeric) && Array.isArray(input.categorical)) {
    return input as unknown as TableInput;
  }
  throw new InputError(`${source} holds a model that takes no tables; byo pretrain t-jepa makes one`);
}
