import { UsageError } from '../errors.js';
import { globalAvgPool, relu, remat, type Tensor } from '../graph/index.js';
import { conv2d, plainly, squeezeExcite } from './layers.js';
import { normLayer, type NormOptions } from './norm.js';
import type { Scope } from './scope.js';

/** A RegNet's widths in five numbers (Radosavovic et al. 2020): block j starts at w0 + wa j, rounded to powers of wm times w0. */
export interface RegNetShape {
  /** A multiple of 8. */
  readonly w0: number;
  readonly wa: number;
  readonly wm: number;
  /** Blocks in all. */
  readonly depth: number;
  /** Channels of a group of the 3x3 convolutions. */
  readonly group: number;
}

const shape = (w0: number, wa: number, wm: number, depth: number, group: number): RegNetShape => ({ w0, wa, wm, depth, group });

/**
 * RegNetY by name: those of the paper, by their floating-point operations at 224x224, SEER's (Goyal et al. 2021) and a toy. Two
 * of torchvision's models of the same names are wider: it rounds 800mf and 8gf otherwise.
 */
export const REGNETY: Readonly<Record<string, RegNetShape>> = {
  toy: shape(16, 8, 2, 6, 8),
  '400mf': shape(48, 27.89, 2.09, 16, 8),
  '800mf': shape(56, 38.84, 2.4, 14, 16),
  '1.6gf': shape(48, 20.71, 2.65, 27, 24),
  '3.2gf': shape(80, 42.63, 2.66, 21, 24),
  '8gf': shape(192, 76.82, 2.19, 17, 56),
  '16gf': shape(200, 106.23, 2.48, 18, 112),
  '32gf': shape(232, 115.89, 2.53, 20, 232),
  '64gf': shape(352, 147.48, 2.4, 20, 328),
  '128gf': shape(456, 160.83, 2.52, 27, 264),
  '256gf': shape(640, 230.83, 2.53, 27, 373),
};

/** A shape from its name or from five numbers, `w0:wa:wm:depth:group`; throws UsageError for anything else. */
export function parseRegNet(text: string): RegNetShape {
  const named = REGNETY[text.toLowerCase()];
  if (named) return named;
  const numbers = text.split(':').map((part) => (part.trim() === '' ? NaN : Number(part)));
  const [w0, wa, wm, depth, group] = numbers as [number, number, number, number, number];
  const valid = numbers.length === 5 && w0 > 0 && w0 % 8 === 0 && wa >= 0 && wm > 1
    && [depth, group].every((n) => Number.isInteger(n) && n > 0);
  if (valid && Number.isFinite(wa) && Number.isFinite(wm)) return shape(w0, wa, wm, depth, group);
  throw new UsageError(`--regnet takes one of ${Object.keys(REGNETY).join(', ')}, or w0:wa:wm:depth:group with w0 a multiple of 8 `
    + `and wm above 1 (toy is 16:8:2:6:8), but '${text}' was given`);
}

/** Python's round: a half goes to the even neighbour. Math.round sends it up, which makes other networks of a few shapes. */
export function halfToEven(x: number): number {
  const isHalf = x - Math.floor(x) === 0.5;
  return isHalf ? 2 * Math.round(x / 2) : Math.round(x);
}

export interface RegNetStage {
  readonly width: number;
  readonly blocks: number;
  /** Channels of a group. */
  readonly group: number;
}

/** Stages of a shape (Radosavovic et al. 2020, section 3.3), with widths made multiples of their groups. */
export function regnetStages({ w0, wa, wm, depth, group }: RegNetShape, round = halfToEven): RegNetStage[] {
  const widths = Array.from({ length: depth }, (_, j) => {
    const power = round(Math.log((w0 + wa * j) / w0) / Math.log(wm));
    return 8 * round((w0 * wm ** power) / 8);
  });
  return [...new Set(widths)].map((width) => {
    const size = Math.min(group, width);
    return { width: size * round(width / size), blocks: widths.filter((w) => w === width).length, group: size };
  });
}

export interface RegNetOptions extends NormOptions {
  readonly shape: RegNetShape;
  /** `cifar`: the first convolution keeps the resolution; it halves it otherwise. */
  readonly stem?: 'imagenet' | 'cifar' | 'stl';
  /** Blocks are computed again for the backward pass; see `remat`. */
  readonly remat?: boolean;
}

const STEM_WIDTH = 32;
/** Squeeze-and-excitation: channels in the middle, as a share of those that enter the block. */
const SQUEEZE = 0.25;

/**
 * RegNetY (Radosavovic et al. 2020) with torchvision's names and layouts: images [N, C, H, W] -> pooled features [N, D], D the
 * last stage's width. Every stage begins with stride 2, on the 3x3 convolution and the shortcut.
 */
export function regnet(scope: Scope, x: Tensor, options: RegNetOptions): Tensor {
  const { stem = 'imagenet', weightStandardization } = options;
  const norm = normLayer(options);
  const apply = options.remat ? remat : plainly;
  const conv = (s: Scope, y: Tensor, channels: number, kernel: number, stride = 1, groups = 1) => {
    const filtered = conv2d(s.at(0), y, channels, kernel, { stride, padding: (kernel - 1) / 2, groups, weightStandardization });
    return norm(s.at(1), filtered);
  };

  const block = (s: Scope, y: Tensor, { width, group }: RegNetStage, stride: number): Tensor => {
    const f = s.at('f');
    let z = relu(conv(f.at('a'), y, width, 1));
    z = relu(conv(f.at('b'), z, width, 3, stride, width / group));
    z = squeezeExcite(f.at('se'), z, Math.max(1, halfToEven(SQUEEZE * y.shape[1]!)), relu);
    z = conv(f.at('c'), z, width, 1);
    const shortcut = stride === 1 && y.shape[1] === width ? y : conv(s.at('proj'), y, width, 1, stride);
    return relu(z.add(shortcut));
  };

  x = relu(conv(scope.at('stem'), x, STEM_WIDTH, 3, stem === 'cifar' ? 1 : 2));
  regnetStages(options.shape).forEach((stage, i) => {
    const name = `block${i + 1}`;
    for (let j = 0; j < stage.blocks; j++) {
      const s = scope.at(`trunk_output.${name}.${name}-${j}`);
      x = apply((y) => block(s, y, stage, j === 0 ? 2 : 1), x);
    }
  });
  return globalAvgPool(x);
}
