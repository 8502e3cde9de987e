import { describe, expect, it } from 'vitest';
import { fewShot, kFolds, splitRows, stratifiedSubset } from '../../../src/core/stats/split.js';

const sizes = [500, 203, 47, 9, 1];
const labels = sizes.flatMap((size, label) => new Array<number>(size).fill(label));
const n = labels.length;
const all = Array.from({ length: n }, (_, i) => i);
const countsOf = (rows: Int32Array): number[] => sizes.map((_, c) => rows.filter((i) => labels[i] === c).length);
const together = (...parts: Int32Array[]): number[] => parts.flatMap((part) => [...part]).sort((a, b) => a - b);

describe('splits', () => {
  it('divide every class by the shares and every row once', () => {
    const { train, validation, test } = splitRows(n, { validation: 0.1, test: 0.2 }, { labels, seed: 1 });
    expect(together(train, validation, test)).toEqual(all);
    countsOf(test).forEach((count, c) => expect(Math.abs(count - 0.2 * sizes[c])).toBeLessThanOrEqual(1.5));
    countsOf(validation).forEach((count, c) => expect(Math.abs(count - 0.1 * sizes[c])).toBeLessThanOrEqual(1.5));
    expect(Math.abs(test.length - 0.2 * n)).toBeLessThanOrEqual(1.5);
    expect(Math.min(...countsOf(train))).toBe(1);
    expect([...test]).toEqual([...test].sort((a, b) => a - b));
  });

  it('follow the seed alone', () => {
    const shares = { validation: 0, test: 0.5 };
    const once = splitRows(n, shares, { seed: 1 });
    expect(splitRows(n, shares, { seed: 1 })).toEqual(once);
    expect(splitRows(n, shares, { seed: 2 }).test).not.toEqual(once.test);
    expect(once.validation.length).toBe(0);
    expect(once.test.length).toBe(n / 2);
  });

  it('never divide a group, and still come near the shares', () => {
    const groups = all.map((i) => Math.floor(Math.sqrt(i)));
    const { train, validation, test } = splitRows(n, { validation: 0.2, test: 0.2 }, { groups });
    expect(together(train, validation, test)).toEqual(all);
    const groupsOf = (rows: Int32Array): Set<number> => new Set(Array.from(rows, (i) => groups[i]));
    const shared = [...groupsOf(train)].filter((g) => groupsOf(test).has(g) || groupsOf(validation).has(g));
    expect(shared).toEqual([]);
    expect([...groupsOf(validation)].filter((g) => groupsOf(test).has(g))).toEqual([]);
    expect(Math.abs(test.length / n - 0.2)).toBeLessThan(0.02);
    expect(Math.abs(validation.length / n - 0.2)).toBeLessThan(0.02);
  });

  it('refuse what cannot be', () => {
    expect(() => splitRows(10, { validation: 0.5, test: 0.5 })).toThrow('leave nothing to train on');
    expect(() => splitRows(10, { validation: 0, test: 0.2 }, { groups: new Array(10).fill(3) })).toThrow('test part');
    expect(() => splitRows(10, { validation: 0, test: 0.2 }, { labels: [1] })).toThrow('1 labels for 10 rows');
  });
});

describe('folds', () => {
  it('test every row once, every class evenly', () => {
    const folds = kFolds(n, 5, { labels });
    expect(together(...folds.map(({ test }) => test))).toEqual(all);
    for (const { train, test } of folds) {
      expect(together(train, test)).toEqual(all);
      expect(Math.abs(test.length - n / 5)).toBeLessThanOrEqual(1);
      countsOf(test).slice(0, 4).forEach((count, c) => expect(Math.abs(count - sizes[c] / 5)).toBeLessThanOrEqual(1.2));
    }
  });

  it('keep groups whole, and refuse too few of them', () => {
    const groups = all.map((i) => i % 11);
    for (const { train, test } of kFolds(n, 4, { groups })) {
      const tested = new Set(Array.from(test, (i) => groups[i]));
      expect(train.some((i) => tested.has(groups[i]))).toBe(false);
    }
    expect(() => kFolds(n, 12, { groups })).toThrow('too few groups for 12 folds');
    expect(() => kFolds(3, 4)).toThrow('3 rows cannot make 4 folds');
  });
});

describe('few shots', () => {
  it('draw s rows of every class, the others to test, each draw anew', () => {
    const { train, test } = fewShot(labels.slice(0, 759), 5, 3);
    expect(countsOf(train)).toEqual([5, 5, 5, 5, 0]);
    expect(together(train, test)).toEqual(all.slice(0, 759));
    expect(fewShot(labels.slice(0, 759), 5, 3).train).toEqual(train);
    expect(fewShot(labels.slice(0, 759), 5, 3, 1).train).not.toEqual(train);
    expect(() => fewShot(labels, 2)).toThrow('class 4 has 1 rows, too few for 2 shots');
  });

  it('or a share of every class, at least one row', () => {
    expect(countsOf(stratifiedSubset(labels, 0.01))).toEqual([5, 2, 1, 1, 1]);
    expect([...stratifiedSubset(labels, 1)]).toEqual(all);
    expect(() => stratifiedSubset(labels, 0)).toThrow('a share of 0');
  });
});
