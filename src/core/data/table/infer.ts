import { float32, int32 } from '../../array.js';
import { InputError } from '../../errors.js';
import { splitRows } from '../../stats/split.js';
import { SPLIT } from '../images.js';
import { SPLIT_NAMES } from '../layout.js';
import { isNumber, type Cell, type RawColumn, type RawTable } from './read.js';
import type { ColumnSchema } from './schema.js';
import type { Column, TableSet, Target } from './set.js';

export interface TableOptions {
  /** Columns as a person describes them, by name; of a table without a header, in their order. */
  readonly schema?: readonly ColumnSchema[];
  /** Whether the table has names of its own. */
  readonly header?: boolean;
  /** The name or the number, from 1, of the column to predict; the last one where left out; null: none. */
  readonly target?: string | null;
  /** Found from the target's values where left out. */
  readonly task?: 'classification' | 'regression';
  /** A table of the same columns, whose rows are the test part. */
  readonly test?: RawTable;
  /** The column that says train, validation or test. */
  readonly splitColumn?: string;
  /** Shares of rows that are drawn for validation and testing, by class; the latter where nothing else marks any. */
  readonly shares?: { readonly validation: number; readonly test: number };
  readonly seed?: number;
}

/** A table, and what a person should know about how it was taken. */
export interface InferredTable {
  readonly set: TableSet;
  readonly warnings: readonly string[];
}

/** As many different whole numbers, each in two rows on average, make classes of a target; others make a number to predict. */
const MOST_CLASSES = 20;

/**
 * A table from what its source holds. A column whose values are all numbers is numeric, any other one categorical, unless the
 * schema says otherwise; categories and classes come in the order of their numbers or, of texts, of their characters. Throws
 * InputError for columns that are not there, values that do not fit their column, and rows whose target is missing.
 */
export function inferTable(raw: RawTable, options: TableOptions = {}): InferredTable {
  const table = withTest(named(raw, options), options.test && named(options.test, options));
  const { schema = [], splitColumn } = options;
  const described = new Map(schema.map((entry) => [entry.name, entry]));
  const unknown = schema.find(({ name }) => !table.columns.some((column) => column.name === name));
  if (unknown) throw new InputError(`the schema describes a column ${unknown.name}, which ${table.source} has not; its columns are ${listed(table)}`);
  const split = splitColumn === undefined ? undefined : find(table, splitColumn, 'the split');
  const target = options.target === null ? undefined : find(table, options.target, 'the target', split);

  const warnings = [...raw.warnings ?? []];
  const features = table.columns.filter((column) =>
    column !== target && column !== split && described.get(column.name)?.type !== 'ignore');
  if (features.length === 0) throw new InputError(`${table.source} has no column besides the target; there is nothing to learn from`);
  const columns = features.map((column) => columnOf(column, described.get(column.name), table, warnings));
  const set = valuesOf(features, columns, table);
  const what = target && targetOf(target, options.task, described.get(target.name), table);
  const marks = splitOf(split, what, table, options);
  return { set: { ...set, ...(what && { target: what }), ...(marks && { split: marks }) }, warnings };
}

/** The table under the names that a schema gives to columns without a header. */
function named(raw: RawTable, { header = true, schema }: TableOptions): RawTable {
  if (header || !schema) return raw;
  if (schema.length !== raw.columns.length) {
    throw new InputError(`the schema lists ${schema.length} columns, but ${raw.source} has ${raw.columns.length}; without a header it names `
      + 'all of them in order');
  }
  return { ...raw, columns: raw.columns.map(({ cells }, i) => ({ name: schema[i]!.name, cells })) };
}

interface Joined extends RawTable {
  /** Rows from this one on are those of the test table. */
  readonly testFrom?: number;
}

