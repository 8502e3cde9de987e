import { avgPool2d, flatten, relu, type Tensor } from '../graph/index.js';
import { torchDefault } from './init.js';
import { conv2d } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface DistillNetOptions extends NormOptions {
  /** Blocks; each halves the resolution. */
  readonly depth: 2 | 3 | 4 | 5;
  /** Channels of the first block; each block doubles them. */
  readonly width?: number;
}

/**
 * The ConvNet of dataset distillation, with KRR-ST's doubling channels (Lee et al. 2024): blocks of 3x3 convolution with bias,
 * normalisation, ReLU and 2x2 average-pool; images [N, C, H, W] -> all of the last maps, [N, width 2^(depth-1) H W / 4^depth].
 */
export function distillnet(scope: Scope, x: Tensor, options: DistillNetOptions): Tensor {
  const { depth, width = 128, weightStandardization } = options;
  const norm = normLayer(options);
  for (let i = 0; i < depth; i++) {
    const s = scope.at(`block${i + 1}`);
    const y = conv2d(s.at('conv'), x, width * 2 ** i, 3, { padding: 1, bias: true, init: torchDefault, weightStandardization });
    x = avgPool2d(relu(norm(s.at('norm'), y)), 2);
  }
  return flatten(x);
}
