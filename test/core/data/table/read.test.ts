import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ndarray } from '../../../../src/core/array.js';
import { isTableFile, readTable, type RawTable, type ReadTableOptions } from '../../../../src/core/data/table/read.js';
import { encodeNpy } from '../../../../src/core/files/npy.js';
import { messageOf, scratch } from '../scratch.js';

const GOLDEN = fileURLToPath(new URL('../../../golden/table.parquet', import.meta.url));

const read = async (name: string, content: string | Uint8Array, options: ReadTableOptions = {}): Promise<RawTable> =>
  readTable(join(await scratch({ [name]: content }), name), options);
const columns = ({ columns: all }: RawTable) => Object.fromEntries(all.map(({ name, cells }) => [name, [...cells]]));
const refused = async (name: string, content: string | Uint8Array, options?: ReadTableOptions, error = 'InputError'): Promise<string> =>
  messageOf(read(name, content, options), error);

describe('tables of text', () => {
  it('have a header, quotes, and cells that stand for missing values', async () => {
    const table = await read('t.csv', '\ufeffage, name ,"a, b"\n1,x,"says ""no"""\n\n?, NA ,null\n,unknown,3\n');
    expect(columns(table)).toEqual({
      age: ['1', undefined, undefined], name: ['x', undefined, 'unknown'], 'a, b': ['says "no"', undefined, '3'],
    });
    expect([table.rows, table.place(1)]).toEqual([3, `${table.source}, line 4`]);
    expect(columns(await read('t.csv', 'a,b\n?,-\n', { missing: ['-'] }))).toEqual({ a: ['?'], b: [undefined] });
  });

  it('are split where the first line is split most, or where it is said', async () => {
    for (const [text, options] of [
      ['a;b\n1,5;2\n', {}], ['a\tb\n1,5\t2\n', {}], ['"a,;b";b\n1,5;2\n', {}], ['a|b\n1,5|2\n', { delimiter: '|' }],
    ] as const) expect(Object.values(columns(await read('t.csv', text, options))), text).toEqual([['1,5'], ['2']]);
    expect(columns(await read('t.tsv', 'a,b\tc\n1\t2\n'))).toEqual({ 'a,b': ['1'], c: ['2'] });
  });

  it('may end their lines in several ways, as joined files of several systems do', async () => {
    expect(columns(await read('t.csv', 'a,b\r\n1,x\n2,y\r\n3,z\r4,w'))).toEqual({ a: ['1', '2', '3', '4'], b: ['x', 'y', 'z', 'w'] });
  });

  it('without a header are numbered, and may be gzipped', async () => {
    const table = await read('t.csv.gz', gzipSync('1,x\n2,y\n'), { header: false });
    expect([columns(table), table.place(1)]).toEqual([{ c1: ['1', '2'], c2: ['x', 'y'] }, `${table.source}, line 2`]);
  });

  it('are refused where they are none', async () => {
    expect(await refused('t.csv', 'a,b\n1,2\n1\n')).toMatch(/t\.csv is not a table of comma-separated values: .*line 3/);
    expect(await refused('t.csv', 'a,b\n1,"2\n')).toMatch(/is not a table of comma-separated values: Quote Not Closed/);
    expect(await refused('t.csv', 'a,b\n')).toMatch(/t\.csv has no rows below its header/);
    expect(await refused('t.csv', '', { header: false })).toMatch(/t\.csv has no rows$/);
    expect(await refused('t.csv', 'a,a\n1,2\n')).toMatch(/two columns named a; rename one/);
    expect(await refused('t.csv', Uint8Array.of(0x61, 0x0a, 0xe9, 0x0a))).toMatch(/is not UTF-8 text/);
    expect(await refused('t.data', 'a\n1\n', {}, 'UsageError')).toMatch(/does not say by its ending what kind of table it is; say it, as in --format csv/);
  });

  it('whose header holds numbers that do not count are taken for tables without one', async () => {
    expect(await refused('t.csv', '1.5,2\n3,4\n')).toMatch(/holds numbers \(1\.5, 2\) where names of columns are expected; give --no-header/);
    expect(columns(await read('t.csv', '0,1\n3,4\n'))).toEqual({ 0: ['3'], 1: ['4'] });
    expect((await read('t.csv', '39,State,7\n50,Self,8\n')).warnings).toEqual([expect.stringContaining('has numbers (39, 7) among the names')]);
    expect((await read('t.csv', '2019,2020,name\n3,4,x\n')).warnings).toBeUndefined();
  });
});

describe('Parquet', () => {
  it('is read in every compression, whoever wrote it', async () => {
    expect(columns(await readTable(GOLDEN))).toEqual({
      height: [1.5, undefined, undefined, -2.25, 1e-3], count: [1, 2, undefined, 2 ** 40, -5], small: [1, 0, 7, undefined, 3],
      colour: ['red', 'blue', undefined, 'red', undefined], open: ['true', 'false', undefined, 'true', 'false'], kind: ['b', 'a', 'a', 'b', 'a'],
    });
  });

  it('that is damaged is one sentence', async () => {
    expect(await refused('t.parquet', 'PAR1 and nothing else PAR1')).toMatch(/t\.parquet is not a Parquet file that can be read: /);
  });
});

describe('npy', () => {
  const table = (shape: number[], values: number[]) => Buffer.concat(encodeNpy(ndarray('float64', shape, Float64Array.from(values))));

  it('of two axes is a table, of three images', async () => {
    expect(columns(await read('t.npy', table([2, 2], [1, NaN, 3, 4])))).toEqual({ c1: [1, 3], c2: [undefined, 4] });
    const folder = await scratch({ 'two.npy': table([2, 2], [1, 2, 3, 4]), 'three.npy': table([1, 2, 2], [1, 2, 3, 4]) });
    expect(await Promise.all(['two.npy', 'three.npy', 'a.csv', 'b.TSV', 'c.csv.gz', 'd.parquet', 'e.png', 'folder', 'f.npy'].map((name) =>
      isTableFile(join(folder, name))))).toEqual([true, false, true, true, true, true, false, false, false]);
    expect(await refused('t.npy', table([1, 2, 2], [1, 2, 3, 4]))).toMatch(/is \[1,2,2\], but a table is an array \[rows, columns\]/);
  });
});
