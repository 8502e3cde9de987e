import { describe, expect, test } from 'vitest';
import * as g from '../../../src/core/graph/index.js';
import type { Tensor } from '../../../src/core/graph/index.js';
import { buildOf, expectedOf, golden, toArray, valueAndGradients, type SecondOrderCase } from '../../support/golden.js';
import { evaluate, relativeError } from '../../support/run.js';

/**
 * Values and gradients of PyTorch in float64 (test/golden/ops.py). Errors are relative to the largest element. float32 keeps 7
 * digits, and sums over a window or a row lose part of one; what loses more is named here.
 */
const TOLERANCE = 2e-6;
const LOOSER: Readonly<Record<string, number>> = {
  // The gradient of the scalar is a sum of six products that cancel to a tenth of their size.
  'mul, with a scalar': 5e-6,
  // Around 900, float32 values lie 6e-5 apart.
  'softmax of large logits': 4e-5, 'logSumExp of large logits': 4e-5,
};

describe('primitives against PyTorch', () => {
  test('every golden case stands for a graph call', () => {
    expect(golden.primitives).toHaveLength(152);
    for (const entry of golden.primitives) expect(buildOf(entry), entry.name).toBeTypeOf('function');
  });

  for (const entry of golden.primitives) {
    test(entry.name, async () => {
      const expected = expectedOf(entry);
      const results = await evaluate(valueAndGradients(entry), entry.inputs.map(toArray));
      expect(results.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      const errors = results.map(({ data }, i) => relativeError(data as Float32Array, expected[i]!.data));
      expect(Math.max(...errors), `relative errors ${errors}`).toBeLessThan(LOOSER[entry.name] ?? TOLERANCE);
    });
  }
});

const lossOf: Readonly<Record<string, (...inputs: Tensor[]) => Tensor>> = {
  'mlp with layer norm and gelu': (x, weight1, bias1, scale, offset, weight2, bias2) => {
    const hidden = g.standardize(x!.matmul(weight1!, { tb: true }).add(bias1!)).mul(scale!).add(offset!);
    return g.gelu(hidden).matmul(weight2!, { tb: true }).add(bias2!).square().mean();
  },
  'conv, batch norm, max pool, strided conv': (x, weight1, scale, offset, weight2) => {
    const { y } = g.batchNorm(g.conv2d(x!, weight1!, { padding: 1 }), scale!, offset!);
    return g.conv2d(g.maxPool2d(y, { size: 2 }), weight2!, { stride: 2, padding: 1 }).square().mean();
  },
};

describe('second derivatives against PyTorch', () => {
  // Nearly all of it is the runtime's erf; in one place it is 0.997e-5, with the native operators' other roundings 1.02e-5.
  const tolerance = process.env.BYO_NATIVE === 'off' ? 1e-5 : 1.1e-5;
  for (const entry of golden.secondOrder) {
    const loss = lossOf[entry.name];
    const differentiated = (reduce: (gradient: Tensor) => Tensor) => (...inputs: Tensor[]): Tensor[] => {
      const value = reduce(g.grad(loss!(...inputs), [inputs[0]!])[0]!);
      return [value, ...g.grad(value, inputs)];
    };
    const check = async (build: (...inputs: Tensor[]) => Tensor[], { value, grads }: SecondOrderCase['gradDotV']) => {
      const [actual, ...gradients] = await evaluate(build, entry.inputs.map(toArray));
      expect(relativeError(actual!.data as Float32Array, [value])).toBeLessThan(1e-5);
      gradients.forEach((d, i) => {
        // Gradients that cancel to almost nothing (a bias before a normalisation) are compared on the scale of the value.
        const scale = Math.max(Math.abs(value), ...grads[i]!.data.map(Math.abs));
        grads[i]!.data.forEach((expected, k) => expect(Math.abs(Number(d.data[k]) - expected) / scale, `input ${i}, element ${k}`).toBeLessThan(tolerance));
      });
    };
    test(`${entry.name}: the loss`, async () => {
      const [value] = await evaluate(loss!, entry.inputs.map(toArray));
      expect(relativeError(value!.data as Float32Array, [entry.loss])).toBeLessThan(1e-6);
    });
    test(`${entry.name}: gradient times a vector`, () => check(differentiated((d) => d.mul(g.constant(toArray(entry.v))).sum()), entry.gradDotV));
    test(`${entry.name}: squared gradient`, () => check(differentiated((d) => d.square().sum()), entry.gradSquared));
  }
});
