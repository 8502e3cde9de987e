import { expect, it } from 'vitest';
import { argmax, argsort, argsortDescending, averageRanks, quantile } from '../../../src/core/stats/order.js';

it('sorts stably both ways and ranks ties by their average', () => {
  const values = [2, 1, 2, 3, 1];
  expect([...argsort(values)]).toEqual([1, 4, 0, 2, 3]);
  expect([...argsortDescending(values)]).toEqual([3, 0, 2, 1, 4]);
  expect([...averageRanks(values)]).toEqual([3.5, 1.5, 3.5, 5, 1.5]);
  expect(argmax([1, 3, 3])).toBe(1);
});

it('interpolates quantiles', () => {
  expect(quantile([1, 2, 4, 8], 0.5)).toBe(3);
  expect(quantile([1, 2, 4, 8], 0.9)).toBeCloseTo(6.8, 12);
  expect(quantile([1, 2, 4, 8], 1)).toBe(8);
});
