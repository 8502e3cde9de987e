import type { NdArray } from '../array.js';
import { UsageError } from '../errors.js';
import { Batches, gatherImages } from './batches.js';
import type { ImageSet } from './images.js';

/** The images that one training step sees. */
export interface Batch {
  /** float32 [B, C, H, W] in [0, 1]. */
  readonly images: NdArray<Float32Array>;
  /** Their numbers in the set, [B]; a stream has none. */
  readonly examples?: Int32Array;
}

/** Where a run's images come from, step after step. */
export interface BatchSource {
  /** Of one image. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Steps of one pass over the images; undefined where nobody knows how many there are. */
  readonly stepsPerEpoch?: number;
  /** The batch of step k. Steps are asked for in their order; undefined where the images have come to an end before. */
  batch(step: number): Batch | Promise<Batch | undefined>;
  /** Up to `count` of the first images, for a look at them: float32 [N, C, H, W]. */
  first(count: number): NdArray<Float32Array> | Promise<NdArray<Float32Array>>;
}

/** Images that are read while they are learnt from: more of them than memory holds, or than there are yet. */
export interface ImageStream extends BatchSource {
  /** What messages call it. */
  readonly name: string;
  /** Whether it can be read again, which resumption takes. */
  readonly repeatable: boolean;
  /** Where it stands before the batch of `step`, the last one that was asked for or the one after it: JSON for a checkpoint. */
  state(step: number): unknown;
  /** Goes on from such a state. Throws InputError where the images that it needs are gone. */
  seek(state: unknown): Promise<void>;
  /** How many images were read before the batch of `step`, and how many of them could not be decoded. */
  counts(step: number): { readonly imagesRead: number; readonly badImages: number };
  /** Lets go of its files. */
  close(): Promise<void>;
}

/** What a method that learns from images is given. */
export type TrainingImages = ImageSet | ImageStream;

export const isStream = (data: TrainingImages): data is ImageStream => 'batch' in data;

/** The set, for methods that need more of an image than its pixels; throws UsageError for a stream. */
export function wholeSet(data: TrainingImages, what: string): ImageSet {
  if (!isStream(data)) return data;
  throw new UsageError(`${what}, which a stream of images does not carry; make a data set with byo convert`);
}

/** Batches of a set, epoch after epoch, or of a stream; throws InputError where a batch is larger than the set. */
export function batchesOf(data: TrainingImages, batch: number, seed: number): BatchSource {
  if (isStream(data)) return data;
  const { images } = data;
  const [count, ...shape] = images.shape as [number, number, number, number];
  const batches = new Batches(count, batch, seed);
  return {
    shape, stepsPerEpoch: batches.stepsPerEpoch,
    batch: (step) => {
      const examples = batches.indices(step);
      return { images: gatherImages(images, examples), examples };
    },
    first: (wanted) => gatherImages(images, [...Array(Math.min(wanted, count)).keys()]),
  };
}
