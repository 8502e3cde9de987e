import { float32, ndarray, type NdArray } from '../../core/array.js';
import { InputError } from '../../core/errors.js';
import type { Artifact } from '../../core/files/artifact.js';
import type { EncoderSpec } from '../../core/nn/index.js';
import type { ImageInput } from '../../core/train/index.js';
import type { Result } from '../pretrain/method.js';

/** A small set of images, or of other examples, with the representations that a network learns to give them. */
export interface Distilled {
  readonly method: string;
  /** X_s, float32 [m, C, H, W] around [0, 1] and not confined to it; maps and rows [m, D] in the units of their data. */
  readonly images: NdArray<Float32Array>;
  /** Y_s, float32 [m, d]. */
  readonly targets: NdArray<Float32Array>;
  /** Networks see the examples normalised as `input` says; without, as they are, although real images are normalised. */
  readonly normalized: boolean;
  /** How networks that learn from the set take real examples. */
  readonly input: ImageInput;
  /** The network that the set was learnt with, or is to be compared with. */
  readonly encoder: EncoderSpec;
}

/**
 * As a data set: `x_syn` and `y_syn` as they were learnt, and of images also `images`, x_syn rounded to uint8 for everything that
 * shows or reads images.
 */
export function distilledResult({ images, targets, ...about }: Distilled): Result {
  const { shape } = about.input;
  const tensors = new Map<string, NdArray>([['x_syn', images], ['y_syn', targets]]);
  const modality = shape ? (shape.length === 1 ? 'rows' : 'maps') : 'image';
  const result = { kind: 'dataset', meta: { modality, distilled: about }, tensors };
  if (shape) return result;
  const pixels = Uint8Array.from(images.data, (v) => Math.round(255 * Math.min(1, Math.max(0, v))));
  tensors.set('images', ndarray('uint8', images.shape, pixels));
  return result;
}

/** The distilled set in an artifact; throws InputError that says what is missing or misshapen. */
export function distilledOf({ tensors, meta }: Artifact, source: string): Distilled {
  const [images, targets] = [tensors.get('x_syn'), tensors.get('y_syn')];
  const about = meta.distilled as Omit<Distilled, 'images' | 'targets'> | undefined;
  if (!images || !targets || !about) {
    throw new InputError(`${source} is no distilled set (tensors x_syn and y_syn); byo dataset-distill makes them`);
  }
  const { shape } = about.input;
  const [, ...one] = images.shape;
  const fits = shape ? one.join() === shape.join() : one.length === 3 && [1, 3].includes(one[0]!);
  if (images.dtype !== 'float32' || !fits) {
    throw new InputError(`${source}: x_syn is ${images.dtype} [${images.shape}], but float32 [m, ${shape ?? '1 or 3, H, W'}] is expected`);
  }
  if (targets.dtype !== 'float32' || targets.shape.length !== 2 || targets.shape[0] !== images.shape[0]) {
    throw new InputError(`${source}: y_syn is ${targets.dtype} [${targets.shape}], but float32 [${images.shape[0]}, d] is expected, `
      + 'one target for each example of x_syn');
  }
  return { ...about, images: float32(images.shape, images.data as Float32Array),
    targets: float32(targets.shape, targets.data as Float32Array) };
}
