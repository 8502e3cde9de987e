import type { ConvAttrs, Tensor } from '../../graph/index.js';
import type { TensorFlow, Value } from './load.js';

/**
 * Convolutions and their gradients on TensorFlow's kernels, which want channels last and filters [kh, kw, C, K]. Padding is added
 * by hand (the native kernels of the gradients know none), a dilated filter is one with zeros between its taps, and groups are
 * computed one after the other; channels that all stay apart have kernels of their own.
 */
const KERNELS = {
  plain: { forward: 'Conv2D', inputGrad: 'Conv2DBackpropInput', filterGrad: 'Conv2DBackpropFilter' },
  depthwise: {
    forward: 'DepthwiseConv2dNative', inputGrad: 'DepthwiseConv2dNativeBackpropInput', filterGrad: 'DepthwiseConv2dNativeBackpropFilter',
  },
} as const;

type Extents = [number, number, number, number];

/** Images [N, C, H, W] with channels last and a frame of zeros. */
const imagesOf = (x: Value, padding: number, tf: TensorFlow): Value => {
  const last = tf.transpose(x, [0, 2, 3, 1]);
  const frame: [number, number] = [padding, padding];
  return padding ? tf.pad(last, [[0, 0], frame, frame, [0, 0]]) : last;
};

/** Images with channels last, of which `padding` pixels at every side are cut off, as [N, C, H, W]. */
const channelsFirst = (x: Value, padding: number, tf: TensorFlow): Value => {
  const [n, h, w, c] = x.shape as Extents;
  const inner = padding ? tf.slice(x, [0, padding, padding, 0], [n, h - 2 * padding, w - 2 * padding, c]) : x;
  return tf.transpose(inner, [0, 3, 1, 2]);
};

/** What one of the three needs to know beside its operands. */
class Convolution {
  readonly attrs: ConvAttrs;
  readonly depthwise: boolean;
  /** Extents of the filter with the zeros between its taps. */
  private readonly taps: readonly [number, number];

  constructor({ attrs }: Tensor, private readonly filterShape: readonly number[], private readonly tf: TensorFlow) {
    this.attrs = attrs as unknown as ConvAttrs;
    this.depthwise = this.attrs.groups > 1 && filterShape[1] === 1;
    this.taps = [2, 3].map((axis) => (filterShape[axis]! - 1) * this.attrs.dilation + 1) as [number, number];
  }

  /** The filter [K, C/groups, kh, kw] as [kh, kw, C/groups, K]; where channels stay apart, as [kh, kw, C, K/C]. */
  filter(w: Value): Value {
    const { tf, attrs: { dilation } } = this;
    const [k, c, kh, kw] = w.shape as Extents;
    const last = tf.transpose(w, [2, 3, 1, 0]);
    if (dilation === 1) return this.apart(last);
    const cells = tf.pad(tf.reshape(last, [kh, 1, kw, 1, c, k]), [[0, 0], [0, dilation - 1], [0, 0], [0, dilation - 1], [0, 0], [0, 0]]);
    return this.apart(tf.slice(tf.reshape(cells, [kh * dilation, kw * dilation, c, k]), [0, 0, 0, 0], [...this.taps, c, k]));
  }

  private apart(filter: Value): Value {
    const { groups } = this.attrs;
    return this.depthwise ? this.tf.reshape(filter, [...this.taps, groups, this.filterShape[0]! / groups]) : filter;
  }

  /** A filter's gradient in the layout of `filter` as [K, C/groups, kh, kw]. */
  filterBack(gradient: Value): Value {
    const { tf, attrs: { dilation }, filterShape: [k, c] } = this;
    const full = tf.reshape(gradient, [...this.taps, c!, k!]);
    const taps = dilation === 1 ? full : tf.stridedSlice(full, [0, 0, 0, 0], full.shape, [dilation, dilation, 1, 1]);
    return tf.transpose(taps, [3, 2, 0, 1]);
  }

  /** Applies a kernel to each group's part of the operands, which have their channels last, and puts the results side by side. */
  apply(kernel: keyof typeof KERNELS.plain, operands: Readonly<Record<string, Value>>, extra: Record<string, number[]> = {}): Value {
    const { tf, depthwise, attrs: { stride, groups } } = this;
    const name = KERNELS[depthwise ? 'depthwise' : 'plain'][kernel];
    const attributes = { strides: [stride, stride], dilations: [1, 1], pad: 'valid', dataFormat: 'NHWC', ...extra };
    const run = (inputs: Record<string, Value>): Value => tf.engine().runKernel(name, inputs, attributes);
    if (depthwise || groups === 1) return run({ ...operands });
    const parts = Object.entries(operands).map(([operand, value]) => [operand, tf.split(value, groups, 3)] as const);
    return tf.concat(Array.from({ length: groups }, (_, group) =>
      run(Object.fromEntries(parts.map(([operand, values]) => [operand, values[group]!])))), 3);
  }

  /** Channels that one application of a kernel reads. */
  get channels(): number {
    return this.depthwise ? this.attrs.groups : this.filterShape[1]!;
  }

  get kernelFilterShape(): number[] {
    return [...this.taps, this.channels, this.filterShape[0]! / this.attrs.groups];
  }
}

export function computeConv(t: Tensor, [x, w]: readonly Value[], tf: TensorFlow): Value {
  const convolution = new Convolution(t, w!.shape, tf);
  const y = convolution.apply('forward', { x: imagesOf(x!, convolution.attrs.padding, tf), filter: convolution.filter(w!) });
  return channelsFirst(y, 0, tf);
}

export function computeConvInputGrad(t: Tensor, [dy, w]: readonly Value[], tf: TensorFlow): Value {
  const convolution = new Convolution(t, w!.shape, tf);
  const { padding } = convolution.attrs;
  const [n, , height, width] = t.shape as Extents;
  const inputShape = [n, height + 2 * padding, width + 2 * padding, convolution.channels];
  const dx = convolution.apply('inputGrad', { dy: imagesOf(dy!, 0, tf), filter: convolution.filter(w!) }, { inputShape });
  return channelsFirst(dx, padding, tf);
}

export function computeConvFilterGrad(t: Tensor, [x, dy]: readonly Value[], tf: TensorFlow): Value {
  const convolution = new Convolution(t, t.shape, tf);
  const operands = { x: imagesOf(x!, convolution.attrs.padding, tf), dy: imagesOf(dy!, 0, tf) };
  return convolution.filterBack(convolution.apply('filterGrad', operands, { filterShape: convolution.kernelFilterShape }));
}
