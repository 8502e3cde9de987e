import { expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { grad, stopGradient, type Tensor } from '../../../src/core/graph/index.js';
import { byolLoss, negativeCosine, simsiamLoss } from '../../../src/core/losses/index.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const inputs = ['p1', 'z1', 'p2', 'z2'].map((name) => gaussian(name, [5, 8]));

test('negativeCosine is -1 for parallel, 1 for opposite and 0 for orthogonal rows', async () => {
  const of = async (a: number[], b: number[]) =>
    numbersOf((await evaluate(negativeCosine, [float32([1, 2], a), float32([1, 2], b)]))[0]!)[0];
  expect(await of([3, 0], [0.1, 0])).toBe(-1);
  expect(await of([3, 0], [-7, 0])).toBe(1);
  expect(await of([3, 0], [0, 2])).toBeCloseTo(0, 10);
});

test("simsiamLoss is a quarter of BYOL's loss less 1, and so is its gradient", async () => {
  const [own, quarter, dOwn, dQuarter] = (await evaluate((p1, z1, p2, z2) => {
    const loss = simsiamLoss(p1!, stopGradient(z1!), p2!, stopGradient(z2!));
    const byol = byolLoss(p1!, z2!).add(byolLoss(p2!, z1!)).mul(0.25).sub(1);
    return [loss, byol, grad(loss, [p1!])[0]!, grad(byol, [p1!])[0]!];
  }, inputs)).map(numbersOf);
  expect(own![0]).toBeCloseTo(quarter![0]!, 6);
  expect(relativeError(dOwn!, dQuarter!)).toBeLessThan(1e-6);
});

test('the gradient reaches the projections exactly where no stop-gradient is applied', async () => {
  const reaching = async (stop: (z: Tensor) => Tensor) => {
    const [d] = await evaluate((p1, z1, p2, z2) => grad(simsiamLoss(p1!, stop(z1!), p2!, stop(z2!)), [z1!]), inputs);
    return Math.hypot(...numbersOf(d!));
  };
  expect(await reaching(stopGradient)).toBe(0);
  expect(await reaching((z) => z)).toBeGreaterThan(0.01);
});
