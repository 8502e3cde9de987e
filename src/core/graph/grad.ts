import { node, sameShape, type Tensor, TraceError, currentTrace, constant, formatShape, type Shape, type Vjp } from './tensor.js';

/**
 * Reverse-mode differentiation, graph to graph: the gradient is made of the same primitives as the function, so it can
 * be differentiated again. Each primitive's file registers its rule here.
 */
export type GradientRule = (
  output: Tensor, gradient: Tensor, needs: readonly boolean[],
) => (Tensor | undefined)[];

const rules = new Map<string, GradientRule>();

/**
 * Registers the vector-Jacobian product of a primitive: given its output and the gradient of the result with respect
 * to that output, the gradients with respect to its inputs (undefined: zero). `needs` tells which are asked for.
 */
export function defineGradient(op: string, rule: GradientRule): void {
  rules.set(op, rule);
}

/** `gradient` summed over the axes along which `shape` was broadcast. */
export function unbroadcast(gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const lead = gradient.rank - shape.length;
  const axes = gradient.shape.map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && gradient.shape[axis] !== 1));
  const kept = gradient.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  const summed = axes.length ? node('sum', [gradient], { axes, keepDims: true }, kept) : gradient;
  return sameShape(summed.shape, shape) ? summed : node('reshape', [summed], {}, shape);
}

/**
 * A value with a gradient of one's own: `output` was computed from `inputs` somehow, and its gradient with respect to
 * them is what `vjp` says. For composites whose hand-derived gradient is shorter than the traced one.
 */
export function withGradient(output: Tensor, inputs: readonly Tensor[], vjp: Vjp): Tensor {
  const trace = currentTrace();
  const wrapped = trace.fresh('withGradient', [output, ...inputs], {}, output.shape, output.dtype);
  trace.customGradients.set(wrapped, vjp);
  return wrapped;
}

defineGradient('withGradient', (output, gradient, [, ...needs]) => [
  undefined, ...output.trace.customGradients.get(output)!(gradient, needs, output.inputs.slice(1)),
]);

/** Gradients of a scalar with respect to `xs`, each of its x's shape (zeros where y does not depend on it). */
export function grad(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  if (y.size !== 1) throw new TraceError('grad', `differentiates a scalar, but was given ${formatShape(y.shape)}; sum it first`);
  return vjp([y], [y.rank === 0 ? constant(1) : node('expand', [constant(1)], { shape: y.shape }, y.shape)], xs);
}

/** Vector-Jacobian product: the gradient of sum_i <ys_i, cotangents_i> with respect to each of `xs`. */
export function vjp(ys: readonly Tensor[], cotangents: readonly Tensor[], xs: readonly Tensor[]): Tensor[] {
  const { nodes } = currentTrace();
  const dependent = dependents(nodes, xs, Math.max(...ys.map((y) => y.id)));
  const gradients = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor) => {
    const sofar = gradients.get(tensor);
    gradients.set(tensor, sofar ? node('add', [sofar, gradient], {}, tensor.shape) : gradient);
  };
  ys.forEach((y, i) => accumulate(y, cotangents[i]!));

  const wanted = new Set(xs);
  for (let id = Math.max(...ys.map((y) => y.id)); id >= 0; id--) {
    const output = nodes[id]!;
    const gradient = gradients.get(output);
    if (!gradient || !dependent[id] || output.inputs.length === 0) continue;
    const rule = rules.get(output.op);
    if (!rule) throw new TraceError('grad', `${output} has no gradient`);
    const needs = output.inputs.map((t) => dependent[t.id] === 1);
    rule(output, gradient, needs).forEach((g, i) => {
      if (g && needs[i]) accumulate(output.inputs[i]!, g);
    });
    if (!wanted.has(output)) gradients.delete(output);
  }
  return xs.map((x) => gradients.get(x) ?? zerosLike(x));
}

const zerosLike = (x: Tensor): Tensor =>
  x.rank === 0 ? constant(0) : node('expand', [constant(0)], { shape: x.shape }, x.shape);

/** Marks the nodes up to `last` whose value depends on one of `xs` along a differentiable path. */
function dependents(nodes: readonly Tensor[], xs: readonly Tensor[], last: number): Uint8Array {
  const marked = new Uint8Array(nodes.length);
  for (const x of xs) marked[x.id] = 1;
  for (let id = 0; id <= last; id++) {
    const { op, inputs, dtype } = nodes[id]!;
    if (!marked[id] && dtype === 'float32' && op !== 'stopGradient' && inputs.some((t) => marked[t.id])) marked[id] = 1;
  }
  return marked;
}
