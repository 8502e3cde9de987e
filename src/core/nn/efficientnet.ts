import { globalAvgPool, remat, silu, type Tensor } from '../graph/index.js';
import { conv2d, plainly, squeezeExcite } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface EfficientNetOptions extends NormOptions {
  /** `cifar`: the first convolution keeps the resolution; it halves it otherwise. */
  readonly stem?: 'imagenet' | 'cifar' | 'stl';
  /** Blocks are computed again for the backward pass; see `remat`. */
  readonly remat?: boolean;
}

/** Stages of B0: expansion, kernel, stride, channels, blocks (Tan & Le 2019, table 1). */
const B0 = [
  [1, 3, 1, 16, 1], [6, 3, 2, 24, 2], [6, 5, 2, 40, 2], [6, 3, 2, 80, 3], [6, 5, 1, 112, 3], [6, 5, 2, 192, 4], [6, 3, 1, 320, 1],
] as const;
const [STEM_CHANNELS, FEATURES] = [32, 1280];

/**
 * EfficientNet-B0 (Tan & Le 2019) with torchvision's names and layouts: images [N, C, H, W] -> pooled features [N, 1280]. Blocks
 * widen by a 1x1 convolution, filter each channel by itself, squeeze and excite, and narrow again. Without stochastic depth.
 */
export function efficientnet(scope: Scope, x: Tensor, options: EfficientNetOptions): Tensor {
  const { stem = 'imagenet', weightStandardization } = options;
  const norm = normLayer(options);
  const apply = options.remat ? remat : plainly;
  const convNorm = (s: Scope, y: Tensor, channels: number, kernel: number, { stride = 1, groups = 1 } = {}) =>
    norm(s.at(1), conv2d(s.at(0), y, channels, kernel, { stride, groups, padding: (kernel - 1) / 2, weightStandardization }));

  const block = (s: Scope, y: Tensor, expansion: number, kernel: number, stride: number, channels: number): Tensor => {
    const entering = y.shape[1]!;
    const inner = entering * expansion;
    let layers = 0;
    const next = () => s.at('block').at(layers++);
    let z = expansion === 1 ? y : silu(convNorm(next(), y, inner, 1));
    z = silu(convNorm(next(), z, inner, kernel, { stride, groups: inner }));
    z = squeezeExcite(next(), z, Math.floor(entering / 4), silu);
    z = convNorm(next(), z, channels, 1);
    return stride === 1 && entering === channels ? z.add(y) : z;
  };

  const features = scope.at('features');
  x = silu(convNorm(features.at(0), x, STEM_CHANNELS, 3, { stride: stem === 'cifar' ? 1 : 2 }));
  B0.forEach(([expansion, kernel, stride, channels, blocks], stage) => {
    for (let i = 0; i < blocks; i++) {
      const s = features.at(stage + 1).at(i);
      x = apply((y) => block(s, y, expansion, kernel, i === 0 ? stride : 1, channels), x);
    }
  });
  return globalAvgPool(silu(convNorm(features.at(B0.length + 1), x, FEATURES, 1)));
}
