import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { constant, grad, input, type Tensor } from '../../../src/core/graph/index.js';
import { codes, crossEntropy, sinkhorn, swavLoss, usageEntropy } from '../../../src/core/losses/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/swav.json', import.meta.url), 'utf8')) as {
  sinkhorn: { name: string; epsilon: number; iterations: number; scores: GoldenTensor; assignment: GoldenTensor }[];
  losses: {
    name: string; crops: number; temperature: number; epsilon: number; iterations: number; scores: GoldenTensor;
    queues: GoldenTensor[]; loss: number; grad: GoldenTensor;
  }[];
};

const value = async (build: (...x: Tensor[]) => Tensor, ...inputs: NdArray[]): Promise<number[]> =>
  numbersOf((await evaluate(build, inputs))[0]!);
const assign = (scores: NdArray, iterations: number, epsilon = 0.05): Promise<number[]> =>
  value((s) => sinkhorn(s, { epsilon, iterations }), scores);
const table = (values: readonly number[], columns: number): number[][] =>
  Array.from({ length: values.length / columns }, (_, i) => values.slice(i * columns, (i + 1) * columns));
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const column = (rows: readonly number[][], k: number): number[] => rows.map((row) => row[k]!);
const mapped = ({ shape, data }: NdArray, f: (v: number, row: number, column: number) => number): NdArray =>
  float32(shape, Float32Array.from(data as Float32Array, (v, i) => f(v, Math.floor(i / shape[1]!), i % shape[1]!)));

describe('sinkhorn', () => {
  const S = float32([4, 2], [0.5, 0.3, 0.6, 0.1, 0.2, 0.25, 0.4, 0.38]);

  test.each([
    [0.05, 1, [0.426422, 0.996677, 0.004984, 0.019909]],
    [0.05, 3, [0.660781, 0.998729, 0.012955, 0.050535]],
    [0.05, 100, [0.840413, 0.999530, 0.034267, 0.125791]],
    [0.5, 3, [0.517187, 0.661229, 0.393834, 0.427705]],
  ])('four images and two prototypes, epsilon %d, %d rounds', async (epsilon, iterations, expected) => {
    const rows = table(await assign(S, iterations, epsilon), 2);
    column(rows, 0).forEach((q, i) => expect(q).toBeCloseTo(expected[i]!, 5));
    for (const row of rows) expect(total(row)).toBeCloseTo(1, 6);
  });

  for (const { name, epsilon, iterations, scores, assignment } of golden.sinkhorn) {
    test(`is the multiplicative form's assignment: ${name}`, async () => {
      expect(relativeError(await assign(toArray(scores), iterations, epsilon), assignment.data)).toBeLessThan(5e-6);
    });
  }

  test('prototypes approach equal mass as the rounds go on', async () => {
    const scores = toArray(golden.sinkhorn[0]!.scores);
    const imbalance = async (rounds: number) => {
      const rows = table(await assign(scores, rounds, 0.3), 5);
      return Math.max(...[0, 1, 2, 3, 4].map((k) => Math.abs(total(column(rows, k)) - 12 / 5)));
    };
    const [one, three, many] = [await imbalance(1), await imbalance(3), await imbalance(30)];
    expect(one).toBeGreaterThan(5 * three);
    expect(three).toBeGreaterThan(1e-3);
    expect(many).toBeLessThan(1e-5);
  });

  test('a constant on all scores or on one prototype changes nothing; on one image it does, until the rounds are many', async () => {
    const plain = await assign(S, 3);
    expect(relativeError(await assign(mapped(S, (v) => v + 0.7), 3), plain)).toBeLessThan(1e-5);
    const onPrototype = mapped(S, (v, _, k) => (k === 1 ? v + 0.25 : v));
    expect(relativeError(await assign(onPrototype, 1), await assign(S, 1))).toBeLessThan(1e-5);
    const onImage = mapped(S, (v, i) => (i === 2 ? v + 1 : v));
    expect(relativeError(await assign(onImage, 1, 0.5), await assign(S, 1, 0.5))).toBeGreaterThan(0.01);
    expect(relativeError(await assign(onImage, 30, 0.5), await assign(S, 30, 0.5))).toBeLessThan(1e-5);
  });

  test('follows images and prototypes in another order', async () => {
    const { scores } = golden.sinkhorn[0]!;
    const [rows, turned] = [[7, 3, 11, 0, 5, 1, 9, 2, 10, 4, 8, 6], [4, 2, 0, 1, 3]];
    const [before, s] = [table(await assign(toArray(scores), 3), 5), table([...scores.data], 5)];
    const after = table(await assign(float32([12, 5], rows.flatMap((i) => turned.map((k) => s[i]![k]!))), 3), 5);
    after.forEach((row, i) => row.forEach((q, k) => expect(q).toBeCloseTo(before[rows[i]!]![turned[k]!]!, 5)));
  });

  test('equal scores are assigned evenly', async () => {
    expect(relativeError(await assign(float32([3, 4]), 3), Array(12).fill(1 / 4))).toBeLessThan(1e-6);
  });

  test('an epsilon that makes every exponential underflow still gives rows of mass 1', async () => {
    const rows = table(await assign(mapped(gaussian('far', [6, 4]), (v) => 100 * v), 3, 0.001), 4);
    for (const row of rows) expect(total(row)).toBeCloseTo(1, 6);
  });

  test('no gradient passes', async () => {
    const weight = gaussian('weight', [4, 2]);
    expect(await value((s) => grad(sinkhorn(s, { epsilon: 0.5, iterations: 2 }).mul(constant(weight)).sum(), [s])[0]!, S))
      .toEqual(Array(8).fill(0));
  });
});

