import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../src/core/errors.js';
import { FIGURES, SYNTH_CLASSES, synthImages } from '../../../../src/core/data/synth/images.js';
import { stream } from '../../../../src/core/random.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('synthImages', () => {
  it('draws images of cyclic classes and consecutive splits', () => {
    const set = synthImages({ count: 20, size: 16, classes: 3, seed: 0, split: [0.7, 0.1, 0.2] });
    expect(set.images.shape).toEqual([20, 3, 16, 16]);
    expect(set.classes).toEqual(['disc', 'ring', 'square']);
    expect([...set.labels!].slice(0, 7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    expect([...set.split!]).toEqual([...Array(14).fill(0), ...Array(2).fill(1), ...Array(4).fill(2)]);
    expect(synthImages({ count: 10, seed: 0 }).split).toBeUndefined();
    expect(SYNTH_CLASSES).toHaveLength(10);
  });

  it('gives the same bytes for the same seed, and starts a larger set with a smaller one', () => {
    const ten = synthImages({ count: 10, seed: 1 }).images.data;
    expect(sha256(ten)).toBe('323fc3fe39438040a6946e0453462e3c31d046146ede8c96bc5845a1d6a218ed');
    expect(sha256(synthImages({ count: 20, seed: 1 }).images.data.subarray(0, ten.length))).toBe(sha256(ten));
    expect(sha256(synthImages({ count: 10, seed: 2 }).images.data)).not.toBe(sha256(ten));
  });

  it('hides the class from colour and brightness', () => {
    const count = 2000;
    const { images, labels } = synthImages({ count, seed: 3 });
    // One-way analysis of variance of each image's mean colour and brightness over the classes.
    const features = Array.from({ length: count }, (_, i) => {
      const channels = [0, 1, 2].map((c) => images.data.subarray((i * 3 + c) * 1024, (i * 3 + c + 1) * 1024));
      const means = channels.map((plane) => plane.reduce((a, b) => a + b, 0) / 1024);
      return [...means, (means[0] + means[1] + means[2]) / 3];
    });
    for (let f = 0; f < features[0].length; f++) {
      const values = features.map((feature) => feature[f]);
      const mean = values.reduce((a, b) => a + b, 0) / count;
      let between = 0;
      let within = 0;
      for (let label = 0; label < 10; label++) {
        const own = values.filter((_, i) => labels![i] === label);
        const ownMean = own.reduce((a, b) => a + b, 0) / own.length;
        between += own.length * (ownMean - mean) ** 2 / 9;
        within += own.reduce((sum, value) => sum + (value - ownMean) ** 2, 0) / (count - 10);
      }
      expect(between / within).toBeLessThan(3.1); // F(9, 1990): 0.999 quantile
    }
  });

  it('hides the class from nearest neighbours in raw pixels', () => {
    const { images, labels } = synthImages({ count: 600, seed: 4 });
    const at = (i: number) => images.data.subarray(i * 3072, (i + 1) * 3072);
    let right = 0;
    for (let i = 400; i < 600; i++) {
      let best = Infinity;
      let label = -1;
      for (let j = 0; j < 400; j++) {
        let distance = 0;
        const [a, b] = [at(i), at(j)];
        for (let k = 0; k < 3072; k += 5) distance += (a[k] - b[k]) ** 2;
        if (distance < best) [best, label] = [distance, labels![j]];
      }
      if (label === labels![i]) right++;
    }
    expect(right / 200).toBeLessThan(0.25);
  });

  it('refuses counts, sizes, classes and shares out of range', () => {
    for (const bad of [{ count: 0 }, { size: 7 }, { classes: 11 }, { classes: 1 }, { split: [0.5, 0, 0.6] as const }]) {
      expect(() => synthImages({ count: 1, seed: 0, ...bad })).toThrow(InputError);
    }
  });
});

describe('figures', () => {
  const figureOf = (name: string, seed = 0) => FIGURES[name](stream(seed, 'test'));
  const step = 0.01;
  /** Numbers of a grid over -1.5 to 1.5. */
  const grid = Array.from({ length: 300 }, (_, i) => -1.5 + (i + 0.5) * step);

  it.each([
    ['disc', Math.PI * 0.85 ** 2],
    ['square', 1.5 ** 2],
    ['triangle', 3 * Math.sqrt(3) * 0.5 ** 2],
    ['star', 5 * 0.42 * Math.sin(Math.PI / 5)],
  ])('a %s has its area', (name, area) => {
    const figure = figureOf(name);
    const inside = grid.flatMap((y) => grid.map((x): number => (figure(x, y) < 0 ? 1 : 0)));
    expect(inside.reduce((a, b) => a + b, 0) * step ** 2).toBeCloseTo(area, 1.7);
  });

  it.each(SYNTH_CLASSES)('a %s lies within its frame, and nearly everywhere its edge is a distance', (name) => {
    const slopes: number[] = [];
    let reach = 0;
    for (let seed = 0; seed < 3; seed++) {
      const figure = figureOf(name, seed);
      for (const y of grid.filter((_, i) => i % 4 === 0)) {
        for (const x of grid) {
          const value = figure(x, y);
          if (value < 0) reach = Math.max(reach, Math.hypot(x, y));
          if (Math.abs(value) > 0.01) continue;
          slopes.push(Math.hypot(figure(x + 1e-5, y) - value, figure(x, y + 1e-5) - value) / 1e-5);
        }
      }
    }
    expect(reach).toBeLessThan(1.25);
    // Anti-aliasing shades one pixel along the edge, and not two or none, where the slope is about 1.
    slopes.sort((a, b) => a - b);
    expect(slopes[Math.floor(0.05 * slopes.length)]).toBeGreaterThan(0.8);
    expect(slopes[Math.floor(0.95 * slopes.length)]).toBeLessThan(1.25);
  });

  it('have holes where they should', () => {
    expect(figureOf('ring')(0, 0)).toBeGreaterThan(0);
    expect(figureOf('disc')(0, 0)).toBeLessThan(0);
    expect(figureOf('cross')(0.7, 0.7)).toBeGreaterThan(0);
    expect(figureOf('star')(-0.9, 0)).toBeGreaterThan(0);
    expect(figureOf('star')(0.9, 0)).toBeLessThan(0);
    for (const name of ['stripes', 'checker', 'spiral']) {
      const figure = figureOf(name);
      const line = grid.filter((t) => Math.abs(t) < 0.8).map((t) => Math.sign(figure(t, 0.3)));
      const changes = line.filter((sign, i) => i > 0 && sign !== line[i - 1]).length;
      expect(changes).toBeGreaterThanOrEqual(4);
    }
  });
});
