import { describe, expect, test } from 'vitest';
import { workloads } from '../../../bench/workloads/index.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { compile, type CompileOptions } from '../../../src/core/engine/index.js';
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

/** byo's own operators that a function's graph is written with, those of steps in alphabetical order. */
function operatorsOf(build: Build, arrays: readonly NdArray[]): string[] {
  const program = g.trace(() => {
    const inputs = arrays.map(({ shape, dtype }, i) => g.input(`x${i}`, shape, dtype as g.GraphDtype));
    return { name: 'test', inputs, state: [], outputs: new Map([build(...inputs)].flat().map((y, i) => [`y${i}`, y])) };
  });
  const nodes = lower(program, 'cpu', { native: true }).model.nodes.filter(({ domain }) => domain === 'byo');
  return nodes.flatMap(({ type, name }) => {
    if (type !== 'Steps') return [type];
    const counts = [...name.matchAll(/(\d+) ([A-Z][a-z]+)/g)]; // named `steps 2 Product, 1 Expression Steps 7`
    return counts.flatMap(([, count, operation]) => Array<string>(Number(count)).fill(operation!)).sort();
  });
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
      const lefts = ['a', 'a2', 'a3', 'a4', 'a5'].map((name) => gaussian(name, [...stack, rows, inner]));
      const ofEach = gaussian('each', [...stack, 1, n]);
      const gate = gaussian('gate', [...stack, m, n]);
      const arrays = [gaussian('b', right), gaussian('bias', [n]), ofEach, gate, ...lefts];
      const build = (b: g.Tensor, bias: g.Tensor, each: g.Tensor, open: g.Tensor, ...as: g.Tensor[]) => {
        const [y, biased, rectified, eachBiased, gated] = as.map((a) => g.matmul(a, b, { ta, tb }));
        return [y!, biased!.add(bias), g.relu(rectified!.add(bias)), eachBiased!.add(each), gated!.mul(g.step(open))];
      };
      // The rows of a stack that has one right factor are those of one matrix: a bias for each of the stack is not theirs.
      const operators = operatorsOf(build as Build, arrays).filter((name) => !(shared && !ta && name === 'Expression'));
      expect(operators).toEqual(Array(5).fill('Product'));
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
    'sums of few long rows': { arrays: [per(3, 5000)], build: (x) => x!.mul(x!).sum(0) },
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
    expect(operatorsOf(build as Build, [per(50)])).toEqual(['Expression', 'Expression', 'Expression']);
    expect(await difference(build as Build, [per(50)])).toBeLessThan(1e-6);
  });

  test('constants are written down once, not computed with', async () => {
    const build = () => g.expand(g.constant(2), [4]).sum();
    expect(operatorsOf(build, [])).toEqual(['Arrangement', 'Expression']);
    expect(numbersOf((await evaluate(build, []))[0]!)).toEqual([8]);
  });
});

onNative('functions', () => {
  /** Values near 0, of every size, and where something ends; and a denormal one. */
  const points = [
    ...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 160), ...Array.from({ length: 400 }, (_, i) => (i - 200) / 1e4),
    ...Array.from({ length: 600 }, (_, i) => 0.3 * (i - 300)), 1e-30, 1e-40, 1e30, -1e-30, -1e30, Infinity, -Infinity, NaN,
  ];
  const x = float32([points.length], points);
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
  /** By its series, and by its continued fraction where that is short. */
  const erf = (v: number): number => {
    if (!(Math.abs(v) >= 2.5)) {
      let [sum, term] = [v, v];
      for (let n = 1; n < 80; n++) sum += (term *= (-v * v) / n) / (2 * n + 1);
      return (2 / Math.sqrt(Math.PI)) * sum;
    }
    let fraction = 0;
    for (let n = 80; n > 0; n--) fraction = n / 2 / (Math.abs(v) + fraction);
    return Math.sign(v) * (1 - Math.exp(-v * v) / Math.sqrt(Math.PI) / (Math.abs(v) + fraction));
  };
  const half = Math.SQRT1_2;
  // The errors are in units in the last place; of products with what cancels there are more, which their own size bounds.
  test.each<[string, (t: g.Tensor) => g.Tensor, (v: number) => number, number, number?]>([
    ['exp', g.exp, Math.exp, 1.1], ['log', g.log, Math.log, 1],
    ['tanh', g.tanh, Math.tanh, 1.5], ['sigmoid', g.sigmoid, sigmoid, 2.5, 1e-37], ['silu', g.silu, (v) => v * sigmoid(v), 3, 1e-35],
    ['softplus', g.softplus, (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), 3], ['erf', g.erf, erf, 1.5],
    ['gelu', g.gelu, (v) => 0.5 * v * (1 + erf(v * half)), 2.5, 2e-7],
    ['sin', g.sin, Math.sin, 1], ['cos', g.cos, Math.cos, 1], ['sign', g.sign, Math.sign, 0], ['floor', g.floor, Math.floor, 0],
  ])('%s', async (_, build, expected, ulps, absolute = 0) => {
    // Beside another use of the result, so that it is a step.
    const graph = (t: g.Tensor) => [build(t), build(t).mul(2)];
    expect(operatorsOf(graph as Build, [x])).toEqual(['Expression', 'Expression']);
    const [values, twice] = (await evaluate(graph as Build, [x])).map(({ data }) => data as Float32Array);
    expect(twice).toEqual(values!.map((value) => 2 * value));
    (x.data as Float32Array).forEach((v, i) => {
      const [actual, wanted] = [values![i]!, expected(v)];
      if (!Number.isFinite(Math.fround(wanted))) return expect(actual, `at ${v}`).toBe(Math.fround(wanted));
      const ulp = 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(wanted))) - 23);
      expect(Math.abs(actual - wanted), `at ${v}: ${actual} for ${wanted}`).toBeLessThanOrEqual(ulps * ulp + absolute);
    });
  });
});

