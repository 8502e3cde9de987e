import { float32, ndarray, sizeOf, type NdArray } from '../../array.js';
import type { OnnxAttribute, OnnxNode, OnnxValue } from './proto.js';

/** Where an ONNX graph will run: what is fast, or exists at all, differs. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

export interface Lowering {
  /** The runtime optimises the graph once more, which it does where its weights are constants. */
  readonly optimized?: boolean;
  /** byo's own operators are there. */
  readonly native?: boolean;
  /** Threads that they share their work out to; 1 where left out. Results do not depend on it. */
  readonly threads?: number;
}

/** float32 numbers as the integers that have their bits, as attributes of byo's own operators hold them. */
export const floatBits = (values: readonly number[]): number[] => [...new Uint32Array(Float32Array.from(values).buffer)];

/** Collects the nodes and initializers of an ONNX graph. Values are their names. */
export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, NdArray>();
  /** What is known of results whose operators the runtime cannot ask for their shapes. */
  readonly values: OnnxValue[] = [];
  private readonly shared = new Map<string, unknown>();
  private label = '';
  private count = 0;

  constructor(readonly provider: Provider, readonly how: Lowering = {}) {}

  /** Nodes that follow are named after `label` (the primitive and the method's line). */
  for(label: string): this {
    this.label = label;
    return this;
  }

  op(type: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.multi(type, inputs, attributes, 1)[0]!;
  }

  multi(
    type: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>>, outputs: number,
    domain?: string,
  ): string[] {
    const id = this.count++;
    const names = Array.from({ length: outputs }, (_, i) => (i ? `v${id}.${i}` : `v${id}`));
    this.nodes.push({ type, domain, name: `${this.label} ${type} ${id}`, inputs, outputs: names, attributes });
    return names;
  }

  /** One of byo's own operators (`native/operators.cpp`), whose result is float32 of a given shape. */
  native(type: string, inputs: readonly string[], shape: readonly number[], numbers?: readonly number[]): string {
    return this.nativeMulti(type, inputs, [shape], numbers)[0]!;
  }

  /** The same with several results. */
  nativeMulti(
    type: string, inputs: readonly string[], shapes: readonly (readonly number[])[], numbers?: readonly number[],
  ): string[] {
    const names = this.multi(type, inputs, numbers ? { numbers } : {}, shapes.length, 'byo');
    names.forEach((name, i) => this.values.push({ name, dtype: 'float32', shape: shapes[i]! }));
    return names;
  }

  /** The result of `make`, made once per key. */
  once<T>(key: string, make: () => T): T {
    if (!this.shared.has(key)) this.shared.set(key, make());
    return this.shared.get(key) as T;
  }

  array(value: NdArray): string {
    const name = `c${this.initializers.size}`;
    this.initializers.set(name, value);
    return name;
  }

  /** int64 vector: shapes, axes, starts, … */
  ints(values: readonly number[]): string {
    return this.once(`ints ${values}`, () =>
      this.array(ndarray('int64', [values.length], BigInt64Array.from(values, (v) => BigInt(v)))));
  }

  scalar(value: number): string {
    return this.once(`scalar ${Object.is(value, -0) ? '-0' : value}`, () => this.array(float32([], [value])));
  }

  /** Vector of ones: summing rows by a matrix product is several times faster than ReduceSum over a leading axis. */
  ones(shape: readonly number[]): string {
    return this.once(`ones ${shape}`, () => this.array(float32(shape, new Float32Array(sizeOf(shape)).fill(1))));
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.op('Reshape', [x, this.ints(shape)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.op('Transpose', [x], { perm });
  }

  slice(x: string, starts: readonly number[], ends: readonly number[], axes: readonly number[], steps?: readonly number[]) {
    return this.op('Slice', [x, this.ints(starts), this.ints(ends), this.ints(axes), ...(steps ? [this.ints(steps)] : [])]);
  }

  /**
   * Matrix product of the last two axes with transposition flags. The CPU provider has a fused operator for the flags;
   * elsewhere 2-D products are Gemm and batched ones transpose first.
   */
  matmul(a: string, b: string, ta: boolean, tb: boolean, ranks: readonly [number, number]): string {
    if (!ta && !tb) return this.op('MatMul', [a, b]);
    if (this.provider === 'cpu') {
      return this.multi('FusedMatMul', [a, b], { transA: Number(ta), transB: Number(tb) }, 1, 'com.microsoft')[0]!;
    }
    if (ranks[0] === 2 && ranks[1] === 2) return this.op('Gemm', [a, b], { transA: Number(ta), transB: Number(tb) });
    const swap = (x: string, rank: number) =>
      this.transpose(x, [...Array(rank).keys()].map((i) => (i < rank - 2 ? i : 2 * rank - 3 - i)));
    return this.op('MatMul', [ta ? swap(a, ranks[0]) : a, tb ? swap(b, ranks[1]) : b]);
  }
}
