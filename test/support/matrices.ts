import { float32, type NdArray } from '../../src/core/array.js';
import { gaussian } from './run.js';

/** Square matrices on the host, in float64 until they are stored. */
const rowsOf = ({ shape, data }: NdArray): number[][] => {
  const [rows, columns] = shape as [number, number];
  return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => Number(data[i * columns + j])));
};
const store = (rows: readonly (readonly number[])[]): NdArray => float32([rows.length, rows[0]!.length], rows.flat());

export const diagonal = (values: readonly number[]): NdArray =>
  store(values.map((value, i) => values.map((_, j) => (i === j ? value : 0))));
export const diagonalOf = (m: NdArray): number[] => rowsOf(m).map((row, i) => row[i]!);

export function product(a: NdArray, b: NdArray): NdArray {
  const [left, right] = [rowsOf(a), rowsOf(b)];
  return store(left.map((row) => right[0]!.map((_, j) => row.reduce((total, value, k) => total + value * right[k]![j]!, 0))));
}
export const transposed = (m: NdArray): NdArray => {
  const rows = rowsOf(m);
  return store(rows[0]!.map((_, j) => rows.map((row) => row[j]!)));
};

/** An orthonormal basis of the columns of a matrix of full rank, by Gram-Schmidt. */
export function orthonormalized(m: NdArray): NdArray {
  const basis: number[][] = [];
  for (const column of rowsOf(transposed(m))) {
    let rest = column;
    // Twice: once leaves rounding errors along the earlier ones.
    for (const other of [...basis, ...basis]) {
      const along = rest.reduce((total, v, i) => total + v * other[i]!, 0);
      rest = rest.map((v, i) => v - along * other[i]!);
    }
    const length = Math.hypot(...rest);
    basis.push(rest.map((v) => v / length));
  }
  return transposed(store(basis));
}
/** Orthonormal columns [rows, columns]. */
export const orthonormal = (name: string, rows: number, columns: number): NdArray =>
  orthonormalized(gaussian(name, [rows, columns]));
export const rotation = (name: string, n: number): NdArray => orthonormal(name, n, n);

/** R^T M R. */
export const rotated = (m: NdArray, r: NdArray): NdArray => product(transposed(r), product(m, r));
