import { float32, int32 } from '../../array.js';
import { constantValue, scalarValue, type Tensor } from '../../graph/index.js';
import { emitConv, emitConvFilterGrad, emitConvInputGrad } from './conv.js';
import { floatBits, type OnnxBuilder } from './builder.js';
import { ONNX_TYPE } from './proto.js';
import { emitRidgeFeaturesGrad, emitRidgeTargetsGrad, emitRidgeWeights } from './ridge.js';

/** Writes one primitive's node or nodes; `ins` are the values of its inputs. Returns the value of its result. */
export type Emitter = (tensor: Tensor, ins: readonly string[], b: OnnxBuilder) => string;

const simple = (type: string): Emitter => (_, ins, b) => b.op(type, ins);
const BOOL = 9;
const mask = (type: string): Emitter => (_, ins, b) => b.op('Cast', [b.op(type, ins)], { to: ONNX_TYPE.float32! });
const attr = <T>(tensor: Tensor, name: string): T => tensor.attrs[name] as T;

/** How each primitive is written in ONNX. ENGINE-level choices (which of several lowerings is fast) are commented. */
export const emitters: Readonly<Record<string, Emitter>> = {
  scalar: (t, _, b) => (t.dtype === 'float32' ? b.scalar(scalarValue(t)!) : b.array(constantValue(t)!)),
  constant: (t, _, b) => b.array(constantValue(t)!),
  stopGradient: (_, [x]) => x!,
  withGradient: (_, [x]) => x!,
  after: emitAfter,

  neg: simple('Neg'),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  recip: simple('Reciprocal'),
  tanh: simple('Tanh'),
  sigmoid: simple('Sigmoid'),
  erf: simple('Erf'),
  sin: simple('Sin'),
  cos: simple('Cos'),
  abs: simple('Abs'),
  floor: simple('Floor'),
  relu: simple('Relu'),
  softplus: simple('Softplus'),
  // One vector pass to a float mask, where Greater + Cast takes two and Sign is slow.
  step: (_, ins, b) => b.op('HardSigmoid', ins, { alpha: { float: 3e38 }, beta: { float: 0 } }),
  sign: (_, [x], b) => {
    if (b.provider === 'cpu') return b.op('Sign', [x!]);
    const positive = (y: string) => b.op('HardSigmoid', [y], { alpha: { float: 3e38 }, beta: { float: 0 } });
    return b.op('Sub', [positive(x!), positive(b.op('Neg', [x!]))]);
  },
  gelu: simple('Gelu'),
  silu: (_, ins, b) => b.multi('QuickGelu', ins, { alpha: { float: 1 } }, 1, 'com.microsoft')[0]!,
  clip: (t, [x], b) => b.op('Clip', [x!, b.scalar(attr(t, 'low')), b.scalar(attr(t, 'high'))]),
  cast: (t, ins, b) => b.op('Cast', ins, { to: ONNX_TYPE[t.dtype]! }),

  add: simple('Add'),
  sub: simple('Sub'),
  mul: simple('Mul'),
  div: simple('Div'),
  maximum: simple('Max'),
  minimum: simple('Min'),
  gtMask: mask('Greater'),
  geMask: mask('GreaterOrEqual'),
  eqMask: mask('Equal'),
  where: (_, [condition, x, y], b) => b.op('Where', [b.op('Cast', [condition!], { to: BOOL }), x!, y!]),

  sum: emitSum,
  max: (t, [x], b) =>
    b.op('ReduceMax', [x!, b.ints(attr(t, 'axes'))], { keepdims: Number(attr<boolean>(t, 'keepDims')) }),
  expand: (t, [x], b) => b.op('Expand', [x!, b.ints(t.shape)]),
  reshape: (t, [x], b) => b.reshape(x!, t.shape),
  transpose: (t, [x], b) => b.transpose(x!, attr(t, 'order')),
  slice: emitSlice,
  pad: emitPad,
  concat: (t, ins, b) => b.op('Concat', ins, { axis: attr<number>(t, 'axis') }),

  matmul: (t, [x, y], b) => b.matmul(x!, y!, attr(t, 'ta'), attr(t, 'tb'), [t.inputs[0]!.rank, t.inputs[1]!.rank]),
  ridgeWeights: emitRidgeWeights,
  ridgeFeaturesGrad: emitRidgeFeaturesGrad,
  ridgeTargetsGrad: emitRidgeTargetsGrad,
  conv: emitConv,
  convInputGrad: emitConvInputGrad,
  convFilterGrad: emitConvFilterGrad,

  maxPool: (t, [x], b) => maxPool(t, x!, b)[0]!,
  maxPoolTiles: (t, [x], b) => maxPool(t, x!, b)[0]!,
  maxPoolIndices: emitMaxPoolIndices,
  upsample: (t, [x], b) => b.op('Resize', [x!, '', b.array({ dtype: 'float32', shape: [4],
    data: Float32Array.of(1, 1, attr(t, 'scale'), attr(t, 'scale')) })],
  { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
  sumPool: (t, [x], b) => {
    const scale = attr<number>(t, 'scale');
    const average = b.op('AveragePool', [x!], { kernel_shape: [scale, scale], strides: [scale, scale] });
    return b.op('Mul', [average, b.scalar(scale * scale)]);
  },

  gather: (_, [x, indices], b) => b.op('Gather', [x!, indices!], { axis: 0 }),
  scatterAdd: (t, [g, indices], b) => {
    if (b.provider !== 'cpu') return scatterRows(t, g!, indices!, b);
    const index = b.reshape(b.op('Cast', [indices!], { to: ONNX_TYPE.int64! }), [...t.inputs[1]!.shape, 1]);
    return b.multi('ScatterND', [zeros(b, t.shape), index, g!], { reduction: 'add' }, 1)[0]!;
  },
  scatterFlat: (t, [g, indices], b) => {
    const count = t.inputs[0]!.size;
    const added = b.op('ScatterElements', [zeros(b, [t.size]), b.reshape(indices!, [count]), b.reshape(g!, [count])],
      { axis: 0, reduction: 'add' });
    return b.reshape(added, t.shape);
  },
  argmax: (t, [x], b) => {
    const axis = attr<number>(t, 'axis');
    if (b.provider !== 'cpu') return firstLargest(b, x!, t.inputs[0]!.shape, axis);
    return b.op('Cast', [b.op('ArgMax', [x!], { axis, keepdims: 0 })], { to: ONNX_TYPE.int32! });
  },

  softmax: (_, ins, b) => b.op('Softmax', ins, { axis: -1 }),
  standardize: (t, [x], b) => layerNorm(t, x!, b)[0]!,
  inverseStd: (t, [x], b) => layerNorm(t, x!, b)[2]!,
  // BatchNormalization in inference form with mean 0 and variance 1 is a per-channel a x + b in one pass.
  affine: (t, [x, a, offset], b) => {
    const channels = t.shape[1]!;
    const zero = b.once(`zeros ${channels}`, () => b.array({ dtype: 'float32', shape: [channels], data: new Float32Array(channels) }));
    return b.op('BatchNormalization', [x!, a!, offset!, zero, b.ones([channels])], { epsilon: { float: 0 } });
  },
  batchNorm: (t, ins, b) => batchNorm(t, ins, b)[0]!,
  batchMean: (t, ins, b) => batchNorm(t, ins, b)[1]!,
  batchVariance: (t, ins, b) => batchNorm(t, ins, b)[2]!,
};

/**
 * x as soon as the trigger is there. On the CPU without a copy: a reshape of x by zeros ("as in the input"), which are made of
 * the trigger's shape. Elsewhere, where integers of 64 bits may be missing, by adding nothing of the trigger's first element.
 */
function emitAfter(t: Tensor, [x, trigger]: readonly string[], b: OnnxBuilder): string {
  if (b.provider === 'cpu') {
    const extent = b.op('Shape', [trigger!], { start: 0, end: 1 });
    return b.op('Reshape', [x!, b.op('Mul', [extent, b.ints(t.shape.map(() => 0))])]);
  }
  const { rank } = t.inputs[1]!;
  const corner = b.slice(trigger!, Array<number>(rank).fill(0), Array<number>(rank).fill(1), [...Array(rank).keys()]);
  return b.op('Add', [x!, b.op('Mul', [b.reshape(corner, []), b.scalar(0)])]);
}

const zeros = (b: OnnxBuilder, shape: readonly number[]): string => b.op('Expand', [b.scalar(0), b.ints(shape)]);

/** `scatterAdd` without int64, which ScatterND takes and WebGPU lacks: every element brings its own row number. */
function scatterRows(t: Tensor, g: string, indices: string, b: OnnxBuilder): string {
  const rows = t.shape[0]!;
  const width = t.size / rows;
  const count = t.inputs[1]!.size;
  const index = b.op('Expand', [b.reshape(indices, [count, 1]), b.ints([count, width])]);
  const added = b.op('ScatterElements', [zeros(b, [rows, width]), index, b.reshape(g, [count, width])],
    { axis: 0, reduction: 'add' });
  return b.reshape(added, t.shape);
}

/** Position of the first largest element along an axis, int32, without int64, which ArgMax gives and WebGPU lacks. */
function firstLargest(b: OnnxBuilder, x: string, shape: readonly number[], axis: number): string {
  const extent = shape[axis]!;
  const axes = b.ints([axis]);
  const isLargest = b.op('Cast', [b.op('Equal', [x, b.op('ReduceMax', [x, axes], { keepdims: 1 })])], { to: ONNX_TYPE.float32! });
  const column = [extent, ...shape.slice(axis + 1).map(() => 1)];
  const countdown = b.array(float32(column, Float32Array.from({ length: extent }, (_, i) => extent - i)));
  const first = b.op('ReduceMax', [b.op('Mul', [isLargest, countdown]), axes], { keepdims: 0 });
  return b.op('Cast', [b.op('Sub', [b.scalar(extent), first])], { to: ONNX_TYPE.int32! });
}

function emitSum(t: Tensor, [x]: readonly string[], b: OnnxBuilder): string {
  const axes = attr<number[]>(t, 'axes');
  const { shape } = t.inputs[0]!;
  const leading = axes.every((axis, i) => axis === i) && axes.length < shape.length;
  if (!leading || t.dtype !== 'float32') {
    return b.op('ReduceSum', [x!, b.ints(axes)], { keepdims: Number(attr<boolean>(t, 'keepDims')) });
  }
  const rows = axes.reduce((n, axis) => n * shape[axis]!, 1);
  return b.reshape(b.op('MatMul', [b.ones([1, rows]), b.reshape(x!, [rows, -1])]), t.shape);
}

function emitSlice(t: Tensor, [x]: readonly string[], b: OnnxBuilder): string {
  const { starts, ends, steps } = t.attrs as Record<string, number[]>;
  const { shape } = t.inputs[0]!;
  const axes = [...shape.keys()].filter((i) => starts![i] !== 0 || ends![i] !== shape[i] || steps![i] !== 1);
  const of = (list: number[]) => axes.map((axis) => list[axis]!);
  // Counting down to and including 0 ends at -1, which ONNX would read as the last element.
  const limits = axes.map((axis) => (steps![axis]! < 0 && ends![axis]! < 0 ? -shape[axis]! - 1 : ends![axis]!));
  return b.slice(x!, of(starts!), limits, axes, of(steps!));
}

function emitPad(t: Tensor, [x]: readonly string[], b: OnnxBuilder): string {
  const { before, after, between } = t.attrs as Record<string, number[]>;
  const value = b.scalar(attr(t, 'value'));
  const shape = [...t.inputs[0]!.shape];
  let current = x!;
  // Between neighbours: every element becomes a row [element, padding...], and the last row's padding is cut off.
  const dilated = [...shape.keys()].filter((axis) => between![axis]! > 0 && shape[axis]! > 1);
  for (const axis of dilated) {
    const stride = between![axis]! + 1;
    const inner = shape.length - axis;
    const ends = Array<number>(shape.length + 1).fill(0);
    ends[axis + 1] = between![axis]!;
    const column = b.reshape(current, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
    const padded = b.op('Pad', [column, b.ints([...Array<number>(shape.length + 1).fill(0), ...ends]), value]);
    const rows = shape[axis]!;
    shape[axis] = rows * stride;
    const merged = b.reshape(padded, shape);
    shape[axis] = (rows - 1) * stride + 1;
    current = b.slice(merged, [0], [shape[axis]!], [shape.length - inner]);
  }
  if ([...before!, ...after!].every((n) => n === 0)) return current;
  return b.op('Pad', [current, b.ints([...before!, ...after!]), value]);
}

function maxPool(t: Tensor, x: string, b: OnnxBuilder): string[] {
  const { size, stride, padding } = t.attrs as Record<string, number>;
  const attributes = {
    kernel_shape: [size!, size!], strides: [stride!, stride!], pads: [padding!, padding!, padding!, padding!],
  };
  return [b.once(`MaxPool ${x} ${size} ${stride} ${padding}`, () => b.op('MaxPool', [x], attributes))];
}

/** Position (in row-major order over the whole input) of each window's first maximum. */
function emitMaxPoolIndices(t: Tensor, [x]: readonly string[], b: OnnxBuilder): string {
  const { size, stride, padding } = t.attrs as { size: number; stride: number; padding: number };
  if (b.provider === 'cpu') {
    const [, indices] = b.multi('MaxPool', [x!], {
      kernel_shape: [size, size], strides: [stride, stride], pads: [padding, padding, padding, padding],
    }, 2);
    return b.op('Cast', [indices!], { to: ONNX_TYPE.int32! });
  }
  // Without index outputs: the cells of every window side by side, and the first of the largest.
  const [n, c, h, w] = t.inputs[0]!.shape as [number, number, number, number];
  const [, , oh, ow] = t.shape as [number, number, number, number];
  const frame = [0, 0, padding, padding];
  const padded = padding ? b.op('Pad', [x!, b.ints([...frame, ...frame]), b.scalar(-3.4e38)]) : x!;
  const cells = Array.from({ length: size * size }, (_, cell) => {
    const [dy, dx] = [Math.floor(cell / size), cell % size];
    const window = b.slice(padded, [dy, dx], [dy + (oh - 1) * stride + 1, dx + (ow - 1) * stride + 1], [2, 3], [stride, stride]);
    return b.reshape(window, [n, c, oh, ow, 1]);
  });
  const cell = firstLargest(b, b.op('Concat', cells, { axis: 4 }), [n, c, oh, ow, size * size], 4);
  const offsets = Int32Array.from({ length: size * size }, (_, i) => Math.floor(i / size) * w + (i % size));
  const corners = new Int32Array(n * c * oh * ow);
  for (let image = 0, at = 0; image < n * c; image++) {
    for (let y = 0; y < oh; y++) {
      for (let column = 0; column < ow; column++) {
        corners[at++] = image * h * w + (y * stride - padding) * w + column * stride - padding;
      }
    }
  }
  const offset = b.op('Gather', [b.array(int32([offsets.length], offsets)), cell], { axis: 0 });
  return b.op('Add', [b.array(int32([n, c, oh, ow], corners)), offset]);
}

/** LayerNormalization's three results (y, mean, 1/std) for one input and epsilon, as one node. */
function layerNorm(t: Tensor, x: string, b: OnnxBuilder): string[] {
  const eps = attr<number>(t, 'eps');
  return b.once(`LayerNormalization ${x} ${eps}`, () =>
    b.multi('LayerNormalization', [x, b.ones([t.inputs[0]!.shape.at(-1)!])], { axis: -1, epsilon: { float: eps } }, 3));
}

/** y, batch mean and population variance of one batch normalisation. */
function batchNorm(t: Tensor, ins: readonly string[], b: OnnxBuilder): string[] {
  const [x, weight, bias] = ins as [string, string, string];
  const eps = attr<number>(t, 'eps');
  const { shape } = t.inputs[0]!;
  const channels = shape[1]!;
  return b.once(`BatchNormalization ${ins} ${eps}`, () => {
    if (b.how.native) {
      return b.nativeMulti('BatchNorm', [x, weight, bias], [shape, [channels], [channels]], floatBits([eps]));
    }
    if (b.provider === 'cpu') {
      // In training mode with a momentum of almost 0 the "running" outputs are the batch's mean and variance. The runtime
      // writes them over the running inputs, so every node has its own pair.
      const running = () => b.array(float32([channels]));
      return b.multi('BatchNormalization', [x, weight, bias, running(), running()],
        { training_mode: 1, momentum: { float: 1e-12 }, epsilon: { float: eps } }, 3);
    }
    const axes = b.ints([...shape.keys()].filter((axis) => axis !== 1));
    const mean = b.op('ReduceMean', [x, axes], { keepdims: 1 });
    const centred = b.op('Sub', [x, mean]);
    const variance = b.op('ReduceMean', [b.op('Mul', [centred, centred]), axes], { keepdims: 1 });
    const column = shape.map((_, axis) => (axis === 1 ? channels : 1));
    const istd = b.op('Reciprocal', [b.op('Sqrt', [b.op('Add', [variance, b.scalar(eps)])])]);
    const scaled = b.op('Mul', [centred, b.op('Mul', [istd, b.reshape(weight, column)])]);
    return [b.op('Add', [scaled, b.reshape(bias, column)]), b.reshape(mean, [channels]), b.reshape(variance, [channels])];
  });
}
