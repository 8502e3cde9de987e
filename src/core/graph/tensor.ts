import { ndarray, sizeOf, type NdArray } from '../array.js';
import { ByoError } from '../errors.js';
import { callSite, describeSite, type CallSite } from './source.js';

/**
 * Symbolic tensors of static shape. A Tensor is a node of a graph: the result of one primitive applied to other
 * tensors. Nodes are hash-consed, so the same primitive on the same inputs is the same node (common-subexpression
 * elimination by construction), and they are numbered in order of creation, which is a topological order.
 */
export type GraphDtype = 'float32' | 'int32';
export type Shape = readonly number[];
export type AttrValue = string | number | boolean | readonly number[] | undefined;
export type Attrs = Readonly<Record<string, AttrValue>>;

export class Tensor {
  /** Only `Trace.node` makes tensors. */
  constructor(
    readonly trace: Trace,
    readonly id: number,
    readonly op: string,
    readonly inputs: readonly Tensor[],
    readonly attrs: Attrs,
    readonly shape: Shape,
    readonly dtype: GraphDtype,
    readonly site: CallSite | undefined,
  ) {}

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  toString(): string {
    return `${this.op}#${this.id} ${this.dtype} ${formatShape(this.shape)}`;
  }
}

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/**
 * A gradient by hand: from a value's gradient those of its inputs (undefined: zero); `needs` tells which are asked for. The
 * inputs are given, since `remat` applies the rule to others than those of the first time.
 */
export type Vjp = (gradient: Tensor, needs: readonly boolean[], inputs: readonly Tensor[]) => (Tensor | undefined)[];

/** The graph under construction. */
export class Trace {
  readonly nodes: Tensor[] = [];
  /** Arrays of constants and rules of `withGradient`, which attributes cannot hold. */
  readonly constants = new Map<Tensor, NdArray>();
  readonly customGradients = new Map<Tensor, Vjp>();
  private readonly known = new Map<string, Tensor>();

  node(op: string, inputs: readonly Tensor[], attrs: Attrs, shape: Shape, dtype: GraphDtype, site?: CallSite): Tensor {
    for (const input of inputs) {
      if (input.trace !== this) {
        throw new TraceError(op, `its input ${input} belongs to another trace; pass values between programs as inputs`);
      }
    }
    const key = `${op}(${inputs.map((t) => t.id).join()})${JSON.stringify(attrs)}${dtype}${shape.join()}`;
    const existing = this.known.get(key);
    if (existing) return existing;
    const tensor = this.fresh(op, inputs, attrs, shape, dtype, site);
    this.known.set(key, tensor);
    return tensor;
  }

  /** The same primitive on other inputs of the same shapes, with the line and the gradient of the first. */
  again(original: Tensor, inputs: readonly Tensor[]): Tensor {
    const { op, attrs, shape, dtype, site } = original;
    const rule = this.customGradients.get(original);
    if (!rule) return this.node(op, inputs, attrs, shape, dtype, site);
    const tensor = this.fresh(op, inputs, attrs, shape, dtype, site);
    this.customGradients.set(tensor, rule);
    return tensor;
  }

  /** A node that is never merged with another: inputs, constants with data, custom gradients. */
  fresh(
    op: string, inputs: readonly Tensor[], attrs: Attrs, shape: Shape, dtype: GraphDtype, site: CallSite | undefined = callSite(),
  ): Tensor {
    const tensor = new Tensor(this, this.nodes.length, op, inputs, attrs, [...shape], dtype, site);
    this.nodes.push(tensor);
    return tensor;
  }
}

let active: Trace | undefined;

/** Runs `build` with a new trace that collects the nodes it makes. Traces do not nest. */
export function trace<T>(build: (trace: Trace) => T): T {
  if (active) throw new Error('trace() does not nest: a program is described in one trace');
  active = new Trace();
  try {
    return build(active);
  } finally {
    active = undefined;
  }
}

/** The trace that operations add to; throws outside `trace`. */
export function currentTrace(): Trace {
  if (!active) throw new Error('symbolic tensors exist only inside trace(() => …)');
  return active;
}

/** A graph that cannot be built: names the operation, what is wrong with its operands and the line that asked for it. */
export class TraceError extends ByoError {
  override name = 'TraceError';

  constructor(op: string, problem: string) {
    const site = callSite();
    super(`${op}: ${problem}${site ? ` (${describeSite(site)})` : ''}`);
  }
}

/** Adds a node to the current trace. */
export const node = (
  op: string, inputs: readonly Tensor[], attrs: Attrs, shape: Shape, dtype: GraphDtype = 'float32',
): Tensor => currentTrace().node(op, inputs, attrs, shape, dtype);

/** A named input of the program, fed at every run. */
export const input = (name: string, shape: Shape, dtype: GraphDtype = 'float32'): Tensor =>
  currentTrace().fresh('input', [], { name }, shape, dtype);

/** A constant: a number (rank 0), or an array (small: it is stored in the program). */
export function constant(value: number | NdArray, dtype: GraphDtype = 'float32'): Tensor {
  const current = currentTrace();
  if (typeof value === 'number') return current.node('scalar', [], { value: formatScalar(value) }, [], dtype);
  if (value.dtype !== 'float32' && value.dtype !== 'int32') {
    throw new TraceError('constant', `dtype ${value.dtype} does not exist in a graph; use float32 or int32`);
  }
  const tensor = current.fresh('constant', [], {}, value.shape, value.dtype);
  current.constants.set(tensor, value);
  return tensor;
}

/** Attributes are compared as JSON, which has no infinities: scalars travel as text. */
const formatScalar = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** The value of a scalar constant; undefined for every other tensor. */
export const scalarValue = (tensor: Tensor): number | undefined =>
  tensor.op === 'scalar' ? Number(tensor.attrs.value) : undefined;

/** The value of a constant of either kind; undefined for every other tensor. */
export function constantValue(tensor: Tensor): NdArray | undefined {
  const scalar = scalarValue(tensor);
  if (scalar === undefined) return tensor.trace.constants.get(tensor);
  return ndarray(tensor.dtype, [], tensor.dtype === 'int32' ? Int32Array.of(scalar) : Float32Array.of(scalar));
}

/** Axes as non-negative numbers in ascending order; throws where one is out of range or named twice. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === 'number' ? [axes] : axes;
  const result = list.map((axis) => {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
      throw new TraceError(op, `axis ${axis} does not exist in a tensor of rank ${rank}`);
    }
    return axis < 0 ? axis + rank : axis;
  });
  if (new Set(result).size !== result.length) throw new TraceError(op, `axes [${list}] name an axis twice`);
  return result.sort((a, b) => a - b);
}

/** The shape two operands broadcast to (numpy's rule); throws naming the operation and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TraceError(op, `shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast together`);
    }
    return x === 1 ? y : x;
  });
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);
