import { int32 } from '../../array.js';
import type { ConvAttrs, Tensor } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import type { Fusion } from './fuse.js';
import * as winograd from './winograd.js';

/**
 * Convolutions and their gradients in ONNX. Which lowering is fastest depends on the shape; the rules come from
 * measurements (bench/RESULTS.md, "lowerings"). On a GPU the plain operators are used throughout.
 */

type Extents = readonly [number, number, number, number];
const extents = (t: Tensor): Extents => t.shape as unknown as Extents;

const convAttributes = ({ stride, padding, dilation, groups }: ConvAttrs) => ({
  strides: [stride, stride], pads: [padding, padding, padding, padding], dilations: [dilation, dilation], group: groups,
});

const attrsOf = (t: Tensor): ConvAttrs => t.attrs as unknown as ConvAttrs;

/** Channels below which byo's own operators would fill up vectors with zeros. */
const MIN_NATIVE_CHANNELS = 16;
const hasNative = (b: OnnxBuilder, { groups }: ConvAttrs, [k, c]: Extents): boolean =>
  b.how.native === true && groups === 1 && Math.min(k, c) >= MIN_NATIVE_CHANNELS;

/** Those that byo's own operators compute by Winograd's algorithm, a block of tiles in a core's cache from pixels to pixels. */
const isNative = (b: OnnxBuilder, attrs: ConvAttrs, filter: Extents): boolean =>
  hasNative(b, attrs, filter) && winograd.isPlain3x3(attrs, filter);

/** Floats of an image beyond which it leaves the caches. */
const MAX_STAGED = 2 ** 20;

/** What else has an operator of byo's own, tap by tap: filters' gradients, and inputs' where the runtime is slow. */
function emitNativeGradient(
  b: OnnxBuilder, type: 'ConvInputGrad' | 'ConvFilterGrad', inputs: readonly string[], result: Tensor, image: Extents, filter: Extents,
): string | undefined {
  const { stride, padding, dilation } = attrsOf(result);
  const floats = image[1] * (image[2] + 2 * padding) * (image[3] + 2 * padding);
  if (!hasNative(b, attrsOf(result), filter) || floats > MAX_STAGED) return undefined;
  return b.native(type, inputs, result.shape, [image[2], image[3], filter[2], filter[3], stride, padding, dilation]);
}

export function emitConv(t: Tensor, inputs: readonly string[], b: OnnxBuilder): string {
  const [image, filter] = [extents(t.inputs[0]!), extents(t.inputs[1]!)];
  if (isNative(b, attrsOf(t), filter)) return b.native('Conv3x3', inputs, t.shape);
  return byWinograd(t, b) ? winograd.forward(b, inputs[0]!, inputs[1]!, image, filter) : plainConv(t, inputs, b);
}

const byWinograd = (t: Tensor, b: OnnxBuilder): boolean =>
  winograd.applies(b, attrsOf(t), t.inputs[0]!.shape, t.inputs[1]!.shape, winograd.MIN_CHANNEL_PRODUCT.map);

/** The operator on image, filter and, where there is one, bias [K]. */
function plainConv(t: Tensor, inputs: readonly string[], b: OnnxBuilder): string {
  return b.op('Conv', inputs, { kernel_shape: t.inputs[1]!.shape.slice(2), ...convAttributes(attrsOf(t)) });
}

/**
 * Sums of a convolution, which nothing else reads, with a bias [K] of its channels: one operator does both. Winograd's algorithm
 * in the runtime's operators has no place for it.
 */
export function biasedConvs(
  nodes: readonly Tensor[], readOnlyBy: (value: Tensor, reader: Tensor) => boolean, b: OnnxBuilder,
): Map<Tensor, Fusion> {
  const found = new Map<Tensor, Fusion>();
  for (const sum of nodes) {
    if (sum.op !== 'add') continue;
    for (const [conv, offset] of [sum.inputs, [...sum.inputs].reverse()] as [Tensor, Tensor][]) {
      const bias = offset.op === 'reshape' ? offset.inputs[0]! : undefined;
      const channels = conv.op === 'conv' ? conv.shape[1] : undefined;
      const perChannel = bias?.rank === 1 && bias.shape[0] === channels && offset.shape.slice(-3).join() === `${channels},1,1`;
      if (!perChannel || !readOnlyBy(conv, sum)) continue;
      if (!isNative(b, attrsOf(conv), extents(conv.inputs[1]!)) && byWinograd(conv, b)) continue;
      found.set(sum, {
        inside: [conv], inputs: [...conv.inputs, bias!], named: conv,
        as: (inputs) => emitConv(conv, inputs, b),
      });
    }
  }
  return found;
}

