import type { Stream } from '../../random.js';

/** What a galaxy looks like; what volunteers are asked about, and a ring, about which they never are. */
export interface Morphology {
  readonly kind: 'smooth' | 'disc' | 'artifact';
  /** Shortest over longest diameter as seen: a smooth galaxy's roundness, the cosine of a disc's inclination. */
  readonly axisRatio: number;
  /** Share of the light in a disc's bulge. */
  readonly bulge: number;
  /** Strength of a disc's bar, of its arms and of its ring, from 0 (none) to 1. */
  readonly bar: number;
  readonly arms: number;
  readonly ring: number;
  /** Number of spiral arms, and the angle in degrees by which they wind: small is tight. */
  readonly armCount: number;
  readonly pitch: number;
  /** A companion is falling in. */
  readonly merging: boolean;
}

/** Below this axis ratio a disc is seen from its edge. */
export const EDGE_ON = 0.2;

/** Adds its linear light to a pixel [red, green, blue] at (x, y), in halves of the image: it spans -1 to 1. */
type Light = (x: number, y: number, pixel: Float64Array) => void;
type Colour = readonly [red: number, green: number, blue: number];

function add(pixel: Float64Array, amount: number, [red, green, blue]: Colour): void {
  pixel[0]! += amount * red;
  pixel[1]! += amount * green;
  pixel[2]! += amount * blue;
}

const OLD: Colour = [1, 0.78, 0.52];
const MIXED: Colour = [0.9, 0.84, 0.74];
const YOUNG: Colour = [0.58, 0.76, 1];
const NEBULA: Colour = [1, 0.5, 0.72];
const WHITE: Colour = [1, 0.97, 0.92];

/**
 * Draws one galaxy into `out` [3, size, size] as a survey's colour picture shows it: light of its parts, blurred by the air,
 * with the noise of a long exposure, compressed by an inverse hyperbolic sine that keeps the colour (Lupton et al. 2004).
 */
export function drawGalaxy(galaxy: Morphology, size: number, random: Stream, out: Uint8Array): void {
  const lights = [background(random), galaxy.kind === 'artifact' ? artifact(random) : lightOf(galaxy, random)];
  const tint = random.uniform(3, 0.92, 1.08);
  const brightness = random.between(0.7, 1.5);
  // Small pictures are computed at twice their size: fine arms would alias.
  const oversampling = size < 64 ? 2 : 1;
  const side = size * oversampling;
  const planes = [0, 1, 2].map(() => new Float64Array(side * side));
  const pixel = new Float64Array(3);
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++, at++) {
      pixel.fill(0);
      for (const light of lights) light((2 * column + 1) / side - 1, (2 * row + 1) / side - 1, pixel);
      for (let c = 0; c < 3; c++) planes[c]![at] = pixel[c]! * tint[c]! * brightness;
    }
  }
  const seeing = random.between(0.018, 0.034) * (side / 2);
  const seen = planes.map((plane) => shrink(blur(plane, side, seeing), side, oversampling));
  expose(seen, random.between(0.012, 0.035), random, out);
}

function lightOf(galaxy: Morphology, random: Stream): Light {
  const radius = random.between(0.7, 0.95);
  const place = { x: random.between(-0.06, 0.06), y: random.between(-0.06, 0.06), angle: random.between(0, 2 * Math.PI), radius };
  const main = galaxy.kind === 'smooth'
    ? inPlane(place, 1, smooth(galaxy.axisRatio, random))
    : galaxy.axisRatio < EDGE_ON
      ? inPlane(place, 1, edgeOn(galaxy, random))
      : inPlane(place, galaxy.axisRatio, disc(galaxy, random));
  if (!galaxy.merging) return main;
  const other = companion(place, random);
  return (x, y, pixel) => {
    main(x, y, pixel);
    other(x, y, pixel);
  };
}

interface Place { readonly x: number; readonly y: number; readonly angle: number; readonly radius: number }

/** A light in a galaxy's own plane, where 1 is its radius, as seen inclined, turned and at its place. */
function inPlane({ x: centreX, y: centreY, angle, radius }: Place, axisRatio: number, light: Light): Light {
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  return (x, y, pixel) => {
    const [dx, dy] = [x - centreX, y - centreY];
    light(cos * dx + sin * dy, (cos * dy - sin * dx) / axisRatio, pixel);
  };
}

/** Sersic's profile, 1 at the radius that holds half the light; softened at the centre, where it has a cusp. */
function sersic(index: number, halfLight: number): (r: number) => number {
  const b = 2 * index - 1 / 3;
  return (r) => Math.exp(-b * ((Math.sqrt(r * r + 4e-4) / halfLight) ** (1 / index) - 1));
}

/** An elliptical galaxy. */
function smooth(axisRatio: number, random: Stream): Light {
  const profile = sersic(random.between(1.8, 3.6), random.between(0.28, 0.45));
  const peak = random.between(0.12, 0.25);
  return (u, v, pixel) => add(pixel, peak * profile(length(u, v / axisRatio)), OLD);
}

