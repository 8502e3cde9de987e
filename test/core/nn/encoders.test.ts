import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { input } from '../../../src/core/graph/index.js';
import { distillnet, encode, initialState, normLayer, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const { resnets } = JSON.parse(readFileSync(new URL('../../golden/layers.json', import.meta.url), 'utf8')) as {
  resnets: Record<string, Record<string, number[]>>;
};

const traced = (spec: EncoderSpec, shape: readonly number[]) =>
  stepProgram('encoder', (s) => ({ y: encode(spec, s, input('x', shape)) }), { training: false });
const shapes = ({ variables }: ReturnType<typeof traced>) =>
  Object.fromEntries([...variables].map(([name, { tensor }]) => [name, tensor.shape]));
const count = ({ variables }: ReturnType<typeof traced>) =>
  [...variables.values()].filter(({ trainable }) => trainable).reduce((n, { tensor }) => n + tensor.size, 0);

describe("ResNets are torchvision's", () => {
  const published = { resnet18: 11_689_512 - 513_000, resnet34: 21_797_672 - 513_000, resnet50: 25_557_032 - 2_049_000 };
  const features = { resnet18: 512, resnet34: 512, resnet50: 2048 };

  for (const name of ['resnet18', 'resnet34', 'resnet50'] as const) {
    test(`${name}: names, shapes, number of parameters, features`, () => {
      const program = traced({ name, width: 64, stem: 'imagenet' }, [2, 3, 64, 64]);
      expect(shapes(program)).toEqual(resnets[name]);
      expect(count(program)).toBe(published[name]);
      expect(program.outputs.get('y')!.shape).toEqual([2, features[name]]);
    });
  }

  test('the stems for small images differ from it in the first convolution only', () => {
    for (const stem of ['cifar', 'stl'] as const) {
      expect(shapes(traced({ name: 'resnet18', width: 64, stem }, [1, 3, 32, 32]))).toEqual({ ...resnets.resnet18, 'conv1.weight': [64, 3, 3, 3] });
    }
  });

  test('widths and channels of the input follow the options', () => {
    const program = traced({ name: 'resnet18', width: 16, stem: 'cifar' }, [1, 1, 32, 32]);
    expect(shapes(program)['conv1.weight']).toEqual([16, 1, 3, 3]);
    expect(program.outputs.get('y')!.shape).toEqual([1, 128]);
  });

  test('resolution: the cifar stem keeps it, stl halves it, imagenet quarters it', async () => {
    const last = (stem: 'cifar' | 'stl' | 'imagenet') => {
      const program = traced({ name: 'resnet18', width: 4, stem }, [1, 3, 64, 64]);
      const maps = program.outputs.get('y')!.trace.nodes.filter(({ op, shape }) => op === 'conv' && shape.length === 4);
      return maps.at(-1)!.shape[2];
    };
    expect([last('cifar'), last('stl'), last('imagenet')]).toEqual([8, 4, 2]);
  });
});

describe('ConvNets', () => {
  test('every block halves the resolution and doubles the channels', () => {
    const program = traced({ name: 'convnet4', width: 8 }, [2, 3, 32, 32]);
    expect(program.outputs.get('y')!.shape).toEqual([2, 64]);
    expect([1, 2, 3, 4].map((i) => shapes(program)[`block${i}.conv.weight`])).toEqual([[8, 3, 3, 3], [16, 8, 3, 3], [32, 16, 3, 3], [64, 32, 3, 3]]);
    expect(traced({ name: 'convnet3', width: 8 }, [2, 3, 32, 32]).outputs.get('y')!.shape).toEqual([2, 32]);
  });

  test('images whose sides cannot be halved so often are an error that names what fits', () => {
    expect(() => traced({ name: 'convnet4', width: 8 }, [2, 3, 8, 8])).toThrow('convnet4 takes images with sides of at least 16 pixels, '
      + 'but these are 8x8; take another encoder (convnet3, vgg11 or a resnet), or make images of a size that fits: byo convert --size 16');
    expect(() => traced({ name: 'distillnet3', width: 8 }, [2, 3, 20, 24])).toThrow('distillnet3 takes images with sides of a multiple of 8 pixels, '
      + 'but these are 20x24; take another encoder (distillnet2, vgg11 or a resnet), or make images of a size that fits: byo convert --size 24');
    expect(() => traced({ name: 'alexnet', width: 2 }, [2, 3, 7, 9])).toThrow('byo convert --size 8');
    // What is said to fit does.
    for (const name of ['convnet3', 'distillnet3', 'alexnet', 'vgg11', 'resnet10'] as const) traced({ name, width: 2 }, [2, 3, 8, 8]);
  });
});

describe('the mlp', () => {
  test('takes rows, and maps as rows; two layers of the width', () => {
    for (const shape of [[4, 12], [4, 3, 2, 2]]) {
      const program = traced({ name: 'mlp', width: 5 }, shape);
      expect(program.outputs.get('y')!.shape).toEqual([4, 5]);
      expect(shapes(program)).toMatchObject({ '0.weight': [5, 12], '1.weight': [5], '3.weight': [5, 5], '4.running_mean': [5] });
    }
  });

  test('other encoders do not take rows', () => {
    expect(() => traced({ name: 'resnet18', width: 4 }, [2, 7]))
      .toThrow('resnet18 takes images or other maps, but these are rows of 7 numbers; take the encoder mlp');
  });
});

describe('normalisations of an encoder', () => {
  test('none has neither scales nor statistics; group has no statistics', () => {
    const names = (norm: 'none' | 'group') => Object.keys(shapes(traced({ name: 'convnet3', width: 16, norm, groups: 4 }, [1, 3, 16, 16])));
    expect(names('none')).toEqual(['block1.conv.weight', 'block2.conv.weight', 'block3.conv.weight']);
    expect(names('group').filter((name) => name.includes('running'))).toEqual([]);
    expect(names('group')).toContain('block1.norm.bias');
  });

  test('groups that do not divide the channels are an error that names both and the layer', () => {
    expect(() => traced({ name: 'convnet3', width: 8, norm: 'group', groups: 3 }, [1, 3, 16, 16]))
      .toThrow('--groups 3 does not divide the 8 channels of block1.norm; choose a divisor');
  });
});

test("weights start as torchvision's do: N(0, 2 / fan out), scales 1, offsets and statistics 0 and 1", () => {
  const state = initialState(traced({ name: 'resnet18', width: 64, stem: 'imagenet' }, [1, 3, 64, 64]), 7);
  const weights = numbersOf(state.get('layer3.1.conv2.weight')!);
  const mean = weights.reduce((a, b) => a + b, 0) / weights.length;
  const deviation = Math.sqrt(weights.reduce((total, v) => total + (v - mean) ** 2, 0) / weights.length);
  const expected = Math.sqrt(2 / (256 * 9));
  // Five standard errors of 590,000 draws.
  expect(Math.abs(mean)).toBeLessThan((5 * expected) / Math.sqrt(weights.length));
  expect(Math.abs(deviation - expected)).toBeLessThan((5 * expected) / Math.sqrt(2 * weights.length));
  expect(new Set(numbersOf(state.get('bn1.weight')!))).toEqual(new Set([1]));
  expect(new Set(numbersOf(state.get('bn1.bias')!))).toEqual(new Set([0]));
  expect(new Set(numbersOf(state.get('bn1.running_var')!))).toEqual(new Set([1]));
});

test('with zeroInitResidual the last batch norm of every residual block starts at 0, and no other', () => {
  for (const [name, last] of [['resnet18', 'bn2'], ['resnet50', 'bn3']] as const) {
    const state = initialState(traced({ name, width: 8, stem: 'cifar', zeroInitResidual: true }, [1, 3, 16, 16]), 7);
    const scales = [...state].filter(([key]) => /(bn\d|downsample\.1)\.weight$/.test(key));
    const atZero = scales.filter(([, value]) => numbersOf(value).every((v) => v === 0)).map(([key]) => key);
    expect(atZero).toEqual(scales.map(([key]) => key).filter((key) => key.includes('layer') && key.includes(last)));
    expect(atZero).toHaveLength(name === 'resnet18' ? 8 : 16);
  }
});

test('in evaluation an image has the same features in any company', async () => {
  const x = gaussian('x', [4, 3, 16, 16]);
  const spec: EncoderSpec = { name: 'convnet3', width: 8 };
  const { outputs } = await runOnce((s) => {
    const images = input('x', x.shape);
    return { all: encode(spec, s, images), one: encode(spec, s, images.slice([[2, 3]])) };
  }, { feed: { x }, training: false });
  numbersOf(outputs.one!).forEach((v, i) => expect(v).toBeCloseTo(numbersOf(outputs.all!)[64 + i]!, 5));
});

describe('encoders of dataset distillation', () => {
  test('a distillnet doubles channels, averages 2x2 and keeps all of the last maps', () => {
    const program = traced({ name: 'distillnet3', width: 128 }, [2, 3, 32, 32]);
    expect(program.outputs.get('y')!.shape).toEqual([2, 8192]);
    expect([1, 2, 3].map((i) => shapes(program)[`block${i}.conv.weight`])).toEqual([[128, 3, 3, 3], [256, 128, 3, 3], [512, 256, 3, 3]]);
    expect(shapes(program)['block3.conv.bias']).toEqual([512]);
    expect(traced({ name: 'distillnet4', width: 64 }, [1, 3, 64, 64]).outputs.get('y')!.shape).toEqual([1, 8192]);
    expect(traced({ name: 'distillnet5', width: 32 }, [1, 3, 224, 224]).outputs.get('y')!.shape).toEqual([1, 25088]);
  });

  test('a block is convolution, running statistics, ReLU and the mean of 2x2', async () => {
    const x = float32([1, 1, 4, 4], Array.from({ length: 16 }, (_, i) => 1 + (i % 4)));
    const state = {
      'block1.conv.weight': float32([1, 1, 3, 3], [0, 0, 0, 0, 2, 0, 0, 0, 0]), 'block1.conv.bias': float32([1], [-3]),
      'block1.norm.running_mean': float32([1], [1]), 'block1.norm.running_var': float32([1], [4 - 1e-5]),
    };
    const { outputs } = await runOnce((s) => {
      const y = distillnet(s, input('x', x.shape), { depth: 2, width: 1 });
      return { y: y.trace.nodes.find(({ op }) => op === 'sumPool')!.mul(0.25) };
    }, { feed: { x }, state, training: false });
    // Columns of 1, 2, 3 and 4 become (2 v - 3 - 1) / 2 = -1, 0, 1 and 2.
    expect(numbersOf(outputs.y!)).toEqual([0, 1.5, 0, 1.5].map((v) => expect.closeTo(v, 5)));
  });

  test('an alexnet for 32x32 has the channels and kernels of the literature, and 192 4x4 maps', () => {
    const program = traced({ name: 'alexnet', width: 64, norm: 'none' }, [2, 3, 32, 32]);
    expect([0, 1, 2, 3, 4].map((i) => shapes(program)[`features.${i}.conv.weight`]))
      .toEqual([[128, 3, 5, 5], [192, 128, 5, 5], [256, 192, 3, 3], [192, 256, 3, 3], [192, 192, 3, 3]]);
    expect(program.outputs.get('y')!.shape).toEqual([2, 192 * 16]);
    expect(Object.keys(shapes(program)).some((name) => name.includes('norm'))).toBe(false);
  });

  test('a resnet10 is a resnet18 with one block a stage', () => {
    const names = Object.keys(shapes(traced({ name: 'resnet10', width: 64, stem: 'imagenet' }, [1, 3, 64, 64])));
    expect(names).toEqual(Object.keys(resnets.resnet18!).filter((name) => !/layer\d\.1/.test(name)));
  });

  test('instance normalisation gives every map of every image mean 0 and variance 1', async () => {
    const x = gaussian('maps', [2, 3, 4, 4], 5);
    const { outputs } = await runOnce((s) => ({ y: normLayer({ norm: 'instance' })(s, input('x', x.shape)) }), { feed: { x } });
    for (let map = 0; map < 6; map++) {
      const values = numbersOf(outputs.y!).slice(map * 16, (map + 1) * 16);
      expect(values.reduce((a, b) => a + b) / 16).toBeCloseTo(0, 5);
      expect(values.reduce((a, b) => a + b * b, 0) / 16).toBeCloseTo(1, 4);
    }
  });
});
