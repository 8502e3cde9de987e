import { float32 } from '../../array.js';
import { InputError } from '../../errors.js';
import {
  abs, add, clip, constant, maximum, minimum, part, reshape, split, step, sub, type Operand, type Tensor,
} from '../../graph/index.js';
import type { Flavour, ViewAugmentation } from './views.js';

/** One step of colour jitter: a factor, or what is added (BYOL's brightness, and hue in turns). */
export interface JitterStep {
  readonly kind: JitterKind;
  readonly amount: number;
}

const JITTER_KINDS = ['brightness', 'contrast', 'saturation', 'hue'] as const;
export type JitterKind = (typeof JITTER_KINDS)[number];

/** The kinds of step for images of 1 or 3 channels: grey ones have no colour to change. */
export const jitterKinds = (channels: number): readonly JitterKind[] => JITTER_KINDS.slice(0, channels === 1 ? 2 : 4);

/**
 * Every image of a batch has its own order of steps, but a graph has one. So the graph is a fixed row of stages that
 * contains every order as a subsequence, each stage with coefficients per image: those of the image's step, or of the
 * identity. Saturation and hue of HSV commute, and one stage does both.
 */
export type StageName = keyof typeof STAGES;

const RGB_STAGES: Readonly<Record<Flavour, readonly StageName[]>> = {
  byol: ['hsv', 'affine', 'hsv', 'affine', 'hsv'],
  torchvision: ['blend', 'blend', 'blend', 'hue', 'blend', 'blend', 'blend'],
};

const GREY_STAGES: Readonly<Record<Flavour, readonly StageName[]>> = {
  byol: ['affine', 'affine'],
  torchvision: ['blend', 'blend'],
};

/** The stages of a view's colour jitter; none where it never happens. */
export function jitterStages({ flavour, jitter }: ViewAugmentation, channels: number): readonly StageName[] {
  if (jitter.probability === 0) return [];
  return (channels === 1 ? GREY_STAGES : RGB_STAGES)[flavour];
}

interface Stage {
  /** Coefficients that change nothing. */
  readonly identity: readonly number[];
  /** Writes the coefficients of the kinds of step that the stage can do. */
  readonly steps: Partial<Record<JitterKind, (coefficients: Float32Array, amount: number) => void>>;
  /** x [B, C, h, w] in [0, 1] with coefficients [B, identity.length, 1, 1]. */
  readonly apply: (x: Tensor, coefficients: Tensor) => Tensor;
}

const STAGES = {
  /** Scale around each channel's spatial mean, then offset. */
  affine: {
    identity: [1, 0],
    steps: {
      brightness: (c, delta) => { c[1] = delta; },
      contrast: (c, factor) => { c[0] = factor; },
    },
    apply: (x, coefficients) => {
      const [scale, offset] = split(coefficients, 2, 1);
      const mean = x.mean([2, 3], true);
      return clip(x.mul(scale).add(mean.mul(sub(1, scale)).add(offset)), 0, 1);
    },
  },
  /** A weighted sum of the image, its grey version and its mean grey. */
  blend: {
    identity: [1, 0, 0],
    steps: {
      brightness: (c, factor) => { c[0] = factor; },
      contrast: (c, factor) => c.set([factor, 0, 1 - factor]),
      saturation: (c, factor) => c.set([factor, 1 - factor, 0]),
    },
    apply: (x, coefficients) => {
      const [own, grey, level] = split(coefficients, 3, 1);
      const luma = toGrey(x);
      return clip(x.mul(own).add(luma.mul(grey).add(luma.mean([2, 3], true).mul(level))), 0, 1);
    },
  },
  /** S of HSV times the first coefficient, and H moved by the others. */
  hsv: {
    identity: [1, ...hueOffsets(0)],
    steps: {
      saturation: (c, factor) => { c[0] = factor; },
      hue: (c, turns) => c.set(hueOffsets(turns), 1),
    },
    apply: (x, coefficients) => changeHsv(x, part(coefficients, 1, 0, 1), part(coefficients, 1, 1, 4)),
  },
  /** H of HSV moved. */
  hue: {
    identity: hueOffsets(0),
    steps: { hue: (c, turns) => c.set(hueOffsets(turns)) },
    apply: (x, offsets) => changeHsv(x, 1, offsets),
  },
} satisfies Record<string, Stage>;

const stage = (name: StageName): Stage => STAGES[name];

/** Numbers per image that a stage takes. */
export const stageWidth = (name: StageName): number => stage(name).identity.length;

/** x [B, C, h, w] behind one stage. */
export const applyStage = (name: StageName, x: Tensor, coefficients: Tensor): Tensor => stage(name).apply(x, coefficients);

/**
 * Writes one image's coefficients of every stage: `coefficients[k]` has room for those of stage k. Each step goes to the
 * first stage that can do it and does not come before the previous step. Throws InputError where there is none: every
 * order of different kinds has its stages, but a kind given twice may not.
 */
export function writeJitter(
  names: readonly StageName[], steps: readonly JitterStep[], coefficients: readonly Float32Array[],
): void {
  names.forEach((name, k) => coefficients[k].set(stage(name).identity));
  let next = 0;
  for (const { kind, amount } of steps) {
    const k = names.findIndex((name, i) => i >= next && kind in stage(name).steps);
    if (k < 0) throw new InputError(`colour jitter has no place for ${kind} here; give each kind once, and grey images no colour`);
    stage(names[k]).steps[kind]!(coefficients[k], amount);
    next = names[k] === 'hsv' ? k : k + 1;
  }
}

/** Grey of RGB by the weights of ITU-R BT.601 to four digits, as in torchvision: [B, 3, h, w] -> [B, 1, h, w]. */
export function toGrey(x: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape;
  if (channels === 1) return x;
  const weights = constant(float32([1, 3], [0.2989, 0.587, 0.114]));
  return weights.matmul(reshape(x, [batch, channels, height * width])).reshape([batch, 1, height, width]);
}

/** Hue in sextants, relative to red (0), green (2) and blue (-2) after a turn; each in [-3, 3]. */
function hueOffsets(turns: number): number[] {
  return [0, -2, 2].map((channel) => {
    const sextants = 6 * turns + channel;
    return sextants - 6 * Math.round(sextants / 6);
  });
}

/**
 * S of HSV times `saturation` (one, or [B, 1, 1, 1]), at most 1, and H moved by `offsets` [B, 3, 1, 1], for x [B, 3, h, w]. No
 * branches: with V the largest and m the smallest channel and C = V - m, the hue in sextants from red is
 * ±(1 + (g + b - r - m) / C), positive where g > b. A channel whose own hue is d sextants away is V - C clip(d - 1, 0, 1),
 * and as |v| = |hue + offset| is at most 6, d is 3 - ||v| - 3|.
 */
function changeHsv(x: Tensor, saturation: Operand, offsets: Tensor): Tensor {
  const [r, g, b] = split(x, 3, 1);
  const value = maximum(maximum(r, g), b);
  const least = minimum(minimum(r, g), b);
  const chroma = value.sub(least);
  // Grey pixels have no hue, and none is needed: the limit only keeps 0 / 0 away.
  const fromRed = add(1, g.sub(least).add(b.sub(r)).div(clip(chroma, 1e-30, 1)));
  const hue = fromRed.mul(step(g.sub(b)).mul(2).sub(1));
  const lack = clip(sub(2, abs(abs(hue.add(offsets)).sub(3))), 0, 1);
  return value.sub(minimum(chroma.mul(saturation), value).mul(lack));
}
