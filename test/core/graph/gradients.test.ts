import { describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import * as g from '../../../src/core/graph/index.js';
import type { Tensor } from '../../../src/core/graph/index.js';
import { stream } from '../../../src/core/random.js';
import { evaluate, gaussian } from '../../support/run.js';

/**
 * Directional finite differences: for random directions, (f(x + h d) - f(x - h d)) / 2h of f = <y, c> against <grad f, d>, and
 * the same for the gradient of |grad f|^2 (second order). Values against PyTorch are in golden.test.ts.
 */
interface Case {
  readonly inputs: readonly NdArray[];
  readonly f: (...x: Tensor[]) => Tensor;
  /** Inputs that are differentiated; all float32 ones where left out. */
  readonly tolerance?: number;
  readonly secondOrder?: boolean;
}

const positive = (name: string, shape: number[]): NdArray => {
  const x = gaussian(name, shape);
  return float32(shape, x.data.map((v) => 0.5 + Math.abs(v)));
};
/** Multiples of 0.14 off zero, shuffled: no two closer than the finite differences reach, and none near a kink at 0 or 0.5. */
const spaced = (name: string, shape: number[]): NdArray => {
  const count = shape.reduce((a, b) => a * b, 1);
  const order = stream(7, name).permutation(count);
  return float32(shape, Float32Array.from(order, (k) => 0.14 * (k - count / 2) + 0.04));
};
const conv = { stride: 1, padding: 1, dilation: 1, groups: 1 };

const cases: Record<string, Case> = {
  'exp log sqrt recip': { inputs: [positive('a', [3, 4])], f: (x) => g.exp(g.log(x).mul(0.3)).add(g.sqrt(x)).add(g.recip(x)) },
  'tanh sigmoid erf': { inputs: [gaussian('a', [3, 4])], f: (x) => g.tanh(x).add(g.sigmoid(x)).mul(g.erf(x)) },
  'what is computed again for the gradient': {
    inputs: [gaussian('a', [3, 4]), gaussian('b', [4, 4])],
    f: (x, w) => g.remat((y) => g.gelu(y.matmul(w).add(y)), x.mul(0.5)).mul(x),
  },
  'sin cos abs': { inputs: [gaussian('a', [3, 4])], f: (x) => g.sin(x).mul(g.cos(x)).add(g.abs(x)) },
  'gelu silu softplus': { inputs: [gaussian('a', [3, 4])], f: (x) => g.gelu(x).add(g.silu(x)).mul(g.softplus(x)) },
  'relu clip': { inputs: [spaced('a', [3, 4])], f: (x) => g.relu(x).mul(x).add(g.clip(x, -0.5, 0.5)) },
  'broadcast arithmetic': {
    inputs: [gaussian('a', [2, 3, 4]), gaussian('b', [3, 1]), positive('c', [4])],
    f: (a, b, c) => a.mul(b).sub(c).div(c).add(b),
  },
  'maximum minimum where': {
    inputs: [spaced('a', [3, 4]), spaced('b', [3, 4])],
    f: (a, b) => g.maximum(a, b.add(0.07)).mul(g.minimum(a, b.sub(0.07))).add(g.where(g.gt(a, 0.1), a.square(), b)),
  },
  'sum mean max over axes': {
    inputs: [gaussian('a', [2, 3, 4])],
    f: (a) => a.sum(1, true).mul(a).add(a.mean([0, 2], true)).mul(g.unsqueeze(a.max(-1), 2)),
  },
  'sum over leading axes': { inputs: [gaussian('a', [3, 4, 5])], f: (a) => a.sum(0).square().add(a.sum([0, 1])) },
  'expand reshape transpose': {
    inputs: [gaussian('a', [3, 1]), gaussian('b', [4, 3])],
    f: (a, b) => g.expand(a, [2, 3, 4]).mul(b.transpose()).reshape([6, 4]).transpose().square(),
  },
  'slice with steps': { inputs: [gaussian('a', [5, 7])], f: (a) => a.slice([[4, -1, -2], [1, 7, 3]]).square() },
  'pad with interior': { inputs: [gaussian('a', [3, 4])], f: (a) => g.pad(a, [[1, 2, 1], [0, 1, 2]]).square() },
  'concat stack split': {
    inputs: [gaussian('a', [2, 3]), gaussian('b', [2, 5])],
    f: (a, b) => g.concat([a, b], 1).mul(g.concat([b, a], 1)).square(),
  },
  'matmul, all flags': {
    inputs: [gaussian('a', [2, 3, 4]), gaussian('b', [2, 4, 5])],
    f: (a, b) => {
      const plain = g.matmul(a, b);
      const ta = g.matmul(g.matrixTranspose(a), b, { ta: true });
      const tb = g.matmul(a, g.matrixTranspose(b), { tb: true });
      const both = g.matmul(g.matrixTranspose(a), g.matrixTranspose(b), { ta: true, tb: true });
      return plain.mul(ta).add(tb.mul(both));
    },
  },
  'matmul, shared matrix and broadcast batch': {
    inputs: [gaussian('a', [2, 3, 4]), gaussian('b', [4, 5]), gaussian('c', [1, 3, 6, 3])],
    f: (a, b, c) => g.matmul(c, g.matmul(a, b).reshape([2, 1, 3, 5])).square(),
  },
  'conv 3x3': { inputs: [gaussian('x', [2, 3, 6, 6]), gaussian('w', [4, 3, 3, 3])], f: (x, w) => g.conv2d(x, w, conv).square() },
  'conv 3x3, Winograd with tiles of 2': {
    inputs: [gaussian('x', [2, 64, 4, 6], 0.2), gaussian('w', [64, 64, 3, 3], 0.2)], f: (x, w) => g.conv2d(x, w, conv),
  },
  'conv 3x3, Winograd with tiles of 4': {
    inputs: [gaussian('x', [2, 64, 4, 8], 0.2), gaussian('w', [64, 64, 3, 3], 0.2)], f: (x, w) => g.conv2d(x, w, conv),
  },
  'conv 3x3, gathered columns': {
    inputs: [gaussian('x', [2, 16, 5, 7], 0.5), gaussian('w', [4, 16, 3, 3], 0.5)], f: (x, w) => g.conv2d(x, w, conv).square(),
  },
  'conv stride 2, odd size': {
    inputs: [gaussian('x', [2, 16, 8, 7]), gaussian('w', [4, 16, 3, 3])], f: (x, w) => g.conv2d(x, w, { stride: 2, padding: 1 }).square(),
  },
  'conv 7x7 stride 2 padding 3': {
    inputs: [gaussian('x', [2, 3, 9, 9]), gaussian('w', [4, 3, 7, 7])], f: (x, w) => g.conv2d(x, w, { stride: 2, padding: 3 }).square(),
  },
  'conv 1x1 stride 2': {
    inputs: [gaussian('x', [2, 16, 6, 6]), gaussian('w', [4, 16, 1, 1])], f: (x, w) => g.conv2d(x, w, { stride: 2 }).square(),
  },
  'conv dilated': {
    inputs: [gaussian('x', [1, 3, 8, 8]), gaussian('w', [2, 3, 3, 3])], f: (x, w) => g.conv2d(x, w, { dilation: 2, padding: 1 }).square(),
  },
  'conv in groups': {
    inputs: [gaussian('x', [2, 4, 5, 5]), gaussian('w', [6, 2, 3, 3])], f: (x, w) => g.conv2d(x, w, { groups: 2, padding: 1 }).square(),
  },
  'conv depthwise stride 2': {
    inputs: [gaussian('x', [2, 4, 6, 6]), gaussian('w', [4, 1, 3, 3])],
    f: (x, w) => g.conv2d(g.conv2d(x, w, { groups: 4, padding: 1 }), w, { groups: 4, padding: 1, stride: 2 }).square(),
  },
  'conv depthwise, dilated, stride 2': {
    inputs: [gaussian('x', [1, 2, 8, 7]), gaussian('w', [2, 1, 3, 3])],
    f: (x, w) => g.conv2d(x, w, { groups: 2, padding: 1, dilation: 2, stride: 2 }).square(),
  },
  'max-pool 2x2': { inputs: [gaussian('x', [2, 3, 4, 6])], f: (x) => g.maxPool2d(x, { size: 2 }).square() },
  'max-pool 3x3 stride 2': { inputs: [gaussian('x', [2, 3, 7, 8])], f: (x) => g.maxPool2d(x, { size: 3, stride: 2, padding: 1 }).square() },
  'average pool, upsample': { inputs: [gaussian('x', [2, 3, 4, 6])], f: (x) => g.upsample(g.avgPool2d(x, 2), 2).mul(x) },
  'gather rows': { inputs: [gaussian('x', [5, 3])], f: (x) => g.gather(x, g.constant(int32([2, 2], [4, 0, 4, 2]))).square() },
  'pick': { inputs: [gaussian('x', [3, 4])], f: (x) => g.pick(x, g.constant(int32([3], [1, 3, 0]))).square() },
  'softmax logSumExp': { inputs: [gaussian('x', [3, 5])], f: (x) => g.softmax(x).square().add(g.logSumExp(x, true)) },
  'l2 normalise': { inputs: [gaussian('x', [3, 5])], f: (x) => g.l2Normalize(x).mul(x.exp()) },
  'standardise': { inputs: [gaussian('x', [3, 5])], f: (x) => g.standardize(x).square().mul(x) },
  'affine': { inputs: [gaussian('x', [2, 3, 4]), gaussian('a', [3]), gaussian('b', [3])], f: (x, a, b) => g.affine(x, a, b).square() },
  'batch norm of maps': {
    inputs: [gaussian('x', [4, 3, 2, 5]), gaussian('a', [3]), gaussian('b', [3])],
    f: (x, a, b) => g.batchNorm(x.add(1), a, b).y.square().mul(x), tolerance: 4e-3,
  },
  'batch norm of vectors': {
    inputs: [gaussian('x', [6, 3]), gaussian('a', [3]), gaussian('b', [3])],
    f: (x, a, b) => g.batchNorm(x, a, b).y.square().mul(x), tolerance: 4e-3,
  },
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};
const moved = (x: NdArray, direction: NdArray, h: number): NdArray =>
  float32(x.shape, (x.data as Float32Array).map((v, i) => v + h * Number(direction.data[i])));

async function check(f: (...x: Tensor[]) => Tensor, inputs: readonly NdArray[], tolerance: number): Promise<void> {
  const cotangent = gaussian('cotangent', (await evaluate(f, inputs))[0]!.shape);
  const gradients = await evaluate((...x) => g.vjp([f(...x)], [g.constant(cotangent)], x), inputs);
  const value = async (xs: readonly NdArray[]) => dot((await evaluate(f, xs))[0]!.data as Float32Array, cotangent.data);
  for (const [i, x] of inputs.entries()) {
    const direction = gaussian(`direction ${i}`, x.shape);
    const h = 2e-3;
    const at = (step: number) => value(inputs.map((y, j) => (j === i ? moved(y, direction, step) : y)));
    const numeric = (8 * (await at(h) - await at(-h)) - (await at(2 * h) - await at(-2 * h))) / (12 * h);
    const analytic = dot(gradients[i]!.data as Float32Array, direction.data);
    const scale = Math.hypot(...(gradients[i]!.data as Float32Array)) * Math.hypot(...direction.data) / Math.sqrt(x.data.length);
    expect(Math.abs(analytic - numeric) / Math.max(scale, 1), `input ${i}: ${analytic} against ${numeric}`).toBeLessThan(tolerance);
  }
}

describe('gradients against finite differences', () => {
  for (const [name, { inputs, f, tolerance = 2e-3 }] of Object.entries(cases)) {
    test(name, () => check(f, inputs, tolerance));
    test(`${name}: second order`, () => check((...x) => {
      const y = f(...x);
      const gradients = g.vjp([y], [g.constant(gaussian('first cotangent', y.shape))], x);
      return gradients.map((d) => d.square().sum()).reduce((a, b) => a.add(b));
    }, inputs, 5 * tolerance));
  }
});
