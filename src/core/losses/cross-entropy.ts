import { logSumExp, pick, sub, type Tensor } from '../graph/index.js';

/** Mean of -log softmax(scores)[label]: scores [B, K], labels int32 [B]. */
export const crossEntropy = (scores: Tensor, labels: Tensor): Tensor => sub(logSumExp(scores), pick(scores, labels)).mean();
