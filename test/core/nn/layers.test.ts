import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { constant, grad, input, vjp, type Tensor } from '../../../src/core/graph/index.js';
import {
  batchNorm, conv2d, dropout, embedding, groupNorm, layerNorm, linear, standardizeFilters, stepProgram, transformerLayer,
} from '../../../src/core/nn/index.js';
import { golden, toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce, runSteps } from '../../support/steps.js';

const primitive = (name: string) => golden.primitives.find((entry) => entry.name === name)!;

/** The golden cases of a normalisation's name, as [x, weight, bias]. */
const normCases = (op: string) => golden.primitives.filter((entry) => entry.op === op).map((entry) => {
  const [x, weight, bias] = entry.inputs.map(toArray) as [NdArray, NdArray, NdArray];
  return { entry, x, state: { 'norm.weight': weight, 'norm.bias': bias } };
});

describe('normalisation layers against PyTorch', () => {
  for (const { entry, x, state } of normCases('layerNorm')) {
    test(entry.name, async () => {
      const { outputs } = await runOnce((s) => ({ y: layerNorm(s.at('norm'), input('x', x.shape)) }), { feed: { x }, state });
      expect(relativeError(numbersOf(outputs.y!), entry.output.data)).toBeLessThan(2e-6);
    });
  }
  for (const { entry, x, state } of normCases('groupNorm')) {
    test(entry.name, async () => {
      const groups = entry.attrs.groups as number;
      const { outputs } = await runOnce((s) => ({ y: groupNorm(s.at('norm'), input('x', x.shape), groups) }), { feed: { x }, state });
      expect(relativeError(numbersOf(outputs.y!), entry.output.data)).toBeLessThan(2e-6);
    });
  }
  for (const { entry, x, state } of [...normCases('batchNormTrain'), ...normCases('batchNormEval')]) {
    test(entry.name, async () => {
      const training = entry.op === 'batchNormTrain';
      const before = [entry.attrs.runningMean, entry.attrs.runningVar] as GoldenTensor[];
      const [mean, variance] = before.map(toArray) as [NdArray, NdArray];
      const { outputs, state: after } = await runOnce((s) => ({ y: batchNorm(s.at('norm'), input('x', x.shape)) }),
        { feed: { x }, training, state: { ...state, 'norm.running_mean': mean, 'norm.running_var': variance } });
      expect(relativeError(numbersOf(outputs.y!), entry.output.data)).toBeLessThan(2e-6);
      const statistics = ['norm.running_mean', 'norm.running_var'].map((name) => numbersOf(after.get(name)!));
      const expected = training ? [entry.runningMean!.data, entry.runningVar!.data] : [numbersOf(mean), numbersOf(variance)];
      statistics.forEach((values, i) => expect(relativeError(values, expected[i]!)).toBeLessThan(1e-6));
    });
  }

  test('batch norm applied twice in one step moves its running statistics twice', async () => {
    const [x1, x2] = [gaussian('x1', [6, 2]), gaussian('x2', [6, 2])];
    const together = await runOnce((s) => {
      batchNorm(s.at('norm'), input('x1', [6, 2]));
      return { y: batchNorm(s.at('norm'), input('x2', [6, 2])) };
    }, { feed: { x1, x2 } });
    const program = stepProgram('once', (s) => ({ y: batchNorm(s.at('norm'), input('x', [6, 2])) }));
    const { states } = await runSteps(program, [{ x: x1 }, { x: x2 }]);
    for (const name of ['norm.running_mean', 'norm.running_var']) {
      expect(relativeError(numbersOf(together.state.get(name)!), numbersOf(states[1]!.get(name)!))).toBeLessThan(1e-6);
    }
  });
});

describe('what a sample sees of its batch', () => {
  const SHAPE = [4, 4, 3, 3];
  const x = gaussian('x', SHAPE);
  const others = float32(SHAPE, Float32Array.from(x.data as Float32Array, (v, i) => (i < x.data.length / 4 ? v : 5 * v + 3)));
  const first = async (layer: (s: Parameters<typeof batchNorm>[0], t: Tensor) => Tensor, array: NdArray) =>
    numbersOf((await runOnce((s) => ({ y: layer(s, input('x', SHAPE)) }), { feed: { x: array } })).outputs.y!).slice(0, x.data.length / 4);

  test('nothing through group and layer normalisation', async () => {
    for (const groups of [1, 2, 4]) {
      const layer = (s: Parameters<typeof batchNorm>[0], t: Tensor) => groupNorm(s, t, groups);
      expect(await first(layer, others)).toEqual(await first(layer, x));
    }
    expect(await first(layerNorm, others)).toEqual(await first(layerNorm, x));
  });

  test('a lot through batch normalisation', async () => {
    expect(relativeError(await first(batchNorm, others), await first(batchNorm, x))).toBeGreaterThan(0.1);
  });
});

