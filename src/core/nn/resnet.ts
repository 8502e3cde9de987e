import { globalAvgPool, maxPool2d, relu, remat, type Tensor } from '../graph/index.js';
import { zeros } from './init.js';
import { conv2d, dropout, plainly } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface ResNetOptions extends NormOptions {
  readonly depth: 10 | 18 | 34 | 50;
  /** `imagenet`: 7x7 stride 2 and max-pool; `cifar`: 3x3 stride 1; `stl`: 3x3 stride 1 and max-pool. */
  readonly stem?: 'imagenet' | 'cifar' | 'stl';
  /** Channels of the first stage. */
  readonly width?: number;
  /** Dropout after every residual block. */
  readonly dropout?: number;
  /** The last batch norm of every residual block has scale 0 at first: each starts as its shortcut (Goyal et al. 2017). */
  readonly zeroInitResidual?: boolean;
  /** Residual blocks are computed again for the backward pass; see `remat`. */
  readonly remat?: boolean;
}

const BLOCKS = { 10: [1, 1, 1, 1], 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3] } as const;

/**
 * ResNet v1 (He et al. 2016) with torchvision's names and layouts: images [N, 3, H, W] -> pooled features [N, 8 width] (32
 * width for depth 50, whose stride sits on the 3x3 convolution as in torchvision).
 */
export function resnet(scope: Scope, x: Tensor, options: ResNetOptions): Tensor {
  const { depth, stem = 'imagenet', width = 64, weightStandardization } = options;
  const norm = normLayer(options);
  const lastNorm = options.zeroInitResidual ? normLayer(options, { weightInit: zeros }) : norm;
  const apply = options.remat ? remat : plainly;
  const conv = (s: Scope, y: Tensor, channels: number, kernel: number, stride = 1) =>
    conv2d(s, y, channels, kernel, { stride, padding: (kernel - 1) / 2, weightStandardization });

  const basic = (s: Scope, y: Tensor, channels: number, stride: number): Tensor => {
    let z = relu(norm(s.at('bn1'), conv(s.at('conv1'), y, channels, 3, stride)));
    z = lastNorm(s.at('bn2'), conv(s.at('conv2'), z, channels, 3));
    return relu(z.add(shortcut(s, y, channels, stride)));
  };
  const bottleneck = (s: Scope, y: Tensor, channels: number, stride: number): Tensor => {
    let z = relu(norm(s.at('bn1'), conv(s.at('conv1'), y, channels, 1)));
    z = relu(norm(s.at('bn2'), conv(s.at('conv2'), z, channels, 3, stride)));
    z = lastNorm(s.at('bn3'), conv(s.at('conv3'), z, 4 * channels, 1));
    return relu(z.add(shortcut(s, y, 4 * channels, stride)));
  };
  const shortcut = (s: Scope, y: Tensor, channels: number, stride: number): Tensor =>
    stride === 1 && y.shape[1] === channels
      ? y
      : norm(s.at('downsample.1'), conv(s.at('downsample.0'), y, channels, 1, stride));

  const block = depth === 50 ? bottleneck : basic;
  x = stem === 'imagenet' ? conv(scope.at('conv1'), x, width, 7, 2) : conv(scope.at('conv1'), x, width, 3);
  x = relu(norm(scope.at('bn1'), x));
  if (stem !== 'cifar') x = maxPool2d(x, { size: 3, stride: 2, padding: 1 });
  BLOCKS[depth].forEach((blocks, stage) => {
    for (let i = 0; i < blocks; i++) {
      const s = scope.at(`layer${stage + 1}`).at(i);
      const stride = i === 0 && stage > 0 ? 2 : 1;
      x = apply((y) => dropout(s, block(s, y, width * 2 ** stage, stride), options.dropout ?? 0), x);
    }
  });
  return globalAvgPool(x);
}
