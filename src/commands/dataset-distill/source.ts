import { rowsAt, type NdArray } from '../../core/array.js';
import { gatherImages } from '../../core/data/batches.js';
import type { ImageSet } from '../../core/data/images.js';
import { InputError } from '../../core/errors.js';
import { embedImages, type EmbedOptions, type ImageEncoder, type ImageInput, type State } from '../../core/train/index.js';

/** g_phi, which says what a set's images are to be mapped to. */
export interface Teacher {
  readonly encoder: ImageEncoder;
  readonly weights: State;
}

/** Real images, and where their target representations come from: a teacher, or rows that were computed before. */
export interface Source {
  readonly set: ImageSet;
  readonly input: ImageInput;
  readonly teacher?: Teacher;
  /** float32 [N, d]. */
  readonly targets?: NdArray<Float32Array>;
}

/** Dimension d of the targets. */
export async function targetDimension({ set, teacher, targets }: Source, options: EmbedOptions): Promise<number> {
  if (targets) return targets.shape[1]!;
  return (await embedImages(teacher!.encoder, teacher!.weights, gatherImages(set.images, [0]), options)).shape[1]!;
}

/** Targets [n, d] of some of the real images. */
export async function targetsAt(
  source: Source, indices: readonly number[], options: EmbedOptions,
): Promise<NdArray<Float32Array>> {
  const { set: { images }, targets } = source;
  return targets ? rowsAt(targets, indices) : targetsFor(source, gatherImages(images, indices), options);
}

/** Targets of any images float32 [n, C, H, W] in [0, 1]; throws InputError where there is no teacher to ask. */
export async function targetsFor(
  { teacher }: Source, images: NdArray<Float32Array | Uint8Array>, options: EmbedOptions,
): Promise<NdArray<Float32Array>> {
  if (!teacher) throw new InputError('targets that were computed before say nothing about new images; give the model with --target');
  return embedImages(teacher.encoder, teacher.weights, images, options);
}
