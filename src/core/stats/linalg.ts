import { InputError } from '../errors.js';
import { type Matrix, type Matrix64, takeRows, transpose, zeros } from './matrix.js';
import { argsortDescending } from './order.js';

/**
 * The lower triangular L with A = L Lᵀ, for symmetric A [d, d] of which the lower triangle is read.
 *
 * @throws InputError where A is not positive definite
 */
export function cholesky(a: Matrix): Matrix64 {
  requireSquare(a);
  const d = a.rows;
  const l = zeros(d, d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      const entry = a.data[i * d + j];
      let sum = entry;
      for (let k = 0, p = i * d, q = j * d; k < j; k++, p++, q++) sum -= l.data[p] * l.data[q];
      if (i !== j) l.data[i * d + j] = sum / l.data[j * d + j];
      // A pivot of the size of its own rounding error is a zero.
      else if (sum > d * Number.EPSILON * entry) l.data[i * d + i] = Math.sqrt(sum);
      else throw new InputError(`the matrix to solve with is not positive definite (pivot ${i}): use a larger penalty`);
    }
  }
  return l;
}

/** X with L Lᵀ X = B, for L [d, d] from `cholesky` and B [d, m]: [d, m]. */
export function choleskySolve(l: Matrix, b: Matrix): Matrix64 {
  const d = l.rows;
  const m = b.cols;
  const x: Matrix64 = { rows: d, cols: m, data: new Float64Array(b.data) };
  const subtract = (from: number, row: number, factor: number): void => {
    for (let c = 0; c < m; c++) x.data[from * m + c] -= factor * x.data[row * m + c];
  };
  const divide = (row: number): void => {
    for (let c = 0; c < m; c++) x.data[row * m + c] /= l.data[row * d + row];
  };
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < i; k++) subtract(i, k, l.data[i * d + k]);
    divide(i);
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let k = i + 1; k < d; k++) subtract(i, k, l.data[k * d + i]);
    divide(i);
  }
  return x;
}

/** X with A X = B, for symmetric positive definite A [d, d] and B [d, m]; throws InputError for any other A. */
export const solve = (a: Matrix, b: Matrix): Matrix64 => choleskySolve(cholesky(a), b);

export interface Eigen {
  /** Descending: [d]. */
  readonly values: Float64Array;
  /** Row i is the unit eigenvector of value i: [d, d]. */
  readonly vectors: Matrix64;
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix [d, d]: Householder tridiagonalisation, then implicit QL.
 * The values are exact to rounding relative to the largest one.
 */
export function symmetricEigen(a: Matrix): Eigen {
  requireSquare(a);
  const d = a.rows;
  const { diagonal, offDiagonal, reflectors } = tridiagonalize(a);
  // The rows are the columns of Q = H_0 H_1 …, so that reflections and rotations run over contiguous memory.
  const vectors = zeros(d, d);
  for (let i = 0; i < d; i++) vectors.data[i * d + i] = 1;
  for (let j = reflectors.length - 1; j >= 0; j--) {
    for (let i = 0; i < d; i++) reflect(vectors.data.subarray(i * d + j + 1, (i + 1) * d), reflectors[j]);
  }
  diagonalize(diagonal, offDiagonal, vectors);
  const order = argsortDescending(diagonal);
  return { values: diagonal.slice().sort().reverse(), vectors: takeRows(vectors, order) as Matrix64 };
}

/** Eigenvalues of a symmetric matrix [d, d], descending: [d]. */
export function symmetricEigenvalues(a: Matrix): Float64Array {
  requireSquare(a);
  const { diagonal, offDiagonal } = tridiagonalize(a);
  diagonalize(diagonal, offDiagonal);
  return diagonal.sort().reverse();
}

/**
 * Singular values of X [n, d], descending: [min(n, d)]. QR, bidiagonalisation B, and the eigenvalues of [0 Bᵀ; B 0],
 * never of XᵀX, whose small ones would drown in the rounding of the large ones.
 */
export function singularValues(x: Matrix): Float64Array {
  const columns: Matrix64 = x.rows >= x.cols
    ? transpose(x)
    : { rows: x.rows, cols: x.cols, data: new Float64Array(x.data) };
  const d = columns.rows;
  const { diagonal, offDiagonal } = bidiagonalize(triangularFactor(columns));
  // With rows and columns interleaved, [0 Bᵀ; B 0] is tridiagonal with zero diagonal and eigenvalues ±s.
  const interleaved = new Float64Array(2 * d);
  for (let j = 0; j < d; j++) {
    interleaved[2 * j] = diagonal[j];
    interleaved[2 * j + 1] = offDiagonal[j];
  }
  const eigenvalues = new Float64Array(2 * d);
  diagonalize(eigenvalues, interleaved);
  return eigenvalues.sort().reverse().slice(0, d).map(Math.abs);
}

/** The Householder reflection I - v vᵀ / beta. */
interface Reflector { readonly v: Float64Array; readonly beta: number }

/** The reflection that takes `vector` to (alpha, 0, …, 0); `vector` becomes its v. */
function reflectorOf(vector: Float64Array): Reflector & { readonly alpha: number } {
  let squares = 0;
  for (let k = 0; k < vector.length; k++) squares += vector[k] * vector[k];
  const alpha = vector[0] > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
  const beta = alpha * (alpha - vector[0]);
  vector[0] -= alpha;
  return { v: vector, beta, alpha };
}

/** Reflects `target` in place; a reflector of a zero vector leaves it alone. */
function reflect(target: Float64Array, { v, beta }: Reflector): void {
  if (beta === 0) return;
  let sum = 0;
  for (let k = 0; k < v.length; k++) sum += v[k] * target[k];
  const factor = sum / beta;
  for (let k = 0; k < v.length; k++) target[k] -= factor * v[k];
}

/** R of the QR factorisation of the matrix whose columns are the rows of `a` [d, n], n >= d: Rᵀ. Overwrites `a`. */
function triangularFactor({ rows: d, cols: n, data }: Matrix64): Matrix64 {
  const out = zeros(d, d);
  for (let j = 0; j < d; j++) {
    out.data.set(data.subarray(j * n, j * n + j), j * d);
    const reflector = reflectorOf(data.subarray(j * n + j, (j + 1) * n));
    out.data[j * d + j] = reflector.alpha;
    for (let i = j + 1; i < d; i++) reflect(data.subarray(i * n + j, (i + 1) * n), reflector);
  }
  return out;
}

/** Upper bidiagonal form of a square matrix by reflections from both sides; overwrites it. */
function bidiagonalize({ rows: d, data }: Matrix64): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const diagonal = new Float64Array(d);
  const offDiagonal = new Float64Array(d);
  for (let j = 0; j < d; j++) {
    const left = reflectorOf(Float64Array.from({ length: d - j }, (_, i) => data[(j + i) * d + j]));
    diagonal[j] = left.alpha;
    if (j === d - 1) break;
    const rows = Array.from({ length: d - j }, (_, i) => data.subarray((j + i) * d + j + 1, (j + i + 1) * d));
    if (left.beta !== 0) {
      const sums = new Float64Array(d - j - 1);
      rows.forEach((row, i) => addScaled(sums, left.v[i], row));
      rows.forEach((row, i) => addScaled(row, -left.v[i] / left.beta, sums));
    }
    const right = reflectorOf(rows[0].slice());
    offDiagonal[j] = right.alpha;
    for (const row of rows.slice(1)) reflect(row, right);
  }
  return { diagonal, offDiagonal };
}

