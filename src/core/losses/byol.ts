import { l2Normalize, mul, stopGradient, sub, sum, type Tensor } from '../graph/index.js';

/**
 * BYOL's regression loss, mean_i ||p_i/|p_i| - z_i/|z_i|||^2 = mean_i (2 - 2 cos(p_i, z_i)), in [0, 4] (Grill et al. 2020,
 * equation 2). p: online predictions [B, d]; z: target projections [B, d], through which no gradient passes.
 */
export function byolLoss(p: Tensor, z: Tensor): Tensor {
  const cosine = sum(mul(l2Normalize(p), l2Normalize(stopGradient(z))), 1);
  return sub(2, cosine.mul(2)).mean();
}

/**
 * Collapse gauge: the standard deviation over the batch of every feature of the normalised rows, averaged; about 1/sqrt(d)
 * where they spread over the sphere and 0 where they have collapsed (Chen & He 2021).
 */
export function featureStd(z: Tensor): Tensor {
  const unit = l2Normalize(stopGradient(z));
  return sub(unit, unit.mean(0, true)).square().mean(0).sqrt().mean();
}
