import { float32, int32, type NdArray } from '../../src/core/array.js';

/** A tensor of test/golden/workloads.json, which test/golden/workloads.py describes. */
export type Stored = { readonly shape: number[] }
  & ({ readonly scale: number; readonly data: string } | { readonly data: number[] });

function toArray(stored: Stored): NdArray {
  if (!('scale' in stored)) return int32(stored.shape, stored.data);
  const steps = new Int8Array(Buffer.from(stored.data, 'base64'));
  return float32(stored.shape, Float32Array.from(steps, (step) => step * stored.scale));
}

export const toArrays = (tensors: Readonly<Record<string, Stored>>): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(tensors).map(([name, stored]) => [name, toArray(stored)]));