function withTest(table: RawTable, test: RawTable | undefined): Joined {
  if (!test) return table;
  const columns = table.columns.map(({ name, cells }): RawColumn => {
    const other = test.columns.find((column) => column.name === name);
    if (!other) throw new InputError(`${test.source} has no column ${name}, which ${table.source} has; its columns are ${listed(test)}`);
    return { name, cells: [...cells, ...other.cells] };
  });
  const extra = test.columns.find(({ name }) => !table.columns.some((column) => column.name === name));
  if (extra) throw new InputError(`${test.source} has a column ${extra.name}, which ${table.source} has not; both need the same columns`);
  return {
    ...table, columns, rows: table.rows + test.rows, testFrom: table.rows,
    place: (row) => (row < table.rows ? table.place(row) : test.place(row - table.rows)),
  };
}

const listed = ({ columns }: RawTable): string =>
  columns.slice(0, 8).map(({ name }) => name).join(', ') + (columns.length > 8 ? `, … (${columns.length})` : '');

/** The column of a name or a number; the last one besides `other` where neither is given. */
function find(table: RawTable, wanted: string | undefined, what: string, other?: RawColumn): RawColumn {
  if (wanted === undefined) return table.columns.findLast((column) => column !== other)!;
  const byNumber = /^\d+$/.test(wanted) ? table.columns[Number(wanted) - 1] : undefined;
  const found = table.columns.find(({ name }) => name === wanted) ?? byNumber;
  if (!found) throw new InputError(`${table.source} has no column ${wanted}, which ${what} should be; its columns are ${listed(table)}`);
  return found;
}

type Value = string | number;
const present = (cells: readonly Cell[]): Value[] => cells.filter((cell): cell is Value => cell !== undefined);
const isNumeric = (cell: Value): boolean => (typeof cell === 'number' ? Number.isFinite(cell) : isNumber(cell));

/** Different values as texts: numbers in their order, else by their characters. */
function distinct(cells: readonly Cell[]): string[] {
  const values = [...new Set(present(cells).map(String))];
  return values.every(isNumber) ? values.sort((a, b) => Number(a) - Number(b)) : values.sort();
}

function columnOf({ name, cells }: RawColumn, described: ColumnSchema | undefined, table: RawTable, warnings: string[]): Column {
  const values = present(cells);
  const { type = values.every(isNumeric) ? 'numeric' : 'categorical', categories } = described ?? {};
  const count = new Set(values).size;
  const here = `column ${name} of ${table.source}`;
  if (count === 0) warnings.push(`${here} has no values; it says nothing`);
  else if (count === 1 && values.length === cells.length) warnings.push(`${here} is ${values[0]} in every row; it says nothing`);
  if (type === 'numeric') {
    const wrong = cells.findIndex((cell) => cell !== undefined && !isNumeric(cell));
    if (wrong < 0) return { name, type };
    throw new InputError(`${table.place(wrong)}, ${name}: '${cells[wrong]}' is no finite number; make the column categorical in the schema, or `
      + `say that this is a missing value with --missing`);
  }
  if (!categories && count > 100 && count > values.length / 2) {
    warnings.push(`${here} has ${count} different texts in ${values.length} rows; if it only names the rows, give it the `
      + 'type ignore in a schema');
  }
  return { name, type: 'categorical', categories: categories ?? distinct(cells) };
}

type Values = Pick<TableSet, 'columns' | 'numeric' | 'categorical'>;

