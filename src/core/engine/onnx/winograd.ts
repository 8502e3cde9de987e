import { float32, int32 } from '../../array.js';
import type { ConvAttrs } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import { channelsLast, paddedPixels } from './conv.js';

/**
 * Winograd's F(2x2, 3x3) for 3x3 stride-1 convolutions (Lavin & Gray 2016, equations 8-14): every 2x2 tile of the output
 * comes from a 4x4 patch of the input by Y = A^T [(G w G^T) . (B^T d B)] A, which needs 16 multiplications where the
 * direct sum needs 36. Transforms are products with the constant Kronecker squares of B^T, G and A^T; the element-wise
 * product over channels is 16 matrix products. The filter gradient is the transpose of the same three maps.
 */
const BT = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]];
const G = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]];
const AT = [[1, 1, 1, 0], [0, 1, -1, -1]];

/** a (x) a for a matrix given by rows. */
function kroneckerSquare(a: number[][]): number[][] {
  return a.flatMap((p) => a.map((q) => p.flatMap((x) => q.map((y) => x * y))));
}
const PATCH = kroneckerSquare(BT); // [16, 16]
const FILTER = kroneckerSquare(G); // [16, 9]
const TILE = kroneckerSquare(AT); // [4, 16]

const matrix = (b: OnnxBuilder, name: string, rows: number[][]): string =>
  b.once(`winograd ${name}`, () => b.array(float32([rows.length, rows[0]!.length], rows.flat())));

type Shape = readonly number[];

/** Whether the transforms cost less than they save: enough channels, and maps that tile evenly. */
export function pays(b: OnnxBuilder, { stride, padding, dilation, groups }: ConvAttrs, image: Shape, filter: Shape): boolean {
  const [, c, h, w] = image as [number, number, number, number];
  const [k, , kh, kw] = filter as [number, number, number, number];
  return b.provider === 'cpu' && kh === 3 && kw === 3 && stride === 1 && padding === 1 && dilation === 1 && groups === 1
    && h % 2 === 0 && w % 2 === 0 && c * k >= MIN_CHANNEL_PRODUCT;
}
export let MIN_CHANNEL_PRODUCT = 64 * 64;
export const setMinChannelProduct = (value: number) => { MIN_CHANNEL_PRODUCT = value; };

/** B^T d B of every 4x4 patch of x [N, C, H, W] (padded by 1): [16, N*T, C], T = H/2 * W/2 tiles. */
function transformPatches(b: OnnxBuilder, x: string, [n, c, h, w]: readonly [number, number, number, number]): string {
  return b.once(`winograd patches ${x}`, () => {
    const [rows, columns] = [h / 2, w / 2];
    const pixels = b.reshape(paddedPixels(b, x, [n, c, h, w], 1, [1, 1]), [n * (h + 2) * (w + 2), c]);
    const indices = b.once(`winograd indices ${[n, h, w]}`, () => {
      const data = new Int32Array(16 * n * rows * columns);
      let at = 0;
      for (let cell = 0; cell < 16; cell++) for (let image = 0; image < n; image++) {
        const corner = image * (h + 2) * (w + 2) + (cell >> 2) * (w + 2) + (cell & 3);
        for (let y = 0; y < rows; y++) for (let z = 0; z < columns; z++) data[at++] = corner + 2 * y * (w + 2) + 2 * z;
      }
      return b.array(int32([16, n * rows * columns], data));
    });
    const patches = b.op('Gather', [pixels, indices], { axis: 0 });
    const transformed = b.op('MatMul', [matrix(b, 'patch', PATCH), b.reshape(patches, [16, -1])]);
    return b.reshape(transformed, [16, n * rows * columns, c]);
  });
}

/** G w G^T of every filter of w [K, C, 3, 3], rotated by 180 degrees for the input gradient: [16, K, C]. */
function transformFilters(b: OnnxBuilder, w: string, [k, c]: Shape, rotated: boolean): string {
  const transform = rotated ? matrix(b, 'rotated', FILTER.map((row) => [...row].reverse())) : matrix(b, 'filter', FILTER);
  return b.reshape(b.matmul(transform, b.reshape(w, [k! * c!, 9]), false, true, [2, 2]), [16, k!, c!]);
}

/** A^T m A of every tile: [16, N*T, K] -> [N, K, H, W]. */
function assembleTiles(b: OnnxBuilder, products: string, n: number, k: number, h: number, w: number): string {
  const tiles = b.op('MatMul', [matrix(b, 'tile', TILE), b.reshape(products, [16, -1])]);
  const cells = b.reshape(tiles, [2, 2, n, h / 2, w / 2, k]);
  return b.reshape(b.transpose(cells, [2, 5, 3, 0, 4, 1]), [n, k, h, w]);
}

export function forward(b: OnnxBuilder, x: string, w: string, image: Shape, filter: Shape): string {
  const [n, c, h, width] = image as [number, number, number, number];
  const patches = transformPatches(b, x, [n, c, h, width]);
  const filters = transformFilters(b, w, filter, false);
  return assembleTiles(b, b.matmul(patches, filters, false, true, [3, 3]), n, filter[0]!, h, width);
}

export function inputGrad(b: OnnxBuilder, dy: string, w: string, image: Shape, filter: Shape): string {
  const [n, c, h, width] = image as [number, number, number, number];
  const patches = transformPatches(b, dy, [n, filter[0]!, h, width]);
  const filters = transformFilters(b, w, filter, true);
  return assembleTiles(b, b.matmul(patches, filters, false, false, [3, 3]), n, c, h, width);
}

/** dw = G^T [ sum over tiles (A dy A^T) (B^T d B) ] G. */
export function filterGrad(b: OnnxBuilder, x: string, dy: string, image: Shape, filter: Shape): string {
  const [n, c, h, w] = image as [number, number, number, number];
  const [k] = filter as [number];
  const tiles = n * (h / 2) * (w / 2);
  const patches = transformPatches(b, x, [n, c, h, w]);
  const cells = b.transpose(b.reshape(channelsLast(b, dy), [n, h / 2, 2, w / 2, 2, k]), [2, 4, 0, 1, 3, 5]);
  const spread = b.matmul(matrix(b, 'tile', TILE), b.reshape(cells, [4, -1]), true, false, [2, 2]);
  const products = b.matmul(b.reshape(spread, [16, tiles, k]), patches, true, false, [3, 3]); // [16, K, C]
  const filters = b.matmul(b.reshape(products, [16, k * c]), matrix(b, 'filter', FILTER), true, false, [2, 2]); // [KC, 9]
  return b.reshape(filters, [k, c, 3, 3]);
}