describe('weight standardisation', () => {
  const SHAPE = [3, 2, 3, 3];
  const w = gaussian('w', SHAPE);
  const standardized = async (array: NdArray) => numbersOf((await evaluate(standardizeFilters, [array]))[0]!);

  test('gives every output channel mean 0 and unbiased standard deviation 1', async () => {
    const values = await standardized(w);
    for (let channel = 0; channel < 3; channel++) {
      const row = values.slice(channel * 18, (channel + 1) * 18);
      expect(row.reduce((a, b) => a + b) / 18).toBeCloseTo(0, 6);
      expect(row.reduce((total, v) => total + v * v, 0) / 17).toBeCloseTo(1, 4);
    }
  });

  test('does not see a scale and an offset of a filter', async () => {
    const [scales, offsets] = [[2, 0.5, 7], [1, -3, 0.2]];
    const channel = (i: number) => Math.floor(i / 18);
    const change = (v: number, i: number) => scales[channel(i)]! * v + offsets[channel(i)]!;
    const moved = float32(SHAPE, Float32Array.from(w.data as Float32Array, change));
    // 1e-5 stands beside the deviation.
    expect(relativeError(await standardized(moved), await standardized(w))).toBeLessThan(3e-5);
  });

  test('makes a filter of one element 0, with gradients that are finite', async () => {
    const one = float32([2, 1, 1, 1], [3, -4]);
    const [y, d] = await evaluate((t) => {
      const z = standardizeFilters(t);
      return [z, ...grad(z.square().sum().add(z.sum()), [t])];
    }, [one]);
    expect(numbersOf(y!)).toEqual([0, 0]);
    expect(numbersOf(d!).every(Number.isFinite)).toBe(true);
  });

  test('is what conv2d applies when asked to', async () => {
    const x = gaussian('x', [1, 2, 5, 5]);
    const run = (weightStandardization: boolean, weight: NdArray) => runOnce((s) =>
      ({ y: conv2d(s.at('conv'), input('x', x.shape), 3, 3, { padding: 1, weightStandardization }) }), { feed: { x }, state: { 'conv.weight': weight } });
    const ready = float32(SHAPE, await standardized(w));
    const [inside, outside] = [await run(true, w), await run(false, ready)];
    expect(relativeError(numbersOf(inside.outputs.y!), numbersOf(outside.outputs.y!))).toBeLessThan(1e-6);
  });
});

describe('dropout', () => {
  const COUNT = 100_000;
  const ones = float32([COUNT], new Float32Array(COUNT).fill(1));
  const dropped = async (seed: number, training = true, rate = 0.3) =>
    numbersOf((await runOnce((s) => ({ y: dropout(s, input('x', [COUNT]), rate) }), { feed: { x: ones }, seed, training })).outputs.y!);

  test('zeros its share of the elements and scales the rest up', async () => {
    const values = await dropped(1);
    const zeros = values.filter((v) => v === 0).length;
    // Five standard deviations of a binomial count.
    expect(Math.abs(zeros - 0.3 * COUNT)).toBeLessThan(5 * Math.sqrt(COUNT * 0.3 * 0.7));
    expect(new Set(values.filter((v) => v !== 0))).toEqual(new Set([Math.fround(1 / 0.7)]));
  });

  test('drops the same elements for the same seed, others for another seed and another step', async () => {
    expect(await dropped(1)).toEqual(await dropped(1));
    expect(await dropped(2)).not.toEqual(await dropped(1));
    const program = stepProgram('dropout', (s) => ({ y: dropout(s, input('x', [COUNT]), 0.3) }));
    const { outputs } = await runSteps(program, [{ x: ones }, { x: ones }], { seed: 1 });
    expect(numbersOf(outputs[0]!.y!)).toEqual(await dropped(1));
    expect(numbersOf(outputs[1]!.y!)).not.toEqual(numbersOf(outputs[0]!.y!));
  });

  test('two layers at one place draw on their own', async () => {
    const { outputs } = await runOnce((s) => {
      const x = input('x', [COUNT]);
      return { a: dropout(s, x, 0.5), b: dropout(s, x, 0.5) };
    }, { feed: { x: ones } });
    const b = numbersOf(outputs.b!);
    const both = numbersOf(outputs.a!).filter((v, i) => v !== 0 && b[i] !== 0).length;
    expect(Math.abs(both - COUNT / 4)).toBeLessThan(5 * Math.sqrt((COUNT * 3) / 16));
  });

  test('does nothing in evaluation and at rate 0', async () => {
    expect(new Set(await dropped(1, false))).toEqual(new Set([1]));
    expect(new Set(await dropped(1, true, 0))).toEqual(new Set([1]));
  });
});

