import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { input, type Tensor } from '../../../src/core/graph/index.js';
import { encode, initialState, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const { vgg, small } = JSON.parse(readFileSync(new URL('../../golden/distillation.json', import.meta.url), 'utf8')) as {
  vgg: Record<'vgg11' | 'vgg11_bn', { parameters: number; shapes: Record<string, number[]> }>;
  small: { width: number; images: GoldenTensor; features: GoldenTensor; parameters: Record<string, GoldenTensor> };
};

const traced = (spec: Partial<EncoderSpec>, side: number, channels = 3) => stepProgram('encoder', (s) =>
  ({ y: encode({ name: 'vgg11', width: 64, ...spec }, s, input('x', [2, channels, side, side])) }), { training: false });
const shapesOf = ({ variables }: ReturnType<typeof traced>) =>
  Object.fromEntries([...variables].map(([name, { tensor }]) => [name, tensor.shape]));
const featuresOf = (spec: Partial<EncoderSpec>, side: number) => traced(spec, side).outputs.get('y')!.shape;

describe("VGG-11 is torchvision's", () => {
  test.each([['vgg11', 'none'], ['vgg11_bn', 'batch']] as const)('%s: names, shapes, number of parameters', (name, norm) => {
    const program = traced({ norm }, 32);
    expect(shapesOf(program)).toEqual(vgg[name].shapes);
    const trained = [...program.variables.values()].filter(({ trainable }) => trainable);
    const count = trained.reduce((n, { tensor }) => n + tensor.size, 0);
    expect(count).toBe(vgg[name].parameters);
    if (norm === 'none') expect(count).toBe(9_220_480);
  });

  test('a narrow one gives the features of the same layers in PyTorch', async () => {
    const images = toArray(small.images);
    const { outputs } = await runOnce((s) => ({
      y: encode({ name: 'vgg11', width: small.width, norm: 'none' }, s, input('x', images.shape)),
    }), { feed: { x: images }, state: Object.fromEntries(Object.entries(small.parameters).map(([k, v]) => [k, toArray(v)])) });
    expect(outputs.y!.shape).toEqual(small.features.shape);
    expect(relativeError(numbersOf(outputs.y!), small.features.data)).toBeLessThan(1e-5);
  });
});

test('features are one pixel of images up to 32 pixels, and flattened of larger ones', () => {
  expect(featuresOf({ norm: 'none' }, 32)).toEqual([2, 512]);
  expect(featuresOf({ norm: 'none', width: 16 }, 16)).toEqual([2, 128]);
  expect(featuresOf({ norm: 'none', width: 16 }, 64)).toEqual([2, 512]);
  expect(shapesOf(traced({ norm: 'none', width: 8 }, 16, 1))['features.0.weight']).toEqual([8, 1, 3, 3]);
});

test('biases start at 0, weights as N(0, 2 / fan out)', () => {
  const state = initialState(traced({ norm: 'none', width: 16 }, 32), 3);
  const weights = numbersOf(state.get('features.18.weight')!);
  const deviation = Math.sqrt(weights.reduce((total, v) => total + v * v, 0) / weights.length);
  const expected = Math.sqrt(2 / (128 * 9));
  expect(Math.abs(deviation - expected)).toBeLessThan((5 * expected) / Math.sqrt(2 * weights.length));
  expect(new Set(numbersOf(state.get('features.18.bias')!))).toEqual(new Set([0]));
});

describe('instance norm', () => {
  test('an encoder with it does not see the scale of an image', async () => {
    const x = gaussian('x', [2, 3, 16, 16]);
    const { outputs } = await runOnce((s) => {
      const encoded = (images: Tensor) => encode({ name: 'convnet3', width: 4, norm: 'instance' }, s, images);
      const images = input('x', x.shape);
      return { y: encoded(images), scaled: encoded(images.mul(5)), other: encoded(images.mul(images)) };
    }, { feed: { x } });
    expect(relativeError(numbersOf(outputs.scaled!), numbersOf(outputs.y!))).toBeLessThan(1e-4);
    expect(relativeError(numbersOf(outputs.other!), numbersOf(outputs.y!))).toBeGreaterThan(0.1);
  });

  test('of maps of one pixel is an error that says so', () => {
    expect(() => traced({ norm: 'instance', width: 8 }, 16)).toThrow('--norm instance makes maps of one pixel 0, as those of features.23 are');
  });
});
