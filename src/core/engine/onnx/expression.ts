import { scalarValue, valueInputs, type Tensor } from '../../graph/index.js';
import { floatBits } from './builder.js';
import { LANES, RESHAPED, type Unit } from './unit.js';

/** Operations of the native operator Expression (`native/fused.h`) by primitive. */
const OPERATIONS: Readonly<Record<string, number>> = {
  add: 0, sub: 1, mul: 2, div: 3, maximum: 4, minimum: 5, neg: 6, recip: 7, sqrt: 8, abs: 9, relu: 10, step: 11, gtMask: 12,
  geMask: 13, eqMask: 14, where: 15, exp: 16, log: 17, tanh: 18, sigmoid: 19, silu: 20, softplus: 21, erf: 22, gelu: 23, sin: 24,
  cos: 25, sign: 26, floor: 27,
};
/** Made of several of them. */
const COMPOSED: ReadonlySet<string> = new Set(['affine', 'clip']);
/** Primitives that leave every element where it is in memory, or repeat it. */
export const SAME_ELEMENTS: ReadonlySet<string> = new Set([...RESHAPED, 'expand']);

/** A shape as [batch, outer, mid, inner], whose first and third axis are some that are named. */
interface Layout {
  readonly batch: number;
  readonly outer: number;
  readonly mid: number;
  readonly inner: number;
}

/** The axes that `is` names as at most two groups, the first of two in front; undefined where they are more. */
function layout(shape: readonly number[], is: (axis: number) => boolean): Layout | undefined {
  const groups = [{ named: true, size: 1 }];
  for (const [axis, extent] of shape.entries()) {
    if (extent === 1) continue;
    if (groups.at(-1)!.named === is(axis)) groups.at(-1)!.size *= extent;
    else groups.push({ named: is(axis), size: extent });
  }
  const [batch, outer, mid, inner = 1, more] = groups.map(({ size }) => size);
  if (more !== undefined) return undefined;
  if (mid === undefined) return { batch: 1, outer: 1, mid: batch!, inner: outer ?? 1 };
  return { batch: batch!, outer: outer!, mid, inner };
}

/** How an input of a node is read at each of the node's elements; undefined where it is repeated in more than two ways. */
function operandLayout(node: Tensor, index: number): Layout | undefined {
  const { shape, size } = node.inputs[index]!;
  if (node.op === 'sum' || node.size === size) return { batch: 1, outer: 1, mid: size, inner: 1 };
  if (node.op === 'affine' && index > 0) return layout(node.shape, (axis) => axis === 1);
  const offset = node.rank - shape.length;
  return layout(node.shape, (axis) => axis >= offset && shape[axis - offset] !== 1);
}

const isFloat = (tensor: Tensor): boolean => tensor.dtype === 'float32';

/** Whether a node can be a part of an expression. */
export function isElementwise(node: Tensor): boolean {
  if (!(node.op in OPERATIONS || COMPOSED.has(node.op) || SAME_ELEMENTS.has(node.op)) || !isFloat(node)) return false;
  return valueInputs(node).every((value, i) => isFloat(value) && operandLayout(node, i) !== undefined);
}

/** Sums that an expression can end in: over the second and the last axis of such a layout. */
export const sumLayout = ({ op, inputs: [x], attrs }: Tensor): Layout | undefined =>
  (op === 'sum' && isFloat(x!) ? layout(x!.shape, (axis) => !(attrs.axes as number[]).includes(axis)) : undefined);

/** A register before its number is known, which depends on how many of each kind there are. */
interface Register {
  readonly kind: 'operand' | 'constant' | 'step';
  readonly index: number;
}

