import {
  eye, ge, l2Normalize, matmul, maximum, mul, sigmoid, softplus, stopGradient, sub, sum, type Tensor,
} from '../graph/index.js';

/**
 * Self-labelling refinement (Garg & Jain 2022): other images of the batch that look alike count as positives too. The paper's
 * loss functions are not public; both are a reconstruction from its abstract, its scripts and their names.
 */
export interface SelfLabeling {
  /** Similarity from which two images count as the same. Above 1 only the two views of one image do. */
  readonly thetaPos: number;
  /** Similarity up to which two images count as different; pairs between the two thresholds are left out. */
  readonly thetaNeg: number;
}

/** A loss over the pairs of a batch, and the share of pairs of different images that were labelled positive. */
export interface PairLoss {
  readonly loss: Tensor;
  readonly positives: Tensor;
}

/**
 * Contrastive self-labelling: with S = cos(p_i, z_j), the mean of 2 - 2 S over the positive pairs plus `negWeight` times the mean
 * of 1 + S over the negative ones. p: online predictions [B, d]; z: target projections [B, d], without gradient. With
 * `thetaPos` > 1 and `negWeight` 0 this is BYOL's loss.
 */
export function ccslLoss(
  p: Tensor, z: Tensor, { negWeight, ...thresholds }: SelfLabeling & { readonly negWeight: number },
): PairLoss {
  const similarity = matmul(l2Normalize(p), l2Normalize(stopGradient(z)), { tb: true });
  const { positive, negative, positives } = pseudoLabels(similarity, thresholds);
  const pull = meanOver(positive, sub(2, mul(similarity, 2)));
  return { loss: negWeight === 0 ? pull : pull.add(meanOver(negative, similarity.add(1)).mul(negWeight)), positives };
}

/**
 * Sigmoid self-labelling: cross-entropy of S = sigmoid(<p_i, z_j>) with the pseudo-labels, over the pairs that have one. The dot
 * products are not normalised: the sigmoid of a cosine lies in [0.27, 0.73] and would never reach the thresholds. Arguments as
 * for `ccslLoss`.
 */
export function csslLoss(p: Tensor, z: Tensor, thresholds: SelfLabeling): PairLoss {
  const logits = matmul(p, stopGradient(z), { tb: true });
  const { positive, negative, positives } = pseudoLabels(sigmoid(logits), thresholds);
  // -[Y log S + (1 - Y) log(1 - S)] = softplus(l) - Y l
  return { loss: meanOver(positive.add(negative), softplus(logits).sub(mul(positive, logits))), positives };
}

/** Which pairs [B, B] (row online, column target) are labelled 1 and 0; the two views of an image always are 1. */
function pseudoLabels(similarity: Tensor, { thetaPos, thetaNeg }: SelfLabeling) {
  const batch = similarity.shape[0]!;
  const same = eye(batch);
  const others = sub(1, same);
  const alike = mul(ge(similarity, thetaPos), others);
  return {
    positive: alike.add(same),
    negative: mul(ge(thetaNeg, similarity), others),
    positives: sum(alike).mul(1 / Math.max(1, batch * (batch - 1))),
  };
}

/** Mean of the values that `mask` (0 or 1) picks; 0 where it picks none. */
const meanOver = (mask: Tensor, values: Tensor): Tensor => sum(mul(mask, values)).div(maximum(sum(mask), 1));
