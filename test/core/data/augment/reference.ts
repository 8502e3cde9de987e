import { float32, type NdArray } from '../../../../src/core/array.js';
import type {
  Flavour, ImageAugmentation, JitterStep, Rectangle, ViewAugmentation, ViewDims,
} from '../../../../src/core/data/augment/index.js';

/**
 * Augmentation of one image the slow and obvious way: float64, pixel by pixel, branches where the formulas branch. Shares
 * no code with the program under test.
 */
export interface Image {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** [channels, height, width] */
  readonly data: Float64Array;
}

type Colour = [r: number, g: number, b: number];

const clip = (x: number): number => Math.min(Math.max(x, 0), 1);
const grey = ([r, g, b]: Colour): number => 0.2989 * r + 0.587 * g + 0.114 * b;

/** The image behind every step that happens, in order and clipped; the last is the result. */
export function augmentImage(
  image: Image, drawn: ImageAugmentation, { flavour, solarize }: Pick<ViewAugmentation, 'flavour' | 'solarize'>, size: number,
): { op: string; image: Image }[] {
  const steps: { op: string; image: Image }[] = [];
  const take = (op: string, next: Image): void => {
    steps.push({ op, image: { ...next, data: next.data.map(clip) } });
  };
  const current = (): Image => steps.at(-1)!.image;
  take('crop', resizedCrop(image, drawn.crop, size));
  if (drawn.flip) take('flip', mapPixels(current(), (x, c, i, j) => x.data[(c * size + i) * size + size - 1 - j]));
  if (drawn.flipVertical) take('flipVertical', mapPixels(current(), (x, c, i, j) => x.data[(c * size + size - 1 - i) * size + j]));
  if (drawn.transpose) take('transpose', mapPixels(current(), (x, c, i, j) => x.data[(c * size + j) * size + i]));
  for (const step of drawn.jitter) take(step.kind, jitter(current(), step, flavour));
  if (drawn.grayscale && image.channels === 3) take('grayscale', mapColours(current(), (c) => [grey(c), grey(c), grey(c)]));
  if (drawn.blurSigma !== undefined) take('blur', blur(current(), drawn.blurSigma));
  if (drawn.solarize) {
    take('solarise', mapPixels(current(), (x, c, i, j) => {
      const value = x.data[(c * size + i) * size + j];
      return value >= solarize.threshold ? 1 - value : value;
    }));
  }
  return steps;
}

/** The reference on a batch: images [batch, channels, height, width] -> float32 [batch, channels, size, size]. */
export function augmentBatch(
  images: NdArray<Float32Array>, drawn: readonly ImageAugmentation[], view: ViewAugmentation, dims: ViewDims,
): NdArray<Float32Array> {
  const { batch, channels, height, width, size } = dims;
  const results = drawn.map((d, n) => {
    const pixels = channels * height * width;
    const data = Float64Array.from(images.data.subarray(n * pixels, (n + 1) * pixels));
    return augmentImage({ channels, height, width, data }, d, view, size).at(-1)!.image.data;
  });
  return float32([batch, channels, size, size], results.flatMap((data) => [...data]));
}

function mapPixels(image: Image, f: (image: Image, channel: number, row: number, column: number) => number): Image {
  const data = new Float64Array(image.data.length);
  let at = 0;
  for (let c = 0; c < image.channels; c++) {
    for (let i = 0; i < image.height; i++) for (let j = 0; j < image.width; j++) data[at++] = f(image, c, i, j);
  }
  return { ...image, data };
}

function mapColours(image: Image, f: (colour: Colour) => Colour): Image {
  const plane = image.height * image.width;
  const data = new Float64Array(image.data.length);
  for (let p = 0; p < plane; p++) {
    f([image.data[p], image.data[plane + p], image.data[2 * plane + p]]).forEach((value, c) => { data[c * plane + p] = value; });
  }
  return { ...image, data };
}

