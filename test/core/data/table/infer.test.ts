import { describe, expect, it } from 'vitest';
import { SPLIT } from '../../../../src/core/data/images.js';
import { inferTable, type TableOptions } from '../../../../src/core/data/table/infer.js';
import type { Cell, RawTable } from '../../../../src/core/data/table/read.js';
import { parseSchema } from '../../../../src/core/data/table/schema.js';
import { tableArtifact, tableRows, tableSetOf, tableWithoutTest } from '../../../../src/core/data/table/set.js';
import { float32, int32 } from '../../../../src/core/array.js';

const raw = (columns: Readonly<Record<string, readonly Cell[]>>, source = 't.csv'): RawTable => ({
  source, rows: Object.values(columns)[0]!.length, digest: 'sha256:', place: (row) => `${source}, line ${row + 2}`,
  columns: Object.entries(columns).map(([name, cells]) => ({ name, cells })),
});
const PETS = raw({
  weight: ['4.5', '-1e2', undefined, '.5'], kind: ['cat', 'dog', undefined, 'cat'], code: ['10', '9', 'x', '10'], tame: ['yes', 'no', 'yes', 'yes'],
});
const infer = (table = PETS, options: TableOptions = {}) => inferTable(table, options).set;

describe('a table from its cells', () => {
  it('has numbers where all values are, categories in order elsewhere, and the last column as target', () => {
    const set = infer();
    expect(set.columns).toEqual([
      { name: 'weight', type: 'numeric' }, { name: 'kind', type: 'categorical', categories: ['cat', 'dog'] },
      { name: 'code', type: 'categorical', categories: ['10', '9', 'x'] },
    ]);
    expect(set.numeric).toEqual(float32([4, 1], [4.5, -100, NaN, 0.5]));
    expect(set.categorical).toEqual(int32([4, 2], [0, 0, 1, 1, -1, 2, 0, 0]));
    expect(set.target).toEqual({ name: 'tame', task: 'classification', labels: Int32Array.of(1, 0, 1, 1), classes: ['no', 'yes'] });
    expect(set.split).toBeUndefined();
  });

  it.each([
    [['1', '2', '1', '10', '10', '2'], 'classification', ['1', '2', '10']],
    [['1', '2', '1', '10', '10', '3'], 'regression', undefined],
    [['1.5', '2', '1.5', '2'], 'regression', undefined],
    [Array.from({ length: 40 }, (_, i) => i % 21), 'regression', undefined],
    [Array.from({ length: 40 }, (_, i) => i % 20), 'classification', expect.arrayContaining(['19'])],
  ] as const)('finds the task of a target (%#)', (cells, task, classes) => {
    const { target } = infer(raw({ x: cells, y: cells as readonly Cell[] }));
    expect(target).toMatchObject({ task, ...(classes && { classes }) });
  });

  it('takes another target, by name or number, another task, or none', () => {
    for (const target of ['code', '3']) {
      expect(infer(PETS, { target })).toMatchObject({ columns: [{ name: 'weight' }, { name: 'kind' }, { name: 'tame' }], target: { name: 'code' } });
    }
    expect(infer(PETS, { target: null })).toMatchObject({ columns: { length: 4 } });
    expect(infer(PETS, { target: null }).target).toBeUndefined();
    expect(infer(raw({ x: ['1', '2'], y: ['0', '1'] }), { task: 'regression' }).target).toEqual({ name: 'y', task: 'regression', values: Float32Array.of(0, 1) });
  });

  it('goes by a schema', () => {
    const schema = parseSchema({ columns: [
      { name: 'code', categories: ['x', '9', '10'] }, { name: 'weight', type: 'ignore' }, { name: 'tame', categories: ['yes', 'no'] },
    ] }, 's.json');
    const set = infer(PETS, { schema });
    expect([set.columns.map(({ name }) => name), [...set.categorical.data], set.target])
      .toMatchObject([['kind', 'code'], [0, 2, 1, 1, -1, 0, 0, 2], { classes: ['yes', 'no'], labels: Int32Array.of(0, 1, 0, 0) }]);
    const named = parseSchema({ columns: [{ name: 'a', type: 'categorical' }, { name: 'b' }] }, 's.json');
    expect(infer(raw({ c1: ['1', '2'], c2: ['3', '4.5'] }), { schema: named, header: false })).toMatchObject({
      columns: [{ name: 'a', type: 'categorical', categories: ['1', '2'] }], target: { name: 'b' },
    });
  });

  it('warns of columns that say nothing or only name the rows', () => {
    const ids = Array.from({ length: 300 }, (_, i) => `row ${i}`);
    const table = raw({ id: ids, one: ids.map(() => '7'), none: ids.map(() => undefined), y: ids.map((_, i) => String(i % 2)) });
    expect(inferTable(table).warnings).toEqual([
      expect.stringContaining('column id of t.csv has 300 different texts in 300 rows'), expect.stringContaining('column one of t.csv is 7 in every row'),
      expect.stringContaining('column none of t.csv has no values'),
    ]);
  });
});

