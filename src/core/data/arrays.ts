import { toFloat32, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { decodeNpy, decodeNpz, isNpy } from '../files/npy.js';
import { readInput } from '../files/streams.js';
import { deinterleave } from './decode.js';
import { SPLIT, type ImageOptions, type ImageSet } from './images.js';
import { joinParts, type Part } from './parts.js';

const IMAGE_NAMES = ['images', 'image', 'x', 'data', 'arr_0'];
const LABEL_NAMES = ['labels', 'label', 'y', 'arr_1'];

/** Name parts of the splits, as in MedMNIST (train_images, val_labels) and Keras (x_train, y_test). */
const SPLITS: readonly { names: readonly string[]; split?: number }[] = [
  { names: [''] },
  { names: ['train'], split: SPLIT.train },
  { names: ['val', 'valid', 'validation'], split: SPLIT.validation },
  { names: ['test'], split: SPLIT.test },
];

/**
 * Reads images from NumPy files. An .npy file holds one array: [N, H, W, C], [N, C, H, W] (C = 1 or 3) or [N, H, W];
 * integers from 0 to 255, or floats from 0 to 1. An .npz file holds such arrays as `images`, `x` or `data`, and labels
 * as `labels` or `y`, each optionally with `train_`, `val_` or `test_` before it or `_train` and so on after it.
 *
 * Throws InputError where no array has such a name, where shapes do not fit and where values are out of range.
 */
export async function readImageArrays(path: string, options: ImageOptions = {}): Promise<ImageSet> {
  const bytes = await readInput(path);
  const parts = isNpy(bytes)
    ? [{ images: imagesFrom(decodeNpy(bytes, path), path) }]
    : partsOf(decodeNpz(bytes, path), path);
  return joinParts(parts, undefined, path, options);
}

function partsOf(arrays: ReadonlyMap<string, NdArray>, where: string): Part[] {
  const byName = new Map([...arrays.keys()].map((name) => [name.toLowerCase(), name]));
  const parts = SPLITS.flatMap(({ names, split }): Part[] => {
    const find = (kinds: readonly string[]): string | undefined => names
      .flatMap((part) => kinds.flatMap((kind) => (part === '' ? [kind] : [`${part}_${kind}`, `${kind}_${part}`])))
      .map((name) => byName.get(name))
      .find((name) => name !== undefined);
    const imageName = find(IMAGE_NAMES);
    if (imageName === undefined) return [];
    const labelName = find(LABEL_NAMES);
    const images = imagesFrom(arrays.get(imageName)!, `${where}: ${imageName}`);
    const labels = labelName === undefined ? undefined : labelsFrom(arrays.get(labelName)!, `${where}: ${labelName}`);
    return [{ images, ...(labels && { labels }), ...(split !== undefined && { split }) }];
  });
  if (parts.length > 0) return parts;
  throw new InputError(
    `${where} holds the arrays ${[...arrays.keys()].join(', ')}; images are expected as images, x or data, `
    + 'or with a split, as in train_images or x_test',
  );
}

/** Any of the accepted layouts to uint8 [N, C, H, W]. */
function imagesFrom(array: NdArray, where: string): NdArray<Uint8Array> {
  const { shape } = array;
  const [count, a, b, c] = shape;
  const isChannels = (extent: number): boolean => extent === 1 || extent === 3;
  const data = toBytes(array, where);
  if (shape.length === 3) return { dtype: 'uint8', shape: [count, 1, a, b], data };
  // Channels last where both would do: an image of 3 rows is less likely than one of 3 channels.
  if (shape.length === 4 && isChannels(c)) {
    const out = new Uint8Array(data.length);
    const stride = a * b * c;
    for (let start = 0; start < data.length; start += stride) {
      out.set(deinterleave(data.subarray(start, start + stride), c), start);
    }
    return { dtype: 'uint8', shape: [count, c, a, b], data: out };
  }
  if (shape.length === 4 && isChannels(a)) return { dtype: 'uint8', shape: [count, a, b, c], data };
  throw new InputError(
    `${where} has shape [${shape}], but images are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels`,
  );
}

function toBytes(array: NdArray, where: string): Uint8Array {
  const { dtype, data } = array;
  if (data instanceof Uint8Array && dtype === 'uint8') return data;
  const isFloat = dtype.includes('float');
  const [maximum, scale] = isFloat ? [1, 255] : [255, 1];
  const values = toFloat32(array).data;
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!(value >= 0 && value <= maximum)) {
      throw new InputError(
        `${where} holds ${value} at position ${i}, but images of ${dtype} hold values from 0 to ${maximum}; `
        + 'scale them before',
      );
    }
    out[i] = Math.round(value * scale);
  }
  return out;
}

/** Class numbers [N], or [N, 1] as MedMNIST has them. */
function labelsFrom({ dtype, shape, data }: NdArray, where: string): Int32Array {
  const vector = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!vector || dtype === 'float16' || dtype === 'bfloat16') {
    throw new InputError(`${where} is ${dtype} of shape [${shape}], but labels are whole numbers of shape [N]`);
  }
  return Int32Array.from(data as ArrayLike<number | bigint>, (value, i) => {
    const label = Number(value);
    if (Number.isInteger(label) && label >= 0 && label < 2 ** 31) return label;
    throw new InputError(`${where} holds ${value} at position ${i}, but labels are whole numbers from 0`);
  });
}
