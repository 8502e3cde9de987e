import { ndarray, sizeOf, STORAGE, type Dtype, type NdArray, type TypedArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';

/**
 * Lists of rows of differing lengths as two tensors: `name` [sum of lengths, ...row], and `name.offsets` int32 [N + 1], where
 * list i is rows offsets[i] to offsets[i + 1]. Every list holds a whole number of rows of shape `row`.
 */
export function pack(
  name: string, dtype: Dtype, row: readonly number[], lists: readonly ArrayLike<number>[],
): [string, NdArray][] {
  const width = sizeOf(row);
  const offsets = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => { offsets[i + 1] = offsets[i] + list.length / width; });
  const data = new STORAGE[dtype](offsets[lists.length] * width) as Float32Array;
  lists.forEach((list, i) => data.set(list, offsets[i] * width));
  return [
    [name, ndarray(dtype, [offsets[lists.length], ...row], data as TypedArray)],
    [`${name}.offsets`, ndarray('int32', [offsets.length], offsets)],
  ];
}

/**
 * The lists that `pack` wrote under a name, as views: [length * width] each. Throws InputError where tensors are missing or
 * misshapen, or offsets do not ascend from 0 to the end.
 */
export function unpack<T extends TypedArray>(
  { tensors }: Artifact, name: string, dtype: Dtype, row: readonly number[], count: number, source: string,
): T[] {
  const [values, offsets] = [tensors.get(name), tensors.get(`${name}.offsets`)];
  if (!values || !offsets) throw new InputError(`${source} has no tensors ${name} and ${name}.offsets`);
  if (values.dtype !== dtype || values.shape.slice(1).join() !== row.join()) {
    throw new InputError(`${source}: ${name} is ${values.dtype} [${values.shape}], but ${dtype} [${['M', ...row].join()}] is expected`);
  }
  const bounds = offsets.data as Int32Array;
  if (offsets.dtype !== 'int32' || offsets.shape.join() !== String(count + 1) || bounds[0] !== 0 || bounds[count] !== values.shape[0]
    || bounds.some((bound, i) => i > 0 && bound < bounds[i - 1])) {
    throw new InputError(`${source}: ${name}.offsets has to be int32 [${count + 1}], ascending from 0 to ${values.shape[0]}`);
  }
  const width = sizeOf(row);
  return Array.from({ length: count }, (_, i) => values.data.subarray(bounds[i] * width, bounds[i + 1] * width) as T);
}
