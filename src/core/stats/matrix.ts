import { InputError } from '../errors.js';
import type { BoundLoss, LinearTargets } from './linear.js';

/** A dense row-major matrix of float32 or float64 values: entry (i, j) is `data[i * cols + j]`. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array | Float64Array;
}

/** A matrix of float64 values, which is what this module computes. */
export interface Matrix64 extends Matrix {
  readonly data: Float64Array;
}

/**
 * What the solvers spend their time in, so that a faster matrix multiplication can be put in. Results are float64, or
 * float32 at the price of the solvers' last digits; they stay valid until the next product only.
 */
export interface LinearAlgebra {
  /** A Bᵀ for A [m, k] and B [n, k]: [m, n]. */
  multiplyTransposed(a: Matrix, b: Matrix): Matrix;
  /** Aᵀ B for A [k, m] and B [k, n]: [m, n]. */
  transposeMultiply(a: Matrix, b: Matrix): Matrix;
  /** The loss of linear classifiers of fixed data in one program; undefined where the data are too small for that. */
  bindLoss?(x: Matrix, targets: LinearTargets): BoundLoss | undefined;
}

/** A matrix around row-major values, without a copy; throws InputError where their number does not fit. */
export function matrix<T extends Float32Array | Float64Array>(rows: number, cols: number, data: T) {
  if (data.length !== rows * cols) {
    throw new InputError(`a ${rows} x ${cols} matrix needs ${rows * cols} values, but ${data.length} were given`);
  }
  return { rows, cols, data };
}

/** A float64 matrix of zeros. */
export const zeros = (rows: number, cols: number): Matrix64 => ({ rows, cols, data: new Float64Array(rows * cols) });

/** Row `i`, a view. */
export const row = ({ cols, data }: Matrix, i: number): Float32Array | Float64Array =>
  data.subarray(i * cols, (i + 1) * cols);

/** Rows `start` to `end` (excluded), a view. */
export const rowBlock = ({ cols, data }: Matrix, start: number, end: number): Matrix =>
  ({ rows: end - start, cols, data: data.subarray(start * cols, end * cols) });

/** Calls `visit(block, start)` for consecutive views of at most `size` rows. */
export function forRowBlocks(x: Matrix, size: number, visit: (block: Matrix, start: number) => void): void {
  for (let start = 0; start < x.rows; start += size) visit(rowBlock(x, start, Math.min(x.rows, start + size)), start);
}

/** The rows named by `indices`, in their order, as a new matrix of the same type. */
export function takeRows(x: Matrix, indices: ArrayLike<number>): Matrix {
  const length = indices.length * x.cols;
  const data = x.data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < indices.length; i++) data.set(row(x, indices[i]), i * x.cols);
  return { rows: indices.length, cols: x.cols, data };
}

/** The transpose, as float64. */
export function transpose(x: Matrix): Matrix64 {
  const out = zeros(x.cols, x.rows);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) out.data[j * x.rows + i] = x.data[i * x.cols + j];
  }
  return out;
}

/** Squared Euclidean length of every row: [rows]. */
export function squaredRowNorms({ rows, cols, data }: Matrix): Float64Array {
  const norms = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < cols; j++, at++) sum += data[at] * data[at];
    norms[i] = sum;
  }
  return norms;
}

/** Rows scaled to Euclidean length 1, of the same type; a row of zeros stays zero. */
export function normalizeRows(x: Matrix): Matrix {
  const norms = squaredRowNorms(x);
  const out = emptyLike(x);
  for (let i = 0, at = 0; i < x.rows; i++) {
    const scale = norms[i] > 0 ? 1 / Math.sqrt(norms[i]) : 0;
    for (let j = 0; j < x.cols; j++, at++) out.data[at] = x.data[at] * scale;
  }
  return out;
}

