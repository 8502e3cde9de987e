import { sizeOf } from '../array.js';
import {
  affine, batchNorm as normalizeBatch, batchNormInference, conv2d as convolve, ge, matmul, mean, mul, recip, reshape, sigmoid,
  sqrt, square, standardize, sub, sum, gather, type ConvOptions, type Tensor, expand, constant,
} from '../graph/index.js';
import { kaimingNormal, normal, ones, torchDefault, uniform, zeros, type Initializer } from './init.js';
import type { Scope } from './scope.js';

/** A layer or network without further arguments: what blocks are built from. */
export type Layer = (scope: Scope, x: Tensor) => Tensor;

/** f(x): how a block is applied that is not rematerialised. */
export const plainly = (f: (x: Tensor) => Tensor, x: Tensor): Tensor => f(x);

export interface LinearOptions {
  readonly bias?: boolean;
  readonly init?: Initializer;
  readonly biasInit?: Initializer;
}

/** x W^T + b over the last axis: [..., in] -> [..., out]; `weight` [out, in], `bias` [out]. */
export function linear(scope: Scope, x: Tensor, out: number, options: LinearOptions = {}): Tensor {
  const { bias = true, init = torchDefault, biasInit } = options;
  const fan = x.shape.at(-1)!;
  const y = matmul(x, scope.param('weight', [out, fan], init), { tb: true });
  return bias ? y.add(scope.param('bias', [out], biasInit ?? uniform(1 / Math.sqrt(fan)))) : y;
}

export interface ConvLayerOptions extends ConvOptions {
  readonly bias?: boolean;
  readonly init?: Initializer;
  readonly biasInit?: Initializer;
  /** Filters are standardised first (Qiao et al. 2019). */
  readonly weightStandardization?: boolean;
}

/** 2-D convolution [N, C, H, W] -> [N, K, H', W']; `weight` [K, C/groups, k, k], `bias` [K]. */
export function conv2d(scope: Scope, x: Tensor, channels: number, kernel: number, options: ConvLayerOptions = {}): Tensor {
  const { bias = false, init = kaimingNormal, biasInit, weightStandardization = false, ...attrs } = options;
  const shape = [channels, x.shape[1]! / (attrs.groups ?? 1), kernel, kernel];
  const weight = scope.param('weight', shape, init);
  const y = convolve(x, weightStandardization ? standardizeFilters(weight) : weight, attrs);
  if (!bias) return y;
  const offset = scope.param('bias', [channels], biasInit ?? uniform(1 / Math.sqrt(sizeOf(shape.slice(1)))));
  return y.add(reshape(offset, [channels, 1, 1]));
}

/**
 * Weight standardisation: per output channel (w - mean) / (std + 1e-5), std unbiased, over input channels and kernel
 * (Qiao et al. 2019). A filter of one element becomes 0.
 */
export function standardizeFilters(weight: Tensor): Tensor {
  const rows = reshape(weight, [weight.shape[0]!, -1]);
  const centred = sub(rows, mean(rows, 1, true));
  const variance = mul(sum(square(centred), 1, true), 1 / Math.max(1, rows.shape[1]! - 1));
  // The root has an infinite slope at 0, where a constant filter would make NaN gradients.
  return reshape(mul(centred, recip(sqrt(variance.add(1e-20)).add(1e-5))), weight.shape);
}

export interface BatchNormOptions {
  /** Share of the new statistics in the running ones (PyTorch's convention: 0.1 is a decay of 0.9). */
  readonly momentum?: number;
  readonly eps?: number;
  readonly affine?: boolean;
  readonly weightInit?: Initializer;
}

/**
 * Batch normalisation over all axes but 1, with PyTorch's state: `weight`, `bias`, `running_mean`, `running_var` (unbiased).
 * In training mode it uses the batch's statistics and moves the running ones.
 */
export function batchNorm(scope: Scope, x: Tensor, options: BatchNormOptions = {}): Tensor {
  const { momentum = 0.1, eps = 1e-5, affine: scaled = true, weightInit = ones } = options;
  const channels = [x.shape[1]!];
  const weight = scaled ? scope.param('weight', channels, weightInit) : expand(constant(1), channels);
  const bias = scaled ? scope.param('bias', channels, zeros) : expand(constant(0), channels);
  const runningMean = scope.buffer('running_mean', channels, zeros);
  const runningVar = scope.buffer('running_var', channels, ones);
  if (!scope.training) return batchNormInference(x, weight, bias, runningMean, runningVar, eps);

  const { y, mean: mu, variance } = normalizeBatch(x, weight, bias, eps);
  const count = x.size / x.shape[1]!;
  const unbiased = variance.mul(count / Math.max(1, count - 1));
  scope.assign('running_mean', runningMean.mul(1 - momentum).add(mu.mul(momentum)));
  scope.assign('running_var', runningVar.mul(1 - momentum).add(unbiased.mul(momentum)));
  return y;
}

/** Group normalisation of [N, C, ...]: each sample's channels in `groups` groups (Wu & He 2018); one group is layer norm. */
export function groupNorm(scope: Scope, x: Tensor, groups: number, eps = 1e-5): Tensor {
  const channels = x.shape[1]!;
  const y = reshape(standardize(reshape(x, [x.shape[0]!, groups, -1]), eps), x.shape);
  return affine(y, scope.param('weight', [channels], ones), scope.param('bias', [channels], zeros));
}

/** Layer normalisation over the last axis (Ba et al. 2016). */
export function layerNorm(scope: Scope, x: Tensor, eps = 1e-5): Tensor {
  const shape = [x.shape.at(-1)!];
  return standardize(x, eps).mul(scope.param('weight', shape, ones)).add(scope.param('bias', shape, zeros));
}

/** Zeros a share `rate` of the elements in training and scales up the rest (Srivastava et al. 2014). */
export function dropout(scope: Scope, x: Tensor, rate: number): Tensor {
  if (!scope.training || rate === 0) return x;
  return x.mul(ge(scope.draw('dropout', x.shape, 'uniform'), rate)).mul(1 / (1 - rate));
}

/**
 * Channels of [N, C, H, W] scaled by a gate in (0, 1) that sees the means of all channels, through `squeezed` units in the middle
 * (Hu et al. 2018); `fc1` and `fc2` are 1x1 convolutions, as in torchvision.
 */
export function squeezeExcite(scope: Scope, x: Tensor, squeezed: number, activation: (y: Tensor) => Tensor): Tensor {
  const middle = activation(conv2d(scope.at('fc1'), x.mean([2, 3], true), squeezed, 1, { bias: true }));
  return x.mul(sigmoid(conv2d(scope.at('fc2'), middle, x.shape[1]!, 1, { bias: true })));
}

/** Rows of a table by number: int32 [...] -> [..., dim]; `weight` [count, dim] from N(0, 1). */
export const embedding = (scope: Scope, indices: Tensor, count: number, dim: number, init: Initializer = normal(1)): Tensor =>
  gather(scope.param('weight', [count, dim], init), indices);
