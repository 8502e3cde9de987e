import { expect, test } from 'vitest';
import { BucketBatches, Buckets, type Size } from '../../../src/core/docking/buckets.js';

const size = (nodes: number, atoms = 9, torsions = 2): Size => ({ nodes, atoms, torsions });
const two = [...Array(30).keys()].flatMap((i) => [size(70 + (i % 5)), size(300 + i)]);

test('complexes of two kinds of size go into two buckets, without much padding', () => {
  const one = new Buckets(two, 1, 24);
  expect(one.sizes).toEqual([size(329)]);
  const buckets = new Buckets(two, 2, 24);
  expect(buckets.sizes).toEqual([size(74), size(329)]);
  expect(one.waste).toBeGreaterThan(0.4);
  expect(buckets.waste).toBeLessThan(0.06);
  // (sum of sizes) / (count times the largest), in each bucket.
  const work = two.reduce((sum, { nodes }) => sum + nodes, 0);
  expect(buckets.waste).toBeCloseTo(1 - work / (30 * 74 + 30 * 329), 12);
  expect(new Buckets(two, 60, 24).waste).toBeCloseTo(0, 12);
});

test('a bucket holds what a smaller one holds, too', () => {
  const { sizes } = new Buckets([size(50, 40, 10), size(60, 9), size(400, 20, 3), size(55, 12)], 3, 24);
  sizes.forEach((bucket, i) => {
    if (i === 0) return;
    expect(bucket.atoms).toBeGreaterThanOrEqual(sizes[i - 1].atoms);
    expect(bucket.torsions).toBeGreaterThanOrEqual(sizes[i - 1].torsions);
    expect(bucket.nodes).toBeGreaterThan(sizes[i - 1].nodes);
  });
  const buckets = new Buckets(two, 2, 24);
  expect(buckets.bucketOf([size(71), size(72)])).toBe(0);
  expect(buckets.bucketOf([size(71), size(310)])).toBe(1);
  expect(() => buckets.bucketOf([size(71, 10)])).toThrow('no bucket is large enough');
});

test('every epoch shows every complex once, in batches of one bucket', () => {
  const buckets = new Buckets(two, 2, 24);
  const batches = new BucketBatches(buckets, two, 8, 3);
  expect(batches.stepsPerEpoch).toBe(8);
  expect([batches.batchOf(0), new BucketBatches(buckets, two, 100, 3).batchOf(1)]).toEqual([8, 30]);
  const epochs = [0, 1].map((epoch) => Array.from({ length: 8 }, (_, k) => batches.at(8 * epoch + k)));
  for (const epoch of epochs) {
    expect(epoch.flatMap(({ examples }) => examples).sort((a, b) => a - b)).toEqual([...two.keys()]);
    for (const { bucket, examples } of epoch) {
      for (const example of examples) expect(buckets.bucketOf([two[example]])).toBe(bucket);
      expect(examples.length).toBeLessThanOrEqual(8);
    }
  }
  expect(epochs[0]).not.toEqual(epochs[1]);
  // In any order of asking.
  expect(batches.at(3)).toEqual(epochs[0][3]);
  expect(new BucketBatches(buckets, two, 8, 3).at(11)).toEqual(epochs[1][3]);
  expect(new Set(epochs[0].slice(0, 4).map(({ bucket }) => bucket)).size).toBe(2);
});
