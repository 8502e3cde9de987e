import { readFileSync } from 'node:fs';
import { float32, int32, type NdArray } from '../../src/core/array.js';
import * as g from '../../src/core/graph/index.js';
import type { Range, Tensor } from '../../src/core/graph/index.js';

/** test/golden/ops.json, which test/golden/ops.py describes. */
export interface GoldenTensor {
  readonly shape: number[];
  readonly dtype?: 'int32';
  readonly data: number[];
}

export interface PrimitiveCase {
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: readonly GoldenTensor[];
  readonly output: GoldenTensor;
  readonly cotangent: GoldenTensor;
  readonly grads: readonly (GoldenTensor | null)[];
  /** Running statistics after the update, of batchNormTrain. */
  readonly runningMean?: GoldenTensor;
  readonly runningVar?: GoldenTensor;
}

interface Differentiated {
  readonly value: number;
  readonly grads: readonly GoldenTensor[];
}

export interface SecondOrderCase {
  readonly name: string;
  readonly inputs: readonly GoldenTensor[];
  readonly v: GoldenTensor;
  readonly loss: number;
  readonly gradDotV: Differentiated;
  readonly gradSquared: Differentiated;
}

export interface OptimiserCase {
  readonly name: string;
  readonly optimiser: 'sgd' | 'adam' | 'adamw' | 'lamb' | 'lars' | 'larc';
  readonly options: Readonly<Record<string, number | boolean>>;
  readonly parameters: readonly GoldenTensor[];
  readonly gradients: readonly (readonly GoldenTensor[])[];
  readonly after: readonly (readonly GoldenTensor[])[];
}

export const golden = JSON.parse(readFileSync(new URL('../golden/ops.json', import.meta.url), 'utf8')) as {
  primitives: PrimitiveCase[];
  secondOrder: SecondOrderCase[];
  optimisers: OptimiserCase[];
};

export const toArray = ({ shape, dtype, data }: GoldenTensor): NdArray =>
  dtype === 'int32' ? int32(shape, data) : float32(shape, data);

type Build = (...inputs: Tensor[]) => Tensor;
type Attrs = PrimitiveCase['attrs'];

const number = (attrs: Attrs, name: string): number => attrs[name] as number;
const list = (attrs: Attrs, name: string): number[] => attrs[name] as number[];

/** `build` over another axis than the last one. */
const alongAxis = (axis: number, build: Build): Build => (x) => {
  const at = axis < 0 ? axis + x.rank : axis;
  const order = [...[...x.shape.keys()].filter((i) => i !== at), at];
  const y = build(g.transpose(x, order));
  return y.rank === x.rank ? g.transpose(y, order.map((_, i) => order.indexOf(i))) : y;
};

const perChannel = (value: Tensor, x: Tensor): Tensor => value.reshape(x.shape.map((_, axis) => (axis === 1 ? -1 : 1)));

/** The core's convolutions have one stride and padding for both directions; others are padding before and slicing after. */
function conv2d(attrs: Attrs): Build {
  const [stride, padding, dilation] = [list(attrs, 'stride'), list(attrs, 'padding'), list(attrs, 'dilation')];
  const square = stride[0] === stride[1] && padding[0] === padding[1];
  return (x, w, bias) => {
    let y: Tensor;
    if (square) {
      y = g.conv2d(x!, w!, { stride: stride[0], padding: padding[0], dilation: dilation[0], groups: number(attrs, 'groups') });
    } else {
      const padded = g.pad(x!, [null, null, ...padding.map((n) => [n, n] as const)]);
      const dense = g.conv2d(padded, w!, { dilation: dilation[0], groups: number(attrs, 'groups') });
      y = dense.slice([null, null, ...stride.map((by, i): Range => [0, dense.shape[2 + i]!, by])]);
    }
    return bias ? y.add(perChannel(bias, y)) : y;
  };
}

/** PyTorch's bins: row i of `n` averages rows floor(i h / n) to ceil((i + 1) h / n). */
function adaptiveAvgPool(x: Tensor, size: readonly number[]): Tensor {
  const bins = (axis: number): Range[] => Array.from({ length: size[axis]! }, (_, i): Range => {
    const extent = x.shape[2 + axis]!;
    return [Math.floor((i * extent) / size[axis]!), Math.ceil(((i + 1) * extent) / size[axis]!)];
  });
  return g.concat(bins(0).map((rows) =>
    g.concat(bins(1).map((columns) => x.slice([null, null, rows, columns]).mean([2, 3], true)), 3)), 2);
}

/** Powers have no primitive of their own. */
const powers: Readonly<Record<string, Build>> = {
  2: (x) => x.square(), 3: (x) => x.square().mul(x), 0.5: (x) => x.sqrt(), '-1.5': (x) => g.recip(x.mul(x.sqrt())),
};

