import { InputError } from '../errors.js';
import { countLabels, requireLabels } from './labels.js';
import { minimize } from './lbfgs.js';
import { applyLinear, type BoundLoss, type LinearModel, type LinearTargets } from './linear.js';
import { forRowBlocks, javascript, type LinearAlgebra, type Matrix, type Matrix64, row, zeros } from './matrix.js';
import { argmax } from './order.js';

export interface LogisticOptions {
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
  /** Inverse strength of the penalty. */
  readonly C: number;
  /** J at the solution. */
  readonly objective: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly converged: boolean;
}

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
  x: Matrix, labels: ArrayLike<number>, classes: number, options: LogisticOptions & { readonly C?: number } = {},
): LogisticFit {
  return fitLogisticPath(x, labels, classes, [options.C ?? 1], options)[0];
}

/** The same at several C, each fit starting from the one before: order them from small to large. */
export function fitLogisticPath(
  x: Matrix, labels: ArrayLike<number>, classes: number, Cs: readonly number[], options: LogisticOptions = {},
): LogisticFit[] {
  requireLabels(labels, x.rows, classes);
  const classWeights = weightsOfClasses(labels, classes, options.classWeight);
  const values = zeros(x.rows, classes);
  for (let i = 0; i < x.rows; i++) values.data[i * classes + labels[i]] = 1;
  const weights = Float64Array.from({ length: x.rows }, (_, i) => classWeights[labels[i]]);
  return fitPath(x, { link: 'softmax', values, weights }, Cs, options);
}

/**
 * One logistic regression for each of several labels, at every C: the sum over labels l of
 * C sum_i log(1 + exp(-+ (W_l x_i + b_l))) + 1/2 ||W_l||^2, which is scikit-learn's one-versus-rest with its C.
 *
 * @param targets 0 or 1 [n, labels]
 */
export function fitOneVsRestPath(
  x: Matrix, targets: Matrix, Cs: readonly number[], options: Omit<LogisticOptions, 'classWeight'> = {},
): LogisticFit[] {
  if (targets.rows !== x.rows) throw new InputError(`there are ${targets.rows} rows of targets for ${x.rows} rows of features`);
  return fitPath(x, { link: 'sigmoid', values: targets, weights: new Float64Array(x.rows).fill(1) }, Cs, options);
}

function fitPath(x: Matrix, targets: LinearTargets, Cs: readonly number[], options: LogisticOptions): LogisticFit[] {
  const { tolerance, maxIterations } = options;
  const algebra: LinearAlgebra = options.algebra ?? javascript;
  const bad = Cs.find((C) => !(C > 0));
  if (bad !== undefined) throw new InputError(`C is ${bad}, but the inverse strength of the penalty must be above 0`);
  const total = targets.weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) throw new InputError('logistic regression needs at least one example of positive weight');
  const outputs = targets.values.cols;
  let parameters = startingPoint(outputs, x.cols, options.start);

  // J / (C sum w): of the size of one cross-entropy whatever n and C, so one tolerance fits all.
  const scaled = { ...targets, weights: targets.weights.map((weight) => weight / total) };
  const loss = algebra.bindLoss?.(x, scaled) ?? bindLoss(x, scaled, algebra);
  try {
    return Cs.map((C) => {
      const penalty = 1 / (C * total);
      const objective = (at: Float64Array, gradient: Float64Array): number => {
        let value = loss.evaluate(unpack(at, outputs, x.cols), gradient);
        for (let p = 0; p < outputs * x.cols; p++) {
          value += 0.5 * penalty * at[p] ** 2;
          gradient[p] += penalty * at[p];
        }
        return value;
      };
      const { x: solution, value, ...report } = minimize(objective, parameters, { tolerance, maxIterations });
      parameters = solution;
      return { ...unpack(solution, outputs, x.cols), ...report, C, objective: value * C * total };
    });
  } finally {
    loss.dispose();
  }
}

function startingPoint(outputs: number, features: number, start: LinearModel | undefined): Float64Array {
  const from = new Float64Array(outputs * (features + 1));
  if (!start) return from;
  if (start.weights.rows !== outputs || start.weights.cols !== features) {
    throw new InputError(`the starting weights are [${start.weights.rows}, ${start.weights.cols}], ` +
      `but ${outputs} classes of ${features} features need [${outputs}, ${features}]`);
  }
  from.set(start.weights.data);
  from.set(start.bias, outputs * features);
  return from;
}

// Large enough for a matrix product to be busy, small enough for the scores of a thousand classes.
const BLOCK_ROWS = 4096;

/** The loss in float64, a block of rows at a time. */
function bindLoss(x: Matrix, { link, values, weights }: LinearTargets, algebra: LinearAlgebra): BoundLoss {
  const outputs = values.cols;
  const residual = link === 'softmax' ? softmaxResidual : sigmoidResidual;
  const evaluate = (model: LinearModel, gradient: Float64Array): number => {
    const biasGradient = gradient.subarray(outputs * x.cols);
    let loss = 0;
    forRowBlocks(x, BLOCK_ROWS, (block, first) => {
      const scores = applyLinear(model, block, algebra);
      for (let i = 0; i < block.rows; i++) {
        const own = scores.data.subarray(i * outputs, (i + 1) * outputs);
        const weight = weights[first + i];
        loss += weight * residual(own, row(values, first + i));
        for (let c = 0; c < outputs; c++) biasGradient[c] += own[c] *= weight;
      }
      const part = algebra.transposeMultiply(scores, block).data;
      for (let p = 0; p < part.length; p++) gradient[p] += part[p];
    });
    return loss;
  };
  return { evaluate, dispose: () => {} };
}

/** Replaces scores by softmax - target and returns the cross-entropy. */
function softmaxResidual(scores: Float64Array, target: ArrayLike<number>): number {
  let wanted = 0;
  for (let c = 0; c < scores.length; c++) wanted += target[c] * scores[c];
  const loss = softmaxInPlace(scores) - wanted;
  for (let c = 0; c < scores.length; c++) scores[c] -= target[c];
  return loss;
}

/** Replaces scores by sigmoid - target and returns the sum of the binary cross-entropies. */
function sigmoidResidual(scores: Float64Array, target: ArrayLike<number>): number {
  let loss = 0;
  for (let c = 0; c < scores.length; c++) {
    const score = scores[c];
    const small = Math.exp(-Math.abs(score));
    loss += Math.max(score, 0) + Math.log1p(small) - target[c] * score;
    scores[c] = (score > 0 ? 1 / (1 + small) : small / (1 + small)) - target[c];
  }
  return loss;
}

/** Softmax of every row of scores [n, classes]. */
export function softmaxRows(scores: Matrix): Matrix64 {
  const out: Matrix64 = { ...scores, data: new Float64Array(scores.data) };
  for (let i = 0; i < out.rows; i++) softmaxInPlace(out.data.subarray(i * out.cols, (i + 1) * out.cols));
  return out;
}

/** The class of the largest score of every row: [n]; the lowest class of several. */
export const predict = (scores: Matrix): Int32Array =>
  Int32Array.from({ length: scores.rows }, (_, i) => argmax(row(scores, i)));

/** Replaces scores by their softmax and returns their log-sum-exp. */
function softmaxInPlace(scores: Float64Array): number {
  let max = -Infinity;
  for (let c = 0; c < scores.length; c++) if (scores[c] > max) max = scores[c];
  let sum = 0;
  for (let c = 0; c < scores.length; c++) sum += scores[c] = Math.exp(scores[c] - max);
  for (let c = 0; c < scores.length; c++) scores[c] /= sum;
  return max + Math.log(sum);
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
