import { defineGradient, unbroadcast } from './grad.js';
import {
  broadcastShapes, constant, node, normalizeAxes, scalarValue, Tensor, TraceError, formatShape, sameShape,
  type GraphDtype, type Shape,
} from './tensor.js';

/** What arithmetic takes: a tensor or a number. */
export type Operand = Tensor | number;

export const asTensor = (value: Operand, dtype: GraphDtype = 'float32'): Tensor =>
  typeof value === 'number' ? constant(value, dtype) : value;

// --- unary -----------------------------------------------------------------------------------------------------------

const unary = (op: string) => (x: Tensor): Tensor => {
  if (x.dtype !== 'float32') throw new TraceError(op, `takes float32, but was given ${x.dtype}; use cast`);
  return node(op, [x], {}, x.shape);
};

export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
/** 1/x. */
export const recip = unary('recip');
export const tanh = unary('tanh');
export const sigmoid = unary('sigmoid');
export const erf = unary('erf');
export const sin = unary('sin');
export const cos = unary('cos');
export const abs = unary('abs');
/** -1, 0 or 1; its gradient is zero. */
export const sign = unary('sign');
/** Largest integer not above x; its gradient is zero. */
export const floor = unary('floor');
export const relu = unary('relu');
/** 1 where x > 0, else 0; its gradient is zero. */
export const step = unary('step');
/** x Φ(x) with the exact error function (Hendrycks & Gimpel 2016). */
export const gelu = unary('gelu');
/** x σ(x), also called swish. */
export const silu = unary('silu');
/** log(1 + exp x), without overflow. */
export const softplus = unary('softplus');

export function neg(x: Tensor): Tensor {
  const value = scalarValue(x);
  if (value !== undefined) return constant(-value);
  return x.op === 'neg' ? x.inputs[0]! : node('neg', [x], {}, x.shape, x.dtype);
}

export const square = (x: Tensor): Tensor => mul(x, x);
export const rsqrt = (x: Tensor): Tensor => recip(sqrt(x));
/** log σ(x) = -softplus(-x). */
export const logSigmoid = (x: Tensor): Tensor => neg(softplus(neg(x)));

/** x limited to [low, high]; the gradient is zero outside. */
export const clip = (x: Tensor, low: number, high: number): Tensor => node('clip', [x], { low, high }, x.shape);

/** x in another dtype; float32 to int32 truncates. No gradient passes. */
export const cast = (x: Tensor, dtype: GraphDtype): Tensor =>
  x.dtype === dtype ? x : node('cast', [x], { dtype }, x.shape, dtype);

/** The same value, through which no gradient passes (`detach`, `sg`). */
export const stopGradient = (x: Tensor): Tensor =>
  x.op === 'stopGradient' || x.op === 'scalar' ? x : node('stopGradient', [x], {}, x.shape, x.dtype);

