import { expect, it } from 'vitest';
import { minimize, type Objective } from '../../../src/core/stats/lbfgs.js';
import { expectClose } from './helpers.js';

const rosenbrock: Objective = (x, gradient) => {
  let value = 0;
  for (let i = 0; i < x.length - 1; i++) {
    const valley = x[i + 1] - x[i] ** 2;
    value += 100 * valley ** 2 + (1 - x[i]) ** 2;
    gradient[i] += -400 * x[i] * valley - 2 * (1 - x[i]);
    gradient[i + 1] += 200 * valley;
  }
  return value;
};

it('finds the minimum of the Rosenbrock function', () => {
  const start = Float64Array.from([-1.2, 1, -1.2, 1]);
  const minimum = minimize(rosenbrock, start, { tolerance: 1e-9 });
  expect(minimum.converged).toBe(true);
  expect(minimum.iterations).toBeLessThan(100);
  expectClose(minimum.x, [1, 1, 1, 1], 1e-8);
  expect([...start]).toEqual([-1.2, 1, -1.2, 1]);
});

it('finds the minimum of an ill-conditioned quadratic', () => {
  const scales = Float64Array.from({ length: 20 }, (_, i) => 10 ** (i / 8));
  const quadratic: Objective = (x, gradient) => x.reduce((value, xi, i) => {
    gradient[i] = scales[i] * (xi - i);
    return value + 0.5 * scales[i] * (xi - i) ** 2;
  }, 0);
  const minimum = minimize(quadratic, new Float64Array(20), { tolerance: 1e-8 });
  expect(minimum.converged).toBe(true);
  expectClose(minimum.x, scales.map((_, i) => i), 1e-8);
});

it('says where it stopped early, and stops at a value that is not a number', () => {
  const early = minimize(rosenbrock, Float64Array.from([-1.2, 1]), { maxIterations: 3 });
  expect(early.iterations).toBe(3);
  expect(early.converged).toBe(false);
  expect(early.value).toBeLessThan(24.2);
  expect(minimize((_, gradient) => { gradient.fill(NaN); return NaN; }, new Float64Array(2)).converged).toBe(false);
});

it('backs off from where the function is not defined', () => {
  const barrier: Objective = ([x], gradient) => {
    gradient[0] = 1 - 1 / x;
    return x > 0 ? x - Math.log(x) : NaN;
  };
  expect(minimize(barrier, Float64Array.from([30]), { tolerance: 1e-10 }).x[0]).toBeCloseTo(1, 9);
});