onNative('steps', () => {
  const nodesOf = (program: g.Program) =>
    lower(program, 'cpu', { native: true, threads: 2 }).model.nodes.map(({ type }) => type);

  /** A primitive's use whose result another use follows, so that neither has a node of its own. */
  for (const primitive of sampledPrimitives) {
    test(`${primitive} as a step`, async () => {
      for (let draw = 0; draw < 6; draw++) {
        const { arrays, build } = sampleOf(primitive, draw);
        const steps = (...inputs: g.Tensor[]) => {
          const result = build(...inputs);
          if (result.dtype !== 'float32') return [result];
          const following = result.mul(2).reshape([result.size]);
          return [result, following, g.concat([following, following]), g.abs(result).sum()];
        };
        expect(await difference(steps, arrays), `draw ${draw}`).toBeLessThan(2e-6);
      }
    });
  }

  const sized = (name: string, sizes: Readonly<Record<string, number | undefined>>) => {
    const workload = workloads.find((one) => one.name === name)!;
    const all = { ...workload.defaults, ...workload.tiny, ...sizes } as Readonly<Record<string, number>>;
    return { program: workload.program(all), inputs: workload.inputs(all, (purpose) => stream(3, purpose)) };
  };

  test('small networks are one node', () => {
    expect(nodesOf(sized('w5', {}).program)).toEqual(['Steps']);
    expect(nodesOf(sized('w6', {}).program)).toEqual(['Steps']);
  });

  // As large as it takes for tasks to share the work; extents that they divide unevenly.
  test.each([
    ['w5', { batch: 66, width: 72 }], ['w6', { batch: 10, width: 24, points: 7, inner: 2, bootstrap: 2 }], ['docking', {}],
  ])('three updates of %s are the same on any number of threads, and almost the same without', async (name, sizes) => {
    const { program, inputs } = sized(name, sizes);
    const trained = async (options: CompileOptions) => {
      const executable = compile(program, options);
      executable.setState(initialState(program, 5));
      for (let i = 0; i < 3; i++) await executable.run(inputs);
      const state = executable.getState();
      executable.dispose();
      return state;
    };
    const one = await trained({ threads: 1 });
    for (const threads of [2, 3, 7]) expect(await trained({ threads }), `${threads} threads`).toEqual(one);
    const plain = await trained({ threads: 1, native: false });
    for (const [slot, { data }] of plain) {
      expect(relativeError(one.get(slot)!.data as Float32Array, data as Float32Array), slot).toBeLessThan(2e-4);
    }
  });

  test('shares memory between steps without mixing them up, however they branch', async () => {
    for (let draw = 0; draw < 20; draw++) {
      const build = (...inputs: g.Tensor[]) => {
        const random = stream(draw, 'steps');
        const made: g.Tensor[] = [inputs[0]!];
        const any = () => made[random.int(made.length)]!;
        for (let i = 0; i < 40; i++) {
          const kind = random.int(6);
          if (kind === 0) made.push(g.matmul(g.matmul(any(), inputs[1]!), inputs[1]!, { tb: true }).mul(0.01));
          else if (kind === 1) made.push(any().sub(any().mean([1, 2], true)));
          else if (kind === 2) made.push(any().sub(any().mean(0, true)).mul(0.5));
          else if (kind === 3) made.push(g.transpose(g.transpose(any(), [1, 0, 2]).mul(0.7), [1, 0, 2]));
          else if (kind === 4) made.push(g.tanh(any()).add(any().sum(2, true).mul(0.01)));
          else made.push(any().mul(any()).mul(0.1).sub(any()));
        }
        return [made.at(-1)!, made.at(-7)!, made.at(-1)!.square().sum()];
      };
      const arrays = [gaussian(`x ${draw}`, [12, 40, 30]), gaussian(`w ${draw}`, [12, 30, 50])];
      const [one, ...more] = await Promise.all([1, 2, 5].map((threads) => evaluate(build, arrays, { threads })));
      for (const other of more) expect(other, `draw ${draw}`).toEqual(one);
      const plain = await evaluate(build, arrays, { native: false });
      for (const [i, { data }] of plain.entries()) {
        expect(relativeError(one![i]!.data as Float32Array, data as Float32Array), `draw ${draw}, ${i}`).toBeLessThan(1e-5);
      }
    }
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