const direct = ['neg', 'exp', 'tanh', 'sigmoid', 'erf', 'sin', 'cos', 'abs', 'relu', 'gelu', 'silu', 'softplus', 'log', 'sqrt',
  'recip', 'add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'gather'] as const;

/** The graph calls that each golden operation stands for, given its attributes. */
const calls: Readonly<Record<string, (attrs: Attrs) => Build>> = {
  ...Object.fromEntries(direct.map((op) => [op, () => g[op] as Build])),
  pow: (a) => powers[number(a, 'exponent')]!,
  sum: (a) => (x) => x.sum(list(a, 'axes'), a.keepdims as boolean),
  mean: (a) => (x) => x.mean(list(a, 'axes'), a.keepdims as boolean),
  max: (a) => (x) => x.max(list(a, 'axes'), a.keepdims as boolean),
  reshape: (a) => (x) => x.reshape(list(a, 'shape')),
  transpose: (a) => (x) => x.transpose(list(a, 'perm')),
  slice: (a) => (x) => x.slice(list(a, 'starts').map((start, i): Range => [start, list(a, 'ends')[i]!, list(a, 'steps')[i]!])),
  pad: (a) => (x) => g.pad(x, list(a, 'lo').map((low, i) => [low, list(a, 'hi')[i]!, list(a, 'interior')[i]!] as const)),
  concat: (a) => (...xs) => g.concat(xs, number(a, 'axis')),
  matmul: (a) => (x, y) => x.matmul(y, { ta: a.transposeA as boolean, tb: a.transposeB as boolean }),
  conv2d,
  scatterAdd: (a) => (updates, rows) => g.scatterAdd(updates!, rows!, number(a, 'rows')),
  maxPool2d: (a) => (x) => g.maxPool2d(x, { size: list(a, 'kernel')[0]!, stride: list(a, 'stride')[0]!, padding: list(a, 'padding')[0]! }),
  // A remainder of rows or columns that fills no window is cut off first.
  avgPool2d: (a) => (x) => {
    const size = list(a, 'kernel')[0]!;
    return g.avgPool2d(x.slice([null, null, ...x.shape.slice(2).map((n): Range => [0, n - (n % size)])]), size);
  },
  upsampleNearest: (a) => (x) => g.upsample(x, number(a, 'scale')),
  adaptiveAvgPool2d: (a) => (x) => adaptiveAvgPool(x, list(a, 'size')),
  softmax: (a) => alongAxis(number(a, 'axis'), g.softmax as Build),
  logSumExp: (a) => alongAxis(number(a, 'axis'), (x) => g.logSumExp(x)),
  l2Normalize: (a) => alongAxis(number(a, 'axis'), (x) => g.l2Normalize(x, number(a, 'eps'))),
  layerNorm: (a) => (x, w, b) => g.standardize(x!, number(a, 'eps')).mul(w!).add(b!),
  groupNorm: (a) => (x, w, b) => {
    const rows = x!.reshape([x!.shape[0]!, number(a, 'groups'), -1]);
    return g.affine(g.standardize(rows, number(a, 'eps')).reshape(x!.shape), w!, b!);
  },
  batchNormTrain: (a) => (x, w, b) => g.batchNorm(x!, w!, b!, number(a, 'eps')).y,
  batchNormEval: (a) => (x, w, b) => {
    const [mean, variance] = [a.runningMean, a.runningVar].map((t) => g.constant(toArray(t as GoldenTensor)));
    return g.batchNormInference(x!, w!, b!, mean!, variance!, number(a, 'eps'));
  },
  crossEntropy: () => (scores, labels) => g.logSumExp(scores!).sub(g.pick(scores!, labels!)).mean(),
};

/** A golden case as a graph function of its inputs; throws where the operation is unknown, so that none is left out unseen. */
export function buildOf({ name, op, attrs }: PrimitiveCase): Build {
  const call = calls[op];
  if (!call) throw new Error(`golden case '${name}' has the operation ${op}, which no graph call stands for`);
  return call(attrs);
}

/** The case's value and the gradients of sum(value * cotangent) with respect to its float32 inputs. */
export const valueAndGradients = (entry: PrimitiveCase) => (...inputs: Tensor[]): Tensor[] => {
  const y = buildOf(entry)(...inputs);
  const wanted = inputs.filter((_, i) => entry.grads[i]);
  return [y, ...g.vjp([y], [g.constant(toArray(entry.cotangent))], wanted)];
};

/** What `valueAndGradients` should give. */
export const expectedOf = ({ output, grads }: PrimitiveCase): GoldenTensor[] => [output, ...grads.filter((t) => t !== null)];
