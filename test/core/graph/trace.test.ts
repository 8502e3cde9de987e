import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { ByoError } from '../../../src/core/errors.js';
import * as g from '../../../src/core/graph/index.js';
import { evaluate, gaussian } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const traced = <T>(build: () => T): T => g.trace(build);
const x = (...shape: number[]) => g.input(`x${shape.join('x')}`, shape);
const ints = (...shape: number[]) => g.input('i', shape, 'int32');

describe('a graph that cannot be built is refused with the operation and both shapes', () => {
  const cases: Record<string, [build: () => unknown, message: string]> = {
    'addition': [() => x(2, 3).add(x(4)), 'add: shapes [2, 3] and [4] do not broadcast together'],
    'where': [() => g.where(x(2), x(3), 0), 'where: shapes [2] and [3] do not broadcast together'],
    'matrix product': [() => x(2, 3).matmul(x(4, 5)), 'matmul: inner extents 3 and 4 differ: [2, 3] times [4, 5]'],
    'transposed matrix product': [() => x(2, 3).matmul(x(3, 5), { tb: true }), 'matmul: inner extents 3 and 5 differ: [2, 3] times [3, 5] transposed'],
    'matrix product of a vector': [() => x(3).matmul(x(3, 5)), 'matmul: both operands need rank 2 or more: [3] times [3, 5]'],
    'convolution': [() => g.conv2d(x(1, 3, 8, 8), x(4, 2, 3, 3)), 'conv2d: input [1, 3, 8, 8] and filter [4, 2, 3, 3] do not fit (groups 1'],
    'too large a filter': [() => g.conv2d(x(1, 1, 2, 2), x(1, 1, 5, 5)), 'conv2d: a filter of [1, 1, 5, 5] is larger than the padded input [1, 1, 2, 2]'],
    'reshape': [() => x(2, 3).reshape([4, -1]), 'reshape: [2, 3] has 6 elements, which do not fit [4, -1]'],
    'transposition': [() => x(2, 3).transpose([0, 0]), 'transpose: [0,0] is no order of the axes of [2, 3]'],
    'slice': [() => x(4).slice([[1, 6]]), 'slice: [1, 6) by 1 is outside axis 0 of [4]'],
    'concatenation': [() => g.concat([x(2, 3), x(2, 4)], 0), 'concat: [2, 3] and [2, 4] differ off axis 0'],
    'split': [() => g.split(x(5, 2), 2), 'split: axis 0 of [5, 2] does not divide into 2 parts'],
    'expand': [() => g.expand(x(2, 3), [2, 4]), 'expand: shapes [2, 3] and [2, 4] do not broadcast together'],
    'an axis that does not exist': [() => x(2, 3).sum(2), 'sum: axis 2 does not exist in a tensor of rank 2'],
    'an axis named twice': [() => x(2, 3).mean([1, -1]), 'axes [1,-1] name an axis twice'],
    'dtypes': [() => g.add(x(2), ints(2)), 'add: float32 [2] and int32 [2] differ in dtype'],
    'an int32 where float32 is needed': [() => g.exp(ints(2)), 'exp: takes float32, but was given int32; use cast'],
    'indices': [() => g.gather(x(4, 2), x(3)), 'gather: indices are int32, but [3] is float32'],
    'labels': [() => g.pick(x(4, 2), ints(3)), 'pick: [3] indices for the rows of [4, 2]'],
    'affine': [() => g.affine(x(2, 3), x(2), x(2)), 'affine: [2] and [2] are not one per channel of [2, 3]'],
    'batch norm': [() => g.batchNorm(x(2, 3), x(2), x(2)), 'batchNorm: scale [2] is not one per channel of [2, 3]'],
    'a gradient of a vector': [() => g.grad(x(3), [x(3)]), 'grad: differentiates a scalar, but was given [3]; sum it first'],
  };
  for (const [name, [build, message]] of Object.entries(cases)) {
    test(name, () => {
      expect(() => traced(build)).toThrow(message);
      expect(() => traced(build)).toThrow(ByoError);
    });
  }

  test('tensors of two traces do not mix', () => {
    const other = traced(() => x(2));
    expect(() => traced(() => x(2).add(other))).toThrow('add: its input input#0 float32 [2] belongs to another trace');
  });

  test('tensors exist only inside a trace, and traces do not nest', () => {
    expect(() => x(2)).toThrow(/only inside trace/);
    expect(() => traced(() => traced(() => 0))).toThrow(/does not nest/);
    expect(traced(() => 7)).toBe(7);
  });
});

