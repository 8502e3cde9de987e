import type { Tensor } from '../../graph/index.js';
import type { TensorFlow, Value } from './load.js';

/** Ridge regression on the host, in float64, which TensorFlow.js has not. */
interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

const matrix = (rows: number, columns: number, at: (i: number, j: number) => number): Matrix => {
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[i * columns + j] = at(i, j);
  return { rows, columns, data };
};

const fromValue = (value: Value): Matrix =>
  ({ rows: value.shape[0]!, columns: value.shape[1]!, data: Float64Array.from(value.dataSync()) });

const toValue = ({ rows, columns, data }: Matrix, tf: TensorFlow): Value =>
  tf.tensor(Float32Array.from(data), [rows, columns], 'float32');

const transposed = ({ rows, columns, data }: Matrix): Matrix => matrix(columns, rows, (i, j) => data[j * columns + i]!);

const subtract = (a: Matrix, b: Matrix): Matrix => ({ ...a, data: a.data.map((value, i) => value - b.data[i]!) });

/** A B^T: both operands are read along their rows. */
const productWithTransposed = (a: Matrix, b: Matrix): Matrix => matrix(a.rows, b.rows, (i, j) => {
  let sum = 0;
  for (let k = 0, p = i * a.columns, q = j * b.columns; k < a.columns; k++) sum += a.data[p + k]! * b.data[q + k]!;
  return sum;
});

const product = (a: Matrix, b: Matrix): Matrix => productWithTransposed(a, transposed(b));

/** X -> A^-1 X for A = F F^T + ridge tr(F F^T) I; NaN where a pivot is no larger than its rounding error. */
function solver(features: Matrix, ridge: number): (x: Matrix) => Matrix {
  const n = features.rows;
  const gram = productWithTransposed(features, features);
  const trace = features.data.reduce((sum, value) => sum + value * value, 0);
  const factor = gram.data;
  for (let i = 0; i < n; i++) factor[i * n + i]! += ridge * trace;
  let regular = true;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = factor[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= factor[i * n + k]! * factor[j * n + k]!;
      if (i === j && !(rest > trace * Number.EPSILON)) regular = false;
      factor[i * n + j] = i === j ? Math.sqrt(rest) : rest / factor[j * n + j]!;
    }
  }
  return (x) => {
    if (!regular) return { ...x, data: x.data.map(() => NaN) };
    const data = x.data.slice();
    const eliminate = (i: number, k: number, by: number) => {
      for (let j = 0; j < x.columns; j++) data[i * x.columns + j]! -= by * data[k * x.columns + j]!;
    };
    const divide = (i: number) => {
      for (let j = 0; j < x.columns; j++) data[i * x.columns + j]! /= factor[i * n + i]!;
    };
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) eliminate(i, k, factor[i * n + k]!);
      divide(i);
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) eliminate(i, k, factor[k * n + i]!);
      divide(i);
    }
    return { ...x, data };
  };
}

/** W = F^T A^-1 Y. */
export function computeRidgeWeights(t: Tensor, [features, targets]: readonly Value[], tf: TensorFlow): Value {
  const f = fromValue(features!);
  return toValue(product(transposed(f), solver(f, t.attrs.ridge as number)(fromValue(targets!))), tf);
}

/** B = A^-1 F G. */
export function computeRidgeTargetsGrad(t: Tensor, [features, gradient]: readonly Value[], tf: TensorFlow): Value {
  const f = fromValue(features!);
  return toValue(solver(f, t.attrs.ridge as number)(product(f, fromValue(gradient!))), tf);
}

/** alpha (G - F^T B)^T - B W^T for alpha = A^-1 Y. */
export function computeRidgeFeaturesGrad(t: Tensor, [features, targets, gradient]: readonly Value[], tf: TensorFlow): Value {
  const [f, g] = [fromValue(features!), fromValue(gradient!)];
  const solve = solver(f, t.attrs.ridge as number);
  const alpha = solve(fromValue(targets!));
  const dual = solve(product(f, g));
  const across = transposed(f);
  const residual = subtract(g, product(across, dual));
  const weights = product(across, alpha);
  return toValue(subtract(productWithTransposed(alpha, residual), productWithTransposed(dual, weights)), tf);
}