/** A disc from above or inclined: exponential, with whatever it has of bulge, bar, arms and ring. */
function disc(galaxy: Morphology, random: Stream): Light {
  const scale = random.between(0.3, 0.42);
  const handed = random.next() < 0.5 ? 1 : -1;
  const phase = random.between(0, 2 * Math.PI);
  const profile = sersic(random.between(1, 2.5), 0.07 + 0.16 * galaxy.bulge);
  const [barLength, barWidth] = [random.between(0.24, 0.4), random.between(0.06, 0.09)];
  const [ringRadius, ringWidth] = [random.between(0.42, 0.72), random.between(0.045, 0.08)];
  const winding = 1 / Math.tan((galaxy.pitch * Math.PI) / 180);
  const start = galaxy.bar > 0 ? barLength : 0.14;
  const clumps = Array.from({ length: 2 + random.int(9) }, () => {
    const r = random.between(0.25, 0.95);
    const onArm = phase + handed * winding * Math.log(r / start) + (2 * Math.PI * random.int(5)) / Math.max(1, galaxy.armCount);
    const angle = galaxy.arms > 0 ? onArm + random.between(-0.2, 0.2) : random.between(0, 2 * Math.PI);
    return { u: r * Math.cos(angle), v: r * Math.sin(angle), width: random.between(0.02, 0.05), peak: random.between(0.05, 0.2) };
  });
  const [cosBar, sinBar] = [Math.cos(phase), Math.sin(phase)];
  return (u, v, pixel) => {
    const r = length(u, v);
    if (r > 2.5) return;
    const angle = Math.atan2(v, u);
    const exponential = 0.62 * Math.exp(-r / scale);
    add(pixel, exponential * (1 - 0.35 * galaxy.arms), MIXED);
    add(pixel, (0.25 + galaxy.bulge) * 0.4 * profile(r) * (galaxy.bulge > 0.02 ? 1 : 0), OLD);
    if (galaxy.arms > 0) {
      // The crest of an arm is a logarithmic spiral; 1 on it, falling off to both sides.
      const turn = galaxy.armCount * (angle - phase - handed * winding * Math.log(Math.max(r, 1e-3) / start));
      const crest = Math.exp(2.2 * (Math.cos(turn) - 1));
      const reach = rise(r, 0.8 * start, 1.4 * start) * (1 - rise(r, 0.85, 1.15));
      add(pixel, galaxy.arms * crest * reach * (0.05 + 1.5 * exponential), YOUNG);
    }
    if (galaxy.bar > 0) {
      const along = Math.abs(u * cosBar + v * sinBar) / barLength;
      const across = Math.abs(v * cosBar - u * sinBar) / barWidth;
      add(pixel, galaxy.bar * 0.5 * Math.exp(-(along ** 4) - across ** 2), OLD);
    }
    if (galaxy.ring > 0) add(pixel, galaxy.ring * 0.26 * Math.exp(-(((r - ringRadius) / ringWidth) ** 2)), YOUNG);
    for (const clump of clumps) {
      const d2 = (u - clump.u) ** 2 + (v - clump.v) ** 2;
      if (d2 < 9 * clump.width ** 2) add(pixel, clump.peak * Math.exp(-d2 / (2 * clump.width ** 2)), NEBULA);
    }
  };
}

/** A disc from its edge: a thin spindle with a bulge that stands out and, often, a lane of dust. */
function edgeOn({ bulge, axisRatio }: Morphology, random: Stream): Light {
  const scale = random.between(0.3, 0.4);
  const profile = sersic(random.between(1, 2), 0.08 + 0.2 * bulge);
  const dust = random.next() < 0.6 ? random.between(0.4, 0.75) : 0;
  const thickness = 0.03 + 0.3 * axisRatio;
  return (u, v, pixel) => {
    const lane = 1 - dust * Math.exp(-((v / 0.035) ** 2)) * (1 - rise(Math.abs(u), 0.6, 0.9));
    add(pixel, lane * 0.7 * Math.exp(-Math.abs(u) / scale - Math.abs(v) / thickness), MIXED);
    add(pixel, lane * (0.2 + bulge) * 0.4 * profile(length(u, 1.2 * v)), OLD);
  };
}

/** A smaller galaxy near another one, and a tail of stars that the tide draws out. */
function companion({ x, y, radius }: Place, random: Stream): Light {
  const angle = random.between(0, 2 * Math.PI);
  const distance = radius * random.between(0.6, 0.95);
  const place = {
    x: x + distance * Math.cos(angle), y: y + distance * Math.sin(angle), angle: random.between(0, Math.PI), radius: 0.5 * radius,
  };
  const other = inPlane(place, 1, smooth(random.between(0.5, 1), random));
  const side = random.next() < 0.5 ? 1 : -1;
  return (px, py, pixel) => {
    other(px, py, pixel);
    const [dx, dy] = [(px - x) / radius, (py - y) / radius];
    const r = length(dx, dy);
    const swept = side * (Math.atan2(dy, dx) - angle);
    const after = swept - 2 * Math.PI * Math.floor(swept / (2 * Math.PI));
    add(pixel, 0.14 * Math.exp(-(((r - 0.85 - 0.12 * after) / 0.07) ** 2) - after / 1.4), MIXED);
  };
}

