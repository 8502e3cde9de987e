import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { input } from '../../../src/core/graph/index.js';
import { efficientnet, stepProgram, type EfficientNetOptions } from '../../../src/core/nn/index.js';
import { relativeError } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/efficientnet.json', import.meta.url), 'utf8')) as {
  shapes: Record<string, number[]>;
  features: number[][];
};

const traced = (shape: readonly number[], options: EfficientNetOptions = {}, training = false) =>
  stepProgram('encoder', (s) => ({ y: efficientnet(s, input('x', shape), options) }), { training });

describe("EfficientNet-B0 is torchvision's", () => {
  test('names, shapes, number of parameters, features', () => {
    const program = traced([2, 3, 64, 64]);
    const shapes = [...program.variables].map(([name, { tensor }]) => [name, tensor.shape] as const);
    expect(Object.fromEntries(shapes)).toEqual(golden.shapes);
    const parameters = [...program.variables.values()].filter(({ trainable }) => trainable);
    expect(parameters.reduce((n, { tensor }) => n + tensor.size, 0)).toBe(5_288_548 - 1_281_000);
    expect(program.outputs.get('y')!.shape).toEqual([2, 1280]);
  });

  test('it computes the same', async () => {
    const program = traced([4, 3, 64, 64], {}, true);
    // torchvision's order of parameters is the order of its names here.
    const named = Object.keys(golden.shapes).filter((name) => !name.includes('running_'));
    const state = Object.fromEntries(named.map((name, p) => {
      const { tensor } = program.variables.get(name)!;
      const scale = name.endsWith('weight') && tensor.rank === 1 ? 1 : 0;
      const values = Float32Array.from({ length: tensor.size }, (_, j) => 0.1 * Math.cos(1 + 0.37 * j + 1.3 * p) + scale);
      return [name, float32(tensor.shape, values)];
    }));
    const images = float32([4, 3, 64, 64], Float32Array.from({ length: 4 * 3 * 64 * 64 }, (_, i) => Math.sin(1e-5 * i ** 1.5)));
    const { outputs } = await runSteps(program, [{ x: images }], { state });
    const features = numbersOf(outputs[0]!.y!);
    const every40th = golden.features.flatMap((row, image) => row.map((_, i) => features[1280 * image + 40 * i]!));
    expect(relativeError(every40th, golden.features.flat())).toBeLessThan(2e-4); // 65 normalisations of float32
  });
});

test('the cifar stem keeps the resolution of the first layer, and is nothing else', () => {
  const last = (stem: 'cifar' | 'imagenet') => {
    const { nodes } = traced([1, 3, 64, 64], { stem }).outputs.get('y')!.trace;
    return nodes.filter(({ op }) => op === 'conv').at(-1)!.shape;
  };
  expect(last('imagenet')).toEqual([1, 1280, 2, 2]);
  expect(last('cifar')).toEqual([1, 1280, 4, 4]);
  expect([...traced([1, 3, 64, 64], { stem: 'cifar' }).variables.keys()]).toEqual([...traced([1, 3, 64, 64]).variables.keys()]);
});
