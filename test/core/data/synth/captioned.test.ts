import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { synthCaptioned } from '../../../../src/core/data/synth/captioned.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A reader of the sentences that knows English and nothing of the grammar that made them. */
const THING = new RegExp('\\ba (small|little|tiny|large|big) (red|green|blue|yellow|purple|violet|orange) '
  + '(circle|disc|square|box|triangle|star|cross|plus|ring|hoop)\\b', 'g');
const SIDES = {
  up: /\b(above|over|top|upper)\b/, down: /\b(below|under|beneath|bottom|lower)\b/, left: /\bleft\b/, right: /\bright\b/,
};
const RGB: Record<string, number[]> = {
  red: [215, 40, 45], green: [45, 165, 65], blue: [50, 90, 220], yellow: [240, 210, 50],
  purple: [150, 60, 185], violet: [150, 60, 185], orange: [240, 135, 35],
};

interface Blob { x: number; y: number; pixels: number }

/** Middle (in halves of the image) and number of the pixels that have nearly each colour; edges have mixed ones. */
function blobs(image: Uint8Array, size: number, colours: readonly number[][]): Blob[] {
  const found = colours.map(() => ({ x: 0, y: 0, pixels: 0 }));
  for (let at = 0; at < size * size; at++) {
    const off = (value: number, c: number) => Math.abs(image[c * size * size + at]! - value);
    const blob = found[colours.findIndex((colour) => Math.max(...colour.map(off)) <= 40)];
    if (!blob) continue;
    blob.x += (at % size + 0.5) * 2 / size - 1;
    blob.y += (Math.floor(at / size) + 0.5) * 2 / size - 1;
    blob.pixels++;
  }
  return found.map(({ x, y, pixels }) => ({ x: x / pixels, y: y / pixels, pixels }));
}

describe('synthCaptioned', () => {
  const count = 500;
  const size = 64;
  const set = synthCaptioned({ count, size, seed: 1 });
  const scenes = set.captions!.map((caption, i) => {
    const things = [...caption.matchAll(THING)].map(([, large, colour, noun]) =>
      ({ large: /large|big/.test(large!), colour: colour!, noun: noun! }));
    const image = set.images.data.subarray(i * 3 * size * size, (i + 1) * 3 * size * size);
    const corner = [0, 1, 2].map((c) => image[c * size * size]!);
    const colours = things.map(({ colour }) => RGB[colour]!);
    return { caption, things, corner, blobs: blobs(image, size, colours), label: set.labels![i]! };
  });

  it('names one or two things, the labelled shape first', () => {
    const nouns = [/circle|disc/, /square|box/, /triangle/, /star/, /cross|plus/, /ring|hoop/];
    expect(set.classes).toEqual(['circle', 'square', 'triangle', 'star', 'cross', 'ring']);
    for (const { things, label } of scenes) {
      expect([1, 2]).toContain(things.length);
      expect(things[0]!.noun).toMatch(nouns[label]!);
      expect(things[0]!.colour).not.toBe(things[1]?.colour);
    }
    const pairs = scenes.filter(({ things }) => things.length === 2).length;
    expect(Math.abs(pairs - count / 2)).toBeLessThan(4 * Math.sqrt(count) / 2);
    for (const words of ['disc', 'violet', 'beneath', 'to the right of', 'tiny', 'hoop', 'there is', 'on grey', 'in the centre']) {
      expect(scenes.some(({ caption }) => caption.includes(words)), words).toBe(true);
    }
  });

  it('shows what it says: colours, sizes, places and relations', () => {
    for (const { caption, things, blobs: [first, second] } of scenes) {
      things.forEach(({ large, noun }, k) => {
        const { pixels } = [first, second][k]!;
        expect(pixels, caption).toBeGreaterThan(0);
        // Of 4096 pixels a small disc or square has at most 123, a large one at least 316 less its edge.
        if (/circle|disc|square|box/.test(noun)) expect(pixels > 180, `${caption}: ${pixels}`).toBe(large);
      });
      const said = caption.replaceAll(THING, '');
      const [x, y] = second ? [first!.x - second.x, first!.y - second.y] : [first!.x, first!.y];
      expect(SIDES.up.test(said), `${caption}: ${x} ${y}`).toBe(y < -0.3);
      expect(SIDES.down.test(said), `${caption}: ${x} ${y}`).toBe(y > 0.3);
      expect(SIDES.left.test(said), `${caption}: ${x} ${y}`).toBe(x < -0.3);
      expect(SIDES.right.test(said), `${caption}: ${x} ${y}`).toBe(x > 0.3);
    }
  });

  it('says the background of half of the pictures, rightly', () => {
    const named = scenes.filter(({ caption }) => / on (a )?(black|grey|white)/.test(caption));
    expect(Math.abs(named.length - count / 2)).toBeLessThan(4 * Math.sqrt(count) / 2);
    for (const { caption, corner } of named) {
      const ground = corner[0]! < 70 ? 'black' : corner[0]! < 180 ? 'grey' : 'white';
      expect(caption).toContain(ground);
    }
  });

  it('gives the same bytes for the same seed, and starts a larger set with a smaller one', () => {
    const ten = synthCaptioned({ count: 10, size, seed: 1, split: [0.8, 0, 0.2] });
    expect(sha256(ten.images.data)).toBe('bfb7874385050f9dd672467e975f12bc092dad62a7ceaafa375a3080186ae7b1');
    expect(ten.images.data).toEqual(set.images.data.subarray(0, ten.images.data.length));
    expect(ten.captions).toEqual(set.captions!.slice(0, 10));
    expect([...ten.split!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 2, 2]);
    expect(synthCaptioned({ count: 10, seed: 2 }).captions).not.toEqual(ten.captions);
  });

  it('has other sizes, kinds and shares', () => {
    const alone = synthCaptioned({ count: 40, size: 16, shapes: 2, pairs: 0, seed: 0 });
    expect([alone.images.shape, alone.classes]).toEqual([[40, 3, 16, 16], ['circle', 'square']]);
    expect(alone.captions!.every((caption) => [...caption.matchAll(THING)].length === 1)).toBe(true);
    expect(() => synthCaptioned({ count: 4, size: 8, seed: 0 })).toThrow('image size');
    expect(() => synthCaptioned({ count: 4, pairs: 1.5, seed: 0 })).toThrow('share of images with two shapes');
    expect(() => synthCaptioned({ count: 4, shapes: 7, seed: 0 })).toThrow('number of shapes');
  });
});
