import { l2Normalize, mul, stopGradient, sub, sum, type Tensor } from '../graph/index.js';

/** mean_i ||p_i/|p_i| - z_i/|z_i|||^2 = mean_i (2 - 2 cos(p_i, z_i)), in [0, 4], of rows [B, d]; gradients pass to both. */
export function normalizedDistance(p: Tensor, z: Tensor): Tensor {
  const cosine = sum(mul(l2Normalize(p), l2Normalize(z)), 1);
  return sub(2, cosine.mul(2)).mean();
}

/**
 * BYOL's regression loss (Grill et al. 2020, equation 2): the normalised distance of the online predictions p [B, d] to the
 * target projections z [B, d], through which no gradient passes.
 */
export const byolLoss = (p: Tensor, z: Tensor): Tensor => normalizedDistance(p, stopGradient(z));

/**
 * Collapse gauge: the standard deviation over the batch of every feature of the normalised rows, averaged; about 1/sqrt(d)
 * where they spread over the sphere and 0 where they have collapsed (Chen & He 2021).
 */
export function featureStd(z: Tensor): Tensor {
  const unit = l2Normalize(stopGradient(z));
  return sub(unit, unit.mean(0, true)).square().mean(0).sqrt().mean();
}
