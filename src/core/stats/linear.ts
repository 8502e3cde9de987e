import { InputError } from '../errors.js';
import { javascript, type LinearAlgebra, type Matrix, type Matrix64 } from './matrix.js';

/** A linear map with bias: what logistic and ridge regression fit. */
export interface LinearModel {
  /** [outputs, features] */
  readonly weights: Matrix;
  /** [outputs] */
  readonly bias: Float64Array;
}

/** What the scores of linear classifiers should be. */
export interface LinearTargets {
  /** One class of several (softmax), or any number of labels (a sigmoid each). */
  readonly link: 'softmax' | 'sigmoid';
  /** 0 or 1 [n, outputs]. */
  readonly values: Matrix;
  /** Weight of each row in the loss [n]. */
  readonly weights: Float64Array;
}

/** The weighted sum of cross-entropies of fixed data, as a function of the model. */
export interface BoundLoss {
  /** The loss; adds its gradient to `gradient`, laid out as weights [outputs, features], then bias [outputs]. */
  evaluate(model: LinearModel, gradient: Float64Array): number;
  dispose(): void;
}

/** W x + b for every row of x [n, features]: [n, outputs]; throws InputError where the features do not fit. */
export function applyLinear({ weights, bias }: LinearModel, x: Matrix, algebra: LinearAlgebra = javascript): Matrix64 {
  if (x.cols !== weights.cols) {
    throw new InputError(`the features have ${x.cols} columns, but the model was fitted on ${weights.cols}`);
  }
  const data = new Float64Array(algebra.multiplyTransposed(x, weights).data);
  for (let i = 0, at = 0; i < x.rows; i++) for (let o = 0; o < bias.length; o++, at++) data[at] += bias[o];
  return { rows: x.rows, cols: weights.rows, data };
}
