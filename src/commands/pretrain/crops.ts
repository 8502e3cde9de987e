import { UsageError } from '../../core/errors.js';

/** Crops of one size, of which every image has `count`. */
export interface CropKind {
  readonly count: number;
  /** Side in pixels. */
  readonly size: number;
  /** Share of the image's area, from and to. */
  readonly scale: readonly [number, number];
}

/**
 * `2x160,4x96` with the range of areas of each of them, `0.14:1,0.05:0.14`; ranges that are left over are not used. Throws
 * UsageError for anything else.
 */
export function parseCrops(crops: readonly string[], scales: readonly string[]): CropKind[] {
  if (scales.length < crops.length) {
    throw new UsageError(`--crops ${crops.join(',')} has crops of ${crops.length} sizes, but --crop-scales ${scales.join(',')} has ranges `
      + `for ${scales.length}; give one for each`);
  }
  const kinds = crops.map((text, i) => {
    const [count, size] = (/^(\d+)x(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
    if (!count || !size || size < 4) {
      throw new UsageError(`--crops takes numbers and sides of crops, from 4 pixels on, such as 2x160,4x96, but '${text}' was given`);
    }
    return { count, size, scale: parseScale(scales[i]!) };
  });
  if (kinds.reduce((total, { count }) => total + count, 0) < 2) {
    throw new UsageError(`--crops ${crops.join(',')} is a single crop; one has to be predicted from another, as in 2x160`);
  }
  return kinds;
}

function parseScale(text: string): [number, number] {
  const [low, high, ...rest] = text.split(':').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (low! > 0 && low! <= high! && high! <= 1 && rest.length === 0) return [low!, high!];
  throw new UsageError(`--crop-scales takes ranges of areas between 0 and 1 such as 0.14:1,0.05:0.14, but '${text}' was given`);
}
