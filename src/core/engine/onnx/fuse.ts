import { sizeOf } from '../../array.js';
import { scalarValue, valueInputs, type Tensor } from '../../graph/index.js';
import { biasedConvs } from './conv.js';
import { biasedProducts } from './product.js';
import { floatBits, type OnnxBuilder } from './builder.js';

/** Nodes that are written as one, in the place of the last of them. */
export interface Fusion {
  /** The others, which have no value of their own. */
  readonly inside: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  /** Whose name the node gets. */
  readonly named: Tensor;
  emit(inputs: readonly string[], b: OnnxBuilder): string;
}

/** What is written as one among nodes in their order, by the last node of each; values of `written` are needed outside. */
export function fusions(nodes: readonly Tensor[], written: ReadonlySet<Tensor>, b: OnnxBuilder): Map<Tensor, Fusion> {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of nodes) {
    for (const value of valueInputs(node)) {
      const known = readers.get(value);
      if (known) known.push(node);
      else readers.set(value, [node]);
    }
  }
  const found = new Map<Tensor, Fusion>();
  const taken = new Set<Tensor>();
  const add = (last: Tensor, fusion: Fusion) => {
    found.set(last, fusion);
    for (const node of [last, ...fusion.inside]) taken.add(node);
  };
  const readOnlyBy = (value: Tensor, reader: Tensor) =>
    !written.has(value) && readers.get(value)!.every((other) => other === reader);
  for (const [sum, fusion] of biasedConvs(nodes, readOnlyBy, b)) add(sum, fusion);
  for (const [last, fusion] of biasedProducts(nodes, readers, readOnlyBy, b)) add(last, fusion);
  if (b.how.native) {
    for (const node of nodes) {
      const fusion = poolGradient(node, readOnlyBy);
      if (fusion) add(node, fusion);
    }
    for (const [root, fusion] of expressions(nodes.filter((node) => !taken.has(node)), readers, written)) found.set(root, fusion);
  }
  return found;
}

/** The gradient of a maximum over tiles (`maxPoolTiles`): mask by equality times gradient, both as large as the map. */
function poolGradient(node: Tensor, readOnlyBy: (value: Tensor, reader: Tensor) => boolean): Fusion | undefined {
  if (node.op !== 'mul') return undefined;
  const [mask, spread] = node.inputs as [Tensor, Tensor];
  if (mask.op !== 'eqMask' || spread.op !== 'upsample' || !readOnlyBy(mask, node) || !readOnlyBy(spread, node)) return undefined;
  const [largest, x] = mask.inputs as [Tensor, Tensor];
  const pooled = largest.inputs[0];
  const scale = spread.attrs.scale as number;
  if (largest.op !== 'upsample' || largest.attrs.scale !== scale) return undefined;
  const isPool = pooled!.op === 'maxPoolTiles' && pooled!.inputs[0] === x;
  if (!isPool || !readOnlyBy(largest, mask)) return undefined;
  return {
    inside: [mask, spread, largest], inputs: [x, pooled!, spread.inputs[0]!], named: node,
    emit: (inputs, b) => b.native('MaxPoolGrad', inputs, node.shape, [scale]),
  };
}

// --- element-wise expressions ---------------------------------------------------------------------------------------

/** Operations of the native operator Expression (`native/fused.h`) by primitive. */
const OPERATIONS: Readonly<Record<string, number>> = {
  add: 0, sub: 1, mul: 2, div: 3, maximum: 4, minimum: 5, neg: 6, recip: 7, sqrt: 8, abs: 9, relu: 10, step: 11, gtMask: 12,
  geMask: 13, eqMask: 14, where: 15,
};
/** Made of several of them. */
const COMPOSED: ReadonlySet<string> = new Set(['affine', 'clip']);
/** Primitives that leave every element where it is in memory, or repeat it. */
const SAME_ELEMENTS: ReadonlySet<string> = new Set(['reshape', 'stopGradient', 'withGradient', 'expand']);

/** Nodes of one expression at most. */
const MAX_NODES = 128;

/** How an operand lies in an expression: element i takes element floor(i / inner) mod `mid` of it. */
interface Layout {
  readonly inner: number;
  readonly mid: number;
}

/** The axes from the first to the last that `is` names, as the middle of three; undefined where another lies between them. */
function middle(shape: readonly number[], is: (axis: number) => boolean): (Layout & { outer: number }) | undefined {
  const axes = [...shape.keys()].filter((axis) => shape[axis] !== 1);
  const named = axes.filter(is);
  if (named.length === 0) return { outer: 1, mid: 1, inner: sizeOf(shape) };
  const [first, last] = [named[0]!, named.at(-1)!];
  if (axes.some((axis) => axis > first && axis < last && !is(axis))) return undefined;
  const between = (from: number, to?: number) => sizeOf(shape.slice(from, to));
  return { outer: between(0, first), mid: between(first, last + 1), inner: between(last + 1) };
}

