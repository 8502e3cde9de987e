import { flatten, maxPool2d, relu, type Tensor } from '../graph/index.js';
import { torchDefault } from './init.js';
import { conv2d } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface AlexNetOptions extends NormOptions {
  /** Half the channels of the first convolution; 64 gives 128, 192, 256, 192 and 192. */
  readonly width?: number;
}

/** Channels as multiples of the width, kernel, and whether a 2x2 max-pool follows. */
const CONVOLUTIONS = [[2, 5, true], [3, 5, true], [4, 3, false], [3, 3, false], [3, 3, true]] as const;

/**
 * AlexNet for small images, as the literature of dataset distillation has it: five convolutions with bias, three max-pools and no
 * hidden linear layers; images [N, C, H, W] -> the last maps, [N, 3 width H W / 64]. Between convolution and ReLU stands a
 * normalisation, which the original does not have (`none`). Tensors are `features.0.conv.weight` to `features.4.norm.bias`.
 */
export function alexnet(scope: Scope, x: Tensor, options: AlexNetOptions): Tensor {
  const { width = 64, weightStandardization } = options;
  const norm = normLayer(options);
  CONVOLUTIONS.forEach(([factor, kernel, pooled], i) => {
    const s = scope.at('features').at(i);
    const convolution = { padding: (kernel - 1) / 2, bias: true, init: torchDefault, weightStandardization };
    x = relu(norm(s.at('norm'), conv2d(s.at('conv'), x, factor * width, kernel, convolution)));
    if (pooled) x = maxPool2d(x, { size: 2 });
  });
  return flatten(x);
}
