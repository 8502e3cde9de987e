import { float32, rowsAt, type NdArray } from '../../core/array.js';
import { gatherImages } from '../../core/data/batches.js';
import { areReal, type ExampleSet, type Examples } from '../../core/data/examples.js';
import { InputError } from '../../core/errors.js';
import type { EncoderSpec } from '../../core/nn/index.js';
import { embedImages, type EmbedOptions, type ImageEncoder, type ImageInput, type State } from '../../core/train/index.js';
import type { Distilled } from './distilled.js';

/** g_phi, which says what a set's examples are to be mapped to. */
export interface Teacher {
  readonly encoder: ImageEncoder;
  readonly weights: State;
}

/** Real examples, and where their target representations come from: a teacher, or rows that were computed before. */
export interface Source {
  readonly set: ExampleSet;
  /** How networks take real examples. */
  readonly input: ImageInput;
  readonly teacher?: Teacher;
  /** float32 [N, d]. */
  readonly targets?: NdArray<Float32Array>;
}

/** What all ways of making a synthetic set are told. */
export interface DistillSettings {
  /** Synthetic examples m. */
  readonly size: number;
  readonly encoder: EncoderSpec;
  readonly normalizeSynthetic: boolean;
}

/** Dimension d of the targets. */
export async function targetDimension({ set, teacher, targets }: Source, options: EmbedOptions): Promise<number> {
  if (targets) return targets.shape[1]!;
  return (await embedImages(teacher!.encoder, teacher!.weights, gatherImages(set.examples, [0]), options)).shape[1]!;
}

/** Targets [n, d] of some of the real examples. */
export async function targetsAt(
  source: Source, indices: readonly number[], options: EmbedOptions,
): Promise<NdArray<Float32Array>> {
  const { set: { examples }, targets } = source;
  return targets ? rowsAt(targets, indices) : targetsFor(source, gatherImages(examples, indices), options);
}

/** Targets of any examples, float32, images in [0, 1]; throws InputError where there is no teacher to ask. */
export async function targetsFor({ teacher }: Source, examples: Examples, options: EmbedOptions): Promise<NdArray<Float32Array>> {
  if (!teacher) throw new InputError('targets that were computed before say nothing about new examples; give the model with --target');
  return embedImages(teacher.encoder, teacher.weights, examples, options);
}

/**
 * What is learnt of synthetic examples: images themselves, but real-valued examples standardised, since their units may be of any
 * size and a step of the optimiser has one.
 */
export const learnable = (source: Source, examples: NdArray<Float32Array>): NdArray<Float32Array> =>
  rescaled(source, examples, (value, mean, std) => (value - mean) / std);

/** A synthetic set of examples in the units of the data; real-valued ones are always shown to networks normalised. */
export const distilledSet = (
  { set: { examples }, input }: Source, method: string, images: NdArray<Float32Array>, targets: NdArray<Float32Array>,
  { encoder, normalizeSynthetic }: DistillSettings,
): Distilled => ({ method, images, targets, input, encoder, normalized: normalizeSynthetic || areReal(examples) });

/** Examples in the units of the data from what was learnt. */
export const inUnits = (source: Source, learnt: NdArray<Float32Array>): NdArray<Float32Array> =>
  rescaled(source, learnt, (value, mean, std) => value * std + mean);

function rescaled(
  { set: { examples }, input: { mean, std } }: Source, x: NdArray<Float32Array>,
  apply: (value: number, mean: number, std: number) => number,
): NdArray<Float32Array> {
  if (!areReal(examples)) return x;
  const [count, channels] = x.shape as [number, number];
  const inner = x.data.length / (count * channels);
  return float32(x.shape, x.data.map((value, at) => {
    const c = Math.floor(at / inner) % channels;
    return apply(value, mean[c]!, std[c]!);
  }));
}
