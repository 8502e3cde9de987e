import { sizeOf } from '../../array.js';
import type { Tensor } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import type { Fusion } from './fuse.js';

/** Extents of a product below which vectors of columns, or blocks of rows, would be filled up with zeros. */
const [MIN_COLUMNS, MIN_ROWS] = [8, 4];

interface Extents {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** The extents of a product that byo's own operator computes: of two matrices, or of stacks of as many as there are results. */
function nativeExtents({ op, inputs, attrs, shape }: Tensor, b: OnnxBuilder): Extents | undefined {
  if (b.how.native !== true || op !== 'matmul') return undefined;
  const [m, n] = shape.slice(-2) as [number, number];
  const k = inputs[0]!.shape.at(attrs.ta ? -2 : -1)!;
  const batch = sizeOf(shape.slice(0, -2));
  const stacked = inputs.every((x) => x.rank === 2 || sizeOf(x.shape.slice(0, -2)) === batch);
  return stacked && m >= MIN_ROWS && n >= MIN_COLUMNS ? { batch, m, k, n } : undefined;
}

/** What follows a product within the same operator. */
interface Ending {
  readonly shape: readonly number[];
  readonly rectified?: boolean;
  /** From the bias of one product of a stack to that of the next. */
  readonly biasStep?: number;
}

function emit(t: Tensor, { batch, m, k, n }: Extents, ending: Ending, inputs: readonly string[], b: OnnxBuilder): string {
  const { shape, rectified = false, biasStep = 0 } = ending;
  const [aStep, bStep] = [m * k, k * n].map((step, i) => (t.inputs[i]!.rank === 2 ? 0 : step)) as [number, number];
  const flags = [t.attrs.ta, t.attrs.tb, rectified].map(Number);
  const numbers = [shape.length, ...shape, batch, m, k, n, ...flags, aStep, bStep, biasStep];
  return b.native('Product', inputs, shape, numbers);
}

/** A product by byo's own operator; undefined where that is not there, or not for it. */
export function emitProduct(t: Tensor, inputs: readonly string[], b: OnnxBuilder): string | undefined {
  const extents = nativeExtents(t, b);
  return extents && emit(t, extents, { shape: t.shape }, inputs, b);
}

/** 0 for a bias of all products alike, n for one that each of a stack has to itself; undefined for what is neither. */
function biasStepOf({ shape, size }: Tensor, { batch, n }: Extents): number | undefined {
  if (shape.at(-1) !== n) return undefined;
  if (size === n) return 0;
  return size === batch * n && shape.at(-2) === 1 ? n : undefined;
}

/** Sums of products, which nothing else reads, with a bias of their columns, rectified or not: byo's own operator does it all. */
export function biasedProducts(
  nodes: readonly Tensor[], readers: ReadonlyMap<Tensor, readonly Tensor[]>,
  readOnlyBy: (value: Tensor, reader: Tensor) => boolean, b: OnnxBuilder,
): Map<Tensor, Fusion> {
  const found = new Map<Tensor, Fusion>();
  for (const sum of nodes) {
    if (sum.op !== 'add') continue;
    const [shaped, bias] = sum.inputs as [Tensor, Tensor];
    const t = shaped.op === 'reshape' ? shaped.inputs[0]! : shaped;
    const extents = nativeExtents(t, b);
    const biasStep = extents && biasStepOf(bias, extents);
    if (biasStep === undefined || shaped.shape.at(-1) !== extents!.n || shaped.size !== sum.size) continue;
    if (!readOnlyBy(shaped, sum) || (t !== shaped && !readOnlyBy(t, shaped))) continue;
    const [next] = readers.get(sum) ?? [];
    const rectified = next?.op === 'relu' && readOnlyBy(sum, next);
    found.set(rectified ? next : sum, {
      inside: [t, ...(t === shaped ? [] : [shaped]), ...(rectified ? [sum] : [])], inputs: [...t.inputs, bias], named: t,
      emit: (inputs) => emit(t, extents!, { shape: sum.shape, rectified, biasStep }, inputs, b),
    });
  }
  return found;
}