describe('codes with a queue', () => {
  const [scores, queue] = [gaussian('scores', [3, 5], 0.3), gaussian('queue', [7, 5], 0.3)];
  const options = { epsilon: 0.1, iterations: 3 };
  const withQueue = (joins: number) =>
    value((s, q) => codes(s, options, { scores: q, joins: constant(joins) }), scores, queue);

  test('joining, its rows take part in the assignment and are cut away', async () => {
    const together = float32([10, 5], [...numbersOf(scores), ...numbersOf(queue)]);
    expect(await withQueue(1)).toEqual((await assign(together, 3, 0.1)).slice(0, 15));
  });

  test('before it joins, it has no influence', async () => {
    const alone = await assign(scores, 3, 0.1);
    expect(await withQueue(0)).toEqual(alone);
    expect(await withQueue(1)).not.toEqual(alone);
  });
});

describe('swavLoss', () => {
  for (const { name, scores, queues, loss, grad: expected, ...options } of golden.losses) {
    test(`value and gradient: ${name}`, async () => {
      const [actual, gradient] = await evaluate((s, ...rest) => {
        const joined = rest.map((q) => ({ scores: q, joins: constant(1) }));
        const l = swavLoss(s, { ...options, ...(joined.length && { queues: joined }) });
        return [l, grad(l, [s])[0]!];
      }, [scores, ...queues].map(toArray));
      expect(numbersOf(actual!)[0]).toBeCloseTo(loss, 5);
      expect(relativeError(numbersOf(gradient!), expected.data)).toBeLessThan(1e-5);
    });
  }

  test('is log K where all scores are equal', async () => {
    const [loss] = await value((s) => swavLoss(s, { crops: 3, temperature: 0.1, epsilon: 0.05, iterations: 3 }), float32([6, 7]));
    expect(loss).toBeCloseTo(Math.log(7), 6);
  });

  test('with hard codes and one crop pair it is the cross-entropy of the nearest prototype', async () => {
    // Without rounds and with a small epsilon the code is one-hot.
    const scores = gaussian('hard', [8, 5]);
    const labels = int32([4], table(numbersOf(scores), 5).slice(0, 4).map((row) => row.indexOf(Math.max(...row))));
    const hard = { crops: 2, assigned: 1, temperature: 0.1, epsilon: 1e-4, iterations: 0 };
    const [loss] = await value((s) => swavLoss(s, hard), scores);
    const [expected] = await value((s) => crossEntropy(s.slice([[4, 8]]).mul(10), constant(labels)), scores);
    expect(loss).toBeCloseTo(expected!, 4);
  });

  test('scores whose rows are no multiple of the crops are an error that names both', async () => {
    await expect(evaluate(() => swavLoss(input('s', [7, 3]), { crops: 2, temperature: 0.1, epsilon: 0.05, iterations: 3 }), []))
      .rejects.toThrow(/axis 0 of \[7, 3\] does not divide into 2 parts/);
  });
});

describe('usageEntropy', () => {
  test('1 where every prototype is nearest equally often, 0 where one always is, log 2 / log K for two of K', async () => {
    const nearest = (...winners: number[]) =>
      float32([winners.length, 4], winners.flatMap((w) => [0, 1, 2, 3].map((k) => Number(k === w))));
    expect((await value(usageEntropy, nearest(2, 0, 3, 1)))[0]).toBeCloseTo(1, 6);
    expect((await value(usageEntropy, nearest(2, 2, 2)))[0]).toBeCloseTo(0, 6);
    expect((await value(usageEntropy, nearest(1, 2, 2, 1)))[0]).toBeCloseTo(0.5, 6);
  });
});