describe('parts of a table', () => {
  const ROWS = Array.from({ length: 100 }, (_, i) => String(i));
  const table = raw({ x: ROWS, y: ROWS.map((_, i) => (i % 4 === 0 ? 'rare' : 'common')) });
  const count = (split: Uint8Array | undefined, part: number): number => [...split ?? []].filter((one) => one === part).length;

  it('are drawn by class, the same for a seed', () => {
    const draw = (seed: number) => infer(table, { shares: { validation: 0.1, test: 0.2 }, seed });
    const { split, target } = draw(1);
    expect([SPLIT.train, SPLIT.validation, SPLIT.test].map((part) => count(split, part))).toEqual([70, 10, 20]);
    const labels = target?.task === 'classification' ? target.labels : [];
    expect([...split!].filter((part, i) => part === SPLIT.test && labels[i] === 1)).toHaveLength(5);
    expect(draw(1).split).toEqual(split);
    expect(draw(2).split).not.toEqual(split);
  });

  it('are what a column says, or a second table, whose rows come last', () => {
    const marked = raw({ part: ['Train', 'test', 'val', 'train'], x: ['1', '2', '3', '4'], y: ['a', 'b', 'a', 'b'] });
    expect(infer(marked, { splitColumn: 'part', shares: { validation: 0.5, test: 0.5 } })).toMatchObject({
      columns: { length: 1 }, split: Uint8Array.of(0, 2, 1, 0),
    });
    const test = raw({ y: ['a'], x: ['9'] }, 'test.csv');
    const { split, numeric } = infer(raw({ x: ['1', '2'], y: ['a', 'b'] }), { test });
    expect([split, [...numeric.data]]).toEqual([Uint8Array.of(0, 0, 2), [1, 2, 9]]);
  });

  it('of testing has categories of its own, but no classes', () => {
    const train = raw({ x: ['u', 'v'], y: ['a', 'b'] });
    expect(infer(train, { test: raw({ x: ['w'], y: ['b'] }) }).columns).toMatchObject([{ categories: ['u', 'v', 'w'] }]);
    expect(() => infer(train, { test: raw({ x: ['u'], y: ['c'] }, 'test.csv') })).toThrow("test.csv, line 2: y is 'c', which no row to train on has");
  });
});

