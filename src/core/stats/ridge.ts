import { InputError } from '../errors.js';
import { solve } from './linalg.js';
import type { LinearModel } from './linear.js';
import {
  centerColumns, columnMeans, javascript, type LinearAlgebra, type Matrix, type Matrix64, transpose,
} from './matrix.js';

/** Weights [targets, features] and bias [targets]. */
export interface RidgeFit extends LinearModel {
  readonly alpha: number;
}

/**
 * Ridge regression at every alpha: minimises ||Y - X Wᵀ - b||^2 + alpha ||W||^2, the bias unpenalised. X and Y are
 * centred, then (XᵀX + alpha I) Wᵀ = XᵀY, or with more features than rows the dual (XXᵀ + alpha I) A = Y, W = AᵀX.
 *
 * @param x features [n, d]
 * @param y targets [n, t]
 * @throws InputError where rows do not pair up, or an alpha is negative or too small for a solution
 */
export function fitRidge(
  x: Matrix, y: Matrix, alphas: readonly number[], algebra: LinearAlgebra = javascript,
): RidgeFit[] {
  if (x.rows !== y.rows) throw new InputError(`there are ${x.rows} rows of features but ${y.rows} rows of targets`);
  const means = columnMeans(x);
  const targetMeans = columnMeans(y);
  const centredX = centerColumns(x);
  const centredY = centerColumns(y);
  const dual = x.cols > x.rows;
  const gram = copy(dual ? algebra.multiplyTransposed(centredX, centredX) : algebra.transposeMultiply(centredX, centredX));
  const right = dual ? centredY : copy(algebra.transposeMultiply(centredX, centredY));
  return alphas.map((alpha) => {
    if (!(alpha >= 0)) throw new InputError(`alpha is ${alpha}, but the ridge penalty must not be below 0`);
    const solution = solve(withDiagonal(gram, alpha), right);
    const weights = dual ? copy(algebra.transposeMultiply(solution, centredX)) : transpose(solution);
    const bias = targetMeans.map((mean, t) => {
      for (let j = 0; j < x.cols; j++) mean -= weights.data[t * x.cols + j] * means[j];
      return mean;
    });
    return { alpha, weights, bias };
  });
}

const copy = ({ rows, cols, data }: Matrix): Matrix64 => ({ rows, cols, data: new Float64Array(data) });

function withDiagonal(gram: Matrix, alpha: number): Matrix64 {
  const sum = copy(gram);
  for (let i = 0; i < sum.rows; i++) sum.data[i * sum.cols + i] += alpha;
  return sum;
}
