import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { synthTable, type SynthTableOptions } from '../../../../src/core/data/synth/table.js';
import { inferTable } from '../../../../src/core/data/table/infer.js';
import { readTable } from '../../../../src/core/data/table/read.js';
import { tableRows } from '../../../../src/core/data/table/set.js';
import { tableText } from '../../../../src/core/data/table/text.js';
import { pearson } from '../../../../src/core/stats/metrics.js';
import { scratch } from '../scratch.js';

const draw = (options: Partial<SynthTableOptions> = {}) => synthTable({ count: 4000, seed: 5, ...options });
/** The hidden numbers behind a column of numbers: what its shape does, undone. */
const hidden = ({ numeric }: ReturnType<typeof draw>, j: number): number[] => {
  const undo = [(x: number) => x, Math.log, Math.cbrt, (x: number) => Math.atanh(x / 10)][j % 4]!;
  return Array.from({ length: numeric.shape[0]! }, (_, row) => undo(numeric.data[row * numeric.shape[1]! + j]!));
};
const correlations = (set: ReturnType<typeof draw>): number[] => [0, 1, 2, 3, 4, 5, 6, 7].flatMap((a) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((b) => b > a).map((b) => Math.abs(pearson(hidden(set, a), hidden(set, b)))));

describe('synthTable', () => {
  it('hides standard normal numbers behind every shape, correlated through factors or not at all', () => {
    const [set, control] = [draw(), draw({ structure: 'independent' })];
    for (const table of [set, control]) {
      for (let j = 0; j < 8; j++) {
        const values = hidden(table, j);
        const mean = values.reduce((a, b) => a + b) / values.length;
        expect(mean, `mean of column ${j}`).toBeCloseTo(0, 0.9);
        expect(values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length, `variance of column ${j}`).toBeCloseTo(1, 0.9);
      }
    }
    // Correlation of independent numbers has a deviation of 1 / sqrt(4000) = 0.016.
    expect(Math.max(...correlations(control))).toBeLessThan(0.07);
    expect(correlations(set).filter((r) => r > 0.3).length).toBeGreaterThan(5);
  });

  it('has categories in intervals that are equally likely, in an order that says nothing', () => {
    const { categorical } = draw({ categorical: 6 });
    for (let k = 0; k < 6; k++) {
      const counts = [0, 0, 0, 0];
      for (let row = 0; row < 4000; row++) counts[categorical.data[row * 6 + k]!]!++;
      // Five standard deviations of a binomial count.
      for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(4000 * 0.25 * 0.75));
    }
  });

  it('asks for the interactions that it says: products, turned around by categories', () => {
    const set = draw({ numeric: 4, categorical: 0, task: 'regression', noise: 0, structure: 'independent' });
    const u = [0, 1, 2, 3].map((j) => hidden(set, j));
    const values = set.target?.task === 'regression' ? [...set.target.values] : [];
    const sums = values.map((_, row) => u[0]![row]! * u[1]![row]! + u[2]![row]! * u[3]![row]!);
    expect(pearson(values, sums)).toBeGreaterThan(0.99999);
    expect(Math.max(...u.map((column) => Math.abs(pearson(values, column))))).toBeLessThan(0.1);
    // One product whose sign depends on the category: within every category the product itself tells it, up to its sign.
    const turned = draw({ numeric: 2, categorical: 1, task: 'regression', noise: 0 });
    const second = hidden(turned, 1);
    const product = hidden(turned, 0).map((a, row) => a * second[row]!);
    const signs = [0, 1, 2, 3].map((code) => {
      const rows = [...turned.categorical.data.keys()].filter((row) => turned.categorical.data[row] === code);
      const found = turned.target?.task === 'regression' ? turned.target.values : new Float32Array();
      return pearson(rows.map((row) => found[row]!), rows.map((row) => product[row]!));
    });
    for (const sign of signs) expect(Math.abs(sign)).toBeGreaterThan(0.99999);
    expect(signs.map(Math.sign).sort()).toEqual([-1, -1, 1, 1]);
  });

  it('has as many rows of every class, and noise where it is wanted', () => {
    const { target } = draw({ classes: 3 });
    const counts = [0, 1, 2].map((c) => (target?.task === 'classification' ? target.labels.filter((label) => label === c).length : 0));
    // 4000 rows and the 4096 that the limits come from: five deviations of both.
    for (const count of counts) expect(Math.abs(count - 4000 / 3)).toBeLessThan(5 * Math.sqrt(2 * 4000 * (2 / 9)));
    const values = (noise: number) => {
      const { target: found } = draw({ task: 'regression', noise });
      return found?.task === 'regression' ? found.values : new Float32Array();
    };
    const [clear, noisy] = [values(0), values(0.5)];
    const differences = clear.map((value, i) => noisy[i]! - value);
    expect(Math.sqrt(differences.reduce((total, d) => total + d * d, 0) / 4000)).toBeCloseTo(0.5, 1);
  });

  it('loses its share of values, and nothing else changes', () => {
    const [whole, gappy] = [draw(), draw({ missing: 0.1 })];
    const gone = gappy.numeric.data.filter(Number.isNaN).length + gappy.categorical.data.filter((code) => code < 0).length;
    expect(Math.abs(gone - 4400)).toBeLessThan(5 * Math.sqrt(44_000 * 0.1 * 0.9));
    expect(gappy.target).toEqual(whole.target);
    const changed = gappy.numeric.data.filter((value, at) => !Number.isNaN(value) && value !== whole.numeric.data[at]);
    expect(changed).toHaveLength(0);
  });

  it('is the same for a seed, another for another one, and begins as a smaller one', () => {
    const few = (more: Partial<SynthTableOptions> = {}) => draw({ missing: 0.1, count: 50, ...more });
    expect(few()).toEqual(few());
    expect(few({ seed: 6 }).numeric).not.toEqual(few().numeric);
    expect(tableRows(few(), [0, 1, 2])).toEqual(few({ count: 3 }));
  });

  it.each([[{ numeric: 1 }, 'the number of numeric columns'], [{ classes: 1 }, 'the number of classes'], [{ missing: 2 }, 'missing values'], [{ noise: -1 }, 'the noise']])(
    'refuses %o', (options, message) => expect(() => draw(options)).toThrow(message));
});

describe('a table as text', () => {
  it('is read back as the same table', async () => {
    const set = draw({ count: 60, missing: 0.1, split: [0.5, 0.25, 0.25] });
    const folder = await scratch({ 't.csv': Buffer.concat([...tableText(set)]) });
    expect(inferTable(await readTable(join(folder, 't.csv')), { splitColumn: 'split' }).set).toEqual(set);
  });

  it('quotes what needs it', () => {
    const { columns, ...others } = draw({ count: 1, numeric: 2, categorical: 1 });
    const names = columns.map((column) => (column.type === 'categorical' ? { ...column, name: 'a "kind"', categories: ['x,y', 'x,y', 'x,y', 'x,y'] } : column));
    const [header, line] = Buffer.concat([...tableText({ columns: names, ...others })]).toString().split('\n');
    expect(header).toBe('x1,x2,"a ""kind""",y');
    expect(line!.split('"')[1]).toBe('x,y');
  });
});
