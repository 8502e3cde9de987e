import { defineGradient } from './grad.js';
import { formatShape, node, type Tensor, TraceError, constant, normalizeAxes } from './tensor.js';
import { eq, cast } from './elementwise.js';
import { reshape, unsqueeze } from './shape.js';
import { int32 } from '../array.js';

/** Rows of x by number: x [V, ...], indices int32 [...I] -> [...I, ...]. Also an embedding look-up. */
export function gather(x: Tensor, indices: Tensor): Tensor {
  requireIndices('gather', indices);
  return node('gather', [x, indices], {}, [...indices.shape, ...x.shape.slice(1)], x.dtype);
}

/** The gradient of `gather`: rows of g added up at their indices in a zero tensor of `rows` rows. */
export function scatterAdd(g: Tensor, indices: Tensor, rows: number): Tensor {
  requireIndices('scatterAdd', indices);
  return node('scatterAdd', [g, indices], { rows }, [rows, ...g.shape.slice(indices.rank)]);
}

/** Elements of x by their position in row-major order, shaped as `indices` (int32). */
export function gatherFlat(x: Tensor, indices: Tensor): Tensor {
  requireIndices('gatherFlat', indices);
  return gather(reshape(x, [x.size]), indices);
}

/** Per row of x [..., n], the element that `indices` [...] names: what `gather(-1)` is used for with labels. */
export function pick(x: Tensor, indices: Tensor): Tensor {
  requireIndices('pick', indices);
  const n = x.shape.at(-1)!;
  const rows = x.size / n;
  if (indices.size !== rows) {
    throw new TraceError('pick', `${formatShape(indices.shape)} indices for the rows of ${formatShape(x.shape)}`);
  }
  const starts = constant(int32(indices.shape, Int32Array.from({ length: rows }, (_, row) => row * n)));
  return gatherFlat(x, node('add', [starts, indices], {}, indices.shape, 'int32'));
}

/** 1 at the given class and 0 elsewhere: int32 [...] -> float32 [..., classes]. */
export function oneHot(indices: Tensor, classes: number): Tensor {
  requireIndices('oneHot', indices);
  const range = constant(int32([classes], Int32Array.from({ length: classes }, (_, i) => i)));
  return eq(unsqueeze(indices, -1), range);
}

/** Position of the largest element along `axis` (the first of several), int32; no gradient passes. */
export function argmax(x: Tensor, axis = -1): Tensor {
  const [at] = normalizeAxes('argmax', axis, x.rank) as [number];
  return node('argmax', [x], { axis: at }, x.shape.filter((_, i) => i !== at), 'int32');
}

/** Share of rows of scores [B, K] whose largest entry is at the label [B]. */
export const correct = (scores: Tensor, labels: Tensor): Tensor => eq(cast(argmax(scores), 'float32'), cast(labels, 'float32'));

function requireIndices(op: string, indices: Tensor): void {
  if (indices.dtype !== 'int32') throw new TraceError(op, `indices are int32, but ${formatShape(indices.shape)} is ${indices.dtype}`);
}

defineGradient('gather', ({ inputs: [x, indices] }, g) => [scatterAdd(g, indices!, x!.shape[0]!), undefined]);
defineGradient('scatterAdd', ({ inputs: [, indices] }, g) => [gather(g, indices!), undefined]);