const emptyLike = ({ rows, cols, data }: Matrix): Matrix =>
  ({ rows, cols, data: data instanceof Float32Array ? new Float32Array(rows * cols) : new Float64Array(rows * cols) });

/** Mean of every column: [cols]. Throws InputError where there is no row. */
export function columnMeans({ rows, cols, data }: Matrix): Float64Array {
  if (rows === 0) throw new InputError('a matrix without rows has no column means: give at least one row of features');
  const means = new Float64Array(cols);
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < cols; j++, at++) means[j] += data[at];
  for (let j = 0; j < cols; j++) means[j] /= rows;
  return means;
}

/** Columns shifted to mean 0, of the same type. */
export const centerColumns = (x: Matrix): Matrix => standardize(x, { mean: columnMeans(x) });

export interface Standardizer {
  /** [cols] */
  readonly mean: Float64Array;
  /** [cols]; 1 everywhere where left out. */
  readonly std?: Float64Array;
}

/** Mean and standard deviation (divisor n) of the training features; a constant column gets 1. */
export function fitStandardizer(x: Matrix): Required<Standardizer> {
  const mean = columnMeans(x);
  const std = new Float64Array(x.cols);
  for (let i = 0, at = 0; i < x.rows; i++) for (let j = 0; j < x.cols; j++, at++) std[j] += (x.data[at] - mean[j]) ** 2;
  for (let j = 0; j < x.cols; j++) {
    std[j] = Math.sqrt(std[j] / x.rows);
    // The mean of equal values is off by rounding, so a constant column shows as a deviation at the last digit.
    if (std[j] <= 1e-14 * Math.abs(mean[j])) std[j] = 1;
  }
  return { mean, std };
}

/** (x - mean) / std by columns, of the same type; throws InputError where the number of columns differs. */
export function standardize(x: Matrix, { mean, std }: Standardizer): Matrix {
  if (x.cols !== mean.length) {
    throw new InputError(`the features have ${x.cols} columns, but the training features had ${mean.length}`);
  }
  const out = emptyLike(x);
  const scale = std?.map((s) => 1 / s) ?? new Float64Array(x.cols).fill(1);
  for (let i = 0, at = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++, at++) out.data[at] = (x.data[at] - mean[j]) * scale[j];
  }
  return out;
}

// Blocks that keep a packed panel pair in the first-level cache and a packed block of B in the second.
const BLOCK_K = 256;
const BLOCK_M = 64;
const BLOCK_N = 512;
const TILE = 4;

/** Entry (i, k) of an operand is data[i * outer + k * inner]: k is the index that the product sums over. */
interface Operand {
  readonly data: Float32Array | Float64Array;
  readonly outer: number;
  readonly inner: number;
}

/** Copies a block as panels of four outer indices, each stored k by k; missing outer indices are zeros. */
function pack(to: Float64Array, from: Operand, outer0: number, outerCount: number, k0: number, kCount: number): void {
  const { data, outer, inner } = from;
  let at = 0;
  for (let p = 0; p < outerCount; p += TILE) {
    const width = Math.min(TILE, outerCount - p);
    let source = (outer0 + p) * outer + k0 * inner;
    if (width === TILE) {
      for (let k = 0; k < kCount; k++, at += TILE, source += inner) {
        to[at] = data[source];
        to[at + 1] = data[source + outer];
        to[at + 2] = data[source + 2 * outer];
        to[at + 3] = data[source + 3 * outer];
      }
    } else {
      for (let k = 0; k < kCount; k++, at += TILE, source += inner) {
        for (let t = 0; t < TILE; t++) to[at + t] = t < width ? data[source + t * outer] : 0;
      }
    }
  }
}

