import { sizeOf } from '../../array.js';
import type { Tensor } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import type { Fusion } from './fuse.js';
import { LANES, type Step, type Unit } from './unit.js';

/** Extents of a product below which vectors of columns, or blocks of rows, would be filled up with zeros. */
const [MIN_COLUMNS, MIN_ROWS] = [8, 4];

interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** The extents of a product of two matrices, or of stacks of as many as there are results; undefined for other nodes. */
function extentsOf({ op, inputs, attrs, shape }: Tensor): Extents | undefined {
  if (op !== 'matmul') return undefined;
  const [m, n] = shape.slice(-2) as [number, number];
  const k = inputs[0]!.shape.at(attrs.ta ? -2 : -1)!;
  const batch = sizeOf(shape.slice(0, -2));
  return inputs.every((x) => x.rank === 2 || sizeOf(x.shape.slice(0, -2)) === batch) ? { batch, m, k, n } : undefined;
}

/** The same where byo's own operator is as fast as the runtime's, or faster. */
function nativeExtents(t: Tensor, b: OnnxBuilder): Extents | undefined {
  const extents = b.how.native ? extentsOf(t) : undefined;
  return extents && extents.m >= MIN_ROWS && extents.n >= MIN_COLUMNS ? extents : undefined;
}

/** What follows a product within the same step: a bias of its columns, a rectifier, the gate of a rectifier's gradient. */
interface Ending {
  readonly bias?: Tensor;
  /** From the bias of one product of a stack to that of the next. */
  readonly biasStep?: number;
  readonly rectified?: boolean;
  /** The result is 0 where this is not positive. */
  readonly gate?: Tensor;
}

/** The step of a product with its inputs in the order of `native/product.h`; `result` is the last of what is written as one. */
function unit(t: Tensor, { batch, m, k, n }: Extents, { bias, biasStep = 0, rectified, gate }: Ending = {}, result = t): Unit {
  const [a, b] = t.inputs as [Tensor, Tensor];
  const operands = [...(bias ? [bias] : []), ...(gate ? [gate] : [])];
  const flags = [bias !== undefined, rectified === true, gate !== undefined].map(Number);
  const [aStep, bStep] = [a.rank === 2 ? 0 : m * k, b.rank === 2 ? 0 : k * n];
  const { ta, tb } = t.attrs as { ta: boolean; tb: boolean };
  // A column is a row in memory: that of the transposed product, whose columns fill vectors.
  const isColumn = n === 1 && m > 1 && !bias;
  const rows = isColumn ? 1 : m;
  const isLocal = [
    ...(isColumn ? [bStep > 0, aStep > 0] : batch > 1 ? [aStep > 0, bStep > 0] : [!ta, false]),
    ...(bias ? [biasStep > 0] : []), ...(gate ? [true] : []),
  ];
  const extents = isColumn ? [batch, 1, k, m, 0, Number(!ta)] : [batch, m, k, n, Number(ta), Number(tb)];
  const step: Step = {
    operation: 'Product', numbers: [...extents, ...flags, ...(isColumn ? [bStep, aStep] : [aStep, bStep]), biasStep],
    work: batch * m * k * n / LANES,
    blocks: (count) => ((batch > 1 ? batch : rows) % count === 0 ? isLocal : undefined),
  };
  return { result, inputs: [...(isColumn ? [b, a] : [a, b]), ...operands], step };
}

/** A product as a step, however small it is; undefined for what is none. */
export function product(t: Tensor): Unit | undefined {
  const extents = extentsOf(t);
  return extents && unit(t, extents);
}

/** 0 for a bias of all products alike, n for one that each of a stack has to itself; undefined for what is neither. */
function biasStepOf({ shape, size }: Tensor, { batch, n }: Extents): number | undefined {
  if (shape.at(-1) !== n) return undefined;
  if (size === n) return 0;
  return size === batch * n && shape.at(-2) === 1 ? n : undefined;
}

/** Products by byo's own operator, with what follows of which nothing else is read. */
export function products(
  nodes: readonly Tensor[], readers: ReadonlyMap<Tensor, readonly Tensor[]>,
  readOnlyBy: (value: Tensor, reader: Tensor) => boolean, b: OnnxBuilder,
): Map<Tensor, Fusion> {
  const found = new Map<Tensor, Fusion>();
  const taken = new Set<Tensor>();
  const add = (t: Tensor, between: readonly Tensor[], { result, inputs, step }: Unit) => {
    taken.add(t);
    found.set(result, { inside: [...(t === result ? [] : [t]), ...between], inputs, named: t, as: step });
  };
  /** The product behind a value that only `reader` reads, and the reshape between them if there is one. */
  const productRead = (value: Tensor, reader: Tensor) => {
    const t = value.op === 'reshape' ? value.inputs[0]! : value;
    const extents = nativeExtents(t, b);
    if (!extents || taken.has(t) || value.size !== reader.size || !readOnlyBy(value, reader)) return undefined;
    if (t === value) return { t, extents, between: [] };
    return readOnlyBy(t, value) ? { t, extents, between: [value] } : undefined;
  };
  for (const node of nodes) {
    const [x, y] = node.inputs as [Tensor, Tensor];
    if (node.op === 'add') {
      const read = productRead(x, node);
      const biasStep = read && x.shape.at(-1) === read.extents.n ? biasStepOf(y, read.extents) : undefined;
      if (biasStep === undefined) continue;
      const [next] = readers.get(node) ?? [];
      const rectified = next?.op === 'relu' && readOnlyBy(node, next);
      const { t, extents, between } = read!;
      const ending: Ending = { bias: y, biasStep, rectified };
      if (rectified) add(t, [...between, node], unit(t, extents, ending, next));
      else add(t, between, unit(t, extents, ending, node));
    } else if (node.op === 'mul') {
      for (const [value, open] of [[x, y], [y, x]] as const) {
        const read = open.op === 'step' && open.size === node.size ? productRead(value, node) : undefined;
        if (!read) continue;
        const { t, extents, between } = read;
        const gate = open.inputs[0]!;
        add(t, readOnlyBy(open, node) ? [...between, open] : between, unit(t, extents, { gate }, node));
        break;
      }
    }
  }
  for (const t of nodes) {
    const extents = taken.has(t) ? undefined : nativeExtents(t, b);
    if (extents) add(t, [], unit(t, extents));
  }
  return found;
}
