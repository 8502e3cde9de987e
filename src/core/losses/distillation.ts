import {
  clip, div, eq, exp, gt, log, logSumExp, mul, softmax, square, stopGradient, sub, sum, where, withGradient, type Tensor,
} from '../graph/index.js';

/**
 * Cross-entropy with soft targets, mean_i -sum_j t_ij log softmax(z)_ij: logits z [B, K], targets t [B, K] of sum 1 by row,
 * without gradient. The gradient is (softmax(z) - t) / B as it stands: 0, and no rounding error, where both are the same to the
 * last bit.
 */
export function softCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const t = stopGradient(targets);
  const loss = sub(logSumExp(logits), sum(mul(t, logits), 1)).mean();
  return withGradient(loss, [logits], (g, _, [z]) => [sub(softmax(z!), t).mul(div(g, z!.shape[0]!))]);
}

/** mean_i H(softmax(z_i)) in nats, of logits z [B, K]. */
export const softmaxEntropy = (logits: Tensor): Tensor =>
  sub(logSumExp(logits), sum(mul(softmax(logits), logits), 1)).mean();

/**
 * mean_i KL(softmax(a_i) || softmax(b_i)) of logits [B, K], for reports. In a form that keeps its digits in float32, where the
 * difference of a cross-entropy near log K and an entropy near log K has none: with p = softmax(a) and e = b - a less its mean
 * under p, it is log(1 + sum p (exp(e) - 1 - e)), all of whose terms are positive.
 */
export function klDivergence(a: Tensor, b: Tensor): Tensor {
  const p = softmax(a);
  const difference = sub(b, a);
  const e = sub(difference, sum(mul(p, difference), 1, true));
  return log1p(sum(mul(p, expRemainder(e)), 1)).mean();
}

/** exp(x) - 1 - x, by its series where the difference would lose its digits. */
function expRemainder(x: Tensor): Tensor {
  const small = clip(x, -0.5, 0.5);
  // x^2/2 (1 + x/3 (1 + x/4 (… (1 + x/8))))
  const series = [8, 7, 6, 5, 4, 3].reduce<Tensor | number>((sofar, k) => mul(small, 1 / k).mul(sofar).add(1), 1) as Tensor;
  return where(gt(square(x), 0.25), sub(sub(exp(x), 1), x), square(small).mul(0.5).mul(series));
}

/** log(1 + x) for x >= 0, without losing the digits of a small x (Kahan's correction). */
function log1p(x: Tensor): Tensor {
  const u = x.add(1);
  const rounded = sub(u, 1);
  const safe = where(eq(rounded, 0), 1, rounded);
  return where(eq(rounded, 0), x, mul(x, div(log(u), safe)));
}
