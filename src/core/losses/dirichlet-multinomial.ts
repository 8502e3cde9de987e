import { float32 } from '../array.js';
import { constant, div, eq, expand, log, matmul, mul, recip, sub, where, withGradient, type Tensor } from '../graph/index.js';

/** Where a question's answers stand in a row of votes: columns `start` to `end`, both included. */
export interface AnswerColumns {
  readonly start: number;
  readonly end: number;
}

/**
 * -log p(votes | alpha) of every question, float32 [B, questions], under a Dirichlet-multinomial distribution:
 *
 *     -[ lgamma(N + 1) + lgamma(A) - lgamma(N + A) + sum_i ( lgamma(k_i + alpha_i) - lgamma(alpha_i) - lgamma(k_i + 1) ) ],
 *     N = sum_i k_i, A = sum_i alpha_i  (Walmsley et al. 2022, Zoobot's loss).
 *
 * concentrations: alpha, float32 [B, answers], above 0; votes: k, float32 [B, answers], whole numbers from 0. A question without
 * votes has a loss and a gradient of exactly 0, which is what "not asked" means.
 */
export function dirichletMultinomialLoss(concentrations: Tensor, votes: Tensor, questions: readonly AnswerColumns[]): Tensor {
  const perQuestion = membership(questions, votes.shape[1]!);
  const asked = matmul(votes, perQuestion);
  const total = matmul(concentrations, perQuestion);
  const ofAnswers = sub(logFactorial(votes), logRisingFactorial(concentrations, votes));
  return matmul(ofAnswers, perQuestion).add(sub(logRisingFactorial(total, asked), logFactorial(asked)));
}

/**
 * The same with fixed answer probabilities alpha_i / A, -sum_i k_i log(alpha_i / A), [B, questions]: cross-entropy weighted by
 * the number of votes, without the multinomial coefficient.
 */
export function votesCrossEntropy(concentrations: Tensor, votes: Tensor, questions: readonly AnswerColumns[]): Tensor {
  const perQuestion = membership(questions, votes.shape[1]!);
  const answers = matmul(votes.mul(log(concentrations)), perQuestion);
  return sub(matmul(votes, perQuestion).mul(log(matmul(concentrations, perQuestion))), answers);
}

/** [answers, questions]: 1 where the answer belongs to the question. */
function membership(questions: readonly AnswerColumns[], answers: number): Tensor {
  const data = new Float32Array(answers * questions.length);
  questions.forEach(({ start, end }, q) => {
    for (let answer = start; answer <= end; answer++) data[answer * questions.length + q] = 1;
  });
  return constant(float32([answers, questions.length], data));
}

const logFactorial = (k: Tensor): Tensor => logRisingFactorial(expand(constant(1), k.shape), k);

/** From here on Stirling's series is used; what lies below is reached by gamma(z + 1) = z gamma(z). */
const SHIFT = 6;
const steps = Array.from({ length: SHIFT }, (_, j) => j);

/**
 * lgamma(z + k) - lgamma(z), the logarithm of z (z + 1) ... (z + k - 1), for z > 0 and k >= 0 of the same shape; exactly 0 at
 * k = 0. A difference all along, so that float32 keeps it where both terms are large: with w = z + 6 it is
 *
 *     k log w + (w + k - 1/2) log(1 + k/w) - k + tail(w + k) - tail(w) - sum_{j<6} log(1 + k/(z + j)).
 *
 * The gradient with respect to z is digamma(z + k) - digamma(z); none passes to k.
 */
export function logRisingFactorial(z: Tensor, k: Tensor): Tensor {
  const w = z.add(SHIFT);
  const end = w.add(k);
  const above = k.mul(log(w)).add(end.sub(0.5).mul(log1p(div(k, w)))).sub(k).add(sub(lgammaTail(end), lgammaTail(w)));
  const value = steps.reduce((rest, j) => rest.sub(log1p(div(k, z.add(j)))), above);
  return withGradient(value, [z], (g) => [mul(g, digammaDifference(z, k))]);
}

/** digamma(z + k) - digamma(z) = log(1 + k/w) + tail(w + k) - tail(w) + sum_{j<6} k / ((z + j)(z + j + k)), w = z + 6. */
function digammaDifference(z: Tensor, k: Tensor): Tensor {
  const w = z.add(SHIFT);
  const above = log1p(div(k, w)).add(sub(digammaTail(w.add(k)), digammaTail(w)));
  return steps.reduce((sum, j) => sum.add(div(k, z.add(j).mul(z.add(j).add(k)))), above);
}

/** lgamma(w) - [(w - 1/2) log w - w + log(2 pi)/2] within 1e-9 from w = 6 on. */
function lgammaTail(w: Tensor): Tensor {
  const r = recip(w);
  const r2 = r.square();
  return r.mul(sub(1 / 12, r2.mul(sub(1 / 360, r2.mul(1 / 1260)))));
}

/** digamma(w) - log w within 1e-8 from w = 6 on. */
function digammaTail(w: Tensor): Tensor {
  const r = recip(w);
  const r2 = r.square();
  return r.mul(-0.5).sub(r2.mul(sub(1 / 12, r2.mul(sub(1 / 120, r2.mul(1 / 252))))));
}

/** log(1 + x) for x >= 0 with the relative precision of float32: what rounding takes from 1 + x is put back (Kahan). */
function log1p(x: Tensor): Tensor {
  const u = x.add(1);
  return where(eq(u, 1), x, log(u).mul(div(x, u.sub(1))));
}
