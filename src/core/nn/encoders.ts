import type { Tensor } from '../graph/index.js';
import { alexnet } from './alexnet.js';
import { convnet } from './convnet.js';
import { distillnet } from './distillnet.js';
import { efficientnet } from './efficientnet.js';
import type { NormKind } from './norm.js';
import { parseRegNet, regnet, type RegNetShape } from './regnet.js';
import { resnet } from './resnet.js';
import type { Scope } from './scope.js';
import { vgg11 } from './vgg.js';

export const ENCODERS = [
  'resnet10', 'resnet18', 'resnet34', 'resnet50', 'vgg11', 'convnet3', 'convnet4',
  'distillnet2', 'distillnet3', 'distillnet4', 'distillnet5', 'alexnet', 'regnety', 'efficientnet_b0',
] as const;
export type EncoderName = (typeof ENCODERS)[number];
export const STEMS = ['imagenet', 'cifar', 'stl'] as const;

/** All that is needed to build an encoder again; stored with every model. */
export interface EncoderSpec {
  readonly name: EncoderName;
  /** Channels of the first stage; an EfficientNet has its own. */
  readonly width: number;
  /** Widths and blocks of a RegNetY. */
  readonly regnet?: RegNetShape;
  /** First layers of a ResNet, RegNetY or EfficientNet. */
  readonly stem?: (typeof STEMS)[number];
  readonly norm?: NormKind;
  readonly groups?: number;
  readonly weightStandardization?: boolean;
  /** Dropout after residual blocks. */
  readonly dropout?: number;
  /** Residual blocks start as their shortcuts. */
  readonly zeroInitResidual?: boolean;
  /** Blocks are computed again for the backward pass, which takes time instead of memory; not part of what a model file says. */
  readonly remat?: boolean;
}

/** Images [N, C, H, W] -> features [N, D]: pooled, but for a distillnet and an alexnet, whose maps are flattened. */
export function encode(spec: EncoderSpec, scope: Scope, images: Tensor): Tensor {
  switch (spec.name) {
    case 'resnet10': return resnet(scope, images, { ...spec, depth: 10 });
    case 'resnet18': return resnet(scope, images, { ...spec, depth: 18 });
    case 'resnet34': return resnet(scope, images, { ...spec, depth: 34 });
    case 'resnet50': return resnet(scope, images, { ...spec, depth: 50 });
    case 'vgg11': return vgg11(scope, images, spec);
    case 'convnet3': return convnet(scope, images, { ...spec, depth: 3 });
    case 'convnet4': return convnet(scope, images, { ...spec, depth: 4 });
    case 'distillnet2': return distillnet(scope, images, { ...spec, depth: 2 });
    case 'distillnet3': return distillnet(scope, images, { ...spec, depth: 3 });
    case 'distillnet4': return distillnet(scope, images, { ...spec, depth: 4 });
    case 'distillnet5': return distillnet(scope, images, { ...spec, depth: 5 });
    case 'alexnet': return alexnet(scope, images, spec);
    case 'efficientnet_b0': return efficientnet(scope, images, spec);
    case 'regnety': return regnet(scope, images, { ...spec, shape: spec.regnet ?? parseRegNet('toy') });
  }
}
