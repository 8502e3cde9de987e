import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { constant, grad, input, type Tensor } from '../../../src/core/graph/index.js';
import { dinoHead, mlpHead, simsiamPredictor, simsiamProjector, type Scope } from '../../../src/core/nn/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

type Head = typeof mlpHead;
const x = gaussian('x', [32, 12]);

/** A head's variables by name with their shapes, and what it makes of x. */
async function build(head: Head, norm: 'batch' | 'none' = 'batch') {
  const { outputs, program } = await runOnce((scope: Scope) => {
    const input = scope.buffer('x', x.shape, () => x.data as Float32Array) as Tensor;
    return { y: head(scope.at('head'), input, { hidden: 10, out: 8, norm }) };
  });
  const shapes = Object.fromEntries([...program.variables.values()].filter(({ name }) => name.startsWith('head.'))
    .map(({ name, tensor }) => [name.slice(5), tensor.shape.join('x')]));
  return { shapes, y: outputs.y! };
}
const norm = (at: number, units: number) => Object.fromEntries(
  ['weight', 'bias', 'running_mean', 'running_var'].map((name) => [`${at}.${name}`, String(units)]));

describe("SimSiam's heads", () => {
  test('the projector has three layers without bias; its last batch norm has no scale, and gives mean 0 and deviation 1', async () => {
    const { shapes, y } = await build(simsiamProjector);
    expect(shapes).toEqual({
      '0.weight': '10x12', ...norm(1, 10), '3.weight': '10x10', ...norm(4, 10), '6.weight': '8x10',
      '7.running_mean': '8', '7.running_var': '8',
    });
    const values = numbersOf(y);
    for (let feature = 0; feature < 8; feature++) {
      const column = values.filter((_, i) => i % 8 === feature);
      const mean = column.reduce((a, b) => a + b) / 32;
      expect(mean).toBeCloseTo(0, 5);
      expect(column.reduce((total, v) => total + (v - mean) ** 2, 0) / 32).toBeCloseTo(1, 3);
    }
  });

  test('the predictor is a bottleneck whose last layer has a bias', async () => {
    expect((await build(simsiamPredictor)).shapes).toEqual({ '0.weight': '10x12', ...norm(1, 10), '3.weight': '8x10', '3.bias': '8' });
    expect((await build(simsiamPredictor, 'none')).shapes).toEqual({ '0.weight': '10x12', '3.weight': '8x10', '3.bias': '8' });
  });
});

test("BYOL's head has a bias in its first layer only", async () => {
  expect((await build(mlpHead)).shapes).toEqual({ '0.weight': '10x12', '0.bias': '10', ...norm(1, 10), '3.weight': '8x10' });
});

describe("DINO's head", () => {
  const { heads: cases } = JSON.parse(readFileSync(new URL('../../golden/distillation.json', import.meta.url), 'utf8')) as {
    heads: {
      name: string; weightNorm: boolean; hidden: number[]; bottleneck: number; out: number;
      input: GoldenTensor; output: GoldenTensor; cotangent: GoldenTensor;
      parameters: Record<string, GoldenTensor>; grads: Record<string, GoldenTensor>;
    }[];
  };
  const runHead = (one: (typeof cases)[number], changed: Record<string, NdArray> = {}) => runOnce((scope) => {
    const y = dinoHead(scope, input('input', one.input.shape), one);
    const { parameters } = scope;
    const gradients = grad(y.mul(constant(toArray(one.cotangent))).sum(), parameters.map(({ tensor }) => tensor));
    return { y, ...Object.fromEntries(parameters.map(({ name }, i) => [name, gradients[i]!])) };
  }, {
    feed: { input: toArray(one.input) },
    state: { ...Object.fromEntries(Object.entries(one.parameters).map(([name, value]) => [name, toArray(value)])), ...changed },
  });

  test.each(cases)('$name: outputs and gradients are those of PyTorch', async (one) => {
    const { outputs } = await runHead(one);
    expect(relativeError(numbersOf(outputs.y!), one.output.data)).toBeLessThan(1e-5);
    for (const name of Object.keys(one.parameters)) {
      expect(relativeError(numbersOf(outputs[name]!), one.grads[name]!.data), name).toBeLessThan(1e-5);
    }
  });

  test('outputs are cosines: at most 1, whatever the length of bottleneck and rows, to which their gradients are orthogonal', async () => {
    const one = cases.find(({ weightNorm }) => weightNorm)!;
    const { outputs } = await runHead(one);
    expect(Math.max(...numbersOf(outputs.y!).map(Math.abs))).toBeLessThanOrEqual(1 + 1e-6);
    const scaled = (name: string, factor: number) => {
      const { shape, data } = toArray(one.parameters[name]!);
      return float32(shape, (data as Float32Array).map((v) => v * factor));
    };
    const { outputs: longer } = await runHead(one, {
      'last_layer.weight': scaled('last_layer.weight', 7), 'mlp.4.weight': scaled('mlp.4.weight', 3), 'mlp.4.bias': scaled('mlp.4.bias', 3),
    });
    expect(relativeError(numbersOf(longer.y!), numbersOf(outputs.y!))).toBeLessThan(1e-5);
    const [rows, slopes] = [one.parameters['last_layer.weight']!.data, numbersOf(outputs['last_layer.weight']!)];
    for (let j = 0; j < one.out; j++) {
      const dot = [0, 1, 2, 3].reduce((total, d) => total + rows[j * 4 + d]! * slopes[j * 4 + d]!, 0);
      expect(Math.abs(dot)).toBeLessThan(1e-6);
    }
  });

  test('has no hidden layer where none is asked for', async () => {
    const { program } = await runOnce((s) =>
      ({ y: dinoHead(s, constant(gaussian('x', [2, 5])), { hidden: [], bottleneck: 3, out: 4 }) }));
    expect([...program.variables.keys()]).toEqual(['mlp.0.weight', 'mlp.0.bias', 'last_layer.weight']);
  });
});
