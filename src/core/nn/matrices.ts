import {
  div, eye, matmul, matrixTranspose, maximum, mul, sqrt, square, sum, type Tensor,
} from '../graph/index.js';

/**
 * Functions of square matrices [f, f] made of matrix products only, so that they run, and have gradients, on every device in
 * float32. Divisors are kept away from 0: a zero matrix gives zeros, not NaN.
 */
const TINY = 1e-30;

export const trace = (m: Tensor): Tensor => sum(mul(m, eye(m.shape[0]!)));

/** ||M||_F. */
export const frobeniusNorm = (m: Tensor): Tensor => sqrt(maximum(sum(square(m)), TINY));

/**
 * The largest singular value, from M^T M squared ten times: the mean of its eigenvalues weighted by their 1024th powers. Never
 * above the truth, and at most ln(f) / 2048 of it below (0.3 % for f = 256, where all the others are just under the largest).
 */
export function operatorNorm(m: Tensor): Tensor {
  const size = frobeniusNorm(m);
  const unit = div(m, size);
  const gram = matmul(unit, unit, { ta: true });
  let power = gram;
  for (let n = 0; n < 10; n++) {
    power = div(power, maximum(trace(power), TINY));
    power = matmul(power, power);
  }
  return mul(size, sqrt(maximum(div(sum(mul(power, gram)), maximum(trace(power), TINY)), TINY)));
}

/** (M + M^T) / 2. */
export const symmetricPart = (m: Tensor): Tensor => m.add(matrixTranspose(m)).mul(0.5);

/**
 * Newton-Schulz iteration for the square root of a symmetric positive semidefinite matrix and its inverse: A = M / ||M||_F and
 * B = I; T = (3 I - B A) / 2, A <- A T, B <- T B. `root` is A ||M||_F^(1/2), towards M^(1/2); `inverseRoot` is B, towards
 * (M / ||M||_F)^(-1/2). Eigenvalues of M / ||M||_F below about 1.5^(-2 iterations) are multiplied by 1.5^iterations and do not
 * reach their roots. A and B are made symmetric again in every iteration, else rounding grows after convergence. Beyond 18
 * iterations rounding matters: an eigenvalue of 0 that float32 makes slightly negative diverges.
 */
export function newtonSchulz(m: Tensor, iterations: number): { root: Tensor; inverseRoot: Tensor } {
  const identity = eye(m.shape[0]!);
  const norm = frobeniusNorm(m);
  let [a, b] = [div(m, norm), identity];
  for (let n = 0; n < iterations; n++) {
    const t = identity.mul(1.5).sub(matmul(b, a).mul(0.5));
    [a, b] = [symmetricPart(matmul(a, t)), symmetricPart(matmul(t, b))];
  }
  return { root: mul(a, sqrt(norm)), inverseRoot: b };
}

/**
 * M^(1/2) of a symmetric positive semidefinite matrix, by as many Newton-Schulz iterations as resolve what float32 does: M is
 * shifted by 1e-6 of its trace, since rounding can leave it slightly indefinite. Eigenvalues s become sqrt(s + 1e-6 tr M).
 */
export const matrixSqrt = (m: Tensor): Tensor => newtonSchulz(m.add(eye(m.shape[0]!).mul(trace(m).mul(1e-6))), 22).root;

/**
 * X with M X = right, for a symmetric positive semidefinite M: Newton's iteration for the inverse of M + 1e-5 tr(M) I, whose
 * solution is refined against M itself three times. Directions of M with less than about 1e-5 of its trace are damped.
 */
export function solvePositive(m: Tensor, right: Tensor): Tensor {
  const identity = eye(m.shape[0]!);
  const scale = maximum(trace(m), TINY);
  const unit = div(m, scale);
  const shifted = unit.add(identity.mul(1e-5));
  let inverse = identity;
  for (let n = 0; n < 22; n++) inverse = matmul(inverse, identity.mul(2).sub(matmul(shifted, inverse)));
  const target = div(right, scale);
  let x = matmul(inverse, target);
  for (let n = 0; n < 3; n++) x = x.add(matmul(inverse, target.sub(matmul(unit, x))));
  return x;
}

/** ||M||_F^2 / |||M|||^2: f for the identity, the rank for an orthogonal projection (and for a multiple of one). */
export const stableRankOf = (m: Tensor): Tensor => div(sum(square(m)), maximum(square(operatorNorm(m)), TINY));

/** How far a matrix is from an orthogonal projection, whatever its scale: it is divided by its operator norm first. */
export function projectionGauges(m: Tensor) {
  const norm = maximum(operatorNorm(m), TINY);
  const p = div(m, norm);
  const size = frobeniusNorm(p);
  const relative = (difference: Tensor): Tensor => div(frobeniusNorm(difference), size);
  return {
    norm,
    /** ||P^2 - P||_F / ||P||_F */
    projectionDistance: relative(matmul(p, p).sub(p)),
    /** ||P - P^T||_F / ||P||_F */
    asymmetry: relative(p.sub(matrixTranspose(p))),
    /** ||P - U||_F / ||P||_F with U the orthogonal factor of the polar decomposition. */
    polarDistance: relative(p.sub(polarFactor(p))),
    stableRank: square(size),
  };
}

/**
 * The orthogonal factor of the polar decomposition, by Newton-Schulz: X <- X (3 I - X^T X) / 2 from X = M / ||M||_F. Singular
 * values below about 1.5^-20 of ||M||_F stay below 1.
 */
function polarFactor(m: Tensor): Tensor {
  let x = div(m, frobeniusNorm(m));
  for (let n = 0; n < 22; n++) x = x.mul(1.5).sub(matmul(x, matmul(x, x, { ta: true })).mul(0.5));
  return x;
}
