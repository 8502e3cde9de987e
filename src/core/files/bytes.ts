import { STORAGE, type Dtype, type NdArray } from '../array.js';
import { InputError } from '../errors.js';

/**
 * Array over little-endian bytes (every machine that Node 20 is built for, s390x aside, is little-endian): a view where
 * the bytes are aligned for the dtype, a copy otherwise. `bytes` must hold exactly the shape's elements.
 * Throws InputError, its sentence starting with `where`, for a bool that is neither 0 nor 1.
 */
export function arrayFromBytes(dtype: Dtype, shape: readonly number[], bytes: Uint8Array, where: string): NdArray {
  const Storage = STORAGE[dtype];
  const itemSize = Storage.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % itemSize === 0 ? bytes : new Uint8Array(bytes);
  if (dtype === 'bool') {
    const wrong = bytes.findIndex((byte) => byte > 1);
    if (wrong >= 0) {
      throw new InputError(`${where} is boolean, but its element ${wrong} is ${bytes[wrong]}; store 0 or 1, or use uint8`);
    }
  }
  return { dtype, shape, data: new Storage(aligned.buffer, aligned.byteOffset, bytes.length / itemSize) };
}
