import { describe, expect, it } from 'vitest';
import { float32, int32 } from '../../../../src/core/array.js';
import {
  ABSENT, encodeTable, featureCount, fitTable, tableFeatures, tableInputOf, UNKNOWN,
} from '../../../../src/core/data/table/encoding.js';
import type { TableSet } from '../../../../src/core/data/table/set.js';
import { normalQuantile } from '../../../../src/core/stats/distributions.js';

/** A table of a numeric column `x`, categories `kind`, and a second numeric column `y`. */
const table = (x: number[], kind: number[], categories: readonly string[], y = x.map(() => 5)): TableSet => ({
  columns: [{ name: 'x', type: 'numeric' }, { name: 'kind', type: 'categorical', categories }, { name: 'y', type: 'numeric' }],
  numeric: float32([x.length, 2], x.flatMap((value, i) => [value, y[i]!])), categorical: int32([x.length, 1], kind),
});
const TRAIN = table([1, 2, NaN, 3], [0, 2, 0, -1], ['a', 'b', 'c']);

describe('scales and categories', () => {
  it('are those of the rows to learn from, whatever the table lists besides', () => {
    expect(fitTable(TRAIN)).toEqual({
      modality: 'table',
      numeric: [{ name: 'x', mean: 2, std: Math.sqrt(2 / 3), missing: true }, { name: 'y', mean: 5, std: 1, missing: false }],
      categorical: [{ name: 'kind', categories: ['a', 'c'], missing: true }],
    });
    expect(fitTable(TRAIN, 'none').numeric[0]).toEqual({ name: 'x', mean: 0, std: 1, missing: true });
  });

  it('encode those rows with mean 0 and deviation 1, and missing numbers as the mean', () => {
    const { numbers, missing, codes } = encodeTable(fitTable(TRAIN), TRAIN, 't.st');
    const step = Math.fround(1 / Math.sqrt(2 / 3));
    expect([...numbers.data]).toEqual([-step, 0, 0, 0, 0, 0, step, 0]);
    expect([...missing.data]).toEqual([0, 0, 0, 0, 1, 0, 0, 0]);
    expect([...codes.data]).toEqual([2, 3, 2, ABSENT]);
  });

  it('meet categories by name: another order, one that is new, one that was never seen', () => {
    const later = table([2, 2, 2, 2], [0, 1, 2, -1], ['c', 'b', 'new']);
    expect([...encodeTable(fitTable(TRAIN), later, 't.st').codes.data]).toEqual([3, UNKNOWN, UNKNOWN, ABSENT]);
  });

  it('find columns by name, whatever their order, and pass over others', () => {
    const input = fitTable(TRAIN);
    const { columns, numeric, categorical } = TRAIN;
    const rows = [0, 1, 2, 3].map((row) => [9, numeric.data[2 * row + 1]!, numeric.data[2 * row]!]);
    const turned: TableSet = {
      columns: [{ name: 'z', type: 'numeric' }, columns[2]!, columns[0]!, columns[1]!], categorical, numeric: float32([4, 3], rows.flat()),
    };
    expect(encodeTable(input, turned, 't.st')).toEqual(encodeTable(input, TRAIN, 't.st'));
  });

  it('are refused by a table without a column, or with one of another type', () => {
    const input = fitTable(TRAIN);
    const without = { ...TRAIN, columns: TRAIN.columns.slice(0, 2), numeric: float32([4, 1]) };
    expect(() => encodeTable(input, without, 't.st')).toThrow('t.st has no column y, which the model takes; its columns are x, kind');
    const [, ...others] = TRAIN.columns;
    const other: TableSet = { ...TRAIN, columns: [{ name: 'x', type: 'categorical', categories: ['a'] }, ...others] };
    expect(() => encodeTable(input, other, 't.st')).toThrow('column x of t.st is categorical, but the model takes it as numeric');
    expect(() => tableInputOf({ input: { channels: 3 } }, 'm.st')).toThrow('m.st holds a model that takes no tables');
    expect(tableInputOf({ input }, 'm.st')).toBe(input);
  });
});

describe('quantile scales', () => {
  const scaled = (train: number[], values: number[]): number[] => {
    const kind = (list: number[]) => list.map(() => 0);
    const input = fitTable(table(train, kind(train), ['a']), 'quantile');
    const { numbers } = encodeTable(input, table(values, kind(values), ['a']), 't.st');
    return values.map((_, row) => numbers.data[2 * row]!);
  };
  const score = (p: number): number => Math.fround(normalQuantile(p));

  it('make normal scores of ranks, which do not see how far apart values are', () => {
    const train = Array.from({ length: 10 }, (_, i) => 10 ** i);
    expect(scaled(train, [1, 10, 1e9])).toEqual([score(0.05), score(0.15), score(0.95)]);
    expect(scaled(train, [-5, 1e12])).toEqual([score(0.05), score(0.95)]);
    const [between] = scaled(train, [5.5]);
    expect(between).toBeCloseTo((score(0.05) + score(0.15)) / 2, 6);
  });

  it('put equal values in the middle of the ranks that they share, and a constant column at 0', () => {
    const train = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3];
    const [tied, single] = scaled(train, [0, 1]);
    expect([tied, single]).toEqual([score(0.35), score(0.75)]);
    for (const value of scaled([4, 4, 4], [4, 4])) expect(value).toBeCloseTo(0, 12);
  });

  it('are near to normal on many rows, with at most 200 quantiles', () => {
    const train = Array.from({ length: 9000 }, (_, i) => ((i * 2654435761) % 9000) ** 3);
    const values = scaled(train, train).sort((a, b) => a - b);
    const worst = Math.max(...values.map((value, i) => Math.abs(value - normalQuantile((i + 0.5) / 9000))).slice(450, -450));
    expect(worst).toBeLessThan(0.03);
    expect(fitTable(table(train, train.map(() => 0), ['a']), 'quantile').numeric[0]!.quantiles).toHaveLength(200);
  });
});

describe('plain features', () => {
  it('are numbers with marks for missing ones, and ones among zeros', () => {
    const input = fitTable(TRAIN);
    const later = table([2, NaN, 2, NaN], [0, 1, 2, -1], ['c', 'b', 'a'], [5, NaN, 6, 5]);
    const { shape, data } = tableFeatures(input, encodeTable(input, later, 't.st'));
    expect([shape, featureCount(input)]).toEqual([[4, 6], 6]);
    //          x, missing; y; kind a, c, missing
    expect([...data]).toEqual([0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});
