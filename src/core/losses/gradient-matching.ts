import { constant, div, reshape, sqrt, square, sub, sum, type Tensor } from '../graph/index.js';

/**
 * How far two gradients of one network are from each other (Zhao et al. 2021, equation 10, as in the official code): over all
 * weights [out, ...] the sum over their output units of 1 - cosine; vectors (biases, scales of normalisations) do not count.
 * Gradients of the network's parameters in the same order.
 */
export function gradientDistance(real: readonly Tensor[], synthetic: readonly Tensor[]): Tensor {
  const distances = real.map((gradient, i) => (gradient.rank < 2 ? constant(0) : byUnit(gradient, synthetic[i]!)));
  return distances.reduce((total, distance) => total.add(distance));
}

function byUnit(a: Tensor, b: Tensor): Tensor {
  const [x, y] = [a, b].map((g) => reshape(g, [g.shape[0]!, -1])) as [Tensor, Tensor];
  const cosine = div(sum(x.mul(y), 1), norm(x).mul(norm(y)).add(1e-6));
  return sub(1, cosine).sum();
}

/** Of every row. A unit that is off has no gradient at all, where the root would have an infinite slope. */
const norm = (rows: Tensor): Tensor => sqrt(sum(square(rows), 1).add(1e-20));
