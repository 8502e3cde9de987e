import { constant, div, eye, l2Normalize, matmul, maximum, mul, recip, sqrt, type Tensor } from '../graph/index.js';
import { frobeniusNorm, matrixSqrt, newtonSchulz, solvePositive, trace } from './matrices.js';

/**
 * Linear predictors that are computed from a batch instead of trained (Richemond et al. 2023, The Edge of Orthogonality, table 1
 * and section 5). A predictor is a matrix P [f, f] that acts on the right, prediction = Z P, with latents as rows. Everything
 * is made of matrix products, so that it runs, and has gradients, on every device; the engine computes in float32, and the doc
 * comments say what that leaves of the paper's float64.
 */
export const CLOSED_FORMS = ['lrp', 'directpred', 'directcopy', 'ne', 'visser', 'ns', 'ns2', 'stiefel'] as const;
export type ClosedForm = (typeof CLOSED_FORMS)[number];

/** What closed forms are made of: the second moments of a batch, without centring. */
export interface Moments {
  /** Z^T Z / b [f, f]. */
  readonly sigma: Tensor;
  /** Z^T Z' / b [f, f], the online latents' index first. */
  readonly cross: Tensor;
}

/** Second moments of online latents z [b, f] and the target's latents [b, f] of the other view. */
export const latentMoments = (z: Tensor, target: Tensor): Moments => {
  const share = 1 / z.shape[0]!;
  return { sigma: matmul(z, z, { ta: true }).mul(share), cross: matmul(z, target, { ta: true }).mul(share) };
};

export interface ClosedFormOptions {
  /** Newton-Schulz iterations of `ns`, `ns2` (each of its two passes) and `stiefel`. */
  readonly nsIterations: number;
  readonly visserIterations: number;
}

/** The predictor P [f, f] of a closed form, before any ridge. `ne` takes moments of unit rows, so that its series converges. */
export function closedFormPredictor(
  form: ClosedForm, moments: Moments, { nsIterations, visserIterations }: ClosedFormOptions,
): Tensor {
  const { sigma } = moments;
  switch (form) {
    case 'lrp': return solvePositive(sigma, moments.cross);
    case 'directpred': return matrixSqrt(sigma);
    case 'directcopy': return sigma;
    case 'ne': return neumann(moments);
    case 'visser': return visser(sigma, visserIterations);
    case 'ns': return newtonSchulz(sigma, nsIterations).root;
    case 'ns2': return newtonSchulz(newtonSchulz(sigma, nsIterations).root, nsIterations).root;
    case 'stiefel': return stiefel(sigma, nsIterations);
  }
}

/** Latents as `form` wants them: unit rows for the Neumann series, whose moments then have eigenvalues in [0, 1]. */
export const latentsFor = (form: ClosedForm, z: Tensor): Tensor => (form === 'ne' ? l2Normalize(z) : z);

/** Neumann expansion of the linear regression, (2 I - Sigma) Z^T Z': exact where Sigma = I, to second order in I - Sigma. */
export const neumann = ({ sigma, cross }: Moments): Tensor => cross.mul(2).sub(matmul(sigma, cross));

/**
 * Visser's iteration P <- P + eta (Sigma - P^2) from P = I / (2 eta), towards Sigma^(1/2). It converges monotonically for eta <=
 * 1 / (2 |||Sigma|||^(1/2)), which the default, 1 / (2 tr(Sigma)^(1/2)), keeps (the paper names no eta).
 */
export function visser(sigma: Tensor, iterations: number, eta?: number): Tensor {
  const slope = eta === undefined ? recip(sqrt(maximum(trace(sigma), 1e-30)).mul(2)) : constant(eta);
  let p = mul(eye(sigma.shape[0]!), recip(slope.mul(2)));
  for (let n = 0; n < iterations; n++) p = p.add(mul(sigma.sub(matmul(p, p)), slope));
  return p;
}

/**
 * B Sigma^T / ||B||_F with B the Newton-Schulz inverse root of Sigma^T Sigma. An exact root would give a multiple of I: what it
 * does comes from finitely many iterations, which leave out directions of little variance.
 */
export function stiefel(sigma: Tensor, iterations: number): Tensor {
  // Of unit norm first: the fourth powers of the latents that M's norm is made of leave the range of float32 early.
  const unit = div(sigma, frobeniusNorm(sigma));
  const { inverseRoot } = newtonSchulz(matmul(unit, unit, { ta: true }), iterations);
  return div(matmul(inverseRoot, sigma, { tb: true }), frobeniusNorm(inverseRoot));
}