/** T = Qᵀ A Q tridiagonal; reflector j acts on the indices above j, and Q is their product in order. */
function tridiagonalize(a: Matrix): { diagonal: Float64Array; offDiagonal: Float64Array; reflectors: Reflector[] } {
  const d = a.rows;
  const work = new Float64Array(a.data);
  const diagonal = new Float64Array(d);
  const offDiagonal = new Float64Array(d);
  const reflectors: Reflector[] = [];
  for (let j = 0; j < d; j++) {
    diagonal[j] = work[j * d + j];
    if (j === d - 1) break;
    const reflector = reflectorOf(work.slice(j * d + j + 1, (j + 1) * d));
    const { v, beta, alpha } = reflector;
    offDiagonal[j] = alpha;
    reflectors.push(reflector);
    if (beta === 0) continue;
    // H A H = A - v wᵀ - w vᵀ with p = A v / beta and w = p - (vᵀp / 2 beta) v.
    const rows = Array.from(v, (_, i) => work.subarray((j + 1 + i) * d + j + 1, (j + 2 + i) * d));
    const w = Float64Array.from(rows, (row) => dot(row, v) / beta);
    addScaled(w, -dot(v, w) / (2 * beta), v);
    rows.forEach((row, i) => {
      addScaled(row, -v[i], w);
      addScaled(row, -w[i], v);
    });
  }
  return { diagonal, offDiagonal, reflectors };
}

/**
 * Eigenvalues of a symmetric tridiagonal matrix by implicit QL (EISPACK's tql2), left in `diagonal` in no order.
 * `offDiagonal[i]` stands between i and i + 1, its last entry is unused and it is overwritten. The rows of `vectors`
 * are rotated along.
 */
function diagonalize(diagonal: Float64Array, offDiagonal: Float64Array, vectors?: Matrix64): void {
  const n = diagonal.length;
  const scale = diagonal.reduce((max, value, i) => Math.max(max, Math.abs(value) + Math.abs(offDiagonal[i])), 0);
  const negligible = Number.EPSILON * scale;
  for (let l = 0; l < n; l++) {
    for (;;) {
      let m = l;
      while (m < n - 1 && Math.abs(offDiagonal[m]) > negligible) m++;
      if (m === l) break;
      const ratio = (diagonal[l + 1] - diagonal[l]) / (2 * offDiagonal[l]);
      let g = diagonal[m] - diagonal[l] + offDiagonal[l] / (ratio + (ratio < 0 ? -1 : 1) * Math.hypot(ratio, 1));
      let s = 1, c = 1, shift = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * offDiagonal[i];
        const b = c * offDiagonal[i];
        const r = Math.hypot(f, g);
        offDiagonal[i + 1] = r;
        if (r === 0) break;
        s = f / r;
        c = g / r;
        g = diagonal[i + 1] - shift;
        const t = (diagonal[i] - g) * s + 2 * c * b;
        shift = s * t;
        diagonal[i + 1] = g + shift;
        g = c * t - b;
        if (vectors) rotateRows(vectors, i, i + 1, c, s);
      }
      offDiagonal[m] = 0;
      if (i >= l) {
        diagonal[i + 1] -= shift;
      } else {
        diagonal[l] -= shift;
        offDiagonal[l] = g;
      }
    }
  }
}

function rotateRows({ cols, data }: Matrix64, p: number, q: number, c: number, s: number): void {
  for (let k = 0, i = p * cols, j = q * cols; k < cols; k++, i++, j++) {
    const x = data[i];
    const y = data[j];
    data[i] = c * x - s * y;
    data[j] = s * x + c * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

function addScaled(to: Float64Array, scale: number, from: Float64Array): void {
  for (let k = 0; k < to.length; k++) to[k] += scale * from[k];
}

function requireSquare({ rows, cols }: Matrix): void {
  if (rows !== cols) throw new InputError(`a square matrix is needed, but this one is ${rows} x ${cols}`);
}