describe('linear, conv2d, embedding', () => {
  test('linear is x W^T + b over the last axis, whatever the leading ones', async () => {
    const x = gaussian('x', [2, 3, 4]);
    const [weight, bias] = [gaussian('w', [5, 4]), gaussian('b', [5])];
    const { outputs } = await runOnce((s) => ({ y: linear(s.at('fc'), input('x', x.shape), 5) }), { feed: { x }, state: { 'fc.weight': weight, 'fc.bias': bias } });
    const expected = Array.from({ length: 30 }, (_, at) => {
      const [row, out] = [Math.floor(at / 5), at % 5];
      return [0, 1, 2, 3].reduce((total, i) => total + x.data[row * 4 + i]! * weight.data[out * 4 + i]!, bias.data[out]!);
    });
    expect(outputs.y!.shape).toEqual([2, 3, 5]);
    expect(relativeError(numbersOf(outputs.y!), expected)).toBeLessThan(1e-6);
  });

  test("conv2d's bias is one per output channel", async () => {
    const entry = primitive('conv2d 2x3x5x6 kernel (3, 3) stride [1, 1] padding [1, 1] dilation 1 groups 1');
    const [x, weight, bias] = entry.inputs.map(toArray) as [NdArray, NdArray, NdArray];
    const { outputs } = await runOnce((s) => ({ y: conv2d(s.at('conv'), input('x', x.shape), 4, 3, { padding: 1, bias: true }) }),
      { feed: { x }, state: { 'conv.weight': weight, 'conv.bias': bias } });
    expect(relativeError(numbersOf(outputs.y!), entry.output.data)).toBeLessThan(2e-6);
  });

  test('embedding looks rows up', async () => {
    const entry = primitive('embedding');
    const [table, rows] = entry.inputs.map(toArray) as [NdArray, NdArray];
    const { outputs } = await runOnce((s) => ({ y: embedding(s.at('table'), input('rows', rows.shape, 'int32'), 6, 2) }), { feed: { rows }, state: { 'table.weight': table } });
    expect(numbersOf(outputs.y!)).toEqual(numbersOf(toArray(entry.output)));
  });
});

interface TransformerCase {
  readonly name: string;
  readonly heads: number;
  readonly feedForward: number;
  readonly activation: 'relu' | 'gelu';
  readonly preNorm: boolean;
  readonly mask: GoldenTensor | null;
  readonly input: GoldenTensor;
  readonly parameters: Readonly<Record<string, GoldenTensor>>;
  readonly output: GoldenTensor;
  readonly cotangent: GoldenTensor;
  readonly grads: Readonly<Record<string, GoldenTensor>>;
}
const { transformers } = JSON.parse(readFileSync(new URL('../../golden/layers.json', import.meta.url), 'utf8')) as { transformers: TransformerCase[] };

describe("transformerLayer against PyTorch's, names and gradients too", () => {
  for (const entry of transformers) {
    test(entry.name, async () => {
      const { heads, feedForward, activation, preNorm, mask, cotangent } = entry;
      const state = Object.fromEntries(Object.entries(entry.parameters).map(([name, value]) => [name, toArray(value)]));
      const { outputs, program } = await runOnce((s) => {
        const x = input('x', entry.input.shape);
        const bias = mask ? constant(toArray(mask)).mul(-1e9) : undefined;
        const y = transformerLayer(s, x, { heads, feedForward, activation, preNorm }, bias);
        const wanted = [x, ...s.parameters.map(({ tensor }) => tensor)];
        const found = vjp([y], [constant(toArray(cotangent))], wanted);
        return { y, ...Object.fromEntries(['input', ...s.parameters.map(({ name }) => name)].map((name, i) => [`d ${name}`, found[i]!])) };
      }, { feed: { x: toArray(entry.input) }, state });
      expect(new Set(program.variables.keys())).toEqual(new Set(Object.keys(entry.parameters)));
      expect(relativeError(numbersOf(outputs.y!), entry.output.data)).toBeLessThan(2e-6);
      for (const [name, expected] of Object.entries(entry.grads)) {
        expect(relativeError(numbersOf(outputs[`d ${name}`]!), expected.data), name).toBeLessThan(5e-6);
      }
    });
  }
});
