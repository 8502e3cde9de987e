import type { NdArray } from '../array.js';
import { InputError } from '../errors.js';

/** Copies `value` into an array of the same shape, converting its dtype; throws InputError where the shapes differ. */
export function fill(target: NdArray, value: NdArray, name: string): void {
  if (value.shape.length !== target.shape.length || value.shape.some((n, i) => n !== target.shape[i])) {
    throw new InputError(`${name} has shape [${value.shape}], but [${target.shape}] is expected`);
  }
  if (value.data === target.data) return;
  if (value.dtype === target.dtype) {
    (target.data as Float32Array).set(value.data as Float32Array);
  } else if (value.data instanceof BigInt64Array || value.data instanceof BigUint64Array) {
    for (let i = 0; i < value.data.length; i++) target.data[i] = Number(value.data[i]);
  } else {
    (target.data as Float32Array).set(value.data);
  }
}
