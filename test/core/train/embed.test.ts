import { describe, expect, test } from 'vitest';
import { ndarray } from '../../../src/core/array.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { input } from '../../../src/core/graph/index.js';
import { encode, initialState, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { embedImages, untrainedWeights, type ImageEncoder } from '../../../src/core/train/index.js';

const spec: EncoderSpec = { name: 'convnet3', width: 8 };
const model: ImageEncoder = { encoder: spec, input: { channels: 3, size: 16, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } };
const { images } = synthImages({ count: 10, size: 16, classes: 2, seed: 1 });
const weights = initialState(stepProgram('w', (s) => ({ y: encode(spec, s.at('encoder'), input('x', [1, 3, 16, 16])) }), { training: false }), 5);
const embed = (batch: number, set = images) => embedImages(model, weights, set, { batch, threads: 1 });

describe('embedImages', () => {
  test('gives one row an image, whatever the batch, also where the last batch is not full', async () => {
    const whole = await embed(10);
    expect(whole.shape).toEqual([10, 32]);
    for (const batch of [1, 3, 4, 64]) {
      const { shape, data } = await embed(batch);
      expect(shape).toEqual([10, 32]);
      data.forEach((value, i) => expect(value).toBeCloseTo(whole.data[i]!, 5));
    }
  });

  test('a batch gives the same bytes every time, and different images different rows', async () => {
    const [a, b] = [await embed(4), await embed(4)];
    expect(a.data).toEqual(b.data);
    expect(a.data.subarray(0, 32)).not.toEqual(a.data.subarray(32, 64));
  });

  test('reports progress up to the number of images', async () => {
    const seen: number[] = [];
    await embedImages(model, weights, images, { batch: 4, threads: 1, onProgress: (n) => void seen.push(n) });
    expect(seen).toEqual([4, 8, 10]);
  });

  test('weights of another width, missing weights and images of other channels are errors that name what differs', async () => {
    const wide = { ...model, encoder: { ...spec, width: 16 } };
    await expect(embedImages(wide, weights, images, {})).rejects.toThrow(
      "the model's encoder.block1.conv.weight is [8,3,3,3], but this convnet3 needs [16,3,3,3]");
    await expect(embedImages(model, new Map(), images, {})).rejects.toThrow('the model has no tensor encoder.block1.conv.weight, which a convnet3 needs');
    const grey = ndarray('uint8', [2, 1, 16, 16], new Uint8Array(512));
    await expect(embed(2, grey)).rejects.toThrow('the model takes images of 3 channels, but these have 1; byo convert --channels 3 makes them fit');
    const tiny = ndarray('uint8', [2, 3, 3, 3], new Uint8Array(54));
    await expect(embed(2, tiny)).rejects.toThrow('trained on 16x16 images, but these are 3x3');
  });
});

describe('untrainedWeights', () => {
  test('are the initial weights of the seed, with running statistics of the images', async () => {
    const state = await untrainedWeights(model, images, 5, { batch: 10, threads: 1 });
    expect(state.get('encoder.block1.conv.weight')).toEqual(weights.get('encoder.block1.conv.weight'));
    expect(state.get('encoder.block1.norm.running_mean')!.data).not.toEqual(weights.get('encoder.block1.norm.running_mean')!.data);
    const other = await untrainedWeights(model, images, 6, { batch: 10, threads: 1 });
    expect(other.get('encoder.block1.conv.weight')!.data).not.toEqual(weights.get('encoder.block1.conv.weight')!.data);
  });
});
