import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.js';
import { pca, umap } from '../../../src/core/plot/project.js';
import { affinities, tsne } from '../../../src/core/plot/tsne.js';
import { stream } from '../../../src/core/random.js';
import { matrix, type Matrix } from '../../../src/core/stats/matrix.js';
import { relativeError } from '../../support/run.js';

const CLUSTERS = 3;
/** Points around three far corners, one cluster after another. */
function clusters(each: number, dims: number): Matrix {
  const noise = stream(5, 'clusters').normal(CLUSTERS * each * dims);
  return matrix(CLUSTERS * each, dims, noise.map((value, i) => value + (i % dims === Math.floor(i / dims / each) ? 20 : 0)));
}

/** Share of points whose nearest neighbour in the plane is of their own cluster. */
function kept({ x, y }: { x: Float64Array; y: Float64Array }, each: number): number {
  let hits = 0;
  for (let i = 0; i < x.length; i++) {
    let [nearest, least] = [-1, Infinity];
    for (let j = 0; j < x.length; j++) {
      const d = (x[i]! - x[j]!) ** 2 + (y[i]! - y[j]!) ** 2;
      if (j !== i && d < least) [nearest, least] = [j, d];
    }
    hits += Number(Math.floor(nearest / each) === Math.floor(i / each));
  }
  return hits / x.length;
}

describe('principal components', () => {
  it('are the axes of largest variance, with its shares', () => {
    // Independent columns of deviations 3, 2 and 1, exactly uncorrelated.
    const columns = [[3, 3, -3, -3], [2, -2, 2, -2], [1, -1, -1, 1]];
    const values = Float64Array.from({ length: 12 }, (_, i) => columns[i % 3]![Math.floor(i / 3)]! + 7);
    const { x, y, explained } = pca(matrix(4, 3, values));
    expect([...x].map((v) => Number(v.toFixed(9)))).toEqual([3, 3, -3, -3]);
    expect([...y].map((v) => Number(v.toFixed(9)))).toEqual([2, -2, 2, -2]);
    expect(explained[0]).toBeCloseTo(9 / 14, 12);
    expect(explained[1]).toBeCloseTo(4 / 14, 12);
  });

  it('are the same from the Gram matrix of a few points of many dimensions', () => {
    const draws = stream(2, 'wide').normal(72);
    const narrow = matrix(12, 6, Float64Array.from(draws, (value, i) => value * (1 + (i % 6))));
    // Zero columns change nothing, but make 12 points of 20 dimensions.
    const padded = new Float64Array(240);
    for (let i = 0; i < 12; i++) padded.set(narrow.data.subarray(6 * i, 6 * i + 6), 20 * i);
    const [a, b] = [pca(narrow), pca(matrix(12, 20, padded))];
    expect(relativeError(b.x, a.x)).toBeLessThan(1e-9);
    expect(relativeError(b.y, a.y)).toBeLessThan(1e-9);
    expect(b.explained[0]).toBeCloseTo(a.explained[0], 12);
  });
});

describe('t-SNE', () => {
  it('has affinities of the asked perplexity that sum to 1', () => {
    const p = affinities(clusters(20, 5), 10);
    expect(p.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    for (let i = 0; i < 60; i++) expect(p[i * 60 + i]).toBe(0);
    // Points that are all equally far from each other have all others as neighbours, whatever is asked.
    const corners = affinities(matrix(8, 8, Float64Array.from({ length: 64 }, (_, i) => Number(i % 9 === 0))), 2);
    expect(Math.max(...corners) - 1 / 56).toBeLessThan(1e-6);
  });

  it('keeps clusters together, and is the same every time', () => {
    const features = clusters(30, 8);
    const map = tsne(features, { perplexity: 10 });
    expect(kept(map, 30)).toBe(1);
    expect(tsne(features, { perplexity: 10 })).toEqual(map);
  });

  it('says what it cannot do', () => {
    expect(() => tsne(clusters(5, 4), { perplexity: 10 })).toThrow(InputError);
    expect(() => tsne(matrix(5001, 2, new Float32Array(10002)), { perplexity: 30 })).toThrow('at most 5000 points');
  });
});

describe('UMAP', () => {
  it('keeps clusters together, and is the same for the same seed', async () => {
    const features = clusters(20, 8);
    const options = { neighbors: 10, minDist: 0.1, seed: 1 };
    const map = await umap(features, options);
    expect(kept(map, 20)).toBe(1);
    expect(await umap(features, options)).toEqual(map);
    expect((await umap(features, { ...options, seed: 2 })).x).not.toEqual(map.x);
  });
});
