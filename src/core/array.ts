import { InputError } from './errors.js';

/**
 * Arrays on the host: what files hold, what data readers produce and what goes into and comes out of programs.
 * Row-major; `data.length` is the product of `shape`. float16 and bfloat16 hold raw bits in a Uint16Array, bool holds
 * 0 or 1 in a Uint8Array.
 */
export interface NdArray<T extends TypedArray = TypedArray> {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: T;
}

export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

export type Dtype =
  | 'float64' | 'float32' | 'float16' | 'bfloat16'
  | 'int64' | 'int32' | 'int16' | 'int8'
  | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'bool';

interface TypedArrayConstructor {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

/** The typed array that stores each dtype. */
export const STORAGE: Readonly<Record<Dtype, TypedArrayConstructor>> = {
  float64: Float64Array, float32: Float32Array, float16: Uint16Array, bfloat16: Uint16Array,
  int64: BigInt64Array, int32: Int32Array, int16: Int16Array, int8: Int8Array,
  uint64: BigUint64Array, uint32: Uint32Array, uint16: Uint16Array, uint8: Uint8Array, bool: Uint8Array,
};

/** Number of elements of a shape; 1 for rank 0. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** Bytes that an array's elements take. */
export const byteLength = (array: NdArray): number => array.data.byteLength;

/** An array from its parts; throws InputError where the data's length is not the shape's product. */
export function ndarray<T extends TypedArray>(dtype: Dtype, shape: readonly number[], data: T): NdArray<T> {
  if (data.length !== sizeOf(shape)) {
    throw new InputError(`an array of shape [${shape}] needs ${sizeOf(shape)} values, but ${data.length} were given`);
  }
  return { dtype, shape: [...shape], data };
}

/** float32 array from numbers (zeros where `values` is left out). */
export const float32 = (shape: readonly number[], values?: ArrayLike<number>): NdArray<Float32Array> =>
  ndarray('float32', shape, typed(Float32Array, shape, values));

/** int32 array from numbers (zeros where `values` is left out). */
export const int32 = (shape: readonly number[], values?: ArrayLike<number>): NdArray<Int32Array> =>
  ndarray('int32', shape, typed(Int32Array, shape, values));

/** `values` itself where it has the type already. */
function typed<T extends TypedArray>(
  type: { new (length: number): T; from(values: ArrayLike<number>): T }, shape: readonly number[], values?: ArrayLike<number>,
): T {
  if (values instanceof type) return values;
  return values ? type.from(values) : new type(sizeOf(shape));
}

/** An array's bytes, without a copy. */
export const bytesOf = ({ data }: NdArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** IEEE half precision bits to a number. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The same values as float32, whatever the dtype; the very same array where it is float32 already. */
export function toFloat32(array: NdArray): NdArray<Float32Array> {
  const { dtype, shape, data } = array;
  if (data instanceof Float32Array) return array as NdArray<Float32Array>;
  const out = new Float32Array(data.length);
  if (dtype === 'bfloat16') {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) bits[i] = (data[i] as number) << 16;
  } else {
    const half = dtype === 'float16';
    for (let i = 0; i < out.length; i++) out[i] = half ? halfToFloat(data[i] as number) : Number(data[i]);
  }
  return { dtype: 'float32', shape, data: out };
}

/** Rows of [N, ...] by number, in the given order: a copy [rows, ...] of the same dtype. */
export function rowsAt<T extends TypedArray>({ dtype, shape, data }: NdArray<T>, rows: ArrayLike<number>): NdArray<T> {
  const stride = sizeOf(shape.slice(1));
  const out = new STORAGE[dtype](rows.length * stride) as Float32Array;
  for (let i = 0; i < rows.length; i++) {
    out.set(data.subarray(rows[i]! * stride, (rows[i]! + 1) * stride) as Float32Array, i * stride);
  }
  return { dtype, shape: [rows.length, ...shape.slice(1)], data: out as TypedArray as T };
}
