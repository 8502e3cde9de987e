import { describe, expect, it } from 'vitest';
import {
  BYOL_VIEWS, drawView, encodePlan, planView, SIMSIAM_VIEWS, STL_PAPER_VIEWS, WEAK,
  type ImageAugmentation, type JitterKind, type ViewAugmentation, type ViewDims,
} from '../../../../src/core/data/augment/index.js';
import { InputError } from '../../../../src/core/errors.js';
import { stream } from '../../../../src/core/random.js';
import { everything, untouched } from './support.js';

const dims: ViewDims = { batch: 4000, channels: 3, height: 100, width: 100, size: 32 };
const draw = (view: ViewAugmentation, name: string, extents = dims): ImageAugmentation[] =>
  drawView(view, extents, stream(11, name));

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const share = <T>(list: readonly T[], holds: (item: T) => boolean): number => list.filter(holds).length / list.length;
/** Five standard errors of a share p among n. */
const margin = (p: number, n = dims.batch): number => 5 * Math.sqrt((p * (1 - p)) / n);

/** Kolmogorov and Smirnov's distance to the uniform distribution on [low, high], times sqrt(n). */
function ksUniform(values: readonly number[], low: number, high: number): number {
  const sorted = values.map((v) => (v - low) / (high - low)).sort((a, b) => a - b);
  const n = sorted.length;
  return Math.sqrt(n) * Math.max(...sorted.map((u, i) => Math.max(u - i / n, (i + 1) / n - u)));
}

describe('crops', () => {
  it('cover a uniform share of the area where every square fits', () => {
    const large = { ...dims, height: 1000, width: 1000 };
    const squares = draw({ ...WEAK, crop: { scale: [0.08, 1], ratio: [1, 1] } }, 'area', large);
    expect(squares.every(({ crop }) => crop.height === crop.width)).toBe(true);
    expect(ksUniform(squares.map(({ crop }) => (crop.height * crop.width) / 1e6), 0.08, 1)).toBeLessThan(2);
  });

  it('have a log-uniform shape and a uniform place', () => {
    const small = draw({ ...WEAK, crop: { scale: [0.2, 0.3], ratio: [3 / 4, 4 / 3] } }, 'shape', { ...dims, height: 1000, width: 1000 });
    const shapes = small.map(({ crop }) => Math.log(crop.width / crop.height));
    expect(ksUniform(shapes, Math.log(3 / 4), Math.log(4 / 3))).toBeLessThan(2);
    expect(ksUniform(small.map(({ crop }) => crop.left / (1000 - crop.width)), 0, 1)).toBeLessThan(2);
    expect(ksUniform(small.map(({ crop }) => crop.top / (1000 - crop.height)), 0, 1)).toBeLessThan(2);
  });

  it('reach both edges equally often', () => {
    const large = { ...WEAK, crop: { scale: [0.56, 0.57], ratio: [1, 1] } } as const; // 3 x 3 of 4 x 4 pixels
    const crops = draw(large, 'edges', { ...dims, height: 4, width: 4 }).map(({ crop }) => crop);
    for (const side of ['top', 'left'] as const) {
      expect(new Set(crops.map((crop) => crop[side]))).toEqual(new Set([0, 1]));
      expect(Math.abs(share(crops, (crop) => crop[side] === 1) - 0.5)).toBeLessThan(margin(0.5));
    }
  });

  it.each([[100, 100], [30, 70], [5, 3], [1, 1], [1, 50]])('lie within images of %i x %i', (height, width) => {
    for (const { crop } of draw(WEAK, 'within', { ...dims, batch: 500, height, width })) {
      expect(crop.height).toBeGreaterThanOrEqual(1);
      expect(crop.width).toBeGreaterThanOrEqual(1);
      expect(Math.min(crop.top, crop.left)).toBeGreaterThanOrEqual(0);
      expect(crop.top + crop.height).toBeLessThanOrEqual(height);
      expect(crop.left + crop.width).toBeLessThanOrEqual(width);
    }
  });

  it('fall back to the middle where no shape fits, and are the middle square where a view has none', () => {
    const wide = { ...dims, batch: 3, height: 10, width: 100 };
    const whole = draw({ ...WEAK, crop: { scale: [1, 1], ratio: [3 / 4, 1.5] } }, 'fallback', wide);
    expect(whole.map(({ crop }) => crop)).toEqual(Array(3).fill({ top: 0, left: 42, height: 10, width: 15 }));
    const none = draw(STL_PAPER_VIEWS[0], 'none', wide);
    expect(none.map(({ crop }) => crop)).toEqual(Array(3).fill({ top: 0, left: 45, height: 10, width: 10 }));
  });
});