describe('mistakes', () => {
  it.each<[string, RawTable, TableOptions, string]>([
    ['a target that is not there', PETS, { target: 'age' }, 't.csv has no column age, which the target should be; its columns are weight, kind, code, tame'],
    ['a number beyond the columns', PETS, { target: '5' }, 'has no column 5'],
    ['a missing target', PETS, { target: 'kind' }, 't.csv, line 4: the target kind is missing'],
    ['a target of texts as numbers', PETS, { task: 'regression' }, "t.csv, line 2, tame: 'yes' is no finite number"],
    ['a column that only the schema has', PETS, { schema: [{ name: 'age' }] }, 'the schema describes a column age, which t.csv has not'],
    ['a text in a column of numbers', PETS, { schema: [{ name: 'code', type: 'numeric' }] }, "t.csv, line 4, code: 'x' is no finite number; make the column"],
    ['a category that the schema does not list', PETS, { schema: [{ name: 'kind', type: 'categorical', categories: ['cat'] }] }, "kind: 'dog' is none of the categories"],
    ['a number beyond float32', raw({ x: ['1', '1e39'], y: ['a', 'b'] }), {}, 'x: 1e39 is beyond the range of float32'],
    ['names for another number of columns', PETS, { header: false, schema: [{ name: 'a' }] }, 'the schema lists 1 columns, but t.csv has 4'],
    ['no column but the target', raw({ y: ['1'] }), {}, 'has no column besides the target'],
    ['a part of another name', raw({ part: ['fold 1'], x: ['1'], y: ['1'] }), { splitColumn: 'part' }, "t.csv, line 2, part: 'fold 1' is no part"],
    ['a test table of other columns', PETS, { test: raw({ weight: ['1'] }, 'test.csv') }, 'test.csv has no column kind, which t.csv has'],
  ])('%s', (_, table, options, message) => {
    expect(() => infer(table, options)).toThrow(message);
  });

  it.each([
    [[], 'an object with a list'], [{ columns: [{}] }, 'column 1 has no name'],
    [{ columns: [{ name: 'a', type: 'text' }] }, 'column a is of type "text"; numeric, categorical and ignore are known'],
    [{ columns: [{ name: 'a', kind: 'numeric' }] }, "has an entry 'kind'"], [{ columns: [{ name: 'a' }, { name: 'a' }] }, 'lists the column a twice'],
    [{ columns: [{ name: 'a', categories: ['x', 'x'] }] }, "lists the category 'x' twice"],
    [{ columns: [{ name: 'a', type: 'numeric', categories: ['x'] }] }, 'categories are a list of texts, of a categorical column'],
  ])('in a schema (%#)', (value, message) => {
    expect(() => parseSchema(value, 's.json')).toThrow(message);
  });
});

describe('a table as an artifact', () => {
  const set = infer(PETS, { shares: { validation: 0, test: 0.25 } });
  const artifact = tableArtifact(set);

  it('comes back as it was, without tensors of columns that it has not', () => {
    expect(tableSetOf(artifact, 't.st')).toEqual(set);
    const numbers = infer(raw({ x: ['1.5', '2'], y: ['0.5', '3'] }));
    expect([...tableArtifact(numbers).tensors.keys()]).toEqual(['numeric', 'targets']);
    expect(tableSetOf(tableArtifact(numbers), 't.st')).toEqual(numbers);
    const names = infer(raw({ x: ['u', 'v'] }), { target: null });
    expect([...tableArtifact(names).tensors.keys()]).toEqual(['categorical']);
    expect(tableSetOf(tableArtifact(names), 't.st')).toEqual(names);
  });

  it('loses its test rows before methods learn from it', () => {
    const kept = tableWithoutTest(set);
    expect(kept.split).toEqual(Uint8Array.of(0, 0, 0));
    expect(kept).toEqual(tableRows(set, [0, 1, 2, 3].filter((i) => set.split![i] !== SPLIT.test)));
  });

  it.each([
    [{ meta: {} }, 't.st holds no table'],
    [{ tensors: new Map([['categorical', artifact.tensors.get('categorical')!]]) }, 'numeric is not there, but float32 [4,1] is expected'],
    [{ tensors: new Map([...artifact.tensors, ['categorical', int32([4, 2], [0, 0, 5, 0, 0, 0, 0, 0])]]) }, 'row 1 has category 5 in column kind, which has 2'],
    [{ tensors: new Map([...artifact.tensors, ['labels', int32([3])]]) }, 'labels is [3], but one for each of 4 examples'],
  ])('is refused where it is none (%#)', (change, message) => {
    expect(() => tableSetOf({ ...artifact, ...change }, 't.st')).toThrow(message);
  });
});
