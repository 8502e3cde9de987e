import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { grad, input } from '../../../src/core/graph/index.js';
import { encode, halfToEven, parseRegNet, REGNETY, regnetStages, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { gaussian } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const { regnets } = JSON.parse(readFileSync(new URL('../../golden/layers.json', import.meta.url), 'utf8')) as {
  regnets: Record<string, { parameters: number; shapes?: Record<string, number[]> }>;
};

const spec = (text: string, more: Partial<EncoderSpec> = {}): EncoderSpec =>
  ({ name: 'regnety', width: 0, stem: 'imagenet', regnet: parseRegNet(text), ...more });
const traced = (text: string, size = 64, more: Partial<EncoderSpec> = {}) =>
  stepProgram('encoder', (s) => ({ y: encode(spec(text, more), s, input('x', [1, 3, size, size])) }), { training: false });
/** Parameters, counted without any of them being made. */
const count = ({ variables }: ReturnType<typeof traced>) =>
  [...variables.values()].filter(({ trainable }) => trainable).reduce((n, { tensor }) => n + tensor.size, 0);
const stages = (text: string, round?: (x: number) => number) =>
  regnetStages(parseRegNet(text), round).map(({ width, blocks }) => `${width}x${blocks}`).join(' ');

test('rounding is that of Python', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 2.5001, 7].map(halfToEven)).toEqual([0, 2, 2, -0, -2, 2, 3, 7]);
});

describe('stages by formula', () => {
  test.each([
    ['toy', '16x1 32x3 64x2'],
    ['400mf', '48x1 104x3 208x6 440x6'],
    ['1.6gf', '48x2 120x6 336x17 888x2'],
    ['3.2gf', '72x2 216x5 576x13 1512x1'],
    ['8gf', '168x2 448x4 896x10 2016x1'],
    ['16gf', '224x2 448x4 1232x11 3024x1'],
    ['32gf', '232x2 696x5 1392x12 3712x1'],
    ['64gf', '328x2 984x5 1968x12 4920x1'],
    ['128gf', '528x2 1056x7 2904x17 7392x1'],
    ['256gf', '746x2 1492x7 4103x17 10444x1'],
    ['1744:620.83:2.52:27:1010', '2020x2 4040x7 11110x17 28280x1'],
  ])('%s', (text, expected) => {
    expect(stages(text)).toBe(expected);
    expect(stages(text, Math.round)).toBe(expected); // a half occurs in none of these
    for (const { width, group } of regnetStages(parseRegNet(text))) expect(width % group).toBe(0);
  });

  test('800mf is where the conventions part: half to even gives the paper, half up torchvision', () => {
    expect(stages('800mf')).toBe('64x1 128x3 320x8 768x2');
    expect(stages('800mf', Math.round)).toBe('64x1 144x3 320x8 784x2');
  });
});

describe("RegNetY is torchvision's", () => {
  test('400mf: names and shapes', () => {
    const { variables } = traced('400mf');
    expect(Object.fromEntries([...variables].map(([name, { tensor }]) => [name, tensor.shape]))).toEqual(regnets['400mf']!.shapes);
  });

  test.each(Object.entries(regnets))('%s: number of parameters', (text, { parameters }) => {
    expect(count(traced(text))).toBe(parameters);
  });

  test.each([
    ['8gf', 37.2], ['16gf', 80.6], ['32gf', 141.3], ['64gf', 276.5], ['128gf', 637.4], ['256gf', 1272], ['1744:620.83:2.52:27:1010', 9324],
  ])('%s has %d million parameters', (text, millions) => {
    const digits = Number.isInteger(millions) ? 0 : 1;
    expect((count(traced(text)) / 1e6).toFixed(digits)).toBe(millions.toFixed(digits));
  });
});

describe('a RegNetY', () => {
  const maps = (stem: EncoderSpec['stem']) => traced('toy', 64, { stem }).outputs.get('y')!.trace.nodes
    .filter(({ op, attrs }) => op === 'conv' && attrs.padding === 1).map(({ shape }) => shape.join('x'));

  test('halves the resolution in the first block of every stage, and in the stem but for cifar', () => {
    expect(maps('imagenet')).toEqual(['1x32x32x32', '1x16x16x16', '1x32x8x8', '1x32x8x8', '1x32x8x8', '1x64x4x4', '1x64x4x4']);
    expect(maps('stl')).toEqual(maps('imagenet'));
    expect(maps('cifar')[0]).toBe('1x32x64x64');
    expect(maps('cifar').at(-1)).toBe('1x64x8x8');
  });

  test('squeezes to a quarter of the channels that enter the block, half to even', () => {
    const { variables } = traced('256gf');
    const squeezed = (name: string) => variables.get(`trunk_output.${name}.f.se.fc1.weight`)!.tensor.shape;
    expect(squeezed('block1.block1-0')).toEqual([8, 746, 1, 1]); // of the stem's 32
    expect(squeezed('block1.block1-1')).toEqual([186, 746, 1, 1]); // 186.5
    expect(squeezed('block3.block3-0')).toEqual([373, 4103, 1, 1]);
  });

  test('takes the normalisation of the options, and grey images', () => {
    const { variables } = stepProgram('encoder', (s) =>
      ({ y: encode(spec('toy', { norm: 'none' }), s, input('x', [1, 1, 32, 32])) }), { training: false });
    expect([...variables.keys()].filter((name) => name.includes('running'))).toEqual([]);
    expect(variables.get('stem.0.weight')!.tensor.shape).toEqual([32, 1, 3, 3]);
  });

  test('rematerialised, it has the same gradients to the last bit', async () => {
    const x = gaussian('x', [4, 3, 16, 16]);
    const run = (remat: boolean) => runOnce((s) => {
      const y = encode(spec('16:8:2:3:8', { stem: 'cifar', remat }), s, input('x', x.shape));
      const gradients = grad(y.square().mean(), s.parameters.map(({ tensor }) => tensor));
      return Object.fromEntries([['y', y], ...s.parameters.map(({ name }, i) => [name, gradients[i]!] as const)]);
    }, { feed: { x } });
    const [plain, again] = [await run(false), await run(true)];
    expect(again.outputs).toEqual(plain.outputs);
    expect(again.state).toEqual(plain.state);
    expect(Math.max(...numbersOf(plain.outputs['stem.0.weight']!))).toBeGreaterThan(0);
  });
});

describe('parseRegNet', () => {
  test('takes names in any case and five numbers', () => {
    expect(parseRegNet('8GF')).toBe(REGNETY['8gf']);
    expect(parseRegNet('16:8:2:6:8')).toEqual(REGNETY.toy);
  });

  test.each(['8g', '16:8:2:6', '16:8:2:6:8:1', '12:8:2:6:8', '16:8:1:6:8', '16:-1:2:6:8', '16:8:2:6.5:8', '16:8:2:6:', '16:8:Infinity:6:8'])(
    '%s is an error that says what is taken', (text) => {
      expect(() => parseRegNet(text)).toThrow(/--regnet takes one of toy, 400mf, .*256gf, or w0:wa:wm:depth:group with w0 a multiple of 8/);
      expect(() => parseRegNet(text)).toThrow(`'${text}' was given`);
    });
});
