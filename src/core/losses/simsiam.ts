import { l2Normalize, mul, neg, sum, type Tensor } from '../graph/index.js';

/**
 * SimSiam's negative cosine similarity, -mean_i cos(p_i, z_i), in [-1, 1] (Chen & He 2021, equation 1). p: predictions [B, d];
 * z: projections [B, d] of the other view, to which the method applies the stop-gradient (or does not).
 */
export const negativeCosine = (p: Tensor, z: Tensor): Tensor => neg(sum(mul(l2Normalize(p), l2Normalize(z)), 1).mean());

/**
 * Both directions, (D(p1, z2) + D(p2, z1)) / 2 (equation 2): a quarter of BYOL's loss with the online network as target, less 1.
 */
export const simsiamLoss = (p1: Tensor, z1: Tensor, p2: Tensor, z2: Tensor): Tensor =>
  negativeCosine(p1, z2).add(negativeCosine(p2, z1)).mul(0.5);
