import {
  argmax, concat, exp, log, logSoftmax, logSumExp, max, oneHot, part, softmax, split, stopGradient, sub, sum, where,
  type Tensor,
} from '../graph/index.js';

export interface SinkhornOptions {
  /** Temperature of the assignment: the smaller, the harder. */
  readonly epsilon: number;
  /** Rounds of equal mass per prototype, then per image; 0 leaves a softmax, which nothing keeps from collapsing. */
  readonly iterations: number;
}

/** log sum exp(x) over the first axis of x [B, K], as [1, K]. */
function logSumExpOfColumns(x: Tensor): Tensor {
  const shift = max(x, 0, true);
  return log(sum(exp(sub(x, shift)), 0, true)).add(shift);
}

/**
 * Sinkhorn-Knopp (Cuturi 2013; Caron et al. 2020, equation 3): scores [B, K] -> assignment [B, K] near exp(scores / epsilon),
 * in which every image has mass 1 exactly and every prototype mass B/K nearly. No gradient passes. In logarithms, where the
 * shift by the largest score that the multiplicative form needs is implied and nothing underflows, however small epsilon.
 */
export function sinkhorn(scores: Tensor, { epsilon, iterations }: SinkhornOptions): Tensor {
  let q = stopGradient(scores).div(epsilon);
  for (let round = 0; round < iterations; round++) {
    q = q.sub(logSumExpOfColumns(q));
    q = q.sub(logSumExp(q, true));
  }
  return softmax(q);
}

/** Scores of past embeddings that join the assignment of a batch. */
export interface QueueScores {
  /** [Q, K], by the current prototypes. */
  readonly scores: Tensor;
  /** 1 where they join, 0 as long as they do not. */
  readonly joins: Tensor;
}

/** The assignment of a batch [B, K]; a queue's rows take part in it and are cut away again. */
export function codes(scores: Tensor, options: SinkhornOptions, queue?: QueueScores): Tensor {
  const alone = sinkhorn(scores, options);
  if (!queue) return alone;
  const together = sinkhorn(concat([scores, queue.scores]), options);
  return where(queue.joins, part(together, 0, 0, scores.shape[0]!), alone);
}

export interface SwavOptions extends SinkhornOptions {
  /** Crops of every image; the first ones, as many as are assigned, are the global crops. */
  readonly crops: number;
  /** Crops whose codes the others predict. */
  readonly assigned?: number;
  /** Temperature of the predictions. */
  readonly temperature: number;
  /** One per assigned crop. */
  readonly queues?: readonly QueueScores[];
}

/**
 * SwAV's swapped prediction (Caron et al. 2020, equation 2 and multi-crop): the code of every assigned crop is predicted from
 * every other crop of the same image, -sum_k q_k log softmax(scores / temperature)_k, averaged over crops and images. Scores
 * [crops B, K] are cosines with the prototypes, crop by crop: rows v B to (v + 1) B - 1 are crop v.
 */
export function swavLoss(scores: Tensor, { crops, assigned = 2, temperature, queues, ...options }: SwavOptions): Tensor {
  const views = split(scores, crops);
  const predictions = views.map((view) => logSoftmax(view.div(temperature)));
  const losses = views.slice(0, assigned).map((view, g) => {
    const q = codes(view, options, queues?.[g]);
    const others = predictions.filter((_, v) => v !== g).reduce((a, b) => a.add(b));
    return q.mul(others).sum(1).mean().div(1 - crops);
  });
  return losses.reduce((a, b) => a.add(b)).div(assigned);
}

/**
 * Collapse gauge: entropy of which prototype is nearest to each row of scores [N, K], as a share of log K. 1 where all are
 * nearest equally often, 0 where one is nearest to everything.
 */
export function usageEntropy(scores: Tensor): Tensor {
  const prototypes = scores.shape[1]!;
  const share = oneHot(argmax(stopGradient(scores)), prototypes).mean(0);
  return share.mul(log(share.add(1e-12))).sum().div(-Math.log(prototypes));
}