function cubic(t: number, a = -0.5): number {
  const x = Math.abs(t);
  if (x < 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  if (x < 2) return a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a;
  return 0;
}

/** Normalised weights of every one of `inputs` pixels for output pixel `o`. */
function weights(o: number, inputs: number, outputs: number): number[] {
  const ratio = inputs / outputs;
  const raw = Array.from({ length: inputs }, (_, i) => cubic((i + 0.5 - (o + 0.5) * ratio) / Math.max(ratio, 1)));
  const total = raw.reduce((a, b) => a + b, 0);
  return raw.map((w) => w / total);
}

function resizedCrop({ channels, height, width, data }: Image, crop: Rectangle, size: number): Image {
  const result = { channels, height: size, width: size, data: new Float64Array(channels * size * size) };
  const columns = Array.from({ length: size }, (_, j) => weights(j, crop.width, size));
  const rows = Array.from({ length: size }, (_, i) => weights(i, crop.height, size));
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = 0;
        for (let y = 0; y < crop.height; y++) {
          if (rows[i][y] === 0) continue;
          const line = (c * height + crop.top + y) * width + crop.left;
          for (let x = 0; x < crop.width; x++) sum += rows[i][y] * columns[j][x] * data[line + x];
        }
        result.data[(c * size + i) * size + j] = sum;
      }
    }
  }
  return result;
}

function jitter(image: Image, { kind, amount }: JitterStep, flavour: Flavour): Image {
  const plane = image.height * image.width;
  const pixel = (x: Image, c: number, i: number, j: number): number => x.data[(c * x.height + i) * x.width + j];
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  switch (kind) {
    case 'brightness':
      return mapPixels(image, (...at) => (flavour === 'byol' ? pixel(...at) + amount : pixel(...at) * amount));
    case 'contrast': {
      const greys = image.channels === 1 ? image : mapColours(image, (colour) => [grey(colour), 0, 0]);
      const centres = Array.from({ length: image.channels }, (_, c) => mean(flavour === 'byol'
        ? image.data.subarray(c * plane, (c + 1) * plane) : greys.data.subarray(0, plane)));
      return mapPixels(image, (x, c, i, j) => centres[c] + amount * (pixel(x, c, i, j) - centres[c]));
    }
    case 'saturation':
      return mapColours(image, (colour) => {
        if (flavour === 'torchvision') {
          return colour.map((value) => amount * value + (1 - amount) * grey(colour)) as Colour;
        }
        const [h, s, v] = rgbToHsv(colour);
        return hsvToRgb([h, clip(s * amount), v]);
      });
    case 'hue':
      return mapColours(image, (colour) => {
        const [h, s, v] = rgbToHsv(colour);
        return hsvToRgb([h + amount - Math.floor(h + amount), s, v]);
      });
  }
}

/** As Python's colorsys: hue in [0, 1) from the largest channel, the first of several. */
function rgbToHsv([r, g, b]: Colour): Colour {
  const v = Math.max(r, g, b);
  const least = Math.min(r, g, b);
  if (v === least) return [0, 0, v];
  const [rc, gc, bc] = [r, g, b].map((value) => (v - value) / (v - least));
  const sextants = r === v ? bc - gc : g === v ? 2 + rc - bc : 4 + gc - rc;
  return [sextants / 6 - Math.floor(sextants / 6), (v - least) / v, v];
}

function hsvToRgb([h, s, v]: Colour): Colour {
  const sector = Math.floor(h * 6);
  const f = h * 6 - sector;
  const [p, q, t] = [v * (1 - s), v * (1 - s * f), v * (1 - s * (1 - f))];
  const sectors: Colour[] = [[v, t, p], [q, v, p], [p, v, t], [p, q, v], [t, p, v], [v, p, q]];
  return sectors[sector % 6];
}

/** Both directions at once, the outer product of two one-dimensional kernels; reflected edges. */
function blur(image: Image, sigma: number): Image {
  const { height, width } = image;
  const radius = Math.floor(height / 10 / 2);
  const offsets = Array.from({ length: 2 * radius + 1 }, (_, i) => i - radius);
  const reflect = (i: number, n: number): number => (i < 0 ? -i : i >= n ? 2 * n - 2 - i : i);
  return mapPixels(image, (x, c, i, j) => {
    let [sum, total] = [0, 0];
    for (const dy of offsets) {
      for (const dx of offsets) {
        const weight = Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
        sum += weight * x.data[(c * height + reflect(i + dy, height)) * width + reflect(j + dx, width)];
        total += weight;
      }
    }
    return sum / total;
  });
}