defineGradient('neg', (_, g) => [neg(g)]);
defineGradient('exp', (y, g) => [mul(g, y)]);
defineGradient('log', ({ inputs: [x] }, g) => [div(g, x!)]);
defineGradient('sqrt', (y, g) => [div(mul(g, 0.5), y)]);
defineGradient('recip', (y, g) => [neg(mul(g, mul(y, y)))]);
defineGradient('tanh', (y, g) => [mul(g, sub(1, mul(y, y)))]);
defineGradient('sigmoid', (y, g) => [mul(g, mul(y, sub(1, y)))]);
defineGradient('erf', ({ inputs: [x] }, g) => [mul(g, mul(exp(neg(square(x!))), 2 / Math.sqrt(Math.PI)))]);
defineGradient('sin', ({ inputs: [x] }, g) => [mul(g, cos(x!))]);
defineGradient('cos', ({ inputs: [x] }, g) => [neg(mul(g, sin(x!)))]);
defineGradient('abs', ({ inputs: [x] }, g) => [mul(g, sign(x!))]);
defineGradient('sign', () => [undefined]);
defineGradient('floor', () => [undefined]);
defineGradient('step', () => [undefined]);
// relu(x) > 0 exactly where x > 0, and using the output lets the input's buffer go early.
defineGradient('relu', (y, g) => [mul(g, step(y))]);
defineGradient('gelu', ({ inputs: [x] }, g) => {
  const cdf = mul(add(erf(mul(x!, Math.SQRT1_2)), 1), 0.5);
  const density = mul(exp(mul(square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return [mul(g, add(cdf, mul(x!, density)))];
});
defineGradient('silu', ({ inputs: [x] }, g) => {
  const s = sigmoid(x!);
  return [mul(g, mul(s, add(mul(x!, sub(1, s)), 1)))];
});
defineGradient('softplus', ({ inputs: [x] }, g) => [mul(g, sigmoid(x!))]);
defineGradient('clip', ({ inputs: [x], attrs }, g) => [
  mul(g, mul(ge(x!, attrs.low as number), ge(attrs.high as number, x!))),
]);
defineGradient('cast', () => [undefined]);
defineGradient('stopGradient', () => [undefined]);

// --- binary, with numpy broadcasting ---------------------------------------------------------------------------------

/** Both operands as tensors of one dtype, and the shape they broadcast to; throws naming the operation. */
function operands(op: string, a: Operand, b: Operand): { inputs: [Tensor, Tensor]; shape: number[]; dtype: GraphDtype } {
  const dtype = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
  const x = asTensor(a, dtype);
  const y = asTensor(b, dtype);
  if (x.dtype !== y.dtype) {
    throw new TraceError(op, `${x.dtype} ${formatShape(x.shape)} and ${y.dtype} ${formatShape(y.shape)} differ in dtype`);
  }
  return { inputs: [x, y], shape: broadcastShapes(op, x.shape, y.shape), dtype };
}

function binary(op: string, a: Operand, b: Operand): Tensor {
  const { inputs, shape, dtype } = operands(op, a, b);
  return node(op, inputs, {}, shape, dtype);
}

/** Whether `value` is the constant `number`, so that an operation with it can be left out. */
const is = (value: Operand, number: number): boolean =>
  (typeof value === 'number' ? value : scalarValue(value)) === number;

const both = (a: Operand, b: Operand): [number, number] | undefined => {
  const x = typeof a === 'number' ? a : scalarValue(a);
  const y = typeof b === 'number' ? b : scalarValue(b);
  return x === undefined || y === undefined ? undefined : [x, y];
};

export function add(a: Operand, b: Operand): Tensor {
  const values = both(a, b);
  if (values) return constant(values[0] + values[1]);
  if (is(b, 0)) return a as Tensor;
  if (is(a, 0)) return b as Tensor;
  return binary('add', a, b);
}

export function sub(a: Operand, b: Operand): Tensor {
  const values = both(a, b);
  if (values) return constant(values[0] - values[1]);
  if (is(b, 0)) return a as Tensor;
  if (is(a, 0)) return neg(b as Tensor);
  return binary('sub', a, b);
}

export function mul(a: Operand, b: Operand): Tensor {
  const values = both(a, b);
  if (values) return constant(values[0] * values[1]);
  if (is(b, 1)) return a as Tensor;
  if (is(a, 1)) return b as Tensor;
  if (is(b, -1)) return neg(a as Tensor);
  if (is(a, -1)) return neg(b as Tensor);
  // (x * p) * q = x * (p q): chains of scalars are one multiplication.
  const [x, factor] = typeof b === 'number' || scalarValue(b) !== undefined ? [a, b] : [b, a];
  const scale = typeof factor === 'number' ? factor : scalarValue(factor);
  if (scale !== undefined && x instanceof Tensor && x.op === 'mul') {
    const inner = scalarValue(x.inputs[1]!);
    if (inner !== undefined) return mul(x.inputs[0]!, inner * scale);
  }
  return scale === undefined ? binary('mul', a, b) : binary('mul', x, factor);
}

export function div(a: Operand, b: Operand): Tensor {
  const values = both(a, b);
  if (values) return constant(values[0] / values[1]);
  const divisor = typeof b === 'number' ? b : scalarValue(b);
  if (divisor !== undefined) return mul(a, 1 / divisor);
  return is(a, 1) ? recip(b as Tensor) : binary('div', a, b);
}

export const maximum = (a: Operand, b: Operand): Tensor => binary('maximum', a, b);
export const minimum = (a: Operand, b: Operand): Tensor => binary('minimum', a, b);
/** 1 where a > b, else 0, as float32; no gradient passes. */
export const gt = (a: Operand, b: Operand): Tensor => mask('gt', a, b);
/** 1 where a >= b, else 0, as float32; no gradient passes. */
export const ge = (a: Operand, b: Operand): Tensor => mask('ge', a, b);
/** 1 where a = b, else 0, as float32; no gradient passes. */
export const eq = (a: Operand, b: Operand): Tensor => mask('eq', a, b);

function mask(op: string, a: Operand, b: Operand): Tensor {
  const { inputs, shape } = operands(op, a, b);
  return node(`${op}Mask`, inputs, {}, shape);
}

/** a where `condition` is not 0, else b; only the chosen side gets a gradient. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const x = asTensor(a);
  const y = asTensor(b);
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', x.shape, y.shape));
  return node('where', [condition, x, y], {}, shape);
}

defineGradient('add', ({ inputs: [a, b] }, g) => [unbroadcast(g, a!.shape), unbroadcast(g, b!.shape)]);
defineGradient('sub', ({ inputs: [a, b] }, g, needs) => [
  unbroadcast(g, a!.shape), needs[1] ? unbroadcast(neg(g), b!.shape) : undefined,
]);
defineGradient('mul', ({ inputs: [a, b] }, g, needs) => [
  needs[0] ? unbroadcast(mul(g, b!), a!.shape) : undefined,
  needs[1] ? unbroadcast(mul(g, a!), b!.shape) : undefined,
]);
defineGradient('div', (y, g, needs) => {
  const [a, b] = y.inputs as [Tensor, Tensor];
  const share = div(g, b);
  return [unbroadcast(share, a.shape), needs[1] ? unbroadcast(neg(mul(share, y)), b.shape) : undefined];
});
// At a tie each side gets half, as in PyTorch.
defineGradient('maximum', (y, g, needs) => chosenSide(y, g, needs));
defineGradient('minimum', (y, g, needs) => chosenSide(y, g, needs));
defineGradient('gtMask', () => [undefined, undefined]);
defineGradient('geMask', () => [undefined, undefined]);
defineGradient('eqMask', () => [undefined, undefined]);
defineGradient('where', ({ inputs: [condition, a, b] }, g, needs) => [
  undefined,
  needs[1] ? unbroadcast(where(condition!, g, 0), a!.shape) : undefined,
  needs[2] ? unbroadcast(where(condition!, 0, g), b!.shape) : undefined,
]);

function chosenSide(y: Tensor, g: Tensor, needs: readonly boolean[]): (Tensor | undefined)[] {
  const [a, b] = y.inputs as [Tensor, Tensor];
  const better = y.op === 'maximum' ? gt(a, b) : gt(b, a);
  const share = add(better, mul(eq(a, b), 0.5));
  return [
    needs[0] ? unbroadcast(mul(g, share), a.shape) : undefined,
    needs[1] ? unbroadcast(mul(g, sub(1, share)), b.shape) : undefined,
  ];
}

// --- broadcasting and reduction, each other's gradients --------------------------------------------------------------

type Axes = number | readonly number[];

const reduced = (shape: Shape, axes: readonly number[], keepDims: boolean): number[] =>
  keepDims ? shape.map((n, axis) => (axes.includes(axis) ? 1 : n)) : shape.filter((_, axis) => !axes.includes(axis));

function reduction(op: string, x: Tensor, axes: Axes | undefined, keepDims: boolean): Tensor {
  const list = normalizeAxes(op, axes, x.rank);
  if (list.length === 0) return x;
  return node(op, [x], { axes: list, keepDims }, reduced(x.shape, list, keepDims), x.dtype);
}

/** Sum over `axes` (all of them where left out). */
export const sum = (x: Tensor, axes?: Axes, keepDims = false): Tensor => reduction('sum', x, axes, keepDims);
/** Largest element over `axes` (all of them where left out); tied elements share the gradient equally. */
export const max = (x: Tensor, axes?: Axes, keepDims = false): Tensor => reduction('max', x, axes, keepDims);
export const min = (x: Tensor, axes?: Axes, keepDims = false): Tensor => neg(max(neg(x), axes, keepDims));

export function mean(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  const count = normalizeAxes('mean', axes, x.rank).reduce((product, axis) => product * x.shape[axis]!, 1);
  return mul(sum(x, axes, keepDims), 1 / count);
}

/** Population variance (divides by n) over `axes`. */
export const variance = (x: Tensor, axes?: Axes, keepDims = false): Tensor =>
  mean(square(sub(x, mean(x, axes, true))), axes, keepDims);

/** x repeated to `shape` by numpy's broadcasting rule. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
    throw new TraceError('expand', `${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
  }
  return sameShape(x.shape, shape) ? x : node('expand', [x], { shape }, shape, x.dtype);
}

/** A reduced gradient back over the axes that were summed away. */
function spread(x: Tensor, attrs: Tensor['attrs'], shape: Shape): Tensor {
  return attrs.keepDims ? x : node('reshape', [x], {}, reduced(shape, attrs.axes as number[], true));
}

defineGradient('sum', ({ inputs: [x], attrs }, g) => [expand(spread(g, attrs, x!.shape), x!.shape)]);
defineGradient('max', (y, g) => {
  const x = y.inputs[0]!;
  const isMax = eq(x, spread(y, y.attrs, x.shape));
  const ties = sum(isMax, y.attrs.axes as number[], true);
  return [mul(isMax, div(spread(g, y.attrs, x.shape), ties))];
});
defineGradient('expand', ({ inputs: [x] }, g) => [unbroadcast(g, x!.shape)]);
