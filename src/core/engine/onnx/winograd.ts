import { float32, int32 } from '../../array.js';
import type { ConvAttrs } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import { channelsLast, paddedPixels } from './conv.js';

/**
 * Winograd's F(m x m, 3x3) for 3x3 stride-1 convolutions (Lavin & Gray 2016, equations 8-14): every m x m tile of the output
 * comes from a patch of (m+2) x (m+2) input pixels by Y = A^T [(G w G^T) . (B^T d B)] A. That needs 4 (m = 2) or 2.25 (m = 4)
 * multiplications a pixel where the direct sum needs 9. Transforms are products with the constant Kronecker squares of B^T, G
 * and A^T; the element-wise product, summed over channels, is one matrix product per patch cell. The filter gradient is the
 * transpose of the same three maps.
 */
interface Transform {
  /** Side of an output tile. */
  readonly tile: number;
  /** Side of an input patch. */
  readonly patch: number;
  /** Kronecker squares: B^T [patch^2, patch^2], G [patch^2, 9], A^T [tile^2, patch^2]. */
  readonly input: readonly number[][];
  readonly filter: readonly number[][];
  readonly output: readonly number[][];
}

/** a (x) a for a matrix given by rows. */
const kroneckerSquare = (a: number[][]): number[][] =>
  a.flatMap((p) => a.map((q) => p.flatMap((x) => q.map((y) => x * y))));

const transform = (input: number[][], filter: number[][], output: number[][]): Transform => ({
  tile: output.length, patch: input.length,
  input: kroneckerSquare(input), filter: kroneckerSquare(filter), output: kroneckerSquare(output),
});