export function emitConvInputGrad(t: Tensor, [dy, w]: readonly string[], b: OnnxBuilder): string {
  const [, filter] = t.inputs as [Tensor, Tensor];
  const attrs = attrsOf(t);
  const { stride, padding, dilation, groups } = attrs;
  const [k, perGroup, kh, kw] = extents(filter);
  if (isNative(b, attrs, extents(filter))) return b.native('Conv3x3InputGrad', [dy!, w!], t.shape);
  if (winograd.applies(b, attrs, t.shape, filter.shape, winograd.MIN_CHANNEL_PRODUCT.map)) {
    return winograd.inputGrad(b, dy!, w!, t.shape, filter.shape);
  }

  // A stride-1 transposed convolution is a convolution with rotated filters, which runs up to twice as fast.
  const depthwise = groups === k && perGroup === 1;
  const rotatable = stride === 1 && (groups === 1 || depthwise) && kh === kw && dilation * (kh - 1) >= padding;
  if (rotatable) {
    const rotated = kh === 1 ? w! : b.slice(w!, [-1, -1], [-kh - 1, -kw - 1], [2, 3], [-1, -1]);
    const filters = depthwise ? rotated : b.transpose(rotated, [1, 0, 2, 3]);
    const full = dilation * (kh - 1) - padding;
    return b.op('Conv', [dy!, filters], { kernel_shape: [kh, kw], ...convAttributes({ ...attrs, padding: full }) });
  }
  const native = emitNativeGradient(b, 'ConvInputGrad', [dy!, w!], t, extents(t), extents(filter));
  if (native) return native;
  const lost = [2, 3].map((axis) => {
    const extent = (t.inputs[0]!.shape[axis]! - 1) * stride - 2 * padding + dilation * (filter.shape[axis]! - 1) + 1;
    return t.shape[axis]! - extent;
  });
  const attributes = { kernel_shape: [kh, kw], ...convAttributes(attrs), output_padding: lost };
  // WebGPU's ConvTranspose is wrong for groups of one output channel: each group gets a second one of zeros.
  if (b.provider === 'webgpu' && groups > 1 && perGroup === 1) {
    const padded = b.op('Pad', [w!, b.ints([0, 0, 0, 0, 0, 1, 0, 0])]);
    return b.slice(b.op('ConvTranspose', [dy!, padded], attributes), [0], [2 * groups], [1], [2]);
  }
  return b.op('ConvTranspose', [dy!, w!], attributes);
}

export function emitConvFilterGrad(t: Tensor, [x, dy]: readonly string[], b: OnnxBuilder): string {
  const [image, gradient] = t.inputs as [Tensor, Tensor];
  const attrs = attrsOf(t);
  const [k, perGroup, kh, kw] = extents(t);
  if (isNative(b, attrs, extents(t))) return b.native('Conv3x3FilterGrad', [x!, dy!], t.shape);
  if (winograd.applies(b, attrs, image.shape, t.shape, winograd.MIN_CHANNEL_PRODUCT.filterGrad)) {
    return winograd.filterGrad(b, x!, dy!, image.shape, t.shape);
  }

  const native = emitNativeGradient(b, 'ConvFilterGrad', [x!, dy!], t, extents(image), extents(t));
  if (native) return native;
  if (b.provider === 'cpu' && attrs.groups === k && perGroup === 1) return depthwiseFilterGrad(t, x!, dy!, b);

  // Few input channels make rows of a few floats: the columns are gathered by slices instead.
  if (attrs.groups > 1 || perGroup < 16) return filterGradBySlices(t, x!, dy!, b);

  const [n, c] = extents(image);
  const [, , oh, ow] = extents(gradient);
  const pixels = n * oh * ow;
  const columns = kh === 1 && attrs.stride === 1 && attrs.padding === 0
    ? b.reshape(channelsLast(b, x!), [pixels, c])
    : b.reshape(im2col(b, x!, image.shape as Extents, [oh, ow], [kh, kw], attrs), [pixels, kh * kw * c]);
  const gradients = b.reshape(channelsLast(b, dy!), [pixels, k]);
  const product = b.matmul(gradients, columns, true, false, [2, 2]);
  return b.transpose(b.reshape(product, [k, kh, kw, c]), [0, 3, 1, 2]);
}

/** x [N, C, H, W] with channels last; made once per value and use. */
export const channelsLast = (b: OnnxBuilder, x: string, use = ''): string =>
  b.once(`channelsLast ${x} ${use}`, () => b.transpose(x, [0, 2, 3, 1]));

/**
 * The patch under each output pixel as a row: [N, OH*OW, kh*kw, C], by one Gather over pixels, whose copies are C floats
 * long (Slice and Concat take up to three times as long on large maps).
 */
