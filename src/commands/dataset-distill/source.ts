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

/** A synthetic set of examples in the units of the data; real-valued ones are always shown to networks normalised. */
export const distilledSet = (
  { set: { examples }, input }: Source, method: string, images: NdArray<Float32Array>, targets: NdArray<Float32Array>,
  { encoder, normalizeSynthetic }: DistillSettings,
): Distilled => ({ method, images, targets, input, encoder, normalized: normalizeSynthetic || areReal(examples) });

/**
 * Examples normalised as networks take them. Where the optimiser's steps are meant for such values, or the data's units may be of
 * any size, these are what is learnt.
 */
export const normalized = ({ input: { mean, std } }: Source, examples: NdArray<Float32Array>): NdArray<Float32Array> =>
  perChannel(examples, (value, c) => (value - mean[c]!) / std[c]!);

/** The other way round: examples in the units of the data. */
export const inUnits = ({ input: { mean, std } }: Source, examples: NdArray<Float32Array>): NdArray<Float32Array> =>
  perChannel(examples, (value, c) => value * std[c]! + mean[c]!);

function perChannel(x: NdArray<Float32Array>, apply: (value: number, channel: number) => number): NdArray<Float32Array> {
  const [count, channels] = x.shape as [number, number];
  const inner = x.data.length / (count * channels);
  return float32(x.shape, x.data.map((value, at) => apply(value, Math.floor(at / inner) % channels)));
}
