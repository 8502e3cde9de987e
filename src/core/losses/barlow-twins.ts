import {
  add, batchNorm, constant, expand, eye, matmul, mul, square, sub, sum, TraceError, formatShape, type Tensor,
} from '../graph/index.js';

export interface BarlowTwinsLoss {
  /** `onDiagonal` + lambda `offDiagonal`. */
  readonly loss: Tensor;
  /** Invariance: sum_i (1 - C_ii)^2. */
  readonly onDiagonal: Tensor;
  /** Redundancy: the sum of C_ij^2 over i != j. */
  readonly offDiagonal: Tensor;
}

/** Every column with mean 0 and variance 1 over the batch (population variance, eps 1e-5). */
function standardizeColumns(z: Tensor): Tensor {
  const columns = [z.shape[1]!];
  return batchNorm(z, expand(constant(1), columns), expand(constant(0), columns)).y;
}

/**
 * Barlow Twins (Zbontar et al. 2021, equations 1 and 2): the cross-correlation matrix C = Z1^T Z2 / B of the two views'
 * embeddings z1 and z2 [B, d], each column standardised over its batch as in the official code, is pulled to the identity.
 * Gradients pass to both. Throws TraceError where the shapes differ.
 */
export function barlowTwinsLoss(z1: Tensor, z2: Tensor, lambda: number): BarlowTwinsLoss {
  if (z1.shape.join() !== z2.shape.join()) {
    throw new TraceError('barlowTwinsLoss', `embeddings ${formatShape(z1.shape)} and ${formatShape(z2.shape)} do not pair up`);
  }
  const [batch, dimensions] = z1.shape as [number, number];
  const correlation = matmul(standardizeColumns(z1), standardizeColumns(z2), { ta: true }).mul(1 / batch);
  const diagonal = eye(dimensions);
  const onDiagonal = sum(mul(square(sub(correlation, 1)), diagonal));
  const offDiagonal = sum(mul(square(correlation), sub(1, diagonal)));
  return { loss: add(onDiagonal, offDiagonal.mul(lambda)), onDiagonal, offDiagonal };
}
