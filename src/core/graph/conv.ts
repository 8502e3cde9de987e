import { defineGradient } from './grad.js';
import { formatShape, node, type Shape, type Tensor, TraceError } from './tensor.js';
import { eq, max, mean, mul, relu } from './elementwise.js';
import { gatherFlat } from './indexing.js';
import { reshape } from './shape.js';

export interface ConvOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

export interface ConvAttrs {
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
}

const outputExtent = (n: number, k: number, { stride, padding, dilation }: ConvAttrs): number =>
  Math.floor((n + 2 * padding - dilation * (k - 1) - 1) / stride) + 1;

/**
 * 2-D cross-correlation, x [N, C, H, W] with w [K, C/groups, kh, kw] -> [N, K, H', W'] (PyTorch's layouts and rounding).
 * The three operations here are closed under differentiation: each one's gradients are the other two.
 */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  const attrs = { stride: 1, padding: 0, dilation: 1, groups: 1, ...options };
  const fits = x.rank === 4 && w.rank === 4 && x.shape[1] === w.shape[1]! * attrs.groups && w.shape[0]! % attrs.groups === 0;
  if (!fits) {
    throw new TraceError('conv2d', `input ${formatShape(x.shape)} and filter ${formatShape(w.shape)} ` +
      `do not fit (groups ${attrs.groups}; expected [N, C, H, W] and [K, C/groups, kh, kw])`);
  }
  const [h, v] = [0, 1].map((i) => outputExtent(x.shape[2 + i]!, w.shape[2 + i]!, attrs)) as [number, number];
  if (h < 1 || v < 1) {
    throw new TraceError('conv2d', `a filter of ${formatShape(w.shape)} is larger than the padded input ${formatShape(x.shape)}`);
  }
  return node('conv', [x, w], attrs, [x.shape[0]!, w.shape[0]!, h, v]);
}

/** Gradient of `conv2d` with respect to its input (a transposed convolution): dy [N, K, H', W'] -> [N, C, H, W]. */
export const convInputGrad = (dy: Tensor, w: Tensor, inputShape: Shape, attrs: ConvAttrs): Tensor =>
  node('convInputGrad', [dy, w], { ...attrs, inputShape }, inputShape);

/** Gradient of `conv2d` with respect to its filter: x [N, C, H, W], dy [N, K, H', W'] -> [K, C/groups, kh, kw]. */
export const convFilterGrad = (x: Tensor, dy: Tensor, filterShape: Shape, attrs: ConvAttrs): Tensor =>
  node('convFilterGrad', [x, dy], { ...attrs, filterShape }, filterShape);

const convAttrs = ({ attrs }: Tensor): ConvAttrs => {
  const { stride, padding, dilation, groups } = attrs as unknown as ConvAttrs;
  return { stride, padding, dilation, groups };
};

defineGradient('conv', (y, g, needs) => {
  const [x, w] = y.inputs as [Tensor, Tensor];
  return [
    needs[0] ? convInputGrad(g, w, x.shape, convAttrs(y)) : undefined,
    needs[1] ? convFilterGrad(x, g, w.shape, convAttrs(y)) : undefined,
  ];
});
defineGradient('convInputGrad', (dx, g, needs) => {
  const [dy, w] = dx.inputs as [Tensor, Tensor];
  return [
    needs[0] ? conv2d(g, w, convAttrs(dx)) : undefined,
    needs[1] ? convFilterGrad(g, dy, w.shape, convAttrs(dx)) : undefined,
  ];
});
defineGradient('convFilterGrad', (dw, g, needs) => {
  const [x, dy] = dw.inputs as [Tensor, Tensor];
  return [
    needs[0] ? convInputGrad(dy, g, x.shape, convAttrs(dw)) : undefined,
    needs[1] ? conv2d(x, g, convAttrs(dw)) : undefined,
  ];
});

// --- pooling and resizing --------------------------------------------------------------------------------------------

export interface PoolOptions {
  readonly size: number;
  readonly stride?: number;
  readonly padding?: number;
}

/** Largest value of each window of x [N, C, H, W]; padding counts as minus infinity. */
export function maxPool2d(x: Tensor, { size, stride = size, padding = 0 }: PoolOptions): Tensor {
  // The largest of rectified values is the largest value, rectified: on a map of a quarter of the size.
  if (x.op === 'relu') return relu(maxPool2d(x.inputs[0]!, { size, stride, padding }));
  const attrs = { size, stride, padding };
  const shape = pooledShape('maxPool2d', x, attrs);
  const tiles = stride === size && padding === 0 && x.shape[2]! % size === 0 && x.shape[3]! % size === 0;
  return node(tiles ? 'maxPoolTiles' : 'maxPool', [x], attrs, shape);
}

function pooledShape(op: string, x: Tensor, { size, stride, padding }: Required<PoolOptions>): number[] {
  const extents = x.shape.slice(2).map((n) => outputExtent(n, size, { stride, padding, dilation: 1, groups: 1 }));
  if (x.rank !== 4 || extents.some((n) => n < 1)) {
    throw new TraceError(op, `windows of ${size} do not fit ${formatShape(x.shape)} (expected [N, C, H, W])`);
  }
  return [...x.shape.slice(0, 2), ...extents];
}

/** Mean of non-overlapping windows of x [N, C, H, W] whose size divides H and W. */
export function avgPool2d(x: Tensor, size: number): Tensor {
  return mul(sumPool(x, size), 1 / (size * size));
}

/** Mean over the spatial axes, [N, C, H, W] -> [N, C]. */
export const globalAvgPool = (x: Tensor): Tensor => mean(x, [2, 3]);

/** Sum of non-overlapping `scale` x `scale` windows, [N, C, H, W] -> [N, C, H/scale, W/scale]. */
export function sumPool(x: Tensor, scale: number): Tensor {
  const shape = pooledShape('sumPool', x, { size: scale, stride: scale, padding: 0 });
  if (x.shape[2]! % scale || x.shape[3]! % scale) {
    throw new TraceError('sumPool', `${scale} does not divide the extents of ${formatShape(x.shape)}`);
  }
  return scale === 1 ? x : node('sumPool', [x], { scale }, shape);
}

/** Each pixel repeated `scale` times in both directions (nearest-neighbour upsampling). */
export function upsample(x: Tensor, scale: number): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return scale === 1 ? x : node('upsample', [x], { scale }, [n, c, h * scale, w * scale]);
}

defineGradient('upsample', ({ attrs }, g) => [sumPool(g, attrs.scale as number)]);
defineGradient('sumPool', ({ attrs }, g) => [upsample(g, attrs.scale as number)]);
// Windows that tile the image need no indices: a pixel gets the gradient where it equals its window's maximum. Cells
// that tie all get it; behind a ReLU those are zeros, through which nothing flows.
defineGradient('maxPoolTiles', (y, g) => {
  const scale = y.attrs.size as number;
  return [mul(eq(upsample(y, scale), y.inputs[0]!), upsample(g, scale))];
});
defineGradient('maxPool', (y, g) => {
  const x = y.inputs[0]!;
  const indices = node('maxPoolIndices', [x], y.attrs, y.shape, 'int32');
  return [node('scatterFlat', [g, indices], { shape: x.shape }, x.shape)];
});
defineGradient('scatterFlat', ({ inputs: [, indices] }, g) => [gatherFlat(g, indices!), undefined]);

/** Largest value over all pixels, [N, C, H, W] -> [N, C]. */
export const globalMaxPool = (x: Tensor): Tensor => max(reshape(x, [x.shape[0]!, x.shape[1]!, -1]), 2);
