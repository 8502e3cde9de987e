import { globalAvgPool, maxPool2d, relu, remat, type Tensor } from '../graph/index.js';
import { conv2d, plainly } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface ConvNetOptions extends NormOptions {
  /** Blocks; each halves the resolution. */
  readonly depth: 3 | 4;
  /** Channels of the first block; each block doubles them. */
  readonly width?: number;
  /** Blocks are computed again for the backward pass; see `remat`. */
  readonly remat?: boolean;
}

/** Blocks of 3x3 convolution, normalisation, ReLU and 2x2 max-pool: images [N, 3, H, W] -> features [N, width 2^(depth-1)]. */
export function convnet(scope: Scope, x: Tensor, options: ConvNetOptions): Tensor {
  const { depth, width = 32, weightStandardization } = options;
  const norm = normLayer(options);
  const apply = options.remat ? remat : plainly;
  for (let i = 0; i < depth; i++) {
    const s = scope.at(`block${i + 1}`);
    x = apply((y) => {
      const z = conv2d(s.at('conv'), y, width * 2 ** i, 3, { padding: 1, weightStandardization });
      return maxPool2d(relu(norm(s.at('norm'), z)), { size: 2 });
    }, x);
  }
  return globalAvgPool(x);
}