describe('the same computation is one node', () => {
  test('equal operations on equal inputs are shared, also in gradients', () => {
    traced(() => {
      const [a, b] = [x(2), x(3)];
      expect(a.mul(2).add(1)).toBe(a.mul(2).add(1));
      expect(a.mul(2)).not.toBe(b.mul(2));
      expect(a.mul(2)).not.toBe(a.mul(3));
      const [first] = g.grad(a.exp().sum(), [a]);
      expect(first).toBe(g.grad(a.exp().sum(), [a])[0]);
    });
  });

  test('operations with 0, 1 and chains of factors leave nothing behind', () => {
    traced(() => {
      const a = x(2);
      expect(a.mul(1)).toBe(a);
      expect(a.add(0)).toBe(a);
      expect(a.sub(0)).toBe(a);
      expect(a.neg().neg()).toBe(a);
      expect(a.mul(2).mul(3)).toBe(a.mul(6));
      expect(a.div(4)).toBe(a.mul(0.25));
      expect(a.reshape([1, 2]).reshape([2, 1])).toBe(a.reshape([2, 1]));
      expect(a.reshape([2])).toBe(a);
      expect(g.scalarValue(g.add(g.constant(2), 3))).toBe(5);
    });
  });

  test('scalars that print alike are told apart', () => {
    traced(() => {
      expect(g.constant(0)).not.toBe(g.constant(-0));
      expect(g.constant(1)).not.toBe(g.constant(1 + Number.EPSILON));
      expect(g.scalarValue(g.constant(-Infinity))).toBe(-Infinity);
    });
  });
});

describe('what gradients pass through', () => {
  const of = async (build: (t: g.Tensor) => g.Tensor, values: number[]) =>
    numbersOf((await evaluate((t) => g.grad(build(t).sum(), [t]), [float32([values.length], values)]))[0]!);

  test('stopGradient, casts, masks and rounding pass none', async () => {
    expect(await of((t) => t.mul(t.stopGradient()), [3, -5])).toEqual([3, -5]);
    expect(await of((t) => g.cast(g.cast(t, 'int32'), 'float32').add(t.mul(2)), [1.5, 2.5])).toEqual([2, 2]);
    expect(await of((t) => g.gt(t, 0).add(g.floor(t)).add(g.sign(t)).add(t), [1.5, -2.5])).toEqual([1, 1]);
  });

  test('ties: maximum halves, max over an axis shares, where takes one side, clip is closed at its bounds', async () => {
    expect(await of((t) => g.maximum(t, 2), [1, 2, 3])).toEqual([0, 0.5, 1]);
    expect(await of((t) => t.max(), [4, 1, 4])).toEqual([0.5, 0, 0.5]);
    expect(await of((t) => g.where(g.gt(t, 0), t.mul(3), t.mul(5)), [-1, 0, 1])).toEqual([5, 5, 3]);
    expect(await of((t) => g.clip(t, -1, 1), [-2, -1, 0, 1, 2])).toEqual([0, 1, 1, 1, 0]);
  });

  test('what does not depend on a variable has a gradient of zeros of its shape', async () => {
    const [d] = await evaluate((a, b) => g.grad(a.sum(), [b]), [gaussian('a', [2]), gaussian('b', [2, 3])]);
    expect(d).toEqual(float32([2, 3]));
  });

  test('withGradient replaces the gradient and keeps the value, also at second order', async () => {
    const build = (t: g.Tensor) => {
      const cubed = g.withGradient(t.square().mul(t), [t], (d) => [d.mul(t.square()).mul(3)]);
      const [first] = g.grad(cubed.sum(), [t]);
      return [cubed, first!, ...g.grad(first!.sum(), [t])];
    };
    const [value, first, second] = (await evaluate(build, [float32([2], [2, -3])])).map(numbersOf);
    expect([value, first, second]).toEqual([[8, -27], [12, 27], [12, -18]]);
  });
});
