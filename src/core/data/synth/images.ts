import { InputError } from '../../errors.js';
import { stream, type Stream } from '../../random.js';
import { SPLIT, type ImageSet } from '../images.js';

export interface SynthImagesOptions {
  readonly count: number;
  /** Height and width in pixels, at least 8. */
  readonly size?: number;
  /** The first so many of SYNTH_CLASSES. */
  readonly classes?: number;
  readonly seed: number;
  /** Shares of train, validation and test, such as [0.8, 0, 0.2]; left out: no splits. */
  readonly split?: readonly [number, number, number];
}

/**
 * A figure in its own coordinates, where it fills about the unit disc: the signed distance to its edge, negative
 * inside. Figures that vary in form draw the variation when they are made.
 */
export type Figure = (x: number, y: number) => number;

/** The figure of each class, drawn with its variation. */
export const FIGURES: Readonly<Record<string, (random: Stream) => Figure>> = {
  disc: () => (x, y) => length(x, y) - 0.85,
  ring: (random) => {
    const width = random.between(0.14, 0.22);
    return (x, y) => Math.abs(length(x, y) - 0.75) - width;
  },
  square: () => (x, y) => box(x, y, 0.75, 0.75),
  triangle: () => (x, y) => convex(x, y, 3, 0.5),
  cross: (random) => {
    const arm = random.between(0.2, 0.3);
    return (x, y) => Math.min(box(x, y, 0.95, arm), box(x, y, arm, 0.95));
  },
  star: () => (x, y) => star(x, y, 5, 1, 0.42),
  stripes: (random) => {
    const period = random.between(0.45, 0.62);
    return (x, y) => Math.max(length(x, y) - 0.95, wave(x, period));
  },
  checker: (random) => {
    const period = random.between(0.8, 1);
    // The product of two square waves: inside where exactly one of both is.
    return (x, y) => {
      const a = wave(x, period);
      const b = wave(y, period);
      return Math.max(box(x, y, 0.85, 0.85), Math.min(Math.max(a, -b), Math.max(-a, b)));
    };
  },
  blob: (random) => {
    const waves = [2, 3, 5].map((n) => ({
      n, height: random.between(0.08, 0.17), phase: random.between(0, 2 * Math.PI),
    }));
    return (x, y) => {
      const r = length(x, y);
      const t = Math.atan2(y, x);
      let edge = 0.72;
      let slope = 0;
      for (const { n, height, phase } of waves) {
        edge += height * Math.sin(n * t + phase);
        slope += n * height * Math.cos(n * t + phase);
      }
      // The radial gap exceeds the distance where the edge is oblique; the floor keeps the centre inside.
      return (r - edge) / length(1, slope / Math.max(r, 0.2));
    };
  },
  spiral: (random) => {
    const turns = random.next() < 0.5 ? 1 : -1;
    const pitch = random.between(0.5, 0.6);
    // Archimedes' spiral: the radius grows by `pitch` a turn, whichever way it turns.
    return (x, y) => {
      const r = length(x, y);
      const phase = r / pitch - turns * Math.atan2(y, x) / (2 * Math.PI);
      return Math.max(r - 0.95, (Math.abs(phase - Math.round(phase)) - 0.24) * pitch);
    };
  },
};

/** Class names by class number. */
export const SYNTH_CLASSES: readonly string[] = Object.keys(FIGURES);

/**
 * Draws images for tests and demonstrations: uint8 [count, 3, size, size], image i of class i modulo `classes`. The
 * class is the form of a figure alone, which is repeated over the image so that every crop shows it. Place, size,
 * angle, stretch, the colours and textures of figure and ground,
 * light, what stands before it and noise are drawn from the same distributions for every class, with figure and ground
 * exchangeable, so that neither colour nor brightness gives the class away.
 *
 * Image i depends on (seed, i, size, its class) only: a larger set starts with the images of a smaller one.
 * Throws InputError for counts, sizes and shares out of range.
 */
