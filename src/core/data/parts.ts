import { sizeOf, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { fitImages } from './decode.js';
import { imagesAt, labelsAt, limited, type ImageLabels, type ImageOptions, type ImageSet } from './images.js';

/** A part of an image set: one split, or one file of several. */
export interface Part {
  /** uint8 [N, C, H, W] */
  readonly images: NdArray<Uint8Array>;
  readonly labels?: Int32Array;
  /** One of SPLIT; undefined where the source has no splits. */
  readonly split?: number;
}

/**
 * Joins the parts of an array format and applies the options (limit, then size and channels). Throws InputError where
 * the parts' image shapes differ, where some have labels and some do not, and where labels and images differ in number.
 */
export async function joinParts(
  parts: readonly Part[], classes: readonly string[] | undefined, where: string, options: ImageOptions,
): Promise<ImageSet> {
  const [, ...shape] = parts[0].images.shape;
  const count = parts.reduce((sum, { images }) => sum + images.shape[0], 0);
  if (count === 0) throw new InputError(`${where} holds no images`);
  for (const { images, labels } of parts) {
    const [n, ...own] = images.shape;
    if (own.join() !== shape.join()) {
      throw new InputError(`${where}: its parts hold images of shapes [${shape}] and [${own}]; read them one by one`);
    }
    if ((labels === undefined) !== (parts[0].labels === undefined)) {
      throw new InputError(`${where}: some of its parts have labels and some have none; read them one by one`);
    }
    if (labels && labels.length !== n) throw new InputError(`${where}: ${n} images, but ${labels.length} labels`);
  }
  const known = labelsOf(parts, count, classes, options);
  const data = parts.length === 1 ? parts[0].images.data : concatenated(parts, count, shape);
  const chosen = limited(count, known, options.limit);
  const images = imagesAt({ dtype: 'uint8', shape: [count, ...shape], data }, chosen);
  return { images: await fitImages(images, where, options), ...labelsAt(known, chosen, options), skipped: [] };
}

function labelsOf(
  parts: readonly Part[], count: number, classes: readonly string[] | undefined, options: ImageOptions,
): ImageLabels {
  const labelled = options.labels !== false && parts[0].labels !== undefined;
  const labels = new Int32Array(labelled ? count : 0);
  const split = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    if (labelled && part.labels) labels.set(part.labels, at);
    split.fill(part.split ?? 0, at, at += part.images.shape[0]);
  }
  const hasSplit = parts.some((part) => part.split !== undefined);
  return { ...(labelled && { labels, ...(classes && { classes }) }), ...(hasSplit && { split }) };
}

function concatenated(parts: readonly Part[], count: number, shape: readonly number[]): Uint8Array {
  const data = new Uint8Array(count * sizeOf(shape));
  let at = 0;
  for (const { images } of parts) {
    data.set(images.data, at);
    at += images.data.length;
  }
  return data;
}