/** How an input of a node is read at each of the node's elements; undefined where that is more than one repetition. */
function layoutOf(node: Tensor, index: number): Layout | undefined {
  const { shape, size } = node.inputs[index]!;
  if (node.op === 'sum' || node.size === size) return { inner: 1, mid: size };
  if (node.op === 'affine' && index > 0) return middle(node.shape, (axis) => axis === 1);
  const offset = node.rank - shape.length;
  return middle(node.shape, (axis) => axis >= offset && shape[axis - offset] !== 1);
}

const isFloat = (tensor: Tensor): boolean => tensor.dtype === 'float32';

/** Whether a node can be a part of an expression. */
function isElementwise(node: Tensor): boolean {
  if (!(node.op in OPERATIONS || COMPOSED.has(node.op) || SAME_ELEMENTS.has(node.op)) || !isFloat(node)) return false;
  return valueInputs(node).every((value, i) => isFloat(value) && layoutOf(node, i) !== undefined);
}

/** Sums that an expression can end in: over the axes before and after some. */
const sumLayout = ({ op, inputs: [x], attrs }: Tensor): ReturnType<typeof middle> =>
  (op === 'sum' && isFloat(x!) ? middle(x!.shape, (axis) => !(attrs.axes as number[]).includes(axis)) : undefined);

/**
 * Expressions with one result: a node is a part of the one that all its readers are in, so that nothing is computed twice and
 * nothing in between is needed elsewhere. What an expression ends in is a primitive of its own or a sum.
 */
function expressions(
  nodes: readonly Tensor[], readers: ReadonlyMap<Tensor, readonly Tensor[]>, written: ReadonlySet<Tensor>,
): Map<Tensor, Fusion> {
  const rootOf = new Map<Tensor, Tensor>();
  const members = new Map<Tensor, Tensor[]>();
  const extent = (root: Tensor) => (root.op === 'sum' ? root.inputs[0]! : root).size;
  for (const node of [...nodes].reverse()) {
    const elementwise = isElementwise(node);
    const readIn = new Set((readers.get(node) ?? []).map((reader) => rootOf.get(reader)));
    const [root] = readIn;
    const joins = elementwise && readIn.size === 1 && root !== undefined && !written.has(node) && extent(root) === node.size
      && members.get(root)!.length < MAX_NODES;
    if (joins) {
      rootOf.set(node, root);
      members.get(root)!.push(node);
    } else if ((elementwise && !SAME_ELEMENTS.has(node.op)) || sumLayout(node)) {
      rootOf.set(node, node);
      members.set(node, []);
    }
  }
  const found = new Map<Tensor, Fusion>();
  for (const [root, others] of members) {
    const computing = [root, ...others].filter(({ op }) => !SAME_ELEMENTS.has(op));
    // A single operation is the runtime's, but where that rounds in another order than an expression.
    if (computing.length === 1 && root.op !== 'sum' && root.op !== 'affine') continue;
    const fusion = expression(root, [...others].reverse());
    if (fusion) found.set(root, fusion);
  }
  return found;
}

/** A register before its number is known, which depends on how many of each kind there are. */
interface Register {
  readonly kind: 'operand' | 'constant' | 'step';
  readonly index: number;
}

/** Undefined where nothing but constants is computed. */
function expression(root: Tensor, inside: readonly Tensor[]): Fusion | undefined {
  const within = new Set(inside);
  const inputs: Tensor[] = [];
  const layouts: Layout[] = [];
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
    const { inner, mid } = layoutOf(node, i)!;
    const index = inputs.findIndex((other, k) => other === value && layouts[k]!.inner === inner && layouts[k]!.mid === mid);
    if (index >= 0) return { kind: 'operand', index };
    layouts.push({ inner, mid });
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
  const { outer, mid, inner } = sum ?? { outer: 1, mid: size, inner: 1 };
  const numbers = [
    root.rank, ...root.shape, size, Number(sum !== undefined), outer, mid, inner,
    inputs.length, constants.length, slots, steps.length,
    ...layouts.flatMap((layout) => [layout.inner, layout.mid]),
    ...floatBits(constants),
    ...steps.flatMap(({ operation, operands }, i) => {
      const [x, y = x, z = x] = operands.map(number);
      return [operation, x!, y!, z!, number({ kind: 'step', index: i })];
    }),
  ];
  return { inside, inputs, named: root, emit: (ins, b) => b.native('Expression', ins, root.shape, numbers) };
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
