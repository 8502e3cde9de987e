import { describe, expect, test } from 'vitest';
import { workloads } from '../../../bench/workloads/index.js';
import type { NdArray } from '../../../src/core/array.js';
import { compile } from '../../../src/core/engine/index.js';
import { nativeOperators } from '../../../src/core/engine/native.js';
import { lower } from '../../../src/core/engine/onnx/lower.js';
import * as g from '../../../src/core/graph/index.js';
import { initialState } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { sampledPrimitives, sampleOf } from '../../support/samples.js';
import { numbersOf } from '../../support/steps.js';

// The project "native" of vitest.config.ts runs this with a library, and the tests of graph, networks, losses and optimisers.
const { path } = nativeOperators();
const onNative = describe.skipIf(!path);

type Build = (...inputs: g.Tensor[]) => g.Tensor | g.Tensor[];

/** byo's own operators that a function's graph is written with. */
function operatorsOf(build: Build, arrays: readonly NdArray[]): string[] {
  const program = g.trace(() => {
    const inputs = arrays.map(({ shape, dtype }, i) => g.input(`x${i}`, shape, dtype as g.GraphDtype));
    return { name: 'test', inputs, state: [], outputs: new Map([build(...inputs)].flat().map((y, i) => [`y${i}`, y])) };
  });
  return lower(program, 'cpu', { native: true }).model.nodes.filter(({ domain }) => domain === 'byo').map(({ type }) => type);
}

