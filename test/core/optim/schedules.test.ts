import { describe, expect, test } from 'vitest';
import { cosineEmaDecay, linearSchedule, warmupCosine } from '../../../src/core/optim/index.js';

describe('warmupCosine', () => {
  const schedule = { peak: 0.4, steps: 110, warmup: 10 };

  test('0 at the start, the peak after the warm-up, half of it in the middle, 0 at the end', () => {
    expect(warmupCosine(0, schedule)).toBe(0);
    expect(warmupCosine(5, schedule)).toBeCloseTo(0.2, 15);
    expect(warmupCosine(10, schedule)).toBe(0.4);
    expect(warmupCosine(60, schedule)).toBeCloseTo(0.2, 15);
    expect(warmupCosine(110, schedule)).toBeCloseTo(0, 15);
  });

  test('a quarter of the way down the cosine is at (1 + cos(pi / 4)) / 2', () => {
    expect(warmupCosine(35, schedule)).toBeCloseTo(0.4 * 0.5 * (1 + Math.SQRT1_2), 12);
  });

  test('rises through the warm-up and falls after it', () => {
    const values = Array.from({ length: 111 }, (_, k) => warmupCosine(k, schedule));
    values.slice(1).forEach((value, i) => {
      if (i < 10) expect(value).toBeGreaterThan(values[i]!);
      else expect(value).toBeLessThan(values[i]!);
    });
  });

  test('without a warm-up it starts at the peak; a final value is where it ends and stays', () => {
    expect(warmupCosine(0, { peak: 3, steps: 10 })).toBe(3);
    expect(warmupCosine(10, { peak: 3, steps: 10, final: 1 })).toBe(1);
    expect(warmupCosine(25, { peak: 3, steps: 10, final: 1 })).toBe(1);
  });
});

describe('cosineEmaDecay', () => {
  test('from the base through its middle to 1 (Grill et al. 2020, section 3.3)', () => {
    expect(cosineEmaDecay(0, 100, 0.996)).toBeCloseTo(0.996, 15);
    expect(cosineEmaDecay(50, 100, 0.996)).toBeCloseTo(0.998, 15);
    expect(cosineEmaDecay(100, 100, 0.996)).toBe(1);
  });
});

test('linearSchedule goes in a straight line and stays at its end', () => {
  expect([0, 25, 50, 100, 150].map((k) => linearSchedule(k, 100, 1, 3))).toEqual([1, 1.5, 2, 3, 3]);
});
