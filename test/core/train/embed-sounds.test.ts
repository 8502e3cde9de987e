import { beforeAll, describe, expect, test } from 'vitest';
import { joinClips, clipsAt, clipOf, type SoundSet } from '../../../src/core/data/sound/set.js';
import { initialState, soundFeatures, stepProgram } from '../../../src/core/nn/index.js';
import { input } from '../../../src/core/graph/index.js';
import { stream } from '../../../src/core/random.js';
import { embedSounds, untrainedSoundWeights, type SoundEncoder, type State } from '../../../src/core/train/index.js';
import { drawnWords } from '../../support/byol-a.js';
import { relativeError } from '../../support/run.js';

const model: SoundEncoder = {
  encoder: { name: 'audiontt2020', channels: 3, dim: 5, dropout: 0.3 },
  input: {
    modality: 'sound', rate: 4000, nFft: 256, hop: 40, mels: 16, fmin: 60, fmax: 1950, bank: 'htk', unit: 2000, pad: 'both',
    normalized: true, mean: -9, std: 4,
  },
};
let weights: State;
beforeAll(() => {
  weights = initialState(stepProgram('test', (root) =>
    ({ y: soundFeatures(root.at('encoder'), input('x', [2, 1, 16, 51]), model.encoder) }), { training: false }), 1);
});
const embed = (set: SoundSet, options: Parameters<typeof embedSounds>[3] = {}, about: Partial<SoundEncoder['input']> = {}) =>
  embedSounds({ ...model, input: { ...model.input, ...about } }, weights, set, { threads: 1, ...options });

describe('embedSounds', () => {
  const words = drawnWords(9);

  test("a sound's features depend on nothing but the sound: not on the batch, nor on the others", async () => {
    const { features } = await embed(words);
    expect(features.shape).toEqual([9, 5]);
    expect(Math.min(...features.data)).toBeGreaterThanOrEqual(0);
    const few = await embed(words, { batch: 2 });
    expect(relativeError(few.features.data, features.data)).toBeLessThan(1e-5);
    const alone = await embed(clipsAt(words, [4]));
    expect(relativeError(alone.features.data, features.data.subarray(20, 25))).toBeLessThan(1e-5);
    const twice = await embed(clipsAt(words, [2, 2]));
    expect(relativeError(twice.features.data.subarray(0, 5), twice.features.data.subarray(5))).toBeLessThan(1e-6);
  });

  test('frames: those that hold a part of the sound, and their largest plus mean is the sound where it fills the segment', async () => {
    const whole = { ...joinClips([stream(1, 'noise').normal(2000, 0, 0.2)]), rate: 4000, skipped: [] };
    const { features, places } = await embed(whole, { frames: true });
    expect([features.shape, [...places!.sound], [...places!.frame]]).toEqual([[6, 5], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]]);
    const pooled = [0, 1, 2, 3, 4].map((d) => {
      const column = [0, 1, 2, 3, 4, 5].map((t) => features.data[t * 5 + d]!);
      return Math.max(...column) + column.reduce((a, b) => a + b, 0) / 6;
    });
    expect(relativeError(pooled, (await embed(whole)).features.data)).toBeLessThan(1e-5);

    // 600 samples in the middle of 2000: from sample 700 to 1300, in frames of 8 * 40 samples.
    const part = { ...joinClips([clipOf(whole, 0).slice(0, 600)]), rate: 4000, skipped: [] };
    expect((await embed(part, { frames: true })).features.shape).toEqual([3, 5]);
    expect((await embed(part, { frames: true }, { pad: 'end' })).features.shape).toEqual([2, 5]);
  });

  test('longer sounds are filled up to multiples by powers of the square root of 2, and have more frames', async () => {
    const noise = stream(2, 'noise').normal(5000, 0, 0.2);
    const set = { ...joinClips([noise.slice(0, 2000), noise, noise.slice(0, 2400)]), rate: 4000, skipped: [] };
    const { places } = await embed(set, { frames: true });
    // 2000, 4000 * sqrt 2 and 2000 * sqrt 2 samples, of which 5000 and 2400 are sound in the middle.
    expect([0, 1, 2].map((i) => places!.sound.filter((value) => value === i).length)).toEqual([6, 16, 9]);
  });

  test('statistics: half as loud with ln 4 less of a mean gives the same', async () => {
    const setOf = (level: number) => ({ ...joinClips([stream(3, 'noise').normal(2000, 0, level)]), rate: 4000, skipped: [] });
    const [loud, quiet] = [await embed(setOf(0.4)), await embed(setOf(0.2), { statistics: { mean: -9 - Math.log(4), std: 4 } })];
    expect(relativeError(quiet.features.data, loud.features.data)).toBeLessThan(1e-4);
    expect(relativeError((await embed(setOf(0.2))).features.data, loud.features.data)).toBeGreaterThan(0.02);
  });

  test('another rate is refused', async () => {
    await expect(embed({ ...words, rate: 8000 })).rejects.toThrow('the model was trained on sounds of 4000 Hz, but these have 8000; byo convert --rate 4000 makes them fit');
  });

  test('untrained weights: drawn from the seed, with statistics of the sounds', async () => {
    const drawn = (seed: number) => untrainedSoundWeights(model, clipsAt(words, [0, 1, 2]), seed, { threads: 1 });
    const [one, again, other] = [await drawn(1), await drawn(1), await drawn(2)];
    expect(one).toEqual(again);
    expect(one.get('encoder.fc.0.weight')).not.toEqual(other.get('encoder.fc.0.weight'));
    const variance = one.get('encoder.features.1.running_var')!.data as Float32Array;
    variance.forEach((value) => expect(Math.abs(value - 1)).toBeGreaterThan(0.01));
    expect(one.get('encoder.fc.0.weight')).toEqual(weights.get('encoder.fc.0.weight'));
  });
});
