import type { ConvAttrs, Tensor } from '../../graph/index.js';
import type { TensorFlow, Value } from './load.js';

/**
 * Convolutions and their gradients. TensorFlow wants channels last and filters [kh, kw, C, K]; a dilated filter is one with zeros
 * between its taps; groups are computed one after the other, except where all channels stay apart, which has kernels of its own.
 */
type Extents = [number, number, number, number];
type Maps = ReturnType<TensorFlow['tensor4d']>;

const attrsOf = ({ attrs }: Tensor): ConvAttrs => attrs as unknown as ConvAttrs;

/** Whether every channel has filters of its own. */
const staysApart = ({ groups }: ConvAttrs, filterShape: readonly number[]): boolean => groups > 1 && filterShape[1] === 1;

/** The frame by its sides: of one number, TensorFlow.js makes an output that is as wide as if the filter were square. */
const frame = (padding: number): [[number, number], [number, number], [number, number], [number, number]] =>
  [[0, 0], [padding, padding], [padding, padding], [0, 0]];

const order = (x: Value, axes: Extents, tf: TensorFlow): Maps => tf.transpose(x as Maps, axes);
const shaped = (x: Value, shape: Extents, tf: TensorFlow): Maps => tf.reshape(x, shape);

/** A filter [K, C/groups, kh, kw] with its zeros between, as [kh', kw', C/groups, K]. */
function filterOf(w: Value, { dilation }: ConvAttrs, tf: TensorFlow): Maps {
  const [k, c, kh, kw] = w.shape as Extents;
  const taps = order(w, [2, 3, 1, 0], tf);
  if (dilation === 1) return taps;
  const gap: [number, number] = [0, dilation - 1];
  const cells = tf.pad(tf.reshape(taps, [kh, 1, kw, 1, c, k]), [[0, 0], gap, [0, 0], gap, [0, 0], [0, 0]]);
  const extents: Extents = [(kh - 1) * dilation + 1, (kw - 1) * dilation + 1, c, k];
  return tf.slice(shaped(cells, [kh * dilation, kw * dilation, c, k], tf), [0, 0, 0, 0], extents);
}

/** A filter for channels that stay apart: [kh', kw', 1, K] as [kh', kw', C, K/C]. */
const perChannel = (filter: Maps, groups: number, tf: TensorFlow): Maps =>
  shaped(filter, [filter.shape[0], filter.shape[1], groups, filter.shape[3] / groups], tf);

/** `compute` of each group's part of x and y, which are cut along the given axes; results side by side along the last one. */
function byGroup(
  groups: number, [x, xAxis]: [Maps, number], [y, yAxis]: [Maps, number], compute: (x: Maps, y: Maps) => Maps, tf: TensorFlow,
): Maps {
  if (groups === 1) return compute(x, y);
  const [xs, ys] = [tf.split(x, groups, xAxis), tf.split(y, groups, yAxis)];
  return tf.concat(xs.map((part, group) => compute(part as Maps, ys[group] as Maps)), 3);
}

export function computeConv(t: Tensor, [x, w]: readonly Value[], tf: TensorFlow): Value {
  const attrs = attrsOf(t);
  const { stride, padding, groups } = attrs;
  const [maps, filter] = [order(x!, [0, 2, 3, 1], tf), filterOf(w!, attrs, tf)];
  const y = staysApart(attrs, w!.shape)
    ? tf.depthwiseConv2d(maps, perChannel(filter, groups, tf), stride, frame(padding))
    : byGroup(groups, [maps, 3], [filter, 3], (part, filters) => tf.conv2d(part, filters, stride, frame(padding)), tf);
  return order(y, [0, 3, 1, 2], tf);
}

/** The native kernels know no padding here: the gradient of the padded input is cut. */
export function computeConvInputGrad(t: Tensor, [dy, w]: readonly Value[], tf: TensorFlow): Value {
  const attrs = attrsOf(t);
  const { stride, padding, groups } = attrs;
  const [n, c, height, width] = t.shape as Extents;
  const padded: Extents = [n, height + 2 * padding, width + 2 * padding, c];
  const [gradients, filter] = [order(dy!, [0, 2, 3, 1], tf), filterOf(w!, attrs, tf)];
  const apart = () => tf.engine().runKernel(tf.DepthwiseConv2dNativeBackpropInput,
    { dy: gradients, filter: perChannel(filter, groups, tf) },
    { strides: [stride, stride], dilations: [1, 1], pad: 'valid', inputShape: padded }) as Maps;
  const inputShape: Extents = [padded[0], padded[1], padded[2], c / groups];
  const dx = staysApart(attrs, w!.shape)
    ? apart()
    : byGroup(groups, [gradients, 3], [filter, 3],
      (part, filters) => tf.conv2dTranspose(part, filters, inputShape, stride, 'valid'), tf);
  const inner = padding ? tf.slice(dx, [0, padding, padding, 0], [n, height, width, c]) : dx;
  return order(inner, [0, 3, 1, 2], tf);
}

/**
 * The input correlated with the gradient of the output, which is a convolution that exchanges batch and channels, and stride and
 * dilation: the kernels of plain JavaScript for this gradient look every element up by its coordinates.
 */
export function computeConvFilterGrad(t: Tensor, [x, dy]: readonly Value[], tf: TensorFlow): Value {
  const attrs = attrsOf(t);
  const { stride, padding, dilation, groups } = attrs;
  const [k, perGroup, kh, kw] = t.shape as Extents;
  const [n, c, height, width] = x!.shape as Extents;
  const gradients = order(dy!, [2, 3, 0, 1], tf);
  const apart = () => {
    const maps = shaped(order(x!, [2, 3, 0, 1], tf), [1, height, width, n * c], tf);
    const filters = shaped(gradients, [gradients.shape[0], gradients.shape[1], n * c, k / c], tf);
    const taps = tf.depthwiseConv2d(maps, filters, 1, frame(padding), 'NHWC', stride);
    return tf.sum(tf.reshape(taps, [1, taps.shape[1], taps.shape[2], n, k]), 3) as Maps;
  };
  const correlated = staysApart(attrs, t.shape)
    ? apart()
    : byGroup(groups, [order(x!, [1, 2, 3, 0], tf), 0], [gradients, 3],
      (part, filters) => tf.conv2d(part, filters, 1, frame(padding), 'NHWC', stride), tf);
  // Of a dilated filter every dilation-th tap; pixels that the stride leaves over make taps behind the last one.
  const ends = [perGroup, (kh - 1) * dilation + 1, (kw - 1) * dilation + 1, k];
  return order(tf.stridedSlice(correlated, [0, 0, 0, 0], ends, [1, dilation, dilation, 1]), [3, 0, 1, 2], tf);
}
