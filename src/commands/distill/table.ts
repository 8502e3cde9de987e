import { ndarray, type NdArray } from '../../core/array.js';
import { table as formatTable } from '../../cli/terminal.js';
import { seedInterval } from '../../core/stats/intervals.js';

export type Row = Readonly<Record<string, number | string>>;

/** Rows that agree in their `keys`, in the order of the first of each. */
export function grouped(rows: readonly Row[], keys: readonly string[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify(keys.map((name) => row[name]));
    groups.set(key, [...groups.get(key) ?? [], row]);
  }
  return [...groups.values()];
}

const keysOf = (row: Row, keys: readonly string[]): Row => Object.fromEntries(keys.map((name) => [name, row[name]!]));
const column = (rows: readonly Row[], name: string): number[] => rows.map((row) => Number(row[name]));

/** Means of the `values` of rows that agree in their `keys`. */
export const meansOf = (rows: readonly Row[], keys: readonly string[], values: readonly string[]): Row[] =>
  grouped(rows, keys).map((group) => ({
    ...keysOf(group[0]!, keys),
    ...Object.fromEntries(values.map((name) => [name, column(group, name).reduce((a, b) => a + b) / group.length])),
  }));

/** The same over seeds; of two or more, NAME± is half the width of Student's 95% interval of the mean. */
export const summarize = (rows: readonly Row[], keys: readonly string[], values: readonly string[]): Row[] =>
  grouped(rows, keys).map((group) => {
    const [mean] = meansOf(group, keys, values);
    if (group.length === 1) return mean!;
    return {
      ...keysOf(mean!, keys),
      ...Object.fromEntries(values.flatMap((name) => {
        const { estimate, high } = seedInterval(column(group, name));
        return [[name, estimate], [`${name}±`, high - estimate]];
      })),
    };
  });

/** Rows as text; the columns are those of the first. */
export const textOf = (rows: readonly Row[]): string => {
  const columns = Object.keys(rows[0]!);
  return formatTable(columns, rows.map((row) => columns.map((name) => row[name] ?? '')));
};

/** Rows as tensors, one a column: numbers float64 [rows], words their int32 numbers [rows] among `words` of the column. */
export function tensorsOf(rows: readonly Row[]): { tensors: Map<string, NdArray>; words: Record<string, string[]> } {
  const tensors = new Map<string, NdArray>();
  const words: Record<string, string[]> = {};
  for (const name of Object.keys(rows[0]!)) {
    const column = rows.map((row) => row[name]!);
    if (column.every((value) => typeof value === 'number')) {
      tensors.set(name, ndarray('float64', [rows.length], Float64Array.from(column)));
    } else {
      const distinct = [...new Set(column.map(String))];
      words[name] = distinct;
      tensors.set(name, ndarray('int32', [rows.length], Int32Array.from(column, (value) => distinct.indexOf(String(value)))));
    }
  }
  return { tensors, words };
}