function im2col(
  b: OnnxBuilder, x: string, [n, c, h, w]: Extents, [oh, ow]: readonly [number, number],
  [kh, kw]: readonly [number, number], { stride, padding, dilation }: ConvAttrs,
): string {
  const pixels = paddedPixels(b, x, [n, c, h, w], padding, [padding, padding]);
  const width = w + 2 * padding;
  const indices = b.once(`im2col ${[h, w, oh, ow, kh, kw, stride, padding, dilation]}`, () => {
    const data = new Int32Array(oh * ow * kh * kw);
    let at = 0;
    for (let y = 0; y < oh; y++) for (let z = 0; z < ow; z++) {
      for (let i = 0; i < kh; i++) for (let j = 0; j < kw; j++) {
        data[at++] = (y * stride + i * dilation) * width + z * stride + j * dilation;
      }
    }
    return b.array(int32([oh * ow, kh * kw], data));
  });
  return b.op('Gather', [pixels, indices], { axis: 1 });
}

/** Rows of pixels with a frame of zeros: [N, (H + before + after) * (...), C]. */
export function paddedPixels(
  b: OnnxBuilder, x: string, [n, c, h, w]: Extents, before: number, [below, right]: readonly [number, number], use = '',
): string {
  return b.once(`paddedPixels ${x} ${before} ${below} ${right} ${use}`, () => {
    const last = channelsLast(b, x, use);
    const padded = before || below || right
      ? b.op('Pad', [last, b.ints([0, before, before, 0, 0, below, right, 0])])
      : last;
    return b.reshape(padded, [n, (h + before + below) * (w + before + right), c]);
  });
}

/**
 * Filter gradient of a depthwise convolution: every channel of every image correlated with its gradient, which is one convolution
 * of as many groups with stride and dilation exchanged. It takes half the time of slices and products.
 */
function depthwiseFilterGrad(t: Tensor, x: string, dy: string, b: OnnxBuilder): string {
  const [image, gradient] = t.inputs as [Tensor, Tensor];
  const { stride, padding, dilation } = attrsOf(t);
  const [n, c, h, w] = extents(image);
  const [, , oh, ow] = extents(gradient);
  const [, , kh, kw] = extents(t);
  const correlated = b.op('Conv', [b.reshape(x, [1, n * c, h, w]), b.reshape(dy, [n * c, 1, oh, ow])], {
    kernel_shape: [oh, ow], ...convAttributes({ stride: dilation, padding, dilation: stride, groups: n * c }),
  });
  // Pixels that the stride leaves over make more taps than the filter has.
  const [high, wide] = [[h, oh], [w, ow]].map(([extent, out]) =>
    Math.floor((extent! + 2 * padding - stride * (out! - 1) - 1) / dilation) + 1) as [number, number];
  const summed = b.op('ReduceSum', [b.reshape(correlated, [n, c, high, wide]), b.ints([0])], { keepdims: 0 });
  const taps = high === kh && wide === kw ? summed : b.slice(summed, [0, 0], [kh, kw], [1, 2]);
  return b.reshape(taps, [c, 1, kh, kw]);
}

/** Filter gradient with a batch (and group) axis: columns from kh*kw strided slices, one product per image, summed. */
function filterGradBySlices(t: Tensor, x: string, dy: string, b: OnnxBuilder): string {
  const [image, gradient] = t.inputs as [Tensor, Tensor];
  const { stride, padding, dilation, groups } = attrsOf(t);
  const [n, , h, w] = extents(image);
  const [k, perGroup, kh, kw] = extents(t);
  const [, , oh, ow] = extents(gradient);
  const frame = [0, 0, padding, padding];
  const padded = padding ? b.op('Pad', [x, b.ints([...frame, ...frame])]) : x;
  const grouped = b.reshape(padded, [n, groups, perGroup, h + 2 * padding, w + 2 * padding]);
  const taps = Array.from({ length: kh * kw }, (_, tap) => {
    const top = Math.floor(tap / kw) * dilation;
    const left = (tap % kw) * dilation;
    return b.slice(grouped, [top, left], [top + (oh - 1) * stride + 1, left + (ow - 1) * stride + 1], [3, 4], [stride, stride]);
  });
  const columns = taps.length === 1 ? taps[0]! : b.op('Concat', taps, { axis: 2 });
  const product = b.matmul(
    b.reshape(dy, [n, groups, k / groups, oh * ow]),
    b.reshape(columns, [n, groups, kh * kw * perGroup, oh * ow]), false, true, [4, 4],
  );
  const summed = b.op('ReduceSum', [product, b.ints([0])], { keepdims: 0 });
  return b.transpose(b.reshape(summed, [k, kh, kw, perGroup]), [0, 3, 1, 2]);
}