/** What is no galaxy: a star that floods the detector, or the trail of a satellite. */
function artifact(random: Stream): Light {
  const angle = random.between(0, Math.PI);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const offset = random.between(-0.3, 0.3);
  if (random.next() < 0.3) {
    const width = random.between(0.03, 0.07);
    return (x, y, pixel) => add(pixel, 0.9 * Math.exp(-(((cos * y - sin * x - offset) / width) ** 2)), WHITE);
  }
  const halo = random.between(0.08, 0.16);
  const spike = random.between(0.25, 0.5);
  return (x, y, pixel) => {
    const [u, v] = [cos * (x - offset) + sin * y, cos * y - sin * (x - offset)];
    const r = length(u, v);
    const cross = Math.exp(-((v / 0.02) ** 2)) + Math.exp(-((u / 0.02) ** 2));
    add(pixel, 3 * Math.exp(-((r / halo) ** 2)) + 0.25 * Math.exp(-r / 0.3) + 1.2 * cross * Math.exp(-r / spike), WHITE);
  };
}

/** Stars of our own galaxy in front, and small galaxies far behind. */
function background(random: Stream): Light {
  const spots = Array.from({ length: random.int(6) }, () => {
    const star = random.next() < 0.5;
    return {
      x: random.between(-1, 1), y: random.between(-1, 1), width: star ? 0.018 : random.between(0.03, 0.06),
      peak: star ? random.between(0.2, 1.2) : random.between(0.05, 0.2), colour: [WHITE, YOUNG, OLD][random.int(3)]!,
    };
  });
  return (x, y, pixel) => {
    for (const { x: sx, y: sy, width, peak, colour } of spots) {
      const d2 = (x - sx) ** 2 + (y - sy) ** 2;
      if (d2 < 12 * width ** 2) add(pixel, peak * Math.exp(-d2 / (2 * width ** 2)), colour);
    }
  };
}

/** Math.hypot guards against overflow, which takes ten times as long. */
const length = (x: number, y: number): number => Math.sqrt(x * x + y * y);

/** 0 up to `from`, 1 from `to` on, smooth between. */
function rise(x: number, from: number, to: number): number {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

/** A plane blurred by a Gaussian of this standard deviation in pixels; what lies beyond the border is like the border. */
function blur(plane: Float64Array, side: number, sigma: number): Float64Array {
  const radius = Math.ceil(3 * sigma);
  const taps = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const along = (from: Float64Array, line: number, step: number): Float64Array => {
    const to = new Float64Array(from.length);
    for (let k = 0; k < side; k++) for (let i = 0; i < side; i++) {
      let sum = 0;
      for (let tap = -radius; tap <= radius; tap++) {
        sum += taps[tap + radius]! * from[k * line + Math.min(side - 1, Math.max(0, i + tap)) * step]!;
      }
      to[k * line + i * step] = sum / total;
    }
    return to;
  };
  return along(along(plane, side, 1), 1, side);
}

/** Means of `by` x `by` pixels. */
function shrink(plane: Float64Array, side: number, by: number): Float64Array {
  if (by === 1) return plane;
  const size = side / by;
  const out = new Float64Array(size * size);
  for (let row = 0; row < side; row++) for (let column = 0; column < side; column++) {
    out[Math.floor(row / by) * size + Math.floor(column / by)]! += plane[row * side + column]! / (by * by);
  }
  return out;
}

/** Adds the noise of sky and light and compresses: bytes of [3, size, size]. */
function expose(planes: readonly Float64Array[], sky: number, random: Stream, out: Uint8Array): void {
  const area = planes[0]!.length;
  const noise = random.normal(3 * area);
  const [STRETCH, PEDESTAL] = [8, 0.03];
  const pixel = new Float64Array(3);
  for (let at = 0; at < area; at++) {
    for (let c = 0; c < 3; c++) {
      const light = planes[c]![at]!;
      pixel[c] = light + PEDESTAL + noise[c * area + at]! * Math.sqrt(sky * sky + 0.004 * light);
    }
    const intensity = Math.max(1e-6, (pixel[0]! + pixel[1]! + pixel[2]!) / 3);
    const factor = Math.asinh(STRETCH * intensity) / (intensity * Math.asinh(STRETCH * 1.2));
    for (let c = 0; c < 3; c++) out[c * area + at] = Math.min(255, Math.max(0, 255 * factor * pixel[c]! + 0.5));
  }
}