describe('draws', () => {
  it.each([['byol 1', BYOL_VIEWS[0]], ['byol 2', BYOL_VIEWS[1]], ['simsiam', SIMSIAM_VIEWS[0]], ['weak', WEAK]])(
    'happen as often as %s says', (name, view) => {
      const drawn = draw(view, name);
      const close = (holds: (d: ImageAugmentation) => boolean, p: number) =>
        expect(Math.abs(share(drawn, holds) - p)).toBeLessThanOrEqual(margin(p));
      close(({ flip }) => flip, view.flip);
      close(({ jitter }) => jitter.length > 0, view.jitter.probability);
      close(({ grayscale }) => grayscale, view.grayscale);
      close(({ blurSigma }) => blurSigma !== undefined, view.blur.probability);
      close(({ solarize }) => solarize, view.solarize.probability);
    });

  it('put jitter in all 24 orders equally often', () => {
    const orders = draw(BYOL_VIEWS[0], 'orders').filter(({ jitter }) => jitter.length > 0);
    const counts = new Map<string, number>();
    for (const { jitter } of orders) {
      const key = jitter.map(({ kind }) => kind).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = orders.length / 24;
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(49.7); // the 0.999 quantile for 23 degrees of freedom
  });

  it('know no colour steps for grey images', () => {
    const drawn = draw(BYOL_VIEWS[0], 'grey', { ...dims, channels: 1 }).filter(({ jitter }) => jitter.length > 0);
    expect(new Set(drawn.map(({ jitter }) => jitter.map(({ kind }) => kind).join()))).toEqual(
      new Set(['brightness,contrast', 'contrast,brightness']));
    const brightnessFirst = share(drawn, ({ jitter }) => jitter[0].kind === 'brightness');
    expect(Math.abs(brightnessFirst - 0.5)).toBeLessThan(margin(0.5, drawn.length));
  });

  it.each([
    ['byol', BYOL_VIEWS[0], { brightness: [-0.4, 0.4], contrast: [0.6, 1.4], saturation: [0.8, 1.2], hue: [-0.1, 0.1] }],
    ['simsiam', SIMSIAM_VIEWS[0], { brightness: [0.6, 1.4], contrast: [0.6, 1.4], saturation: [0.6, 1.4], hue: [-0.1, 0.1] }],
  ] as const)('change colours uniformly within the ranges of %s', (name, view, ranges) => {
    const steps = draw(view, `${name} amounts`).flatMap(({ jitter }) => jitter);
    for (const [kind, [low, high]] of Object.entries(ranges) as [JitterKind, readonly [number, number]][]) {
      expect(ksUniform(steps.filter((step) => step.kind === kind).map(({ amount }) => amount), low, high)).toBeLessThan(2);
    }
    const sigmas = draw(view, `${name} blur`).flatMap(({ blurSigma }) => blurSigma ?? []);
    expect(ksUniform(sigmas, 0.1, 2)).toBeLessThan(2);
  });

  it('depend on seed, view and step, and on nothing else', () => {
    const few = { ...dims, batch: 4, height: 24, width: 24, size: 20 };
    const plan = (seed: number, view: string, step: number) => planView(BYOL_VIEWS[0], few, stream(seed, `augment ${view}`, step));
    const first = plan(1, 'view1', 5);
    expect(plan(1, 'view1', 5)).toEqual(first);
    for (const other of [plan(2, 'view1', 5), plan(1, 'view2', 5), plan(1, 'view1', 6)]) {
      for (const name of ['rows', 'columns', 'jitter1', 'jitter2', 'blur']) expect(other[name].data).not.toEqual(first[name].data);
    }
  });
});

describe('encodePlan', () => {
  const rowSums = (data: Float32Array, length: number): number[] =>
    Array.from({ length: data.length / length }, (_, row) => mean([...data.subarray(row * length, (row + 1) * length)]) * length);

  it('weighs every output pixel with a sum of 1, from pixels of the crop only', () => {
    const extents = { ...dims, batch: 1, height: 50, width: 40 };
    const crop = { top: 7, left: 4, height: 31, width: 21 };
    const { rows, columns, blur } = encodePlan(everything('byol'), { ...extents, size: 40 }, [{
      ...untouched(extents), crop, flip: true, blurSigma: 1.3,
    }]);
    for (const sum of [...rowSums(rows.data, 50), ...rowSums(blur.data, 40)]) expect(sum).toBeCloseTo(1, 6);
    rows.data.forEach((weight, i) => { if (i % 50 < 7 || i % 50 >= 38) expect(weight).toBe(0); });
    columns.data.forEach((weight, i) => { if (i < 4 * 40 || i >= 25 * 40) expect(weight).toBe(0); });
    // Flipped: the left edge of the crop weighs most in the last column.
    const left = columns.data.subarray(4 * 40, 5 * 40);
    expect(left.indexOf(Math.max(...left))).toBe(39);
  });

  it('refuses a colour step that these images have no stage for', () => {
    const extents = { ...dims, batch: 1, channels: 1 };
    const drawn = [{ ...untouched(extents), jitter: [{ kind: 'hue' as const, amount: 0.1 }] }];
    expect(() => encodePlan(BYOL_VIEWS[0], extents, drawn)).toThrow(/no place for hue/);
  });

  it('blurs with the 23 pixels of BYOL at size 224', () => {
    const extents = { batch: 1, channels: 1, height: 224, width: 224, size: 224 };
    const { blur } = encodePlan(everything('byol'), extents, [{ ...untouched(extents), blurSigma: 2 }]);
    expect(blur.data.subarray(100 * 224, 101 * 224).filter((weight) => weight > 0)).toHaveLength(23);
  });
});

describe('bad views', () => {
  const bad: [string, Partial<ViewAugmentation>, RegExp][] = [
    ['a probability above 1', { flip: 1.5 }, /flip must be between 0 and 1, but is 1.5/],
    ['a probability that is no number', { grayscale: NaN }, /grayscale/],
    ['more than a half turn of hue', { jitter: { ...BYOL_VIEWS[0].jitter, hue: 0.6 } }, /jitter.hue must be between 0 and 0.5/],
    ['a negative contrast', { jitter: { ...BYOL_VIEWS[0].jitter, contrast: -0.1 } }, /jitter.contrast/],
    ['a crop larger than the image', { crop: { scale: [0.5, 1.2], ratio: [1, 1] } }, /crop.scale .* at most 1, but is \[0.5, 1.2\]/],
    ['a descending range', { blur: { probability: 1, sigma: [2, 0.1] } }, /blur.sigma/],
    ['a blur of width 0', { blur: { probability: 1, sigma: [0, 1] } }, /blur.sigma must be two ascending numbers above 0/],
  ];

  it.each(bad)('refuses %s', (_, change, message) => {
    const view = { ...BYOL_VIEWS[0], ...change };
    expect(() => draw(view, 'bad')).toThrow(InputError);
    expect(() => draw(view, 'bad')).toThrow(message);
  });

  it('refuses images that are neither grey nor RGB, and empty ones', () => {
    expect(() => draw(WEAK, 'bad', { ...dims, channels: 4 })).toThrow(/RGB \(3 channels\), but these have 4/);
    expect(() => draw(WEAK, 'bad', { ...dims, width: 0 })).toThrow(/width of images to augment must be a whole number from 1/);
  });
});
