import { concat, constant, expand, matmul, ridgeWeights, square, stopGradient, type Tensor } from '../graph/index.js';
import { meanSquaredError } from './mean-squared-error.js';

/** Features [n, k] of examples and what they stand for [n, d]. */
export interface Regressed {
  readonly features: Tensor;
  readonly targets: Tensor;
}

const withOnes = (f: Tensor): Tensor => concat([f, expand(constant(1), [f.shape[0]!, 1])], 1);

/**
 * KRR-ST's outer loss (Lee et al. 2024): kernel ridge regression on the synthetic examples, with an offset and
 * lambda = `ridge` tr(K_ss), predicts the targets of real ones; the mean over examples and dimensions of the squared error, as in
 * the official code. Gradients pass to the synthetic features and targets only. Also returns lambda.
 */
export function kernelRidgeLoss(synthetic: Regressed, real: Regressed, ridge: number): { loss: Tensor; lambda: Tensor } {
  const features = withOnes(synthetic.features);
  const weights = ridgeWeights(features, synthetic.targets, ridge);
  const predicted = matmul(withOnes(stopGradient(real.features)), weights);
  return {
    loss: meanSquaredError(predicted, stopGradient(real.targets)), lambda: square(stopGradient(features)).sum().mul(ridge),
  };
}