/** tile[4 i + j] = sum over k of a[4 k + i] b[4 k + j], for panels that start at `ao` and `bo`. */
function multiplyPanels(tile: Float64Array, a: Float64Array, ao: number, b: Float64Array, bo: number, k: number): void {
  let c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0;
  let c20 = 0, c21 = 0, c22 = 0, c23 = 0, c30 = 0, c31 = 0, c32 = 0, c33 = 0;
  for (const end = bo + TILE * k; bo < end; ao += TILE, bo += TILE) {
    const b0 = b[bo], b1 = b[bo + 1], b2 = b[bo + 2], b3 = b[bo + 3];
    const a0 = a[ao], a1 = a[ao + 1], a2 = a[ao + 2], a3 = a[ao + 3];
    c00 += a0 * b0; c01 += a0 * b1; c02 += a0 * b2; c03 += a0 * b3;
    c10 += a1 * b0; c11 += a1 * b1; c12 += a1 * b2; c13 += a1 * b3;
    c20 += a2 * b0; c21 += a2 * b1; c22 += a2 * b2; c23 += a2 * b3;
    c30 += a3 * b0; c31 += a3 * b1; c32 += a3 * b2; c33 += a3 * b3;
  }
  tile[0] = c00; tile[1] = c01; tile[2] = c02; tile[3] = c03;
  tile[4] = c10; tile[5] = c11; tile[6] = c12; tile[7] = c13;
  tile[8] = c20; tile[9] = c21; tile[10] = c22; tile[11] = c23;
  tile[12] = c30; tile[13] = c31; tile[14] = c32; tile[15] = c33;
}

/** C [m, n] = sum over k of A(i, k) B(j, k), every entry summed in the same order whatever its place. */
function product(m: number, n: number, k: number, a: Operand, b: Operand): Matrix64 {
  const out = zeros(m, n);
  const depth = Math.min(BLOCK_K, k);
  const packedA = new Float64Array((Math.min(BLOCK_M, m) + TILE - 1) * depth);
  const packedB = new Float64Array((Math.min(BLOCK_N, n) + TILE - 1) * depth);
  const tile = new Float64Array(TILE * TILE);
  for (let k0 = 0; k0 < k; k0 += BLOCK_K) {
    const kCount = Math.min(BLOCK_K, k - k0);
    for (let n0 = 0; n0 < n; n0 += BLOCK_N) {
      const nEnd = Math.min(n, n0 + BLOCK_N);
      pack(packedB, b, n0, nEnd - n0, k0, kCount);
      for (let m0 = 0; m0 < m; m0 += BLOCK_M) {
        const mEnd = Math.min(m, m0 + BLOCK_M);
        pack(packedA, a, m0, mEnd - m0, k0, kCount);
        for (let j0 = n0; j0 < nEnd; j0 += TILE) {
          for (let i0 = m0; i0 < mEnd; i0 += TILE) {
            multiplyPanels(tile, packedA, (i0 - m0) * kCount, packedB, (j0 - n0) * kCount, kCount);
            for (let i = i0; i < Math.min(mEnd, i0 + TILE); i++) {
              const from = (i - i0) * TILE - j0;
              for (let j = j0; j < Math.min(nEnd, j0 + TILE); j++) out.data[i * n + j] += tile[from + j];
            }
          }
        }
      }
    }
  }
  return out;
}

/** The products in plain JavaScript, summed in float64. */
export const javascript = {
  multiplyTransposed(a: Matrix, b: Matrix): Matrix64 {
    if (a.cols !== b.cols) throw new InputError(`rows of ${a.cols} and of ${b.cols} features cannot be compared`);
    return product(a.rows, b.rows, a.cols, { data: a.data, outer: a.cols, inner: 1 },
      { data: b.data, outer: b.cols, inner: 1 });
  },
  transposeMultiply(a: Matrix, b: Matrix): Matrix64 {
    if (a.rows !== b.rows) throw new InputError(`${a.rows} rows cannot be paired with ${b.rows} rows`);
    return product(a.cols, b.cols, a.rows, { data: a.data, outer: 1, inner: a.cols },
      { data: b.data, outer: 1, inner: b.cols });
  },
} satisfies LinearAlgebra;
