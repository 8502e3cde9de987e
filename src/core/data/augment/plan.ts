import { ndarray, sizeOf, type NdArray } from '../../array.js';
import { InputError } from '../../errors.js';
import { input, type Tensor } from '../../graph/index.js';
import type { Stream } from '../../random.js';
import { jitterKinds, jitterStages, stageWidth, writeJitter, type JitterKind, type JitterStep } from './jitter.js';
import { blurRadius, writeBlur, writeIdentity, writeResampling } from './resample.js';
import { checkView, type ViewAugmentation } from './views.js';

/** A batch of images [batch, channels, height, width] of which views [batch, channels, size, size] are made. */
export interface ViewDims {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly size: number;
}

/** Everything that was drawn for one image, in the order in which it is applied. */
export interface ImageAugmentation {
  /** In whole pixels. */
  readonly crop: Rectangle;
  readonly flip: boolean;
  readonly flipVertical?: boolean;
  readonly transpose?: boolean;
  readonly jitter: readonly JitterStep[];
  readonly grayscale: boolean;
  /** Standard deviation in pixels of the view; undefined: no blur. */
  readonly blurSigma: number | undefined;
  readonly solarize: boolean;
}

export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What a program that augments a batch is fed, by name (see `planSpecs`). */
export type Plan = Readonly<Record<string, NdArray<Float32Array>>>;
export type PlanTensors = Readonly<Record<string, Tensor>>;

/**
 * The plan of one view of a batch, drawn from `random`, which is one stream per view and step:
 * `planView(BYOL_VIEWS[0], dims, stream(seed, 'augment view1', step))`. Throws InputError for a view or for extents that
 * make no sense.
 */
export const planView = (view: ViewAugmentation, dims: ViewDims, random: Stream): Plan =>
  encodePlan(view, dims, drawView(view, dims, random));

/** Draws one view of every image of a batch. Throws InputError as `planView` does. */
export function drawView(view: ViewAugmentation, dims: ViewDims, random: Stream): ImageAugmentation[] {
  checkView(view);
  checkDims(dims);
  return Array.from({ length: dims.batch }, () => drawImage(view, dims, random));
}

function drawImage(view: ViewAugmentation, { channels, height, width }: ViewDims, random: Stream): ImageAugmentation {
  const { crop, flip, flipVertical, transpose, jitter, grayscale, blur, solarize } = view;
  const happens = (probability: number): boolean => random.next() < probability;
  return {
    crop: crop ? drawCrop(crop, height, width, random) : middle(height, width, Math.min(height, width), Math.min(height, width)),
    flip: happens(flip),
    // Nothing is drawn for views without them, so that the draws of these stay what they were.
    ...(flipVertical && { flipVertical: happens(flipVertical) }),
    ...(transpose && { transpose: happens(transpose) }),
    jitter: happens(jitter.probability) ? drawJitter(view, channels, random) : [],
    grayscale: happens(grayscale),
    blurSigma: happens(blur.probability) ? random.between(...blur.sigma) : undefined,
    solarize: happens(solarize.probability),
  };
}

/**
 * A random part of the image, as torchvision's RandomResizedCrop draws it: up to ten tries at an area and a shape that
 * fit, otherwise the middle, as much of it as the allowed shapes can hold.
 */
function drawCrop(
  { scale, ratio }: NonNullable<ViewAugmentation['crop']>, height: number, width: number, random: Stream,
): Rectangle {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * random.between(...scale);
    const shape = Math.exp(random.between(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = Math.round(Math.sqrt(area * shape));
    const h = Math.round(Math.sqrt(area / shape));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return { top: random.int(height - h + 1), left: random.int(width - w + 1), height: h, width: w };
    }
  }
  const shape = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const w = Math.min(width, Math.max(1, Math.round(height * shape)));
  const h = Math.min(height, Math.max(1, Math.round(width / shape)));
  return middle(height, width, h, w);
}

const middle = (height: number, width: number, h: number, w: number): Rectangle =>
  ({ top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w });

function drawJitter({ flavour, jitter }: ViewAugmentation, channels: number, random: Stream): JitterStep[] {
  const isAdded = (kind: JitterKind) => kind === 'hue' || (kind === 'brightness' && flavour === 'byol');
  const kinds = jitterKinds(channels);
  return Array.from(random.permutation(kinds.length), (k) => {
    const kind = kinds[k];
    const limit = jitter[kind];
    return { kind, amount: isAdded(kind) ? random.between(-limit, limit) : random.between(1 - limit, 1 + limit) };
  });
}