export function synthImages(options: SynthImagesOptions): ImageSet {
  const { count, size = 32, classes = SYNTH_CLASSES.length, seed, split } = options;
  checkWhole('the number of images', count, 1, 10_000_000);
  checkWhole('the image size', size, 8, 4096);
  checkWhole('the number of classes', classes, 2, SYNTH_CLASSES.length);
  const area = size * size;
  const data = new Uint8Array(count * 3 * area);
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  for (let i = 0; i < count; i++) {
    const out = data.subarray(i * 3 * area, (i + 1) * 3 * area);
    draw(SYNTH_CLASSES[labels[i]], size, stream(seed, 'synth/images', i), out);
  }
  return {
    images: { dtype: 'uint8', shape: [count, 3, size, size], data },
    labels,
    classes: SYNTH_CLASSES.slice(0, classes),
    ...(split && { split: splitBy(split, count) }),
    skipped: [],
  };
}

/** Draws one image into `out` [3, size, size]. Lengths are in halves of the image: it spans -1 to 1. */
function draw(name: string, size: number, random: Stream, out: Uint8Array): void {
  const figure = FIGURES[name](random);
  const period = random.between(0.75, 1.3);
  const radius = period * random.between(0.36, 0.44);
  const centreX = random.between(-1, 1) * period;
  const centreY = random.between(-1, 1) * period;
  const angle = random.between(0, 2 * Math.PI);
  const stretch = Math.exp(random.between(-0.15, 0.15));
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];

  const [front, back] = contrastingColours(random);
  const frontTexture = texture(random);
  const backTexture = texture(random);
  const obstacle = drawObstacle(random);
  const lightAngle = random.between(0, 2 * Math.PI);
  const light = random.between(0, 0.3);
  const [lightX, lightY] = [light * Math.cos(lightAngle), light * Math.sin(lightAngle)];
  const noise = random.normal(3 * size * size, 0, random.between(1, 8));

  const pixel = 2 / size;
  const area = size * size;
  for (let row = 0, at = 0; row < size; row++) {
    const y = (row + 0.5) * pixel - 1;
    for (let column = 0; column < size; column++, at++) {
      const x = (column + 0.5) * pixel - 1;
      const u = nearest((cos * (x - centreX) + sin * (y - centreY)) * stretch, period / radius);
      const v = nearest((cos * (y - centreY) - sin * (x - centreX)) / stretch, period / radius);
      const inside = coverage(radius * figure(u, v), pixel);
      const frontShade = inside > 0 ? frontTexture(x, y) : 0;
      const backShade = inside < 1 ? backTexture(x, y) : 0;
      const hidden = coverage(obstacle.distance(x, y), pixel);
      const lit = 1 + lightX * x + lightY * y;
      for (let channel = 0; channel < 3; channel++) {
        const ground = back[channel] + backShade;
        const scene = ground + inside * (front[channel] + frontShade - ground);
        const seen = scene + hidden * (obstacle.colour[channel] - scene);
        const value = seen * lit + noise[channel * area + at];
        // Storing cuts the fraction off: adding a half rounds.
        out[channel * area + at] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
      }
    }
  }
}

/** A coordinate relative to the nearest of the points that lie `period` apart. */
const nearest = (x: number, period: number): number => x - period * Math.round(x / period);

/** How much of a pixel lies inside an edge at this signed distance from its centre. */
export const coverage = (distance: number, pixel: number): number => Math.max(0, Math.min(1, 0.5 - distance / pixel));

/** Two colours, greys from 30 to 225 with a slight tint, that differ enough to tell the figure from the ground. */
function contrastingColours(random: Stream): [Float32Array, Float32Array] {
  for (;;) {
    const [a, b] = [tintedGrey(random), tintedGrey(random)];
    if (Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) > 110) return [a, b];
  }
}

/** Strong colours would tell one image from another at a glance, and a learner would look no further. */
function tintedGrey(random: Stream): Float32Array {
  const grey = random.between(45, 210);
  return random.uniform(3, -15, 15).map((tint) => grey + tint);
}

