import { InputError } from '../errors.js';
import type { Shape, Tensor } from '../graph/index.js';
import { alexnet } from './alexnet.js';
import { convnet } from './convnet.js';
import { distillnet } from './distillnet.js';
import { efficientnet } from './efficientnet.js';
import { mlpEncoder } from './mlp.js';
import type { NormKind } from './norm.js';
import { parseRegNet, regnet, type RegNetShape } from './regnet.js';
import { resnet } from './resnet.js';
import type { Scope } from './scope.js';
import { vgg11 } from './vgg.js';

export const ENCODERS = [
  'resnet10', 'resnet18', 'resnet34', 'resnet50', 'vgg11', 'convnet3', 'convnet4',
  'distillnet2', 'distillnet3', 'distillnet4', 'distillnet5', 'alexnet', 'regnety', 'efficientnet_b0', 'mlp',
] as const;
export type EncoderName = (typeof ENCODERS)[number];
export const STEMS = ['imagenet', 'cifar', 'stl'] as const;

/** All that is needed to build an encoder again; stored with every model. */
export interface EncoderSpec {
  readonly name: EncoderName;
  /** Channels of the first stage, or an mlp's units; an EfficientNet has its own. */
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

/** How often an encoder halves the sides of its maps by windows that all have to fit. */
const HALVINGS: Partial<Record<EncoderName, number>> = {
  convnet3: 3, convnet4: 4, alexnet: 3, distillnet2: 2, distillnet3: 3, distillnet4: 4, distillnet5: 5,
};

/** Throws InputError where the examples are rows, or where the windows of an encoder do not fit images of height x width. */
function requireMaps({ name }: EncoderSpec, [, channels, height, width]: Shape): void {
  if (height === undefined || width === undefined) {
    throw new InputError(`${name} takes images or other maps, but these are rows of ${channels} numbers; take the encoder mlp`);
  }
  const least = 2 ** (HALVINGS[name] ?? 0);
  const tiled = name.startsWith('distillnet');
  if (Math.min(height, width) >= least && !(tiled && (height % least || width % least))) return;
  const smaller = ENCODERS.filter((other) => name.startsWith(other.slice(0, -1)) && (HALVINGS[other] ?? 0) < HALVINGS[name]!);
  const others = [...smaller, 'vgg11'].join(', ');
  const size = Math.max(least, least * Math.round(Math.min(height, width) / least));
  throw new InputError(`${name} takes images with sides of ${tiled ? 'a multiple of' : 'at least'} ${least} pixels, but these are `
    + `${height}x${width}; take another encoder (${others} or a resnet), or make images of a size that fits: byo convert --size ${size}`);
}

/**
 * Images [N, C, H, W] -> features [N, D]: pooled, but for a distillnet and an alexnet, whose maps are flattened. An mlp takes
 * rows [N, D] too. Throws InputError where examples do not fit the encoder.
 */
export function encode(spec: EncoderSpec, scope: Scope, images: Tensor): Tensor {
  if (spec.name !== 'mlp') requireMaps(spec, images.shape);
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
    case 'mlp': return mlpEncoder(scope, images, spec);
    case 'regnety': return regnet(scope, images, { ...spec, shape: spec.regnet ?? parseRegNet('toy') });
  }
}