/**
 * Names, shapes and dtypes of a view's plan: `rows` and `columns` resample and flip, `transpose` 0 or 1, `jitter0` … hold the
 * coefficients of each stage of colour jitter, `grayscale` 0 or 1, `blur` one matrix for both directions, `solarize` the
 * threshold (2 where nothing is inverted). What can never happen in this view is left out.
 */
export function planSpecs(view: ViewAugmentation, dims: ViewDims): Record<string, { shape: number[]; dtype: 'float32' }> {
  const { batch, channels, height, width, size } = dims;
  const shapes: Record<string, number[]> = { rows: [batch, 1, size, height], columns: [batch, 1, width, size] };
  if (view.transpose) shapes.transpose = [batch, 1, 1, 1];
  jitterStages(view, channels).forEach((name, k) => { shapes[`jitter${k}`] = [batch, stageWidth(name), 1, 1]; });
  if (view.grayscale > 0 && channels === 3) shapes.grayscale = [batch, 1, 1, 1];
  if (view.blur.probability > 0 && blurRadius(size) > 0) shapes.blur = [batch, 1, size, size];
  if (view.solarize.probability > 0) shapes.solarize = [batch, 1, 1, 1];
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: 'float32' }]));
}

/** The arrays of a plan from what was drawn for each of the `dims.batch` images. */
export function encodePlan(view: ViewAugmentation, dims: ViewDims, images: readonly ImageAugmentation[]): Plan {
  const { channels, height, width, size } = dims;
  const plan: Record<string, NdArray<Float32Array>> = {};
  for (const [name, { shape }] of Object.entries(planSpecs(view, dims))) {
    plan[name] = ndarray('float32', shape, new Float32Array(sizeOf(shape)));
  }
  const { rows, columns, transpose, grayscale, blur, solarize } = plan;
  const stages = jitterStages(view, channels);
  images.forEach(({ crop, flip, jitter, ...drawn }, n) => {
    const start = n * size * height;
    writeResampling(drawn.flipVertical
      ? { out: rows.data, offset: start + (size - 1) * height, outputStride: -height, inputStride: 1 }
      : { out: rows.data, offset: start, outputStride: height, inputStride: 1 }, crop.top, crop.height, size);
    const offset = n * width * size;
    writeResampling(flip
      ? { out: columns.data, offset: offset + size - 1, outputStride: -1, inputStride: size }
      : { out: columns.data, offset, outputStride: 1, inputStride: size }, crop.left, crop.width, size);
    writeJitter(stages, jitter, stages.map((name, k) => {
      const count = stageWidth(name);
      return plan[`jitter${k}`].data.subarray(n * count, (n + 1) * count);
    }));
    if (transpose) transpose.data[n] = Number(drawn.transpose);
    if (grayscale) grayscale.data[n] = Number(drawn.grayscale);
    if (blur && drawn.blurSigma !== undefined) writeBlur(blur.data, n * size * size, size, drawn.blurSigma);
    else if (blur) writeIdentity(blur.data, n * size * size, size);
    if (solarize) solarize.data[n] = drawn.solarize ? view.solarize.threshold : 2;
  });
  return plan;
}

/** The plan of a view as inputs of the program under construction, named `prefix.rows` and so on. */
export function declarePlan(prefix: string, view: ViewAugmentation, dims: ViewDims): PlanTensors {
  checkView(view);
  checkDims(dims);
  return Object.fromEntries(Object.entries(planSpecs(view, dims)).map(([name, { shape, dtype }]) =>
    [name, input(`${prefix}.${name}`, shape, dtype)]));
}

/** A plan under the names that `declarePlan` gave its inputs. */
export const planInputs = (prefix: string, plan: Plan): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(plan).map(([name, array]) => [`${prefix}.${name}`, array]));

function checkDims(dims: ViewDims): void {
  for (const [name, extent] of Object.entries(dims)) {
    if (!Number.isInteger(extent) || extent < 1) {
      throw new InputError(`the ${name} of images to augment must be a whole number from 1, but is ${extent}`);
    }
  }
  if (dims.channels !== 1 && dims.channels !== 3) {
    throw new InputError(`augmentation takes grey images (1 channel) or RGB (3 channels), but these have ${dims.channels}`);
  }
}