/** Largest relative difference of any result with byo's own operators from the same without. */
async function difference(build: Build, arrays: readonly NdArray[]): Promise<number> {
  const [native, plain] = [await evaluate(build, arrays), await evaluate(build, arrays, { native: false })];
  expect(native.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(plain.map(({ shape, dtype }) => ({ shape, dtype })));
  return Math.max(...native.map(({ data }, i) => relativeError(data as Float32Array, plain[i]!.data as Float32Array)));
}

/** y, dx and dw of a convolution by its definition, in float64; dy is y's gradient. */
function convolutionOf(
  x: NdArray, filter: NdArray, dy: NdArray, { stride = 1, padding = 0, dilation = 1 }: g.ConvOptions,
): Float64Array[] {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [k, , kh, kw] = filter.shape as [number, number, number, number];
  const [, , oh, ow] = dy.shape as [number, number, number, number];
  const zeros = ({ data }: NdArray) => new Float64Array(data.length);
  const wide = ({ data }: NdArray) => Float64Array.from(data as Float32Array);
  const [y, dx, dw] = [zeros(dy), zeros(x), zeros(filter)];
  const [xs, ws, gs] = [wide(x), wide(filter), wide(dy)];
  for (let image = 0; image < n; image++) for (let out = 0; out < k; out++) for (let channel = 0; channel < c; channel++) {
    const [to, from, taps] = [(image * k + out) * oh * ow, (image * c + channel) * h * w, (out * c + channel) * kh * kw];
    for (let row = 0; row < oh; row++) for (let column = 0; column < ow; column++) for (let tap = 0; tap < kh * kw; tap++) {
      const i = row * stride + Math.floor(tap / kw) * dilation - padding;
      const j = column * stride + (tap % kw) * dilation - padding;
      if (i < 0 || j < 0 || i >= h || j >= w) continue;
      const [at, pixel] = [to + row * ow + column, from + i * w + j];
      y[at]! += xs[pixel]! * ws[taps + tap]!;
      dx[pixel]! += gs[at]! * ws[taps + tap]!;
      dw[taps + tap]! += gs[at]! * xs[pixel]!;
    }
  }
  return [y, dx, dw];
}

function rmsError(actual: ArrayLike<number>, expected: Float64Array): number {
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  return norm(expected.map((value, i) => actual[i]! - value)) / norm(expected);
}

onNative('convolutions of 3x3', () => {
  // Whole tiles, tiles that stick out, maps smaller than a tile; channels that fill vectors and panels and not; filters by blocks
  // of tiles, and beyond 256 x 256 by panels; sums over tiles at once and, in the last, in parts.
  test.each([
    [2, 16, 8, 8, 16], [3, 20, 7, 9, 33], [1, 17, 2, 3, 70], [2, 64, 4, 4, 80], [1, 300, 5, 6, 260], [40, 48, 16, 16, 24],
  ])('%i images of %i channels, %ix%i, to %i', async (n, c, h, w, k) => {
    const arrays = [gaussian('x', [n, c, h, w]), gaussian('w', [k, c, 3, 3], 0.1), gaussian('g', [n, k, h, w]), gaussian('b', [k])];
    const build = (x: g.Tensor, filter: g.Tensor, weight: g.Tensor, bias: g.Tensor) => {
      const y = g.conv2d(x, filter, { padding: 1 });
      const biased = g.conv2d(g.neg(x), filter, { padding: 1 }).add(g.reshape(bias, [k, 1, 1]));
      return [y, biased, ...g.grad(g.sum(g.mul(y, weight)), [x, filter])];
    };
    expect(operatorsOf(build as Build, arrays).filter((name) => name.startsWith('Conv')).sort())
      .toEqual(['Conv3x3', 'Conv3x3', 'Conv3x3FilterGrad', 'Conv3x3InputGrad']);
    const results = (await evaluate(build as Build, arrays)).map(({ data }) => data as Float32Array);
    const [y, dx, dw] = convolutionOf(arrays[0]!, arrays[1]!, arrays[2]!, { padding: 1 });
    const biased = y!.map((value, i) => numbersOf(arrays[3]!)[Math.floor(i / (h * w)) % k]! - value);
    // Of F(4x4, 3x3), which the runtime's operators are made to compute too: a digit more than of direct sums, 5.2e-6 at most.
    const errors = [y!, biased, dx!, dw!].map((expected, i) => rmsError(results[i]!, expected));
    expect(Math.max(...errors), `of y, with bias, dx and dw: ${errors}`).toBeLessThan(6e-6);
  });

  test('of few channels, other filters, strides or groups are left to the runtime', () => {
    const uses = (shape: number[], filter: number[], options: g.ConvOptions) =>
      operatorsOf(((x, w) => g.conv2d(x!, w!, options)) as Build, [gaussian('x', shape), gaussian('w', filter)]);
    expect(uses([1, 16, 8, 8], [16, 16, 3, 3], { padding: 1 })).toEqual(['Conv3x3']);
    expect(uses([1, 8, 8, 8], [16, 8, 3, 3], { padding: 1 })).toEqual([]);
    expect(uses([1, 16, 8, 8], [16, 16, 5, 5], { padding: 2 })).toEqual([]);
    expect(uses([1, 16, 8, 8], [16, 16, 3, 3], { padding: 1, stride: 2 })).toEqual([]);
    expect(uses([1, 16, 8, 8], [16, 16, 3, 3], { padding: 0 })).toEqual([]);
    expect(uses([1, 32, 8, 8], [32, 16, 3, 3], { padding: 1, groups: 2 })).toEqual([]);
  });
});

onNative('gradients of other convolutions', () => {
  // Strides that leave pixels out and that do not, filters larger than the stride and smaller, dilation; channels that fill
  // vectors and not; the last sums over images in parts.
  test.each<[number, number, number, number, number, number, g.ConvOptions]>([
    [2, 16, 9, 8, 20, 3, { stride: 2, padding: 1 }], [3, 17, 8, 8, 33, 1, { stride: 2 }],
    [2, 16, 11, 10, 70, 5, { stride: 3, padding: 2 }], [1, 20, 12, 13, 24, 3, { padding: 2, dilation: 2 }],
    [2, 18, 10, 9, 30, 3, { stride: 2, dilation: 2 }], [2, 80, 6, 6, 16, 1, {}],
    [24, 32, 64, 64, 16, 3, { stride: 2, padding: 1 }],
  ])('%i images of %i channels, %ix%i, to %i by filters of %i with %o', async (n, c, h, w, k, size, options) => {
    const y = g.trace(() => g.conv2d(g.input('x', [n, c, h, w]), g.input('w', [k, c, size, size]), options).shape);
    const arrays = [gaussian('x', [n, c, h, w]), gaussian('w', [k, c, size, size], 0.1), gaussian('g', y)];
    const build = (x: g.Tensor, filter: g.Tensor, weight: g.Tensor) =>
      g.grad(g.sum(g.mul(g.conv2d(x, filter, options), weight)), [x, filter]);
    const expected = ['ConvFilterGrad', ...((options.stride ?? 1) > 1 ? ['ConvInputGrad'] : [])];
    expect(operatorsOf(build as Build, arrays).filter((name) => name.startsWith('Conv')).sort()).toEqual(expected);
    const [dx, dw] = (await evaluate(build as Build, arrays)).map(({ data }) => data as Float32Array);
    const [, wantedDx, wantedDw] = convolutionOf(arrays[0]!, arrays[1]!, arrays[2]!, options);
    expect(rmsError(dx!, wantedDx!)).toBeLessThan(5e-7);
    expect(rmsError(dw!, wantedDw!)).toBeLessThan(5e-7);
  });
});

onNative('products of matrices', () => {
  // Rows and columns that fill blocks and panels and not; inner extents of one piece and of several; one, and stacks.
  test.each([
    [[], 7, 5, 9], [[], 64, 300, 64], [[], 200, 64, 130], [[], 37, 700, 80], [[], 5, 20, 16], [[3], 12, 16, 12],
    [[2, 5], 8, 40, 40], [[40], 16, 600, 70],
  ])('stacks of %j: [%i, %i] times [%i columns]', async (stack, m, k, n) => {
    for (const ta of [false, true]) for (const tb of [false, true]) for (const shared of [false, true]) {
      const [rows, inner] = ta ? [k, m] : [m, k];
      const right = [...(shared ? [] : stack), ...(tb ? [n, k] : [k, n])];
      const arrays = [gaussian('a', [...stack, rows, inner]), gaussian('b', right), gaussian('bias', [n])];
      const build = (a: g.Tensor, b: g.Tensor, bias: g.Tensor) => {
        const y = g.matmul(a, b, { ta, tb });
        const [negated, again, last] = [-1, 3, 4].map((factor) => g.matmul(g.mul(a, factor), b, { ta, tb }));
        const each = g.concat(Array.from({ length: stack.reduce((all, i) => all * i, 1) }, (_, i) => g.exp(bias.mul(0.1 * i))));
        return [y, negated!.add(bias), g.relu(again!.add(bias)), last!.add(each.reshape([...stack, 1, n]))];
      };
      expect(operatorsOf(build as Build, arrays)).toEqual(['Product', 'Product', 'Product', 'Product']);
      expect(await difference(build as Build, arrays), `transposed ${ta} ${tb}, shared ${shared}`).toBeLessThan(2e-6);
    }
  });

  test('of few rows or columns, and of stacks that broadcast, are left to the runtime', () => {
    const uses = (a: number[], b: number[]) =>
      operatorsOf(((x, y) => g.matmul(x!, y!)) as Build, [gaussian('a', a), gaussian('b', b)]);
    expect(uses([4, 5], [5, 8])).toEqual(['Product']);
    expect(uses([3, 5], [5, 8])).toEqual([]);
    expect(uses([4, 5], [5, 7])).toEqual([]);
    expect(uses([2, 1, 4, 5], [1, 3, 5, 8])).toEqual([]);
  });
});

onNative('expressions against the runtime', () => {
  const per = (...shape: number[]) => gaussian(`per ${shape}`, shape);
  /** What an expression has to get right: every way to repeat an operand, and every kind of sum. */
  interface Case {
    readonly arrays: readonly NdArray[];
    readonly build: (...inputs: g.Tensor[]) => g.Tensor;
    readonly operators?: readonly string[];
  }
  const cases: Readonly<Record<string, Case>> = {
    'scalars and operands of one element': { arrays: [per(700, 3), per(1, 1)], build: (x, y) => x!.mul(2).add(y!).sub(0.5) },
    'a row for each of many rows': { arrays: [per(700, 64), per(64)], build: (x, b) => g.relu(x!.add(b!)).mul(b!) },
    'a row longer than a piece': { arrays: [per(5, 1000), per(1000)], build: (x, b) => x!.add(b!).mul(x!) },
    'a column': { arrays: [per(300, 17), per(300, 1)], build: (x, b) => x!.sub(b!).mul(b!) },
    'channels in the middle': { arrays: [per(3, 5, 33, 7), per(5, 1, 1)], build: (x, b) => x!.mul(b!).add(b!) },
    'an outer product': { arrays: [per(70, 1), per(1, 50)], build: (x, y) => x!.mul(y!).add(x!) },
    'axes that do not lie together': {
      arrays: [per(6, 5, 4), per(6, 1, 4)], build: (x, y) => x!.mul(x!).add(1).mul(y!), operators: ['Expression'],
    },
    'through reshapes': { arrays: [per(4, 30), per(8, 15)], build: (x, y) => g.reshape(x!.mul(2).add(1), [8, 15]).mul(y!).sub(y!) },
    'masks, choices and limits': {
      arrays: [per(2000), gaussian('other', [2000])],
      build: (x, y) =>
        g.where(g.gt(x!, y!), g.clip(x!, -0.5, 0.5), g.maximum(g.minimum(x!, 0.3), y!)).add(g.ge(x!, 0)).add(g.eq(x!, y!)),
    },
    'roots, quotients and signs': { arrays: [per(2000)], build: (x) => g.sqrt(g.abs(x!).add(1)).div(g.recip(g.neg(x!).square().add(2))) },
    'the sum of all': { arrays: [per(300, 250)], build: (x) => x!.mul(x!).sum() },
    'the sum of all of little': { arrays: [per(3)], build: (x) => x!.mul(x!).sum() },
    'sums of rows': { arrays: [per(3000, 64)], build: (x) => x!.mul(x!).sum(0) },
    'sums of columns': { arrays: [per(3000, 64)], build: (x) => x!.mul(x!).sum(-1, true) },
    'sums of long columns': { arrays: [per(30, 6400)], build: (x) => x!.mul(x!).sum(1) },
    'sums over all but the channels': { arrays: [per(9, 6, 40, 20), per(9, 6, 40, 20)], build: (x, y) => x!.mul(y!).sum([0, 2, 3]) },
    'a sum of what is repeated': { arrays: [per(5, 1), per(5, 900)], build: (x, y) => g.expand(x!, [5, 900]).mul(y!).sum(1) },
    'a sum as it is': { arrays: [per(40, 30)], build: (x) => x!.sum(0) },
    'an affine map of channels': { arrays: [per(4, 6, 5, 5), per(6), gaussian('offset', [6])], build: (x, a, b) => g.affine(x!, a!, b!) },
  };
  for (const [name, { arrays, build, operators = ['Expression'] }] of Object.entries(cases)) {
    test(name, async () => {
      expect(operatorsOf(build as Build, arrays)).toEqual(operators);
      expect(await difference(build as Build, arrays)).toBeLessThan(1e-6);
    });
  }

  test('what is needed elsewhere stays a value of its own', async () => {
    const build = (x: g.Tensor) => {
      const shared = x.mul(2).add(1);
      return [shared, shared.mul(3).sub(x), g.exp(shared)];
    };
    expect(operatorsOf(build as Build, [per(50)])).toEqual(['Expression', 'Expression']);
    expect(await difference(build as Build, [per(50)])).toBeLessThan(1e-6);
  });

  test('nothing but constants is no expression', async () => {
    const build = () => g.expand(g.constant(2), [4]).sum();
    expect(operatorsOf(build, [])).toEqual([]);
    expect(numbersOf((await evaluate(build, []))[0]!)).toEqual([8]);
  });
});

onNative('pooling and batch norm', () => {
  test.each([[2, 8, 12], [3, 9, 6]])('gradient of a maximum over tiles of %i', async (size, h, w) => {
    const arrays = [gaussian('x', [3, 5, h, w]), gaussian('g', [3, 5, h / size, w / size])];
    const build = (x: g.Tensor, weight: g.Tensor) => g.grad(g.sum(g.mul(g.maxPool2d(x, { size }), weight)), [x]);
    expect(operatorsOf(build as Build, arrays)).toContain('MaxPoolGrad');
    expect(await difference(build as Build, arrays)).toBe(0);
  });

  test.each([[8, 5, 3, 7], [64, 40, 1, 1], [4, 3, 40, 40]])('batch norm of %i images of %i channels, %ix%i', async (n, c, h, w) => {
    const x = gaussian('x', [n, c, h, w]);
    const far = { ...x, data: x.data.map((value) => 100 + value) };
    const build = (input: g.Tensor, weight: g.Tensor, bias: g.Tensor) => {
      const { y, mean, variance } = g.batchNorm(input, weight, bias);
      return [y, mean, variance];
    };
    const [weight, bias] = [gaussian('w', [c]), gaussian('b', [c])];
    const pixels = h * w;
    for (const input of [x, far]) {
      const [y, mean, variance] = (await evaluate(build as Build, [input, weight, bias])).map(({ data }) => data as Float32Array);
      for (let channel = 0; channel < c; channel++) {
        const indices = Array.from({ length: n * pixels }, (_, i) =>
          (Math.floor(i / pixels) * c + channel) * pixels + (i % pixels));
        const values = indices.map((i) => input.data[i]! as number);
        const mid = values.reduce((sum, value) => sum + value, 0) / values.length;
        const spread = values.reduce((sum, value) => sum + (value - mid) ** 2, 0) / values.length;
        expect(Math.abs(mean![channel]! - mid)).toBeLessThan(1e-7 * (1 + Math.abs(mid)));
        expect(Math.abs(variance![channel]! / spread - 1)).toBeLessThan(1e-6);
        const scale = weight.data[channel]! / Math.sqrt(spread + 1e-5);
        const expected = values.map((value) => (value - mid) * scale + bias.data[channel]!);
        const errors = indices.map((i, at) => Math.abs(y![i]! - expected[at]!));
        // x and its offset are near 100 there, where float32 values lie 8e-6 apart.
        expect(Math.max(...errors)).toBeLessThan(input === far ? 4e-5 : 2e-6);
      }
    }
  });
});

onNative('everything with and without', () => {
  for (const primitive of sampledPrimitives) {
    test(`${primitive} on random shapes`, async () => {
      for (let draw = 0; draw < 6; draw++) {
        const { arrays, build } = sampleOf(primitive, draw);
        expect(await difference(build, arrays), `draw ${draw}`).toBeLessThan(2e-6);
      }
    });
  }

  // Wider than in the other tests, so that convolutions are of the kind that has an operator.
  test.each([['w1', { width: 16 }], ['w4', { width: 16 }]])('a step of %s', async (name, wider) => {
    const workload = workloads.find((one) => one.name === name)!;
    const sizes = { ...workload.defaults, ...workload.tiny, ...wider };
    const program = workload.program(sizes);
    const inputs = workload.inputs(sizes, (purpose) => stream(3, purpose));
    const [native, plain] = await Promise.all([true, false].map(async (own) => {
      const executable = compile(program, { threads: 1, native: own });
      executable.setState(initialState(program, 5));
      const loss = (await executable.run(inputs)).loss!.data[0] as number;
      executable.dispose();
      return loss;
    }));
    expect(Math.abs(native! / plain! - 1)).toBeLessThan(1e-5);
  });

  test('its operators give the same bytes on one thread and on three', async () => {
    const arrays = [gaussian('x', [6, 40, 20, 20]), gaussian('w', [48, 40, 3, 3]), gaussian('g', [6, 48, 20, 20]), gaussian('s', [48])];
    const build = (x: g.Tensor, w: g.Tensor, weight: g.Tensor, scale: g.Tensor) => {
      const { y } = g.batchNorm(g.conv2d(x, w, { padding: 1 }), scale, scale);
      const loss = g.maxPool2d(g.relu(y).mul(scale.reshape([48, 1, 1])).add(y), { size: 2 }).square().sum();
      return [loss, ...g.grad(loss.add(y.mul(weight).sum()), [x, w, scale])];
    };
    const [one, three] = [await evaluate(build as Build, arrays), await evaluate(build as Build, arrays, { threads: 3 })];
    expect(three).toEqual(one);
  });
});
