import { float32, int32, type NdArray } from '../../array.js';
import { gather, input, mul, part, reshape, sum, transpose, type Tensor } from '../../graph/index.js';
import type { Stream } from '../../random.js';

/**
 * Differentiable siamese augmentation (Zhao & Bilen 2021): one transformation, drawn anew for every use, is applied to all images
 * of a batch, and to real and synthetic ones alike. Which one is drawn first, with equal chances.
 */
export const SIAMESE_KINDS = ['color', 'crop', 'cutout', 'flip', 'scale', 'rotate'] as const;

/** Of the official code. Colours are changed in normalised units, and what comes in from outside is 0 there. */
const STRENGTH = { brightness: 1, saturation: 2, contrast: 0.5, crop: 0.125, cutout: 0.5, flip: 0.5, scale: 1.2, rotate: 15 };

/** Of one image. */
export interface SiameseDims {
  readonly height: number;
  readonly width: number;
}

/**
 * A drawn transformation: every pixel of the result is a weighted sum of four pixels, `taps` int32 [4, H W] and `weights` float32
 * [4, H W]; then `color` [3] adds to brightness and scales saturation and contrast.
 */
export type SiamesePlan = Readonly<Record<'taps' | 'weights' | 'color', NdArray>>;
export type SiameseTensors = Readonly<Record<keyof SiamesePlan, Tensor>>;

/** Draws a transformation, of one kind where `kind` says so. */
export function drawSiamese(
  dims: SiameseDims, random: Stream, kind: (typeof SIAMESE_KINDS)[number] = SIAMESE_KINDS[random.int(SIAMESE_KINDS.length)]!,
): SiamesePlan {
  const { height, width } = dims;
  switch (kind) {
    case 'color': return plan(dims, identity, [
      (random.next() - 0.5) * STRENGTH.brightness, random.next() * STRENGTH.saturation, random.next() + STRENGTH.contrast,
    ]);
    case 'flip': {
      const flipped = random.next() < STRENGTH.flip;
      return plan(dims, (y, x) => [y, flipped ? width - 1 - x : x]);
    }
    case 'crop': {
      const shift = (extent: number): number => {
        const most = Math.floor(extent * STRENGTH.crop + 0.5);
        return random.int(2 * most + 1) - most;
      };
      const [down, right] = [shift(height), shift(width)];
      return plan(dims, (y, x) => [y + down, x + right]);
    }
    case 'cutout': {
      const range = (extent: number): [number, number] => {
        const size = Math.floor(extent * STRENGTH.cutout + 0.5);
        const start = random.int(extent + 1 - (size % 2)) - Math.floor(size / 2);
        // As the official code clips: a square that reaches over the edge leaves its edge pixel out in any case.
        const clip = (v: number): number => Math.min(extent - 1, Math.max(0, v));
        return [clip(start), clip(start + size - 1)];
      };
      const [[top, bottom], [left, right]] = [range(height), range(width)];
      return plan(dims, (y, x) => (y >= top && y <= bottom && x >= left && x <= right ? undefined : [y, x]));
    }
    case 'scale': {
      const [sx, sy] = [random.between(1 / STRENGTH.scale, STRENGTH.scale), random.between(1 / STRENGTH.scale, STRENGTH.scale)];
      return plan(dims, affine(dims, [[sx, 0], [0, sy]]));
    }
    case 'rotate': {
      const angle = random.between(-STRENGTH.rotate, STRENGTH.rotate) * (Math.PI / 180);
      return plan(dims, affine(dims, [[Math.cos(angle), -Math.sin(angle)], [Math.sin(angle), Math.cos(angle)]]));
    }
  }
}

/** Where a pixel of the result comes from; undefined where it is cut out. */
type Position = (y: number, x: number) => readonly [y: number, x: number] | undefined;

const identity: Position = (y, x) => [y, x];

/** Positions under a linear map of coordinates from -1 to 1 at the edges of the image, which is PyTorch's `affine_grid`. */
function affine({ height, width }: SiameseDims, [[a, b], [c, d]]: readonly (readonly [number, number])[]): Position {
  return (y, x) => {
    const [u, v] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1];
    return [((c! * u + d! * v + 1) * height - 1) / 2, ((a! * u + b! * v + 1) * width - 1) / 2];
  };
}

/** Bilinear interpolation at the positions; outside the image there is 0. */
function plan({ height, width }: SiameseDims, position: Position, color: readonly number[] = [0, 1, 1]): SiamesePlan {
  const pixels = height * width;
  const taps = new Int32Array(4 * pixels);
  const weights = new Float32Array(4 * pixels);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const from = position(y, x);
    if (!from) continue;
    const [top, left] = [Math.floor(from[0]), Math.floor(from[1])];
    const [down, right] = [from[0] - top, from[1] - left];
    for (let tap = 0; tap < 4; tap++) {
      const [row, column] = [top + (tap >> 1), left + (tap & 1)];
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const at = tap * pixels + y * width + x;
      taps[at] = row * width + column;
      weights[at] = (tap >> 1 ? down : 1 - down) * (tap & 1 ? right : 1 - right);
    }
  }
  return { taps: int32([4, pixels], taps), weights: float32([4, pixels], weights), color: float32([3], color) };
}

/** A plan as inputs `prefix.taps` and so on of the program under construction. */
export function declareSiamese(prefix: string, { height, width }: SiameseDims): SiameseTensors {
  const shape = [4, height * width];
  return { taps: input(`${prefix}.taps`, shape, 'int32'), weights: input(`${prefix}.weights`, shape), color: input(`${prefix}.color`, [3]) };
}

/** A plan under the names of `declareSiamese`. */
export const siameseInputs = (prefix: string, plan: SiamesePlan): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(plan).map(([name, array]) => [`${prefix}.${name}`, array]));

/** Normalised images [B, C, H, W], all transformed as the plan says; differentiable, twice too. */
export function siamese(images: Tensor, { taps, weights, color }: SiameseTensors): Tensor {
  const [batch, channels, height, width] = images.shape as [number, number, number, number];
  const pixels = height * width;
  const columns = transpose(reshape(images, [batch * channels, pixels]), [1, 0]);
  const moved = sum(mul(gather(columns, taps), reshape(weights, [4, pixels, 1])), 0);
  const [brightness, saturation, contrast] = [0, 1, 2].map((k) => part(color, 0, k, k + 1));
  const brighter = reshape(transpose(moved, [1, 0]), images.shape).add(brightness!);
  const grey = brighter.mean(1, true);
  const saturated = brighter.sub(grey).mul(saturation!).add(grey);
  const mean = saturated.mean([1, 2, 3], true);
  return saturated.sub(mean).mul(contrast!).add(mean);
}
