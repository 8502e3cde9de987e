import { constantValue, type Tensor } from '../../graph/index.js';
import { computeConv, computeConvFilterGrad, computeConvInputGrad } from './conv.js';
import type { TensorFlow, Value } from './load.js';
import { computeRidgeFeaturesGrad, computeRidgeTargetsGrad, computeRidgeWeights } from './ridge.js';

/** Computes one primitive from the values of its inputs: a new tensor, never an input itself. */
export type Kernel = (tensor: Tensor, ins: readonly Value[], tf: TensorFlow) => Value;

type Unary = 'neg' | 'exp' | 'log' | 'sqrt' | 'reciprocal' | 'tanh' | 'sigmoid' | 'erf' | 'sin' | 'cos' | 'abs' | 'floor' | 'relu'
  | 'softplus' | 'step' | 'sign' | 'clone';
type Binary = 'add' | 'sub' | 'mul' | 'maximum' | 'minimum';
type Comparison = 'greater' | 'greaterEqual' | 'equal';

const unary = (name: Unary): Kernel => (_, [x], tf) => tf[name](x!);
const binary = (name: Binary): Kernel => (_, [x, y], tf) => tf[name](x!, y!);
const mask = (name: Comparison): Kernel => (_, [x, y], tf) => tf.cast(tf[name](x!, y!), 'float32');
const attr = <T>(tensor: Tensor, name: string): T => tensor.attrs[name] as T;
const shapeOf = (tensor: Tensor): number[] => [...tensor.shape];

const constant: Kernel = (t, _, tf) => {
  const { data } = constantValue(t)!;
  return tf.tensor((data as Float32Array).slice(), shapeOf(t), t.dtype);
};

