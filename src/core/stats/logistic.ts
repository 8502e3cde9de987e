import { InputError } from '../errors.js';
import { countLabels, requireLabels } from './labels.js';
import { minimize } from './lbfgs.js';
import { applyLinear, type LinearModel } from './linear.js';
import { forRowBlocks, javascript, type LinearAlgebra, type Matrix, type Matrix64, row } from './matrix.js';
import { argmax } from './order.js';

export interface LogisticOptions {
  /** Inverse strength of the penalty (1). */
  readonly C?: number;
  /** One weight per class, or `balanced` for n / (K n_c); without it every example weighs 1. */
  readonly classWeight?: 'balanced' | ArrayLike<number>;
  /** Converged where no entry of the gradient of J / (C sum of example weights) is larger (1e-5). */
  readonly tolerance?: number;
  readonly maxIterations?: number;
  /** Where to start, for instance the solution at a smaller C; zero where left out. */
  readonly start?: LinearModel;
  readonly algebra?: LinearAlgebra;
}

/** Weights [classes, features] and bias [classes]. */
export interface LogisticFit extends LinearModel {
  /** J at the solution. */
  readonly objective: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly converged: boolean;
}

// Large enough for a GEMM to be busy, small enough for the scores of a thousand classes.
const BLOCK_ROWS = 4096;

/**
 * Multinomial logistic regression by L-BFGS: minimises
 * J(W, b) = C sum_i w_i CE(softmax(W x_i + b), y_i) + 1/2 ||W||^2, the bias unpenalised (scikit-learn's convention).
 * For two classes scikit-learn penalises one weight vector instead of two: its C is twice the C here.
 *
 * @param x features [n, d]; standardise them first, L-BFGS is slow on badly scaled ones
 * @param labels [n], from 0 to classes - 1
 * @throws InputError for labels or weights that do not fit, or C not above 0
 */
export function fitLogistic(
  x: Matrix, labels: ArrayLike<number>, classes: number, options: LogisticOptions = {},
): LogisticFit {
  const { C = 1, algebra = javascript, start } = options;
  requireLabels(labels, x.rows, classes);
  if (!(C > 0)) throw new InputError(`C is ${C}, but the inverse strength of the penalty must be above 0`);
  const classWeights = weightsOfClasses(labels, classes, options.classWeight);
  let totalWeight = 0;
  for (let i = 0; i < x.rows; i++) totalWeight += classWeights[labels[i]];
  if (!(totalWeight > 0)) throw new InputError('logistic regression needs at least one example of positive weight');

  const weightCount = classes * x.cols;
  const penalty = 1 / (C * totalWeight);
  // J / (C sum w): of the size of one cross-entropy whatever n and C, so one tolerance fits all.
  const meanObjective = (parameters: Float64Array, gradient: Float64Array): number => {
    const model = unpack(parameters, classes, x.cols);
    const biasGradient = gradient.subarray(weightCount);
    let loss = 0;
    forRowBlocks(x, BLOCK_ROWS, (block, first) => {
      const residuals = applyLinear(model, block, algebra);
      for (let i = 0; i < block.rows; i++) {
        const label = labels[first + i];
        const weight = classWeights[label] / totalWeight;
        const probabilities = residuals.data.subarray(i * classes, (i + 1) * classes);
        loss += weight * softmaxInPlace(probabilities, label);
        probabilities[label] -= 1;
        for (let c = 0; c < classes; c++) biasGradient[c] += probabilities[c] *= weight;
      }
      const part = algebra.transposeMultiply(residuals, block).data;
      for (let p = 0; p < weightCount; p++) gradient[p] += part[p];
    });
    let squares = 0;
    for (let p = 0; p < weightCount; p++) {
      squares += parameters[p] ** 2;
      gradient[p] += penalty * parameters[p];
    }
    return loss + 0.5 * penalty * squares;
  };

  const from = new Float64Array(weightCount + classes);
  if (start) {
    if (start.weights.rows !== classes || start.weights.cols !== x.cols) {
      throw new InputError(`the starting weights are [${start.weights.rows}, ${start.weights.cols}], ` +
        `but ${classes} classes of ${x.cols} features need [${classes}, ${x.cols}]`);
    }
    from.set(start.weights.data);
    from.set(start.bias, weightCount);
  }
  const { tolerance, maxIterations } = options;
  const minimum = minimize(meanObjective, from, { tolerance, maxIterations });
  const { value, iterations, evaluations, converged } = minimum;
  const objective = value * C * totalWeight;
  return { ...unpack(minimum.x, classes, x.cols), objective, iterations, evaluations, converged };
}

/** Softmax of every row of scores [n, classes]. */
export function softmaxRows(scores: Matrix): Matrix64 {
  const out: Matrix64 = { ...scores, data: new Float64Array(scores.data) };
  for (let i = 0; i < out.rows; i++) softmaxInPlace(out.data.subarray(i * out.cols, (i + 1) * out.cols), 0);
  return out;
}

/** The class of the largest score of every row: [n]; the lowest class of several. */
export const predict = (scores: Matrix): Int32Array =>
  Int32Array.from({ length: scores.rows }, (_, i) => argmax(row(scores, i)));

/** Replaces scores by their softmax and returns the cross-entropy of `label`, by log-sum-exp. */
function softmaxInPlace(scores: Float64Array, label: number): number {
  let max = -Infinity;
  for (let c = 0; c < scores.length; c++) if (scores[c] > max) max = scores[c];
  const labelScore = scores[label] - max;
  let sum = 0;
  for (let c = 0; c < scores.length; c++) sum += scores[c] = Math.exp(scores[c] - max);
  for (let c = 0; c < scores.length; c++) scores[c] /= sum;
  return Math.log(sum) - labelScore;
}

function weightsOfClasses(
  labels: ArrayLike<number>, classes: number, choice: LogisticOptions['classWeight'],
): ArrayLike<number> {
  if (choice === undefined) return new Float64Array(classes).fill(1);
  if (choice === 'balanced') {
    return countLabels(labels, classes).map((count) => (count > 0 ? labels.length / (classes * count) : 0));
  }
  if (choice.length !== classes || !Array.from(choice).every((weight) => weight >= 0)) {
    throw new InputError(`class weights must be ${classes} numbers not below 0, one per class`);
  }
  return choice;
}

const unpack = (parameters: Float64Array, classes: number, features: number): LinearModel => ({
  weights: { rows: classes, cols: features, data: parameters.subarray(0, classes * features) },
  bias: parameters.subarray(classes * features),
});
