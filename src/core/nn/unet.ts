import { concat, matmul, reshape, silu, softmax, split, transpose, upsample, type Tensor } from '../graph/index.js';
import { torchDefault, zeros } from './init.js';
import { conv2d, dropout, groupNorm, linear } from './layers.js';
import type { Scope } from './scope.js';

export interface UNetOptions {
  /** Channels at full resolution; the others are multiples. */
  readonly channels: number;
  /** One per level; each level below the first has half the resolution of the one above. */
  readonly multipliers: readonly number[];
  /** Residual blocks of a level, on the way down and on the way up. */
  readonly blocks: number;
  /** Resolutions whose blocks are followed by self-attention, besides the middle. */
  readonly attention: readonly number[];
  readonly heads: number;
  /** Groups of group normalisation. */
  readonly groups: number;
  readonly dropout: number;
  /** What the embedding does to a block: it scales and shifts the normalised channels, or only shifts. */
  readonly modulation: 'scale-shift' | 'shift';
}

/** What a U-Net knows besides the image. */
export interface UNetContext {
  /** Of time, class and so on: [B, E]. */
  readonly embedding: Tensor;
  /** Words that attention may look at, [B, L, W]. */
  readonly tokens?: Tensor;
}

/**
 * The U-Net of diffusion models (Ho et al. 2020): x [B, C, H, W] -> [B, C, H, W]. Every block on the way up is given the output
 * of its counterpart on the way down as further channels. Second convolutions of blocks and the last layer start at zero.
 */
export function unet(scope: Scope, x: Tensor, { embedding, tokens }: UNetContext, options: UNetOptions): Tensor {
  const { channels, multipliers, blocks, attention } = options;
  const widths = multipliers.map((multiplier) => channels * multiplier);
  const lowest = widths.length - 1;
  const context = { embedding: silu(embedding), ...(tokens && { tokens }) };
  const stage = (s: Scope, y: Tensor, width: number): Tensor => {
    const z = residualBlock(s, y, width, context.embedding, options);
    return attention.includes(z.shape[2]!) ? attend(s.at('attention'), z, context.tokens, options) : z;
  };

  const skips: Tensor[] = [];
  let y = conv(scope.at('conv_in'), x, channels);
  for (const [level, width] of widths.entries()) {
    for (let block = 0; block < blocks; block++) {
      y = stage(scope.at('down').at(level).at(block), y, width);
      skips.push(y);
    }
    if (level < lowest) y = conv(scope.at('downsample').at(level), y, width, 3, 2);
  }
  const middle = scope.at('mid');
  y = residualBlock(middle.at(0), y, widths[lowest]!, context.embedding, options);
  y = attend(middle.at(1), y, context.tokens, options);
  y = residualBlock(middle.at(2), y, widths[lowest]!, context.embedding, options);
  for (const [level, width] of widths.toReversed().entries()) {
    for (let block = 0; block < blocks; block++) {
      y = stage(scope.at('up').at(level).at(block), concat([y, skips.pop()!], 1), width);
    }
    if (level < lowest) y = conv(scope.at('upsample').at(level), upsample(y, 2), width);
  }
  const normalized = silu(groupNorm(scope.at('norm_out'), y, options.groups));
  return convFromZero(scope.at('conv_out'), normalized, x.shape[1]!);
}

/** A convolution with bias that keeps the resolution (or halves it), as PyTorch initialises it. */
const conv = (scope: Scope, x: Tensor, channels: number, kernel = 3, stride = 1): Tensor =>
  conv2d(scope, x, channels, kernel, { stride, padding: (kernel - 1) / 2, bias: true, init: torchDefault });

/** A 3x3 convolution that puts out zeros at first. */
const convFromZero = (scope: Scope, x: Tensor, channels: number): Tensor =>
  conv2d(scope, x, channels, 3, { padding: 1, bias: true, init: zeros, biasInit: zeros });

function residualBlock(scope: Scope, x: Tensor, channels: number, embedding: Tensor, options: UNetOptions): Tensor {
  const { groups, modulation, dropout: rate } = options;
  let y = conv(scope.at('conv1'), silu(groupNorm(scope.at('norm1'), x, groups)), channels);
  if (modulation === 'shift') {
    const shift = linear(scope.at('time'), embedding, channels);
    y = groupNorm(scope.at('norm2'), y.add(shift.reshape([...shift.shape, 1, 1])), groups);
  } else {
    const [scale, shift] = split(linear(scope.at('time'), embedding, 2 * channels), 2, 1) as [Tensor, Tensor];
    const perImage = (v: Tensor) => v.reshape([...v.shape, 1, 1]);
    y = groupNorm(scope.at('norm2'), y, groups).mul(perImage(scale).add(1)).add(perImage(shift));
  }
  y = convFromZero(scope.at('conv2'), dropout(scope, silu(y), rate), channels);
  return y.add(x.shape[1] === channels ? x : conv(scope.at('shortcut'), x, channels, 1));
}

/** Attention of the positions of a map to each other and to words, with a residual connection. */
function attend(scope: Scope, x: Tensor, words: Tensor | undefined, { groups, heads }: UNetOptions): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const apart = (y: Tensor): Tensor => (heads === 1 ? y
    : transpose(reshape(y, [batch, y.shape[1]!, heads, channels / heads]), [0, 2, 1, 3]));
  const positions = transpose(reshape(groupNorm(scope.at('norm'), x, groups), [batch, channels, -1]), [0, 2, 1]);
  const [query, ...own] = split(linear(scope.at('qkv'), positions, 3 * channels), 3, 2) as [Tensor, Tensor, Tensor];
  const ofWords = words && split(linear(scope.at('kv_words'), words, 2 * channels), 2, 2);
  const [key, value] = own.map((y, i) => apart(ofWords ? concat([y, ofWords[i]!], 1) : y)) as [Tensor, Tensor];
  const weights = softmax(matmul(apart(query), key, { tb: true }).mul(1 / Math.sqrt(channels / heads)));
  const mixed = matmul(weights, value);
  const together = heads === 1 ? mixed : reshape(transpose(mixed, [0, 2, 1, 3]), positions.shape);
  return x.add(transpose(linear(scope.at('project'), together, channels), [0, 2, 1]).reshape(x.shape));
}
