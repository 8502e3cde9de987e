import { float32 } from '../../array.js';
import { InputError } from '../../errors.js';
import { affine, clip, constant, ge, sub, transpose, where, type Tensor } from '../../graph/index.js';
import { applyStage, jitterStages, toGrey } from './jitter.js';
import type { PlanTensors } from './plan.js';
import type { ViewAugmentation } from './views.js';

/**
 * One view of every image: images [B, C, H, W] in [0, 1], C = 1 or 3, and the view's plan -> [B, C, size, size] in [0, 1].
 * The order is BYOL's: crop, resize, flip and transpose; colour jitter, clipped to [0, 1] after every step; grey; blur; solarise.
 * Stages whose probability is 0 are not part of the graph.
 */
export function augment(images: Tensor, plan: PlanTensors, view: ViewAugmentation): Tensor {
  // Bicubic kernels overshoot at edges.
  let x = clip(plan.rows.matmul(images.matmul(plan.columns)), 0, 1);
  if ('transpose' in plan) x = where(plan.transpose, transpose(x, [0, 1, 3, 2]), x);
  jitterStages(view, images.shape[1]).forEach((name, k) => {
    x = applyStage(name, x, plan[`jitter${k}`]);
  });
  if ('grayscale' in plan) x = x.mul(sub(1, plan.grayscale)).add(toGrey(x).mul(plan.grayscale));
  if ('blur' in plan) x = plan.blur.matmul(x.matmul(plan.blur, { tb: true }));
  if ('solarize' in plan) x = x.add(ge(x, plan.solarize).mul(sub(1, x.mul(2))));
  return clip(x, 0, 1);
}

/** Mean and standard deviation per channel, in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Those of ImageNet's training images, which papers use for natural images of other sets too. */
export const IMAGENET_STATISTICS: ChannelStatistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** (x - mean) / std per channel of x [B, C, H, W]. Throws InputError where there is not one positive std per channel. */
export function normalize(images: Tensor, { mean, std }: ChannelStatistics): Tensor {
  const channels = images.shape[1];
  if (mean.length !== channels || std.length !== channels || !std.every((s) => s > 0)) {
    throw new InputError(`normalising images of ${channels} channels takes as many means and positive standard deviations, ` +
      `but they are [${mean}] and [${std}]`);
  }
  const scale = float32([channels], std.map((s) => 1 / s));
  const offset = float32([channels], std.map((s, c) => -mean[c] / s));
  return affine(images, constant(scale), constant(offset));
}
