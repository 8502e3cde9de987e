import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, sizeOf, type NdArray } from '../../../src/core/array.js';
import { concat, constant, cos, grad, input, mul, silu, sin, sum, unsqueeze, type Tensor } from '../../../src/core/graph/index.js';
import { linear, unet, type Scope, type UNetOptions } from '../../../src/core/nn/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { numbersOf, runOnce } from '../../support/steps.js';

/** test/golden/unet.json, which test/golden/unet.py describes. */
const golden = JSON.parse(readFileSync(new URL('../../golden/unet.json', import.meta.url), 'utf8')) as {
  parameters: Record<string, number[]>; x: GoldenTensor; timesteps: number[]; output: GoldenTensor; cotangent: GoldenTensor;
  grads: Record<string, GoldenTensor>;
};

const OPTIONS: UNetOptions = {
  channels: 8, multipliers: [1, 2], blocks: 2, attention: [4], heads: 2, groups: 8, dropout: 0, modulation: 'scale-shift',
};

/** The sines that the golden script fills parameters with. */
const weights = (shapes: Readonly<Record<string, readonly number[]>>): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape], n) => {
    const fan = Math.sqrt(sizeOf(shape.slice(1)));
    return [name, float32(shape, Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + n + 0.7 * i) / fan))];
  }));

function timeOf(scope: Scope, timesteps: readonly number[]): Tensor {
  const frequencies = constant(float32([4], [0, 1, 2, 3].map((i) => 10000 ** (-i / 4))));
  const angles = unsqueeze(constant(float32([timesteps.length], timesteps)), 1).mul(frequencies);
  return linear(scope.at('time.2'), silu(linear(scope.at('time.0'), concat([sin(angles), cos(angles)], 1), 32)), 32);
}

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
const difference = (a: readonly number[], b: readonly number[]): number =>
  largest(a.map((value, i) => value - b[i]!)) / largest(b);

// Native operators' convolutions lose a digit to Winograd's transforms, and how they round changes which one.
const native = process.env.BYO_NATIVE !== 'off';

describe('the U-Net', () => {
  const x = toArray(golden.x);

  test('gives what PyTorch gives, and its gradients', async () => {
    const { outputs, program } = await runOnce((root) => {
      const images = input('x', x.shape);
      const output = unet(root, images, { embedding: timeOf(root, golden.timesteps) }, OPTIONS);
      const named = new Map(root.parameters.map(({ name, tensor }) => [name, tensor]));
      const names = Object.keys(golden.grads);
      const loss = sum(mul(output, constant(toArray(golden.cotangent))));
      const gradients = grad(loss, names.map((name) => named.get(name) ?? images));
      return { output, ...Object.fromEntries(names.map((name, i) => [name, gradients[i]!])) };
    }, { feed: { x }, state: weights(golden.parameters) });
    const shapes = [...program.variables].map(([name, { tensor }]) => [name, [...tensor.shape]]);
    expect(Object.fromEntries(shapes)).toEqual(golden.parameters);
    expect(difference(numbersOf(outputs.output!), golden.output.data)).toBeLessThan(2e-6);
    for (const [name, expected] of Object.entries(golden.grads)) {
      expect(difference(numbersOf(outputs[name]!), expected.data), name).toBeLessThan(native ? 8e-6 : 5e-6);
    }
  });

  test('puts out zeros before training', async () => {
    const { outputs } = await runOnce((root) => ({
      output: unet(root, input('x', x.shape), { embedding: timeOf(root, golden.timesteps) }, OPTIONS),
    }), { feed: { x } });
    expect(largest(numbersOf(outputs.output!))).toBe(0);
  });

  test('attends to words, in whatever order they come', async () => {
    const words = [[0.3, -1, 0.5, 2], [1, 0.2, -0.7, 0.1], [-0.4, 0.9, 1.5, -2]];
    const run = async (rows: readonly (readonly number[])[]) => {
      const tokens = float32([2, 3, 4], [...rows.flat(), ...rows.flat()]);
      const build = (root: Scope) => ({
        output: unet(root, input('x', x.shape), { embedding: timeOf(root, golden.timesteps), tokens: input('tokens', tokens.shape) }, OPTIONS),
      });
      const { program } = await runOnce(build, { feed: { x, tokens } });
      const shapes = Object.fromEntries([...program.variables].map(([name, { tensor }]) => [name, tensor.shape]));
      return numbersOf((await runOnce(build, { feed: { x, tokens }, state: weights(shapes) })).outputs.output!);
    };
    const [first, second, third] = words as [number[], number[], number[]];
    const told = await run(words);
    expect(difference(await run([third, first, second]), told)).toBeLessThan(native ? 2e-6 : 1e-6);
    expect(difference(await run([third, first, first]), told)).toBeGreaterThan(1e-3);
  });
});
