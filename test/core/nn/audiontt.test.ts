import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { input } from '../../../src/core/graph/index.js';
import { poolFrames, soundFeatures, soundFrames, stepProgram, type SoundEncoderSpec } from '../../../src/core/nn/index.js';
import { golden } from '../../support/byol-a.js';
import { toArray } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

describe('encoders of sounds', () => {
  for (const { name, dim, count } of golden.parameters) {
    test(`${name} with ${dim} features has ${count.toLocaleString('en')} parameters`, () => {
      const { variables } = stepProgram('test', (root) =>
        ({ y: soundFeatures(root.at('encoder'), input('x', [2, 1, 64, 96]), { name, channels: 64, dim, dropout: 0.3 }) }));
      const parameters = [...variables.values()].filter(({ trainable }) => trainable);
      expect(parameters.reduce((sum, { tensor }) => sum + tensor.size, 0)).toBe(count);
    });
  }

  for (const { name, channels, dim, input: x, state, evaluated, trained, frames } of golden.encoders) {
    const spec: SoundEncoderSpec = { name, channels, dim, dropout: 0 };
    const given = Object.fromEntries(Object.entries(state).map(([key, value]) => [key, toArray(value)]));
    test(`${name}: features and frames are those of PyTorch, in evaluation and in training mode`, async () => {
      for (const [training, expected] of [[false, evaluated], [true, trained]] as const) {
        const { outputs } = await runOnce((root) => {
          const rows = soundFrames(root.at('encoder'), input('x', x.shape), spec);
          return { features: poolFrames(rows), ...(!training && { frames: rows }) };
        }, { feed: { x: toArray(x) }, state: given, training });
        expect(relativeError(numbersOf(outputs.features!), expected.data)).toBeLessThan(1e-5);
        if (!training) expect(relativeError(numbersOf(outputs.frames!), frames.data)).toBeLessThan(1e-5);
      }
    });
  }

  test('features are not negative; dropout changes them in training mode only', async () => {
    const run = async (dropout: number, training: boolean) => (await runOnce((root) => ({
      y: soundFeatures(root.at('encoder'), input('x', [4, 1, 8, 8]), { name: 'audiontt2020', channels: 4, dim: 6, dropout }),
    }), { feed: { x: gaussian('x', [4, 1, 8, 8]) }, training, seed: 1 })).outputs.y!;
    expect(Math.min(...numbersOf(await run(0.3, true)))).toBeGreaterThanOrEqual(0);
    expect(await run(0.3, false)).toEqual(await run(0, false));
    expect(relativeError(numbersOf(await run(0.3, true)), numbersOf(await run(0, true)))).toBeGreaterThan(0.05);
  });

  test('frames that are all alike give twice the frame, and their order does not matter', async () => {
    const [same, one, other] = await evaluate((a, b, c) => [poolFrames(a), poolFrames(b), poolFrames(c)], [
      float32([1, 4, 2], [1, 3, 1, 3, 1, 3, 1, 3]),
      float32([1, 3, 2], [1, 5, 2, 0, 6, 1]), float32([1, 3, 2], [6, 1, 1, 5, 2, 0]),
    ]);
    expect([numbersOf(same!), numbersOf(one!), numbersOf(other!)]).toEqual([[2, 6], [9, 7], [9, 7]]);
  });

  test('spectrograms and widths that are too small are refused', () => {
    const build = (shape: number[], name: SoundEncoderSpec['name'], dim: number) => () =>
      stepProgram('test', (root) => ({ y: soundFeatures(root, input('x', shape), { name, channels: 4, dim, dropout: 0 }) }));
    expect(build([1, 1, 64, 7], 'audiontt2020', 8)).toThrow('8x8 or more, but these have 64 mels and 7 frames');
    expect(build([1, 1, 16, 8], 'audiontt2022', 16)).toThrow('needs more than 16 in all, but has 16');
  });
});
