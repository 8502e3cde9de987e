import { ndarray } from '../../array.js';
import { stream } from '../../random.js';
import type { ImageSet } from '../images.js';
import { checkShare, checkWhole, splitBy } from './images.js';
import { drawPicture, drawScene, SHAPE_NAMES } from './scene.js';
import { sentenceOf } from './sentence.js';

export interface SynthCaptionedOptions {
  readonly count: number;
  /** Height and width in pixels, at least 16. */
  readonly size?: number;
  /** The first so many of SHAPE_NAMES. */
  readonly shapes?: number;
  /** Share of the images that show two shapes. */
  readonly pairs?: number;
  readonly seed: number;
  /** Shares of train, validation and test; left out: no splits. */
  readonly split?: readonly [number, number, number];
}

/**
 * Pictures of one or two coloured shapes on a plain background with a sentence about each, for methods that generate images from
 * words: uint8 [count, 3, size, size]. The label is the shape that the sentence names first; shapes come in turn.
 *
 * Image i and its sentence depend on (seed, i, size, its shape, shapes, pairs) only, the image not on the words. Throws
 * InputError for counts, sizes and shares out of range.
 */
export function synthCaptioned(options: SynthCaptionedOptions): ImageSet {
  const { count, size = 32, shapes = SHAPE_NAMES.length, pairs = 0.5, seed, split } = options;
  checkWhole('the number of images', count, 1, 10_000_000);
  checkWhole('the image size', size, 16, 4096);
  checkWhole('the number of shapes', shapes, 2, SHAPE_NAMES.length);
  checkShare('the share of images with two shapes', pairs);
  const known = SHAPE_NAMES.slice(0, shapes);
  const pixels = 3 * size * size;
  const data = new Uint8Array(count * pixels);
  const labels = Int32Array.from({ length: count }, (_, i) => i % shapes);
  const captions = Array.from(labels, (label, i) => {
    const scene = drawScene(known[label]!, known, pairs, stream(seed, 'synth/captioned', i));
    drawPicture(scene, size, stream(seed, 'synth/captioned picture', i), data.subarray(i * pixels, (i + 1) * pixels));
    return sentenceOf(scene, stream(seed, 'synth/captioned words', i));
  });
  return {
    images: ndarray('uint8', [count, 3, size, size], data),
    labels, classes: known, captions,
    ...(split && { split: splitBy(split, count) }),
    skipped: [],
  };
}