/** How each primitive is computed in TensorFlow.js. */
export const kernels: Readonly<Record<string, Kernel>> = {
  scalar: constant,
  constant,
  stopGradient: unary('clone'),
  withGradient: unary('clone'),
  // Primitives are computed in order of creation: the trigger has been.
  after: unary('clone'),

  neg: unary('neg'),
  exp: unary('exp'),
  log: unary('log'),
  sqrt: unary('sqrt'),
  recip: unary('reciprocal'),
  tanh: unary('tanh'),
  sigmoid: unary('sigmoid'),
  erf: unary('erf'),
  sin: unary('sin'),
  cos: unary('cos'),
  abs: unary('abs'),
  floor: unary('floor'),
  relu: unary('relu'),
  softplus: unary('softplus'),
  step: unary('step'),
  sign: unary('sign'),
  gelu: (_, [x], tf) => tf.mul(tf.mul(x!, 0.5), tf.add(tf.erf(tf.mul(x!, Math.SQRT1_2)), 1)),
  silu: (_, [x], tf) => tf.mul(x!, tf.sigmoid(x!)),
  clip: (t, [x], tf) => tf.clipByValue(x!, attr(t, 'low'), attr(t, 'high')),
  cast: (t, [x], tf) => tf.cast(x!, t.dtype),

  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  // TensorFlow's own division of integers rounds down, not towards zero.
  div: (t, [x, y], tf) =>
    (t.dtype === 'int32' ? tf.cast(tf.div(tf.cast(x!, 'float32'), tf.cast(y!, 'float32')), 'int32') : tf.div(x!, y!)),
  maximum: binary('maximum'),
  minimum: binary('minimum'),
  gtMask: mask('greater'),
  geMask: mask('greaterEqual'),
  eqMask: mask('equal'),
  where: (_, [condition, x, y], tf) => tf.where(tf.cast(condition!, 'bool'), x!, y!),

  sum: (t, [x], tf) => tf.sum(x!, attr<number[]>(t, 'axes'), attr(t, 'keepDims')),
  max: (t, [x], tf) => tf.max(x!, attr<number[]>(t, 'axes'), attr(t, 'keepDims')),
  expand: (t, [x], tf) => tf.broadcastTo(x!, shapeOf(t)),
  reshape: (t, [x], tf) => tf.reshape(x!, shapeOf(t)),
  transpose: (t, [x], tf) => tf.transpose(x!, attr(t, 'order')),
  slice: computeSlice,
  pad: computePad,
  concat: (t, ins, tf) => tf.concat([...ins], attr<number>(t, 'axis')),

  matmul: computeMatmul,
  ridgeWeights: computeRidgeWeights,
  ridgeFeaturesGrad: computeRidgeFeaturesGrad,
  ridgeTargetsGrad: computeRidgeTargetsGrad,
  conv: computeConv,
  convInputGrad: computeConvInputGrad,
  convFilterGrad: computeConvFilterGrad,

  maxPool: computeMaxPool,
  maxPoolTiles: computeMaxPool,
  maxPoolIndices: computeMaxPoolIndices,
  upsample: (t, [x], tf) => {
    const scale = attr<number>(t, 'scale');
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    return tf.reshape(tf.tile(tf.reshape(x!, [n, c, h, 1, w, 1]), [1, 1, 1, scale, 1, scale]), shapeOf(t));
  },
  sumPool: (t, [x], tf) => {
    const scale = attr<number>(t, 'scale');
    const [n, c, h, w] = t.shape as [number, number, number, number];
    return tf.sum(tf.reshape(x!, [n, c, h, scale, w, scale]), [3, 5]);
  },

  gather: (_, [x, indices], tf) => tf.gather(x!, indices!),
  scatterAdd: (t, [g, indices], tf) => {
    const rows = tf.reshape(g!, [indices!.size, ...t.shape.slice(1)]);
    return tf.scatterND(tf.reshape(indices!, [indices!.size, 1]), rows, shapeOf(t));
  },
  scatterFlat: (t, [g, indices], tf) => {
    const count = indices!.size;
    return tf.reshape(tf.scatterND(tf.reshape(indices!, [count, 1]), tf.reshape(g!, [count]), [t.size]), shapeOf(t));
  },
  argmax: (t, [x], tf) => tf.argMax(x!, attr<number>(t, 'axis')),

  softmax: (_, [x], tf) => tf.softmax(x!),
  standardize: (t, [x], tf) => {
    const { mean, variance } = tf.moments(x!, -1, true);
    return tf.mul(tf.sub(x!, mean), inverseRoot(variance, t, tf));
  },
  inverseStd: (t, [x], tf) => inverseRoot(tf.moments(x!, -1, true).variance, t, tf),
  affine: (_, [x, a, b], tf) => tf.add(tf.mul(x!, perChannel(a!, x!, tf)), perChannel(b!, x!, tf)),
  batchNorm: (t, [x, weight, bias], tf) => {
    const { mean, variance } = tf.moments(x!, overChannels(x!), true);
    const scale = tf.mul(inverseRoot(variance, t, tf), perChannel(weight!, x!, tf));
    return tf.add(tf.mul(tf.sub(x!, mean), scale), perChannel(bias!, x!, tf));
  },
  batchMean: (_, [x], tf) => tf.moments(x!, overChannels(x!)).mean,
  batchVariance: (_, [x], tf) => tf.moments(x!, overChannels(x!)).variance,
};

/** 1 / sqrt(variance + eps). */
const inverseRoot = (variance: Value, t: Tensor, tf: TensorFlow): Value => tf.rsqrt(tf.add(variance, attr<number>(t, 'eps')));

/** One value per channel (axis 1), shaped to broadcast over x. */
const perChannel = (v: Value, x: Value, tf: TensorFlow): Value => tf.reshape(v, x.shape.map((_, axis) => (axis === 1 ? -1 : 1)));
const overChannels = (x: Value): number[] => [...x.shape.keys()].filter((axis) => axis !== 1);

