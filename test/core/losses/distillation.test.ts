import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { grad, l2Normalize, matmul, softmax, type Tensor } from '../../../src/core/graph/index.js';
import { klDivergence, softCrossEntropy, softmaxEntropy } from '../../../src/core/losses/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const { losses } = JSON.parse(readFileSync(new URL('../../golden/distillation.json', import.meta.url), 'utf8')) as {
  losses: {
    name: string; teacher: GoldenTensor; student: GoldenTensor; crossEntropy: number; gradient: GoldenTensor; kl: number;
    entropy: number;
  }[];
};

const values = async (build: (...x: Tensor[]) => Tensor[], ...inputs: NdArray[]): Promise<number[][]> =>
  (await evaluate(build, inputs)).map(numbersOf);
/** Cross-entropy, its gradient, KL and entropy of a teacher's and a student's logits. */
const all = (teacher: NdArray, student: NdArray) => values((t, s) => {
  const loss = softCrossEntropy(s, softmax(t));
  return [loss, ...grad(loss, [s]), klDivergence(t, s), softmaxEntropy(t)];
}, teacher, student);

describe.each(losses)('$name', ({ teacher, student, crossEntropy, gradient, kl, entropy }) => {
  test("are PyTorch's in float64; KL keeps its digits where the cross-entropy has none of it", async () => {
    const [loss, slope, divergence, own] = await all(toArray(teacher), toArray(student));
    expect(loss![0]! / crossEntropy).toBeCloseTo(1, 5);
    expect(divergence![0]! / kl).toBeCloseTo(1, 3);
    expect(own![0]!).toBeCloseTo(entropy, 5);
    const largest = Math.max(...gradient.data.map(Math.abs));
    // The difference of two probabilities of about 1/50 each, to float32's digits of them.
    gradient.data.forEach((g, i) => expect(Math.abs(slope![i]! - g)).toBeLessThan(1e-5 * largest + 3e-8));
  });

  test('the gradient is (softmax(s) - t) / B, and cross-entropy less KL is the entropy', async () => {
    const [loss, slope, divergence, own] = await all(toArray(teacher), toArray(student));
    const [t, s] = await values((a, b) => [softmax(a), softmax(b)], toArray(teacher), toArray(student));
    slope!.forEach((g, i) => expect(g).toBeCloseTo((s![i]! - t![i]!) / 4, 7));
    expect(loss![0]! - divergence![0]!).toBeCloseTo(own![0]!, 4);
    expect(divergence![0]!).toBeGreaterThan(0);
  });
});

test('the same logits have KL 0 and a gradient of exactly 0; a constant per row changes nothing but roundings', async () => {
  const z = gaussian('z', [8, 64]);
  const [, slope, divergence] = await all(z, z);
  expect(divergence).toEqual([0]);
  expect(new Set(slope!.map(Math.abs))).toEqual(new Set([0]));
  const moved = float32(z.shape, z.data.map((v, i) => v + Math.floor(i / 64)));
  const [, small, nearly] = await all(z, moved);
  expect(Math.max(...small!.map(Math.abs))).toBeLessThan(1e-7);
  expect(nearly![0]!).toBeLessThan(1e-10);
});

test('cosines at temperature 1 have an entropy of at least log m - 2', async () => {
  const [u, rows] = [gaussian('u', [16, 8]), gaussian('rows', [512, 8])];
  const [entropy] = await values((a, b) => [softmaxEntropy(matmul(l2Normalize(a), l2Normalize(b), { tb: true }))], u, rows);
  expect(entropy![0]!).toBeGreaterThanOrEqual(Math.log(512) - 2);
  expect(entropy![0]!).toBeLessThan(Math.log(512));
});

test('no gradient passes to the targets', async () => {
  const [a, b] = [gaussian('a', [4, 10]), gaussian('b', [4, 10])];
  const [slope] = await values((t, s) => grad(softCrossEntropy(s, softmax(t)), [t]), a, b);
  expect(slope!.every((g) => g === 0)).toBe(true);
});

test('a linear student of a linear teacher becomes it, and keeps its start where the data have nothing to say', async () => {
  // Rows of x have a last column of 0: w's last column is not in the data.
  const x = float32([20, 4], gaussian('x', [20, 4]).data.map((v, i) => (i % 4 === 3 ? 0 : v)));
  const [teacher, start] = [gaussian('teacher', [3, 4]), gaussian('start', [3, 4])];
  const [end] = await values((data, t, s) => {
    let w = s;
    const targets = matmul(data, t, { tb: true });
    for (let k = 0; k < 60; k++) {
      const [g] = grad(matmul(data, w, { tb: true }).sub(targets).square().mean(), [w]);
      w = w.sub(g!);
    }
    return [w];
  }, x, teacher, start);
  const expected = numbersOf(teacher).map((v, i) => (i % 4 === 3 ? numbersOf(start)[i]! : v));
  expect(relativeError(end!, expected)).toBeLessThan(1e-3);
  expect(end!.filter((_, i) => i % 4 === 3)).toEqual(numbersOf(start).filter((_, i) => i % 4 === 3));
});
