import { ndarray, type NdArray } from '../array.js';
import { normalize } from '../data/augment/index.js';
import { gatherImages } from '../data/batches.js';
import type { Examples } from '../data/examples.js';
import { compile, type CompileOptions } from '../engine/index.js';
import { InputError } from '../errors.js';
import { input } from '../graph/index.js';
import { encode, initialState, requireWeights, stepProgram, type EncoderSpec, type Scope, type StepProgram } from '../nn/index.js';
import type { State } from './train.js';

/** What a trained image encoder expects and is; the `meta` of model files. */
export interface ImageEncoder {
  readonly encoder: EncoderSpec;
  readonly input: ImageInput;
}

export interface ImageInput {
  readonly channels: number;
  /** Pixels per side that the encoder was trained on. */
  readonly size: number;
  /** The shape of one example where it is no square image: [D] of rows, [C, H, W] of real-valued maps. */
  readonly shape?: readonly number[];
  /** Per channel, subtracted from and dividing images in [0, 1], or real-valued examples as they are. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface EmbedOptions extends CompileOptions {
  readonly batch?: number;
  readonly onProgress?: (done: number) => void;
}

/**
 * Features float32 [N, D] of images [N, C, H, W], uint8 or float32 in [0, 1], or of real-valued maps or rows where the model
 * takes these; in evaluation mode (running statistics).
 */
export async function embedImages(
  model: ImageEncoder, weights: State, images: Examples, options: EmbedOptions = {},
): Promise<NdArray<Float32Array>> {
  const count = images.shape[0]!;
  checkInput(model.input, images);
  const batch = Math.min(options.batch ?? 64, count);
  const program = encoderProgram(model, [batch, ...images.shape.slice(1)], false);
  requireWeights(program, weights, model.encoder.name);
  const executable = compile(program, { ...options, constants: weights });
  try {
    let features: Float32Array | undefined;
    let width = 0;
    for (let start = 0; start < count; start += batch) {
      // The last batch is filled up with its first image; those rows are not read.
      const indices = Array.from({ length: batch }, (_, i) => (start + i < count ? start + i : start));
      const { features: rows } = await executable.run({ images: gatherImages(images, indices) });
      width = rows!.shape[1]!;
      features ??= new Float32Array(count * width);
      features.set((rows!.data as Float32Array).subarray(0, Math.min(batch, count - start) * width), start * width);
      options.onProgress?.(Math.min(count, start + batch));
    }
    return ndarray('float32', [count, width], features!);
  } finally {
    executable.dispose();
  }
}

/**
 * Weights of the same encoder before any training, with running statistics measured on the data: the baseline that a trained
 * encoder has to beat.
 */
export const untrainedWeights = (
  model: ImageEncoder, images: Examples, seed: number, options: EmbedOptions = {},
): Promise<State> => recalibrated(model, (program) => initialState(program, seed), images, options);

/** Weights whose running statistics are measured again on the data. */
export const recalibratedWeights = (
  model: ImageEncoder, weights: State, images: Examples, options: EmbedOptions = {},
): Promise<State> => recalibrated(model, () => weights, images, options);

async function recalibrated(
  model: ImageEncoder, weights: (program: StepProgram) => State, images: Examples, options: EmbedOptions,
): Promise<State> {
  const count = images.shape[0]!;
  const batch = Math.min(options.batch ?? 64, count);
  const program = encoderProgram(model, [batch, ...images.shape.slice(1)], true);
  const executable = compile(program, options);
  try {
    executable.setState(weights(program));
    const PASSES = 50; // at a momentum of 0.1 the start has a weight of 0.5 % left
    for (let k = 0; k < PASSES; k++) {
      const indices = Array.from({ length: batch }, (_, i) => (k * batch + i) % count);
      await executable.run({ images: gatherImages(images, indices) });
    }
    return executable.getState();
  } finally {
    executable.dispose();
  }
}

function encoderProgram(model: ImageEncoder, shape: readonly number[], training: boolean) {
  return stepProgram('embed', (root: Scope) => ({
    features: encode(model.encoder, root.at('encoder'), normalize(input('images', shape), model.input)),
  }), { training });
}

function checkInput({ channels, size, shape }: ImageInput, images: NdArray): void {
  const [, c, h, w] = images.shape;
  if (shape ? shape.join() !== images.shape.slice(1).join() : images.shape.length !== 4) {
    throw new InputError(`the model takes ${shape ? `examples of [${shape}]` : 'images'}, but these are [${images.shape.slice(1)}]`);
  }
  if (c !== channels) {
    throw new InputError(`the model takes images of ${channels} channels, but these have ${c}; byo convert --channels ${channels} makes them fit`);
  }
  if (Math.min(h!, w!) < size / 4) {
    throw new InputError(`the model was trained on ${size}x${size} images, but these are ${h}x${w}; byo convert --size ${size} makes them fit`);
  }
}
