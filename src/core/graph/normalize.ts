import { defineGradient, withGradient } from './grad.js';
import { constant, formatShape, node, type Tensor, TraceError } from './tensor.js';
import { add, clip, exp, expand, log, max, mean, mul, neg, recip, sqrt, square, stopGradient, sub, sum } from './elementwise.js';
import { reshape } from './shape.js';

/** exp(x) / sum exp(x) over the last axis. */
export const softmax = (x: Tensor): Tensor => node('softmax', [x], {}, x.shape);

/** log sum exp(x) over the last axis (kept with extent 1 where `keepDims`), shifted by the maximum. */
export function logSumExp(x: Tensor, keepDims = false): Tensor {
  const shift = stopGradient(max(x, -1, true));
  const result = add(log(sum(exp(sub(x, shift)), -1, true)), shift);
  return keepDims ? result : reshape(result, x.shape.slice(0, -1));
}

export const logSoftmax = (x: Tensor): Tensor => sub(x, logSumExp(x, true));

/** x / max(||x||_2, eps) over the last axis. */
export function l2Normalize(x: Tensor, eps = 1e-12): Tensor {
  const norm = sqrt(sum(square(x), -1, true));
  return mul(x, recip(clip(norm, eps, 3e38)));
}

/** (x - mean) / sqrt(var + eps) over the last axis, without scale and offset (Ba et al. 2016). */
export const standardize = (x: Tensor, eps = 1e-5): Tensor => node('standardize', [x], { eps }, x.shape);

/** 1 / sqrt(var + eps) over the last axis, kept with extent 1: the second result of the same computation. */
const inverseStd = (x: Tensor, eps: number): Tensor =>
  node('inverseStd', [x], { eps }, [...x.shape.slice(0, -1), 1]);

defineGradient('softmax', (y, g) => [mul(y, sub(g, sum(mul(g, y), -1, true)))]);
defineGradient('standardize', (y, g) => {
  const x = y.inputs[0]!;
  const centred = sub(sub(g, mean(g, -1, true)), mul(y, mean(mul(g, y), -1, true)));
  return [mul(centred, inverseStd(x, y.attrs.eps as number))];
});
// d(istd)/dx = -istd^2 y / n
defineGradient('inverseStd', (istd, g) => {
  const x = istd.inputs[0]!;
  const y = standardize(x, istd.attrs.eps as number);
  return [mul(y, mul(mul(g, square(istd)), -1 / x.shape.at(-1)!))];
});

/** a x + b with one a and b per channel (axis 1): x [N, C, ...], a and b [C]. One pass over memory. */
export function affine(x: Tensor, a: Tensor, b: Tensor): Tensor {
  if (a.rank !== 1 || b.rank !== 1 || a.shape[0] !== x.shape[1] || b.shape[0] !== x.shape[1]) {
    throw new TraceError('affine', `${formatShape(a.shape)} and ${formatShape(b.shape)} are not one per channel of ${formatShape(x.shape)}`);
  }
  return node('affine', [x, a, b], {}, x.shape);
}

/** Shape that broadcasts one value per channel over x. */
const perChannel = (v: Tensor, x: Tensor): Tensor => reshape(v, x.shape.map((_, axis) => (axis === 1 ? -1 : 1)));
const overChannel = (x: Tensor): number[] => [...x.shape.keys()].filter((axis) => axis !== 1);

defineGradient('affine', ({ inputs }, g, needs) => {
  const [x, a, b] = inputs as [Tensor, Tensor, Tensor];
  return [
    needs[0] ? affine(g, a, expand(constant(0), b.shape)) : undefined,
    needs[1] ? sum(mul(g, x), overChannel(x)) : undefined,
    needs[2] ? sum(g, overChannel(x)) : undefined,
  ];
});

export interface BatchNormResult {
  readonly y: Tensor;
  /** Batch mean [C] and population variance [C], for the running statistics; no gradient passes. */
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Batch normalisation with the batch's own statistics (Ioffe & Szegedy 2015): per channel of x [N, C, ...],
 * y = weight (x - mean) / sqrt(var + eps) + bias. The gradient is written out by hand, as one affine map of the incoming
 * gradient and of x, since the traced one passes over memory three times as often.
 */
export function batchNorm(x: Tensor, weight: Tensor, bias: Tensor, eps = 1e-5): BatchNormResult {
  if (weight.rank !== 1 || weight.shape[0] !== x.shape[1] || bias.shape[0] !== x.shape[1]) {
    throw new TraceError('batchNorm', `scale ${formatShape(weight.shape)} is not one per channel of ${formatShape(x.shape)}`);
  }
  const count = x.size / x.shape[1]!;
  const inputs = [x, weight, bias];
  const normalized = node('batchNorm', inputs, { eps }, x.shape);
  const y = withGradient(normalized, inputs, (g, _, given) => {
    const [input, scale] = given as [Tensor, Tensor];
    const [mu, sigma2] = batchStatistics(given, eps);
    const istd = recip(sqrt(add(sigma2, eps)));
    const gradSum = sum(g, overChannel(g));
    const correlation = mul(sub(sum(mul(g, input), overChannel(g)), mul(mu, gradSum)), istd);
    const slopeOfG = mul(scale, istd);
    // dx = scale istd (g - mean(g) - xhat mean(g xhat)) = slopeOfG g + slope x + offset
    const slope = neg(mul(mul(slopeOfG, istd), mul(correlation, 1 / count)));
    const offset = sub(neg(mul(slopeOfG, mul(gradSum, 1 / count))), mul(slope, mu));
    return [add(mul(g, perChannel(slopeOfG, g)), affine(input, slope, offset)), correlation, gradSum];
  });
  const [mu, sigma2] = batchStatistics(inputs, eps);
  return { y, mean: stopGradient(mu), variance: stopGradient(sigma2) };
}

/** Mean and population variance [C], which come from the node that normalises [x, weight, bias]. */
const batchStatistics = (inputs: readonly Tensor[], eps: number): [mean: Tensor, variance: Tensor] =>
  [node('batchMean', inputs, { eps }, inputs[1]!.shape), node('batchVariance', inputs, { eps }, inputs[1]!.shape)];

// The statistics' own gradients, which second derivatives of batchNorm need.
defineGradient('batchMean', ({ inputs: [x] }, g) => {
  const count = x!.size / x!.shape[1]!;
  return [expand(perChannel(mul(g, 1 / count), x!), x!.shape), undefined, undefined];
});
defineGradient('batchVariance', ({ inputs: [x, weight, bias], attrs }, g) => {
  const count = x!.size / x!.shape[1]!;
  const mu = node('batchMean', [x!, weight!, bias!], attrs, weight!.shape);
  const slope = mul(g, 2 / count);
  return [affine(x!, slope, neg(mul(slope, mu))), undefined, undefined];
});

/** Batch normalisation with given statistics (evaluation mode): one affine map per channel. */
export function batchNormInference(
  x: Tensor, weight: Tensor, bias: Tensor, mu: Tensor, sigma2: Tensor, eps = 1e-5,
): Tensor {
  const scale = mul(weight, recip(sqrt(add(sigma2, eps))));
  return affine(x, scale, sub(bias, mul(mu, scale)));
}