function computeSlice(t: Tensor, [x]: readonly Value[], tf: TensorFlow): Value {
  const { starts, ends, steps } = t.attrs as Record<string, number[]>;
  if (steps!.every((step) => step === 1)) return tf.slice(x!, starts!, shapeOf(t));
  // Counting down to and including 0 ends at -1, which would be the last element: such an axis has no end.
  const endMask = ends!.reduce((bits, end, axis) => (end < 0 ? bits | (1 << axis) : bits), 0);
  return tf.stridedSlice(x!, starts!, ends!, steps, 0, endMask);
}

function computePad(t: Tensor, [x]: readonly Value[], tf: TensorFlow): Value {
  const { before, after, between } = t.attrs as Record<string, number[]>;
  const value = attr<number>(t, 'value');
  const spread = between!.reduce((current, count, axis) => dilate(current, axis, count, value, tf), x!);
  return tf.pad(spread, before!.map((n, axis) => [n, after![axis]!]), value);
}

/** `count` elements of `value` between neighbours along an axis. */
function dilate(x: Value, axis: number, count: number, value: number, tf: TensorFlow): Value {
  const n = x.shape[axis]!;
  if (count === 0 || n < 2) return x;
  const [outer, inner] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const cells = tf.reshape(x, [...outer, n, 1, ...inner]);
  const rows = tf.pad(cells, cells.shape.map((_, i) => [0, i === axis + 1 ? count : 0]), value);
  const merged = tf.reshape(rows, [...outer, n * (count + 1), ...inner]);
  return tf.slice(merged, merged.shape.map(() => 0), [...outer, (n - 1) * (count + 1) + 1, ...inner]);
}

/** Leading axes are repeated first: the JavaScript backend counts them modulo each operand's number of matrices. */
function computeMatmul(t: Tensor, [a, b]: readonly Value[], tf: TensorFlow): Value {
  const lead = t.shape.slice(0, -2);
  const spread = (x: Value): Value => tf.broadcastTo(x, [...lead, ...x.shape.slice(-2)]);
  return tf.matMul(spread(a!), spread(b!), attr(t, 'ta'), attr(t, 'tb'));
}

/** x [N, C, H, W] as images of one channel [N C, H + 2 padding, W + 2 padding, 1], with minus infinity around. */
function planes(x: Value, padding: number, tf: TensorFlow): ReturnType<TensorFlow['tensor4d']> {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const frame: [number, number] = [padding, padding];
  return tf.pad(tf.reshape(x, [n * c, h, w, 1]), [[0, 0], frame, frame, [0, 0]], -Infinity);
}

function computeMaxPool(t: Tensor, [x]: readonly Value[], tf: TensorFlow): Value {
  const { size, stride, padding } = t.attrs as Record<string, number>;
  return tf.reshape(tf.maxPool(planes(x!, padding!, tf), size!, stride!, 'valid'), shapeOf(t));
}

/** Position (in row-major order over the whole input) of each window's first maximum. */
function computeMaxPoolIndices(t: Tensor, [x]: readonly Value[], tf: TensorFlow): Value {
  const { size, stride, padding } = t.attrs as { size: number; stride: number; padding: number };
  const [n, c, h, w] = x!.shape as [number, number, number, number];
  const { indexes } = tf.maxPoolWithArgmax(planes(x!, padding, tf), size, stride, 'valid');
  const int = (value: number): Value => tf.scalar(value, 'int32');
  const row = tf.floorDiv(indexes, int(w + 2 * padding));
  const column = tf.sub(indexes, tf.mul(row, int(w + 2 * padding)));
  const within = tf.add(tf.mul(tf.sub(row, int(padding)), int(w)), tf.sub(column, int(padding)));
  const start = tf.mul(tf.reshape(tf.range(0, n * c, 1, 'int32'), [n * c, 1, 1, 1]), int(h * w));
  return tf.reshape(tf.add(within, start), shapeOf(t));
}