const F2 = transform(
  [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
  [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
  [[1, 1, 1, 0], [0, 1, -1, -1]],
);
const F4 = transform(
  [
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
  ],
  [
    [1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
  ],
  [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
);

type Shape = readonly number[];
type Extents = readonly [number, number, number, number];

/** Products of channel numbers from which the saved multiplications outweigh the transforms (bench/RESULTS.md, "lowerings"). */
export const MIN_CHANNEL_PRODUCT = { map: 64 * 64, filterGrad: 32 * 64 } as const;

/** Pixels of the largest map whose patches are kept for the backward pass. */
const KEPT_MAP = 8 * 8;

/** Whether filters are of 3x3, for maps that keep their size. */
export const isPlain3x3 = ({ stride, padding, dilation, groups }: ConvAttrs, [, , kh, kw]: Shape): boolean =>
  kh === 3 && kw === 3 && stride === 1 && padding === 1 && dilation === 1 && groups === 1;

/**
 * Whether a convolution is of the kind that Winograd's algorithm computes, on maps that tiles cover evenly. Convolutions by
 * constants are left to the runtime, whose layout in blocks of channels is faster still.
 */
export function applies(
  b: OnnxBuilder, attrs: ConvAttrs, image: Shape, filter: Shape, minChannelProduct: number,
): boolean {
  const [, c, h, w] = image as Extents;
  return b.provider === 'cpu' && !b.how.optimized && isPlain3x3(attrs, filter) && h % 2 === 0 && w % 2 === 0 && c * filter[0]! >= minChannelProduct;
}

/** F(4x4, 3x3) has a relative error of 3e-6 (F(2x2, 3x3): 4e-7, direct: 3e-7), and is up to 1.4 times as fast. */
const transformFor = ([, , h, w]: Extents): Transform => (h % 4 === 0 && w % 4 === 0 ? F4 : F2);

const constantMatrix = (b: OnnxBuilder, name: string, rows: readonly number[][]): string =>
  b.once(`winograd ${name} ${rows.length}`, () => b.array(float32([rows.length, rows[0]!.length], rows.flat())));

/**
 * B^T d B of every patch of x [N, C, H, W] (padded by 1): [patch^2, N * tiles, C]. The forward pass and the filter gradient
 * need the same patches. On small maps, where activations are small, they are kept from one to the other; on large maps making
 * them again costs 2 % of a step and saves a fifth of its memory.
 */
function transformPatches(b: OnnxBuilder, x: string, [n, c, h, w]: Extents, f: Transform, pass: 'forward' | 'backward'): string {
  const kept = h * w <= KEPT_MAP ? 'kept' : pass;
  return b.once(`winograd patches ${f.tile} ${x} ${kept}`, () => {
    const [rows, columns] = [h / f.tile, w / f.tile];
    const cells = f.patch * f.patch;
    const pixels = b.reshape(paddedPixels(b, x, [n, c, h, w], 1, [1, 1], kept), [n * (h + 2) * (w + 2), c]);
    const indices = b.once(`winograd indices ${f.tile} ${[n, h, w]}`, () => {
      const data = new Int32Array(cells * n * rows * columns);
      let at = 0;
      for (let cell = 0; cell < cells; cell++) for (let image = 0; image < n; image++) {
        const corner = (image * (h + 2) + Math.floor(cell / f.patch)) * (w + 2) + (cell % f.patch);
        for (let y = 0; y < rows; y++) for (let z = 0; z < columns; z++) data[at++] = corner + f.tile * (y * (w + 2) + z);
      }
      return b.array(int32([cells, n * rows * columns], data));
    });
    const patches = b.op('Gather', [pixels, indices], { axis: 0 });
    const transformed = b.op('MatMul', [constantMatrix(b, 'input', f.input), b.reshape(patches, [cells, -1])]);
    return b.reshape(transformed, [cells, n * rows * columns, c]);
  });
}

/** G w G^T of every filter of w [K, C, 3, 3], rotated by 180 degrees for the input gradient: [patch^2, K, C]. */
function transformFilters(b: OnnxBuilder, w: string, [k, c]: Shape, f: Transform, rotated: boolean): string {
  const g = rotated
    ? constantMatrix(b, 'rotated', f.filter.map((row) => [...row].reverse()))
    : constantMatrix(b, 'filter', f.filter);
  return b.reshape(b.matmul(g, b.reshape(w, [k! * c!, 9]), false, true, [2, 2]), [f.patch * f.patch, k!, c!]);
}

/** A^T m A of every tile: [patch^2, N * tiles, K] -> [N, K, H, W]. */
function assembleTiles(b: OnnxBuilder, products: string, [n, k, h, w]: Extents, f: Transform): string {
  const tiles = b.op('MatMul', [constantMatrix(b, 'output', f.output), b.reshape(products, [f.patch * f.patch, -1])]);
  const cells = b.reshape(tiles, [f.tile, f.tile, n, h / f.tile, w / f.tile, k]);
  const pixels = b.reshape(b.transpose(cells, [2, 3, 0, 4, 1, 5]), [n, h * w, k]);
  return b.reshape(b.transpose(pixels, [0, 2, 1]), [n, k, h, w]);
}

export function forward(b: OnnxBuilder, x: string, w: string, image: Shape, filter: Shape): string {
  const [n, , h, width] = image as Extents;
  const f = transformFor(image as Extents);
  const filters = transformFilters(b, w, filter, f, false);
  const products = b.matmul(transformPatches(b, x, image as Extents, f, 'forward'), filters, false, true, [3, 3]);
  return assembleTiles(b, products, [n, filter[0]!, h, width], f);
}

export function inputGrad(b: OnnxBuilder, dy: string, w: string, image: Shape, filter: Shape): string {
  const [n, , h, width] = image as Extents;
  const f = transformFor(image as Extents);
  const filters = transformFilters(b, w, filter, f, true);
  const products = b.matmul(transformPatches(b, dy, [n, filter[0]!, h, width], f, 'backward'), filters, false, false, [3, 3]);
  return assembleTiles(b, products, image as Extents, f);
}

/** dw = G^T [ sum over tiles (A dy A^T) (B^T d B) ] G. */
export function filterGrad(b: OnnxBuilder, x: string, dy: string, image: Shape, filter: Shape): string {
  const [n, c, h, w] = image as Extents;
  const [k] = filter as Extents;
  const f = transformFor(image as Extents);
  const tiles = n * (h / f.tile) * (w / f.tile);
  const patches = transformPatches(b, x, image as Extents, f, 'backward');
  const cells = b.transpose(b.reshape(channelsLast(b, dy), [n, h / f.tile, f.tile, w / f.tile, f.tile, k]), [2, 4, 0, 1, 3, 5]);
  const output = constantMatrix(b, 'output', f.output);
  const spread = b.matmul(output, b.reshape(cells, [f.tile * f.tile, -1]), true, false, [2, 2]);
  const products = b.matmul(b.reshape(spread, [f.patch * f.patch, tiles, k]), patches, true, false, [3, 3]);
  const rows = b.reshape(products, [f.patch * f.patch, k * c]);
  const filters = b.matmul(rows, constantMatrix(b, 'filter', f.filter), true, false, [2, 2]);
  return b.reshape(filters, [k, c, 3, 3]);
}
