import { describe, expect, it } from 'vitest';
import { float32, type NdArray } from '../../../../src/core/array.js';
import {
  BYOL_VIEWS, drawView, GALAXY_VIEWS, IMAGENET_STATISTICS, normalize, planSpecs, STL_PAPER_VIEWS, WEAK,
  type Flavour, type ImageAugmentation, type JitterStep, type ViewDims,
} from '../../../../src/core/data/augment/index.js';
import { InputError } from '../../../../src/core/errors.js';
import { stream } from '../../../../src/core/random.js';
import { evaluate } from '../../../support/run.js';
import { augmentBatch, augmentImage } from './reference.js';
import { applyDraws, everything, goldenCases, largestDifference, testImages, untouched } from './support.js';

const FLAVOURS = ['byol', 'torchvision'] as const;
const constantImages = (values: readonly number[], channels: number, size: number): NdArray =>
  float32([values.length, channels, size, size], values.flatMap((v) => Array<number>(channels * size * size).fill(v)));

describe('golden values of numpy', () => {
  const view = everything('byol');

  it.each(goldenCases())('reference, every step: $name', ({ image, drawn, size, steps }) => {
    const [channels, height, width] = image.shape;
    const actual = augmentImage({ channels, height, width, data: image.data as Float64Array }, drawn, view, size);
    expect(actual.map(({ op }) => op)).toEqual(steps.map(({ op }) => op));
    steps.forEach(({ output }, i) => expect(largestDifference(actual[i].image.data, output.data)).toBeLessThan(1e-8));
  });

  it.each(goldenCases())('device, last step: $name', async ({ image, drawn, size, steps }) => {
    const batch = float32([1, ...image.shape], Float32Array.from(image.data as Float64Array));
    const y = await applyDraws(batch, [drawn], view, size);
    expect(largestDifference(y.data, steps.at(-1)!.output.data)).toBeLessThan(2e-6);
  });
});

describe('device against reference', () => {
  const cases: [Flavour, number, number, number, number, number][] = FLAVOURS.flatMap((flavour) => [3, 1].flatMap(
    (channels): [Flavour, number, number, number, number, number][] => [
      [flavour, channels, 32, 32, 32, 32], [flavour, channels, 40, 28, 32, 32], [flavour, channels, 96, 96, 96, 3],
    ]));

  it.each(cases)('%s, %i channels, %i x %i -> %i', async (flavour, channels, height, width, size, batch) => {
    const dims = { batch, channels, height, width, size };
    const view = everything(flavour);
    const images = testImages('pixels', dims);
    const drawn = drawView(view, dims, stream(1, `${flavour} ${channels} ${height}`));
    const y = await applyDraws(images, drawn, view, size);
    expect(largestDifference(y.data, augmentBatch(images, drawn, view, dims).data)).toBeLessThan(5e-6);
  });

  it('flips and turns galaxies to all eight sides, from crops of images that are not square', async () => {
    const dims = { batch: 64, channels: 3, height: 14, width: 17, size: 12 };
    const images = testImages('galaxies', dims);
    const drawn = drawView(GALAXY_VIEWS.gz2, dims, stream(2, 'galaxies'));
    const sides = new Set(drawn.map(({ flip, flipVertical, transpose }) => [flip, flipVertical, transpose].join()));
    expect(sides.size).toBe(8);
    const y = await applyDraws(images, drawn, GALAXY_VIEWS.gz2, 12);
    expect(largestDifference(y.data, augmentBatch(images, drawn, GALAXY_VIEWS.gz2, dims).data)).toBeLessThan(5e-6);
  });

  it.each(FLAVOURS)('%s: all 24 orders of colour jitter', async (flavour) => {
    const kinds = everything(flavour).jitter;
    const amounts: JitterStep[] = [
      { kind: 'brightness', amount: flavour === 'byol' ? 0.3 : 1.4 }, { kind: 'contrast', amount: 1.4 },
      { kind: 'saturation', amount: 1.3 }, { kind: 'hue', amount: -kinds.hue / 3 },
    ];
    const orders = amounts.flatMap((a) => amounts.flatMap((b) => amounts.flatMap((c) => amounts.flatMap((d) =>
      (new Set([a, b, c, d]).size === 4 ? [[a, b, c, d]] : [])))));
    const dims = { batch: 24, channels: 3, height: 12, width: 12, size: 12 };
    const one = testImages('one', { ...dims, batch: 1 }).data;
    const images = float32([24, 3, 12, 12], orders.flatMap(() => [...one]));
    const drawn = orders.map((jitter) => ({ ...untouched(dims), jitter }));
    const y = await applyDraws(images, drawn, everything(flavour), 12);
    const expected = augmentBatch(images, drawn, everything(flavour), dims);
    expect(largestDifference(y.data, expected.data)).toBeLessThan(2e-6);
    // Clipping makes the order matter: otherwise this test could not tell one from another.
    const outcomes = new Set(orders.map((_, n) => expected.data.slice(n * one.length, (n + 1) * one.length).join()));
    expect(outcomes.size).toBeGreaterThanOrEqual(flavour === 'byol' ? 12 : 24);
  });

  it.each([-0.5, -0.4, -1 / 3, -1 / 6, 0.05, 0.2, 0.45, 0.5])('a hue turned by %f', async (amount) => {
    const dims = { batch: 1, channels: 3, height: 24, width: 24, size: 24 };
    const images = testImages('hue', dims);
    const drawn: ImageAugmentation[] = [{ ...untouched(dims), jitter: [{ kind: 'hue', amount }] }];
    const y = await applyDraws(images, drawn, everything('byol'), 24);
    expect(largestDifference(y.data, augmentBatch(images, drawn, everything('byol'), dims).data)).toBeLessThan(2e-6);
  });
});

