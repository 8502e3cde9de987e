import { defineGradient } from './grad.js';
import { formatShape, node, TraceError, type Tensor } from './tensor.js';

/**
 * Kernel ridge regression in closed form: the weights W = F^T (F F^T + lambda I)^-1 Y [k, d] that predict Y from F, for features
 * F [m, k] (append a column of ones for an offset) and targets Y [m, d]; lambda = ridge tr(F F^T), without gradient.
 * With lambda > 0 these are the weights of ridge regression, (F^T F + lambda I)^-1 F^T Y, at the price of an m x m system.
 *
 * Kernel, Cholesky factor and products are computed in float64 and rounded at the end, the gradients too: the condition of the
 * system goes up to 1 / ridge, and float32 would leave 1e-2 of a gradient at m = 500 and ridge = 1e-6. Where the kernel is
 * singular (a tiny ridge), the result is not finite. First derivatives only.
 */
export function ridgeWeights(features: Tensor, targets: Tensor, ridge: number): Tensor {
  if (features.rank !== 2 || targets.rank !== 2 || features.shape[0] !== targets.shape[0]) {
    throw new TraceError('ridgeWeights',
      `features ${formatShape(features.shape)} and targets ${formatShape(targets.shape)} are not rows of the same examples`);
  }
  return node('ridgeWeights', [features, targets], { ridge }, [features.shape[1]!, targets.shape[1]!]);
}

// With A = F F^T + lambda I, alpha = A^-1 Y and B = A^-1 F G: dY = B and dF = alpha (G - F^T B)^T - B W^T.
defineGradient('ridgeWeights', ({ inputs: [features, targets], attrs }, g, needs) => [
  needs[0] ? node('ridgeFeaturesGrad', [features!, targets!, g], attrs, features!.shape) : undefined,
  needs[1] ? node('ridgeTargetsGrad', [features!, g], attrs, targets!.shape) : undefined,
]);
