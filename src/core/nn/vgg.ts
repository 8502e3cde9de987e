import { flatten, maxPool2d, relu, remat, type Tensor } from '../graph/index.js';
import { zeros } from './init.js';
import { conv2d, plainly } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

export interface VggOptions extends NormOptions {
  /** Channels of the first stage. */
  readonly width?: number;
  /** Stages are computed again for the backward pass; see `remat`. */
  readonly remat?: boolean;
}

/** Channels of the convolutions of each stage, as multiples of the width. */
const STAGES = [[1], [2], [4, 4], [8, 8], [8, 8]] as const;

/**
 * The convolutions of VGG-11 (Simonyan & Zisserman 2015) with torchvision's names and layouts, those of its vgg11 without
 * normalisation and of its vgg11_bn with: images [N, 3, H, W] -> features [N, 8 width H/32 W/32], flattened, without any
 * classifier. Each of the five stages ends with a 2x2 max-pool, as long as there are two pixels to pool: images of less than 32
 * pixels end as one pixel.
 */
export function vgg11(scope: Scope, x: Tensor, options: VggOptions): Tensor {
  const { width = 64, weightStandardization } = options;
  const norm = normLayer(options);
  const normalized = options.norm !== 'none';
  const apply = options.remat ? remat : plainly;
  let at = 0;
  for (const stage of STAGES) {
    const first = at;
    const layers = normalized ? 3 : 2;
    x = apply((y) => {
      stage.forEach((multiple, i) => {
        const layer = (offset: number): Scope => scope.at('features').at(first + i * layers + offset);
        const z = conv2d(layer(0), y, width * multiple, 3, { padding: 1, bias: true, biasInit: zeros, weightStandardization });
        y = relu(normalized ? norm(layer(1), z) : z);
      });
      return Math.min(...y.shape.slice(2)) > 1 ? maxPool2d(y, { size: 2 }) : y;
    }, x);
    at += stage.length * layers + 1;
  }
  return flatten(x);
}
