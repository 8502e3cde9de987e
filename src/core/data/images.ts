import { rowsAt, type NdArray } from '../array.js';
import type { Votes } from './questions.js';

/** Images with what their source says of them; every reader gives this. */
export interface ImageSet {
  /** uint8 [N, 3, H, W] in RGB, or [N, 1, H, W] in grey. */
  readonly images: NdArray<Uint8Array>;
  /** [N] class numbers from 0. */
  readonly labels?: Int32Array;
  /** Class names by class number; left out where the source has numbers only. */
  readonly classes?: readonly string[];
  /** [N]: one of SPLIT; left out where the source is one whole. */
  readonly split?: Uint8Array;
  /** How volunteers answered questions about each image. */
  readonly votes?: Votes;
  /** [N]: what each image shows, in words; '' for an image without a caption. */
  readonly captions?: readonly string[];
  /** [N] paths of the images in their source, where they are files; not stored. */
  readonly names?: readonly string[];
  /** Images that were left out because they could not be decoded. */
  readonly skipped: readonly Skipped[];
}

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export const SPLIT = { train: 0, validation: 1, test: 2 } as const;

/** How an image of another shape becomes size x size: crop its middle, pad it with white, or stretch it. */
export type Fit = 'cover' | 'contain' | 'fill';

export interface ImageOptions {
  /** Height and width in pixels. Left out: as stored, and all images must then agree. */
  readonly size?: number;
  /** Default `cover`: the shorter side becomes `size`, and the middle of the longer one is kept. */
  readonly fit?: Fit;
  /** 3 for RGB, 1 for grey. Left out: RGB from image files, and arrays as stored. */
  readonly channels?: 1 | 3;
  /** false leaves the labels out. */
  readonly labels?: boolean;
  /** At most this many images of each split, evenly over the classes. */
  readonly limit?: number;
  /** An image that cannot be decoded stops the reading with InputError; otherwise it is skipped. */
  readonly strict?: boolean;
  /** Called after each image; `total` is left out where it is not known in advance (streams). */
  readonly onProgress?: (done: number, total?: number) => void;
}

/** What is known of N images but for their pixels. */
export type ImageLabels = Pick<ImageSet, 'labels' | 'classes' | 'split'>;

/** The labels of those images, without labels and classes where the options say so. */
export function labelsAt(known: ImageLabels, indices: readonly number[], options: ImageOptions): ImageLabels {
  const { labels, classes, split } = known;
  return {
    ...(labels && options.labels !== false && {
      labels: Int32Array.from(indices, (i) => labels[i]), ...(classes && { classes }),
    }),
    ...(split && { split: Uint8Array.from(indices, (i) => split[i]) }),
  };
}

/**
 * Which of `count` images a limit keeps, in their order: from each split the first of every class in turn, then the
 * second of every class, and so on, until there are `limit`.
 */
export function limited(count: number, { labels, split }: ImageLabels, limit = Infinity): number[] {
  const seen = new Map<string, number>();
  const ranked = Array.from({ length: count }, (_, index) => {
    const part = split?.[index] ?? 0;
    const label = labels?.[index] ?? 0;
    const rank = seen.get(`${part} ${label}`) ?? 0;
    seen.set(`${part} ${label}`, rank + 1);
    return { index, part, label, rank };
  });
  const taken = new Map<number, number>();
  return ranked
    .sort((a, b) => a.rank - b.rank || a.label - b.label || a.index - b.index)
    .filter(({ part }) => {
      const before = taken.get(part) ?? 0;
      taken.set(part, before + 1);
      return before < limit;
    })
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

/** The images at `indices`; the very same array where that is all of them. */
export function imagesAt<T extends Uint8Array | Float32Array>(images: NdArray<T>, indices: readonly number[]): NdArray<T> {
  return indices.length === images.shape[0] ? images : rowsAt(images, indices);
}
