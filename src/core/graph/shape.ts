import { defineGradient } from './grad.js';
import { formatShape, node, sameShape, type Tensor, TraceError, type Shape } from './tensor.js';
import { sizeOf } from '../array.js';

/** The same elements in another shape; one extent may be -1 and is worked out. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const resolved = shape.map((n) => (n === -1 ? x.size / known : n));
  if (sizeOf(resolved) !== x.size || !resolved.every(Number.isInteger)) {
    throw new TraceError('reshape', `${formatShape(x.shape)} has ${x.size} elements, which do not fit ${formatShape(shape)}`);
  }
  if (sameShape(resolved, x.shape)) return x;
  // A reshape of a reshape needs only the last.
  return node('reshape', [x.op === 'reshape' ? x.inputs[0]! : x], {}, resolved, x.dtype);
}

/** All axes from `axis` on merged into one. */
export const flatten = (x: Tensor, axis = 1): Tensor =>
  reshape(x, [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))]);

/** Axes reordered: axis i of the result is axis `order[i]` of x (reversed where left out). */
export function transpose(x: Tensor, order: readonly number[] = x.shape.map((_, i) => x.rank - 1 - i)): Tensor {
  if (order.length !== x.rank || ![...order].sort((a, b) => a - b).every((axis, i) => axis === i)) {
    throw new TraceError('transpose', `[${order}] is no order of the axes of ${formatShape(x.shape)}`);
  }
  if (order.every((axis, i) => axis === i)) return x;
  return node('transpose', [x], { order }, order.map((axis) => x.shape[axis]!), x.dtype);
}

/** One range per axis: `[start, end, step]`, end exclusive, step may be negative (then end may be -1); null: all. */
export type Range = readonly [start: number, end: number, step?: number] | null;

/** A rectangular, possibly strided part of x; axes without a range are taken whole. */
export function slice(x: Tensor, ranges: readonly Range[]): Tensor {
  if (ranges.length > x.rank) throw new TraceError('slice', `${ranges.length} ranges for ${formatShape(x.shape)}`);
  const full = x.shape.map((n, axis): readonly [number, number, number] => {
    const [start, end, step = 1] = ranges[axis] ?? [0, n, 1];
    const valid = step > 0 ? start >= 0 && end <= n && start <= end : step < 0 && start < n && end >= -1 && end <= start;
    if (!valid) {
      throw new TraceError('slice', `[${start}, ${end}) by ${step} is outside axis ${axis} of ${formatShape(x.shape)}`);
    }
    return [start, end, step];
  });
  const shape = full.map(([start, end, step]) => Math.ceil((end - start) / step));
  if (sameShape(shape, x.shape) && full.every(([, , step]) => step === 1)) return x;
  const column = (i: 0 | 1 | 2) => full.map((range) => range[i]);
  return node('slice', [x], { starts: column(0), ends: column(1), steps: column(2) }, shape, x.dtype);
}

/** Per axis: zeros (or `value`) before, after, and between neighbouring elements. */
export type Padding = readonly [before: number, after: number, between?: number] | null;

/** x with constant padding around and, for the gradient of a strided slice, between its elements. */
export function pad(x: Tensor, padding: readonly Padding[], value = 0): Tensor {
  const full = x.shape.map((_, axis) => padding[axis] ?? [0, 0, 0]);
  const before = full.map((p) => p[0]);
  const after = full.map((p) => p[1]);
  const between = full.map((p) => p[2] ?? 0);
  if ([...before, ...after, ...between].some((n) => n < 0 || !Number.isInteger(n))) {
    throw new TraceError('pad', `padding of ${formatShape(x.shape)} has to be made of whole numbers from 0`);
  }
  const shape = x.shape.map((n, i) => before[i]! + after[i]! + n + Math.max(0, n - 1) * between[i]!);
  if (sameShape(shape, x.shape)) return x;
  return node('pad', [x], { before, after, between, value }, shape, x.dtype);
}

/** Tensors side by side along `axis`; their other axes agree. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors;
  if (!first) throw new TraceError('concat', 'needs at least one tensor');
  if (tensors.length === 1) return first;
  const at = axis < 0 ? axis + first.rank : axis;
  for (const t of tensors) {
    if (t.rank !== first.rank || t.dtype !== first.dtype || t.shape.some((n, i) => i !== at && n !== first.shape[i])) {
      throw new TraceError('concat', `${formatShape(first.shape)} and ${formatShape(t.shape)} differ off axis ${axis}`);
    }
  }
  const shape = first.shape.map((n, i) => (i === at ? tensors.reduce((total, t) => total + t.shape[i]!, 0) : n));
  return node('concat', tensors, { axis: at }, shape, first.dtype);
}

/** x cut along `axis` into `parts` equal pieces. */
export function split(x: Tensor, parts: number, axis = 0): Tensor[] {
  const at = axis < 0 ? axis + x.rank : axis;
  const extent = x.shape[at]! / parts;
  if (!Number.isInteger(extent)) {
    throw new TraceError('split', `axis ${axis} of ${formatShape(x.shape)} does not divide into ${parts} parts`);
  }
  return Array.from({ length: parts }, (_, i) => part(x, at, i * extent, (i + 1) * extent));
}

/** Elements [start, end) of one axis. */
export const part = (x: Tensor, axis: number, start: number, end: number): Tensor =>
  slice(x, x.shape.map((_, i) => (i === axis ? [start, end] : null)));

/** x with axes of extent 1 inserted before the given positions of the result. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = axis < 0 ? axis + x.rank + 1 : axis;
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Tensors of one shape stacked along a new axis. */
export const stack = (tensors: readonly Tensor[], axis = 0): Tensor => concat(tensors.map((t) => unsqueeze(t, axis)), axis);

defineGradient('reshape', ({ inputs: [x] }, g) => [reshape(g, x!.shape)]);
defineGradient('transpose', ({ attrs }, g) => {
  const order = attrs.order as number[];
  return [transpose(g, order.map((_, axis) => order.indexOf(axis)))];
});
defineGradient('slice', ({ inputs: [x], attrs, shape }, g) => {
  const [starts, steps] = [attrs.starts, attrs.steps] as number[][];
  // A backward range is a forward one of the flipped gradient.
  const flipped = slice(g, steps!.map((step, i) => (step < 0 ? [shape[i]! - 1, -1, -1] : null)));
  return [pad(flipped, x!.shape.map((n, i): Padding => {
    const stride = Math.abs(steps![i]!);
    const extent = (shape[i]! - 1) * stride + 1;
    const first = steps![i]! > 0 ? starts![i]! : starts![i]! - (extent - 1);
    return [first, n - first - extent, stride - 1];
  }))];
});
defineGradient('pad', ({ inputs: [x], attrs }, g) => {
  const [before, between] = [attrs.before, attrs.between] as number[][];
  return [slice(g, x!.shape.map((n, i): Range => {
    const stride = between![i]! + 1;
    return [before![i]!, before![i]! + (n - 1) * stride + 1, stride];
  }))];
});
defineGradient('concat', ({ inputs, attrs }, g, needs) => {
  let start = 0;
  return inputs.map((t, i) => {
    const end = start + t.shape[attrs.axis as number]!;
    const piece = needs[i] ? part(g, attrs.axis as number, start, end) : undefined;
    start = end;
    return piece;
  });
});