/** A shading to add to a surface: a grating and two broad waves in random directions, up to about 30 grey levels. */
function texture(random: Stream): (x: number, y: number) => number {
  const waves = [random.between(4, 16), random.between(1, 4), random.between(1, 4)].map((frequency, i) => {
    const angle = random.between(0, 2 * Math.PI);
    return {
      x: frequency * Math.cos(angle), y: frequency * Math.sin(angle), phase: random.between(0, 2 * Math.PI),
      height: random.between(0, i === 0 ? 12 : 10),
    };
  });
  return (x, y) => {
    let sum = 0;
    for (const w of waves) sum += w.height * Math.sin(w.x * x + w.y * y + w.phase);
    return sum;
  };
}

/** Something in front of the scene: a bar that reaches in from beyond the border, or a small disc. */
function drawObstacle(random: Stream): { distance: (x: number, y: number) => number; colour: Float32Array } {
  const colour = tintedGrey(random);
  const angle = random.between(0, 2 * Math.PI);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const offset = random.between(-0.8, 0.8);
  const width = random.between(0.04, 0.12);
  const reach = random.between(0.2, 1);
  if (random.next() < 0.5) {
    return {
      colour, distance: (x, y) => Math.max(Math.abs(cos * x + sin * y - offset) - width, reach - (cos * y - sin * x)),
    };
  }
  return { colour, distance: (x, y) => length(x - reach * cos, y - reach * sin) - 0.1 - width };
}

/** Math.hypot guards against overflow, which takes ten times as long. */
const length = (x: number, y: number): number => Math.sqrt(x * x + y * y);

/** Signed distance to a box of these half widths. */
function box(x: number, y: number, halfWidth: number, halfHeight: number): number {
  const dx = Math.abs(x) - halfWidth;
  const dy = Math.abs(y) - halfHeight;
  return length(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0);
}

/** Distance to the nearest side's line of a regular polygon with this inner radius: exact but near the corners. */
function convex(x: number, y: number, sides: number, innerRadius: number): number {
  const sector = 2 * Math.PI / sides;
  const t = Math.atan2(y, x);
  return length(x, y) * Math.cos(t - sector * Math.round(t / sector)) - innerRadius;
}

/** Signed distance to a star's sides: folded into half a point, it is the line from its tip to the notch beside it. */
function star(x: number, y: number, points: number, tip: number, notch: number): number {
  const half = Math.PI / points;
  const r = length(x, y);
  const t = Math.atan2(y, x);
  const folded = Math.abs(t - 2 * half * Math.round(t / (2 * half)));
  const [px, py] = [r * Math.cos(folded), r * Math.sin(folded)];
  const [sideX, sideY] = [notch * Math.cos(half) - tip, notch * Math.sin(half)];
  return ((px - tip) * sideY - py * sideX) / length(sideX, sideY);
}

/** Signed distance to parallel bars, half as wide as the period. */
const wave = (x: number, period: number): number => Math.abs(x - period * Math.round(x / period)) - period / 4;

/** Consecutive blocks of these shares of the images. */
export function splitBy(shares: readonly [number, number, number], count: number): Uint8Array {
  const sum = shares[0] + shares[1] + shares[2];
  if (shares.some((share) => !(share >= 0)) || Math.abs(sum - 1) > 1e-6) {
    throw new InputError(`the shares of train, validation and test must add up to 1, but are ${shares.join(', ')}`);
  }
  const split = new Uint8Array(count).fill(SPLIT.test);
  const trainEnd = Math.round(count * shares[0]);
  const validationEnd = Math.round(count * (shares[0] + shares[1]));
  return split.fill(SPLIT.train, 0, trainEnd).fill(SPLIT.validation, trainEnd, validationEnd);
}

export function checkWhole(what: string, value: number, lowest: number, highest: number): void {
  if (!Number.isInteger(value) || value < lowest || value > highest) {
    throw new InputError(`${what} must be a whole number from ${lowest} to ${highest}, but is ${value}`);
  }
}

export function checkShare(what: string, share: number): void {
  if (!(share >= 0 && share <= 1)) throw new InputError(`${what} must be from 0 to 1, but is ${share}`);
}