describe('augment', () => {
  const dims: ViewDims = { batch: 4, channels: 3, height: 32, width: 32, size: 32 };

  it.each(FLAVOURS)('%s: leaves images alone for which nothing was drawn, beside others', async (flavour) => {
    const images = testImages('still', dims);
    const view = everything(flavour);
    const drawn = drawView({ ...view, flip: 1, jitter: { ...view.jitter, probability: 1 } }, dims, stream(1, 'others'));
    drawn[2] = untouched(dims);
    const y = await applyDraws(images, drawn, view, 32);
    const of = (array: NdArray, n: number) => (array.data as Float32Array).subarray(n * 3072, (n + 1) * 3072);
    expect(largestDifference(of(y, 2), of(images, 2))).toBeLessThan(1e-6);
    expect(largestDifference(of(y, 1), of(images, 1))).toBeGreaterThan(0.1);
  });

  it('flips exactly', async () => {
    const images = testImages('flip', dims);
    const drawn = Array.from({ length: 4 }, () => ({ ...untouched(dims), flip: true }));
    const y = await applyDraws(images, drawn, WEAK, 32);
    const mirrored = images.data.map((_, i) => images.data[i - (i % 32) + 31 - (i % 32)]);
    expect(y.data).toEqual(mirrored);
  });

  it('keeps constant images under crop, flip, blur, contrast, saturation and hue; solarise inverts the bright ones', async () => {
    const levels = [0, 0.2, 0.5, 0.7, 1];
    const images = constantImages(levels, 3, 40);
    const drawn: ImageAugmentation[] = levels.map(() => ({
      crop: { top: 3, left: 11, height: 29, width: 17 }, flip: true,
      jitter: [{ kind: 'contrast', amount: 1.4 }, { kind: 'saturation', amount: 0.8 }, { kind: 'hue', amount: 0.1 }],
      grayscale: false, blurSigma: 1.7, solarize: false,
    }));
    const still = await applyDraws(images, drawn, everything('byol'), 40);
    expect(largestDifference(still.data, images.data as Float32Array)).toBeLessThan(1e-6);
    const inverted = await applyDraws(images, drawn.map((d) => ({ ...d, solarize: true })), everything('byol', 0.45), 40);
    const expected = constantImages([0, 0.2, 0.5, 0.3, 0], 3, 40);
    expect(largestDifference(inverted.data, expected.data as Float32Array)).toBeLessThan(1e-6);
  });

  it('leaves stages out that never happen, and colour for grey images', () => {
    const names = (view: typeof WEAK, channels: number, size = 32) => Object.keys(planSpecs(view, { ...dims, channels, size }));
    expect(names(WEAK, 3)).toEqual(['rows', 'columns']);
    const stages = ['jitter0', 'jitter1', 'jitter2', 'jitter3', 'jitter4'];
    expect(names(BYOL_VIEWS[0], 3)).toEqual(['rows', 'columns', ...stages, 'grayscale', 'blur']);
    expect(names(BYOL_VIEWS[1], 3)).toEqual(['rows', 'columns', ...stages, 'grayscale', 'blur', 'solarize']);
    expect(names(BYOL_VIEWS[1], 1)).toEqual(['rows', 'columns', 'jitter0', 'jitter1', 'blur', 'solarize']);
    expect(names(BYOL_VIEWS[0], 1, 19)).toEqual(['rows', 'columns', 'jitter0', 'jitter1']);
    expect(names(STL_PAPER_VIEWS[0], 3)).not.toContain('blur');
  });

  it('gives the same bits on every run', async () => {
    const images = testImages('bits', dims);
    const drawn = drawView(BYOL_VIEWS[1], dims, stream(5, 'augment view2', 9));
    const [a, b] = [await applyDraws(images, drawn, BYOL_VIEWS[1], 32), await applyDraws(images, drawn, BYOL_VIEWS[1], 32)];
    expect(a.data).toEqual(b.data);
  });
});

describe('normalize', () => {
  it('subtracts the mean and divides by the standard deviation of each channel', async () => {
    const { mean, std } = IMAGENET_STATISTICS;
    const images = testImages('normalise', { batch: 2, channels: 3, height: 4, width: 5, size: 4 });
    const [y] = await evaluate((x) => normalize(x, IMAGENET_STATISTICS), [images]);
    const expected = images.data.map((x, i) => (x - mean[Math.floor(i / 20) % 3]) / std[Math.floor(i / 20) % 3]);
    expect(largestDifference(y.data as Float32Array, expected)).toBeLessThan(1e-6);
  });

  it('refuses statistics of another number of channels', async () => {
    const grey = float32([1, 1, 2, 2]);
    await expect(evaluate((x) => normalize(x, IMAGENET_STATISTICS), [grey])).rejects.toThrow(InputError);
    await expect(evaluate((x) => normalize(x, { mean: [0], std: [0] }), [grey])).rejects.toThrow(/positive/);
  });
});