/** The expression that ends in `root` and has other nodes inside; undefined where nothing but constants is computed. */
export function expression(root: Tensor, inside: readonly Tensor[] = []): Unit | undefined {
  const within = new Set(inside);
  const inputs: Tensor[] = [];
  const layouts: (readonly number[])[] = [];
  const constants: number[] = [];
  const steps: { operation: number; operands: Register[] }[] = [];
  const values = new Map<Tensor, Register>();

  const constant = (value: number): Register => {
    const index = constants.findIndex((other) => Object.is(other, value));
    return { kind: 'constant', index: index < 0 ? constants.push(value) - 1 : index };
  };
  const operand = (node: Tensor, i: number): Register => {
    const value = node.inputs[i]!;
    if (within.has(value)) return values.get(value)!;
    const scalar = scalarValue(value);
    if (scalar !== undefined) return constant(scalar);
    const { outer, mid, inner } = operandLayout(node, i)!;
    const lies = [outer * mid * inner, mid, inner];
    const index = inputs.findIndex((other, k) => other === value && layouts[k]!.every((number, at) => number === lies[at]));
    if (index >= 0) return { kind: 'operand', index };
    layouts.push(lies);
    return { kind: 'operand', index: inputs.push(value) - 1 };
  };
  const step = (operation: string, ...operands: Register[]): Register =>
    ({ kind: 'step', index: steps.push({ operation: OPERATIONS[operation]!, operands }) - 1 });
  const compute = (node: Tensor): Register => {
    if (SAME_ELEMENTS.has(node.op)) return operand(node, 0);
    const operands = node.inputs.map((_, i) => operand(node, i));
    if (node.op === 'affine') return step('add', step('mul', operands[0]!, operands[1]!), operands[2]!);
    if (node.op === 'clip') {
      return step('minimum', step('maximum', operands[0]!, constant(node.attrs.low as number)), constant(node.attrs.high as number));
    }
    return step(node.op, ...operands);
  };
  for (const node of inside) values.set(node, compute(node));
  const sum = sumLayout(root);
  if (sum) operand(root, 0);
  else compute(root);
  if (inputs.length === 0) return undefined;

  const { slots, slotOf } = allocate(steps);
  const number = ({ kind, index }: Register): number => {
    if (kind === 'operand') return index;
    return inputs.length + (kind === 'constant' ? index : constants.length + slotOf[index]!);
  };
  const { size } = sum ? root.inputs[0]! : root;
  const { batch, outer, mid, inner } = sum ?? { batch: 1, outer: 1, mid: size, inner: 1 };
  const numbers = [
    size, Number(sum !== undefined), batch, outer, mid, inner,
    inputs.length, constants.length, slots, steps.length,
    ...layouts.flat(),
    ...floatBits(constants),
    ...steps.flatMap(({ operation, operands }, i) => {
      const [x, y = x, z = x] = operands.map(number);
      return [operation, x!, y!, z!, number({ kind: 'step', index: i })];
    }),
  ];
  const split = !sum ? size : batch > 1 ? batch : outer === 1 && inner > 1 ? mid : 1;
  const isLocal = (count: number) => layouts.map(([period, own, repeated]) =>
    (size / period!) % count === 0 || (own! * repeated! === period && own! % count === 0));
  return {
    result: root, inputs, step: {
      operation: 'Expression', numbers, work: size * (steps.length + 1) / LANES,
      blocks: (count) => (split % count === 0 ? isLocal(count) : undefined),
    },
  };
}

/** A place for each step's result, taken again after its last reader. */
function allocate(steps: readonly { operands: readonly Register[] }[]): { slots: number; slotOf: number[] } {
  const lastUse = new Map<number, number>();
  steps.forEach(({ operands }, i) => {
    for (const { kind, index } of operands) if (kind === 'step') lastUse.set(index, i);
  });
  const free: number[] = [];
  const slotOf: number[] = [];
  let slots = 0;
  steps.forEach(({ operands }, i) => {
    const ended = operands.filter(({ kind, index }) => kind === 'step' && lastUse.get(index) === i);
    free.push(...new Set(ended.map(({ index }) => slotOf[index]!)));
    slotOf.push(free.pop() ?? slots++);
  });
  return { slots, slotOf };
}
