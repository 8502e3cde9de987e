import { sizeOf } from '../../array.js';
import type { Tensor } from '../../graph/index.js';
import { floatBits } from './builder.js';
import type { Unit } from './unit.js';

/** Elements along an axis, and from one to the next in an input and in the result. */
interface Axis {
  readonly extent: number;
  readonly from: number;
  readonly to: number;
}

/** Where the elements of an input go: the first, and along each axis. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly axes: readonly Axis[];
}

const stridesOf = (shape: readonly number[]): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** How each primitive arranges its inputs' elements anew. */
const PARTS: Readonly<Record<string, (t: Tensor) => Part[]>> = {
  expand: ({ inputs: [x], shape }) => {
    const [strides, offset] = [stridesOf(x!.shape), shape.length - x!.rank];
    const isRepeated = (axis: number) => axis < offset || x!.shape[axis - offset] === 1;
    return [part(shape, (axis) => (isRepeated(axis) ? 0 : strides[axis - offset]!), stridesOf(shape))];
  },
  transpose: ({ inputs: [x], shape, attrs }) => {
    const strides = stridesOf(x!.shape);
    return [part(shape, (axis) => strides[(attrs.order as number[])[axis]!]!, stridesOf(shape))];
  },
  slice: ({ inputs: [x], shape, attrs }) => {
    const { starts, steps } = attrs as Record<string, number[]>;
    const strides = stridesOf(x!.shape);
    const from = strides.reduce((sum, stride, axis) => sum + starts![axis]! * stride, 0);
    return [{ ...part(shape, (axis) => steps![axis]! * strides[axis]!, stridesOf(shape)), from }];
  },
  pad: ({ inputs: [x], shape, attrs }) => {
    const { before, between } = attrs as Record<string, number[]>;
    const strides = stridesOf(shape);
    const to = strides.reduce((sum, stride, axis) => sum + before![axis]! * stride, 0);
    const own = stridesOf(x!.shape);
    return [{ ...part(x!.shape, (axis) => own[axis]!, strides.map((stride, axis) => stride * (between![axis]! + 1))), to }];
  },
  concat: ({ inputs, shape, attrs }) => {
    const strides = stridesOf(shape);
    let at = 0;
    return inputs.map((x) => {
      const to = at * strides[attrs.axis as number]!;
      at += x.shape[attrs.axis as number]!;
      const own = stridesOf(x.shape);
      return { ...part(x.shape, (axis) => own[axis]!, strides), to };
    });
  },
};

/** A part with as few axes as can be, but one: none of one element, and those that follow one another in both tensors are one. */
function part(extents: readonly number[], from: (axis: number) => number, to: readonly number[]): Part {
  const axes: Axis[] = [];
  for (const [i, extent] of extents.entries()) {
    if (extent === 1) continue;
    const [axis, before] = [{ extent, from: from(i), to: to[i]! }, axes.at(-1)];
    if (before && before.from === axis.from * extent && before.to === axis.to * extent) {
      axes[axes.length - 1] = { ...axis, extent: before.extent * extent };
    } else axes.push(axis);
  }
  const element = { extent: 1, from: 0, to: 0 };
  return { from: 0, to: 0, axes: axes.length > 0 ? axes : [element] };
}

/** A primitive that puts elements elsewhere, as a step of byo's own operators; undefined for others. */
export function arrangement(t: Tensor): Unit | undefined {
  const parts = PARTS[t.op]?.(t);
  if (!parts || t.dtype !== 'float32') return undefined;
  const value = t.op === 'pad' ? t.attrs.value as number : undefined;
  const numbers = [
    t.size, Number(value !== undefined), ...floatBits([value ?? 0]), parts.length,
    ...parts.flatMap(({ from, to, axes }) =>
      [from, to, axes.length, ...axes.flatMap((axis) => [axis.extent, axis.from, axis.to])]),
  ];
  return { result: t, inputs: t.inputs, step: { operation: 'Arrangement', numbers, work: t.size } };
}
