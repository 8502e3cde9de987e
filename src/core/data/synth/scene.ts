import type { Stream } from '../../random.js';
import { coverage, FIGURES } from './images.js';

/** What the shapes are called, and the figure and turn (in radians, clockwise) that draw them upright. */
const SHAPES = {
  circle: { figure: 'disc', turn: 0 },
  square: { figure: 'square', turn: 0 },
  triangle: { figure: 'triangle', turn: Math.PI / 2 },
  star: { figure: 'star', turn: -Math.PI / 2 },
  cross: { figure: 'cross', turn: 0 },
  ring: { figure: 'ring', turn: 0 },
} as const;
export type Shape = keyof typeof SHAPES;
export const SHAPE_NAMES = Object.keys(SHAPES) as readonly Shape[];

const COLOURS = {
  red: [215, 40, 45], green: [45, 165, 65], blue: [50, 90, 220],
  yellow: [240, 210, 50], purple: [150, 60, 185], orange: [240, 135, 35],
} as const;
export type Colour = keyof typeof COLOURS;

const GROUNDS = { black: 18, grey: 128, white: 238 } as const;
export type Ground = keyof typeof GROUNDS;

/** Radii in halves of the image. Two large shapes beside each other do not touch. */
const SIZES = { small: 0.21, large: 0.41 } as const;
export type Size = keyof typeof SIZES;

/** Middles in halves of the image; y grows downwards. */
export const PLACES = {
  'top left': [-1, -1], top: [0, -1], 'top right': [1, -1], left: [-1, 0], middle: [0, 0], right: [1, 0],
  'bottom left': [-1, 1], bottom: [0, 1], 'bottom right': [1, 1],
} as const;
export type Place = keyof typeof PLACES;
const OFFSET = 0.5;

/** Where the first of two shapes stands as seen from the second: as a place, the second one's is opposite. */
export const RELATIONS = ['top', 'bottom', 'left', 'right'] as const satisfies readonly Place[];
export type Relation = (typeof RELATIONS)[number];
const OPPOSITE = { top: 'bottom', bottom: 'top', left: 'right', right: 'left' } as const;

export interface Thing {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: Size;
}

/** What a picture shows: everything that a sentence about it may say. */
export type Scene = { readonly ground: Ground; readonly first: Thing } & (
  | { readonly place: Place }
  | { readonly relation: Relation; readonly second: Thing });

const pick = <T>(random: Stream, values: readonly T[]): T => values[random.int(values.length)]!;

/** A scene around one shape, alone or, with this probability, beside another one of a different colour. */
export function drawScene(shape: Shape, shapes: readonly Shape[], pairs: number, random: Stream): Scene {
  const colours = Object.keys(COLOURS) as Colour[];
  const thing = (own: Shape, free: readonly Colour[]): Thing =>
    ({ shape: own, colour: pick(random, free), size: pick(random, Object.keys(SIZES) as Size[]) });
  const ground = pick(random, Object.keys(GROUNDS) as Ground[]);
  const first = thing(shape, colours);
  if (random.next() >= pairs) return { ground, first, place: pick(random, Object.keys(PLACES) as Place[]) };
  const second = thing(pick(random, shapes), colours.filter((colour) => colour !== first.colour));
  return { ground, first, relation: pick(random, RELATIONS), second };
}

/** Draws a scene into `out` [3, size, size]; places, sizes, angles, colours and light vary a little. */
export function drawPicture(scene: Scene, size: number, random: Stream, out: Uint8Array): void {
  const area = size * size;
  const pixel = 2 / size;
  const ground = GROUNDS[scene.ground] + random.between(-12, 12);
  const values = new Float32Array(3 * area).fill(ground);
  const placed: [Thing, Place][] = 'second' in scene
    ? [[scene.first, scene.relation], [scene.second, OPPOSITE[scene.relation]]]
    : [[scene.first, scene.place]];
  for (const [thing, place] of placed) {
    const { figure: name, turn } = SHAPES[thing.shape];
    const figure = FIGURES[name]!(random);
    const [x0, y0] = PLACES[place].map((at) => OFFSET * at + random.between(-0.05, 0.05)) as [number, number];
    const radius = SIZES[thing.size] * random.between(0.9, 1.1);
    const angle = turn + random.between(-0.12, 0.12);
    const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
    const colour = COLOURS[thing.colour].map((value) => value + random.between(-12, 12));
    for (let row = 0, at = 0; row < size; row++) {
      const y = (row + 0.5) * pixel - 1 - y0;
      for (let column = 0; column < size; column++, at++) {
        const x = (column + 0.5) * pixel - 1 - x0;
        const inside = coverage(radius * figure(cos * x + sin * y, cos * y - sin * x), pixel);
        for (let c = 0; c < 3; c++) values[c * area + at]! += inside * (colour[c]! - values[c * area + at]!);
      }
    }
  }
  // Storing cuts the fraction off: adding a half rounds.
  for (let at = 0; at < out.length; at++) out[at] = Math.min(255, Math.max(0, values[at]! + 0.5));
}