function valuesOf(features: readonly RawColumn[], columns: readonly Column[], { rows, place }: RawTable): Values {
  const width = (type: Column['type']): number => columns.filter((column) => column.type === type).length;
  const [numeric, categorical] = [float32([rows, width('numeric')]), int32([rows, width('categorical')])];
  let [number, category] = [0, 0];
  columns.forEach((column, j) => {
    const { cells, name } = features[j]!;
    if (column.type === 'numeric') {
      const at = number++;
      cells.forEach((cell, row) => { numeric.data[row * numeric.shape[1]! + at] = cell === undefined ? NaN : Number(cell); });
      const huge = cells.findIndex((cell) => cell !== undefined && !Number.isFinite(Math.fround(Number(cell))));
      if (huge >= 0) throw new InputError(`${place(huge)}, ${name}: ${cells[huge]} is beyond the range of float32; rescale the column`);
      return;
    }
    const at = category++;
    const codes = new Map(column.categories.map((value, code) => [value, code]));
    cells.forEach((cell, row) => {
      const code = cell === undefined ? -1 : codes.get(String(cell));
      if (code === undefined) {
        throw new InputError(`${place(row)}, ${name}: '${cell}' is none of the categories of the schema, ${column.categories.slice(0, 8).join(', ')}`);
      }
      categorical.data[row * categorical.shape[1]! + at] = code;
    });
  });
  return { columns, numeric, categorical };
}

function targetOf(
  { name, cells }: RawColumn, asked: TableOptions['task'], described: ColumnSchema | undefined, { place, testFrom }: Joined,
): Target {
  const missing = cells.indexOf(undefined);
  if (missing >= 0) throw new InputError(`${place(missing)}: the target ${name} is missing; leave the row out, or give --target none`);
  const values = present(cells);
  const numeric = values.every(isNumeric) && described?.type !== 'categorical';
  const classes = described?.categories ?? distinct(cells.slice(0, testFrom));
  const whole = values.every((cell) => Number.isInteger(Number(cell)));
  const few = classes.length <= Math.min(MOST_CLASSES, values.length / 2);
  const task = asked ?? (numeric && !(whole && few) ? 'regression' : 'classification');
  if (task === 'regression') {
    const wrong = values.findIndex((cell) => !isNumeric(cell) || !Number.isFinite(Math.fround(Number(cell))));
    if (wrong >= 0) throw new InputError(`${place(wrong)}, ${name}: '${values[wrong]}' is no finite number; --task classification takes texts`);
    return { name, task, values: Float32Array.from(values, Number) };
  }
  const numbers = new Map(classes.map((value, code) => [value, code]));
  const labels = Int32Array.from(values, (cell, row) => {
    const label = numbers.get(String(cell));
    if (label !== undefined) return label;
    throw new InputError(`${place(row)}: ${name} is '${cell}', which no row to train on has; its classes are ${classes.slice(0, 8).join(', ')}`);
  });
  return { name, task, labels, classes };
}

function splitOf(
  column: RawColumn | undefined, target: Target | undefined, { rows, place, testFrom }: Joined,
  { shares: { validation, test } = { validation: 0, test: 0 }, seed = 0 }: TableOptions,
): Uint8Array | undefined {
  const split = new Uint8Array(rows);
  const marks = column?.cells.map((cell, row) => {
    const part = SPLIT_NAMES[String(cell).toLowerCase()];
    if (part !== undefined) return part;
    throw new InputError(`${place(row)}, ${column.name}: '${cell ?? ''}' is no part; train, validation and test are`);
  });
  if (marks) split.set(marks);
  if (testFrom !== undefined) split.fill(SPLIT.test, testFrom);
  const marked = (part: number): boolean => split.includes(part);
  const [drawnTest, drawnValidation] = [marked(SPLIT.test) ? 0 : test, marked(SPLIT.validation) ? 0 : validation];
  if (drawnTest + drawnValidation > 0) {
    const free = [...split.keys()].filter((row) => split[row] === SPLIT.train);
    const labels = target?.task === 'classification' ? free.map((row) => target.labels[row]!) : undefined;
    const parts = splitRows(free.length, { validation: drawnValidation, test: drawnTest }, { seed, ...(labels && { labels }) });
    for (const i of parts.validation) split[free[i]!] = SPLIT.validation;
    for (const i of parts.test) split[free[i]!] = SPLIT.test;
  }
  return split.some((part) => part !== SPLIT.train) ? split : undefined;
}
