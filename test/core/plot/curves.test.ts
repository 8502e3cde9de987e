import { describe, expect, it } from 'vitest';
import { smoothed, thin } from '../../../src/core/plot/curves.js';

describe('smoothing', () => {
  it('has no bias towards 0 at the start', () => {
    expect(smoothed([4, 4, 4], 0.9).every((value) => Math.abs(value - 4) < 1e-12)).toBe(true);
    // (0.5 * 0.5 * 2 + 0.5 * 4) / 0.75
    expect(smoothed([2, 4], 0.5)[1]).toBeCloseTo(10 / 3, 12);
    expect(smoothed([1, 5, 2], 0)).toEqual([1, 5, 2]);
  });
});

describe('thinning', () => {
  it('averages neighbours, and leaves short curves alone', () => {
    const steps = Array.from({ length: 2500 }, (_, i) => i);
    const { x, y } = thin({ run: 'a', x: steps, y: steps.map((i) => 2 * i) });
    expect(x.length).toBe(834);
    expect([x[0], y[0], x.at(-1)]).toEqual([1, 2, 2499]);
    const short = { run: 'b', x: [0, 1], y: [5, 6] };
    expect(thin(short)).toEqual(short);
  });
});
