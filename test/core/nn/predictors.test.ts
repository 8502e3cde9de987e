import { describe, expect, test } from 'vitest';
import type { NdArray } from '../../../src/core/array.js';
import { grad, l2Normalize, type Tensor } from '../../../src/core/graph/index.js';
import { byolLoss } from '../../../src/core/losses/index.js';
import {
  CLOSED_FORMS, closedFormPredictor, frobeniusNorm, latentMoments, latentsFor, neumann, stiefel, visser, type ClosedForm,
} from '../../../src/core/nn/index.js';
import { diagonal, diagonalOf, orthonormal, orthonormalized, product, rotated, rotation, transposed } from '../../support/matrices.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const OPTIONS = { nsIterations: 9, visserIterations: 50 };
const predictorOf = (form: ClosedForm) => (z: Tensor, target: Tensor): Tensor =>
  closedFormPredictor(form, latentMoments(latentsFor(form, z), latentsFor(form, target)), OPTIONS);
const first = async (build: (...x: Tensor[]) => Tensor, ...inputs: NdArray[]): Promise<NdArray> =>
  (await evaluate(build, inputs))[0]!;

const z = gaussian('z', [40, 6]);
const target = gaussian('target', [40, 6]);

describe('lrp', () => {
  const lrp = predictorOf('lrp');

  test("of orthonormal latents is Q^T Z', online index first", async () => {
    const q = orthonormal('q', 40, 6);
    expect(relativeError(numbersOf(await first(lrp, q, target)), numbersOf(product(transposed(q), target)))).toBeLessThan(2e-6);
  });

  test('finds W where the target is Z W, so that the loss is 0', async () => {
    const w = gaussian('w', [6, 6]);
    const p = await first(lrp, z, product(z, w));
    expect(relativeError(numbersOf(p), numbersOf(w))).toBeLessThan(2e-6);
    const loss = await first((a, b) => byolLoss(a.matmul(lrp(a, b)), b), z, product(z, w));
    expect(numbersOf(loss)[0]).toBeLessThan(1e-6);
  });

  test("leaves a residual orthogonal to Z; what it explains is the projection of Z' on the columns of Z", async () => {
    const [overlap, residual] = await evaluate((a, b) => {
      const rest = a.matmul(lrp(a, b)).sub(b);
      return [frobeniusNorm(a.matmul(rest, { ta: true })), rest.square().sum()];
    }, [z, target]);
    expect(numbersOf(overlap!)[0]!).toBeLessThan(1e-4);
    const basis = orthonormalized(z);
    const energy = (m: NdArray) => numbersOf(m).reduce((total, v) => total + v * v, 0);
    const expected = energy(target) - energy(product(transposed(basis), target));
    expect(numbersOf(residual!)[0]! / expected).toBeCloseTo(1, 5);
  });

  test('is finite, and predicts exactly, where there are fewer images than dimensions', async () => {
    const [few, other] = [gaussian('few', [4, 6]), gaussian('other', [4, 6])];
    const rest = await first((a, b) => frobeniusNorm(a.matmul(lrp(a, b)).sub(b)), few, other);
    expect(numbersOf(rest)[0]).toBeLessThan(1e-5);
  });
});

describe('ne', () => {
  test('maps an eigenvalue g of Sigma to g (2 - g) where both views agree', async () => {
    const p = await first((sigma) => neumann({ sigma, cross: sigma }), diagonal([0.5, 1, 1.5, 2]));
    expect(diagonalOf(p)).toEqual([0.75, 1, 0.75, 0]);
  });

  test('is the linear regression up to (I - G)^2 G^-1 C, and for G = I exactly', async () => {
    const g = diagonal([0.8, 1, 1.3]);
    const c = gaussian('c', [3, 3]);
    const [ne, lrp] = await evaluate((sigma, cross) =>
      (['ne', 'lrp'] as const).map((form) => closedFormPredictor(form, { sigma, cross }, OPTIONS)), [g, c]);
    const gap = numbersOf(lrp!).map((value, i) => value - numbersOf(ne!)[i]!);
    const expected = numbersOf(product(diagonal([0.2 ** 2 / 0.8, 0, 0.3 ** 2 / 1.3]), c));
    expect(relativeError(gap, expected)).toBeLessThan(1e-5);
    const one = await first((sigma, cross) => neumann({ sigma, cross }), diagonal([1, 1, 1]), c);
    expect(relativeError(numbersOf(one), numbersOf(c))).toBeLessThan(1e-7);
  });

  test('sees latents as unit rows, so that their lengths do not matter and eigenvalues lie in [0, 1]', async () => {
    const ne = predictorOf('ne');
    const [plain, scaled, total] = await evaluate((a, b) =>
      [ne(a, b), ne(a.mul(50), b.mul(0.1)), latentMoments(latentsFor('ne', a), b).sigma], [z, target]);
    expect(relativeError(numbersOf(scaled!), numbersOf(plain!))).toBeLessThan(1e-6);
    expect(diagonalOf(total!).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });
});

describe('visser', () => {
  test.each([[1, 1, 1], [1, 50, 1], [0.25, 1, 0.625], [0.25, 2, 0.5546875], [0.25, 10, 0.5001919], [0.01, 1, 0.505],
    [0.01, 2, 0.3824875], [0.01, 10, 0.16128193], [0.01, 50, 0.10067541], [0, 1, 0.5], [0, 2, 0.375], [0, 10, 0.13890179],
    [0, 50, 0.03585493]])('with eta 0.5 takes %d in %d steps to %d', async (sigma, steps, expected) => {
    expect(numbersOf(await first((s) => visser(s, steps, 0.5), diagonal([sigma])))[0]).toBeCloseTo(expected, 7);
  });

  test('diverges where eta is too large, and converges by the default eta', async () => {
    expect(Math.abs(numbersOf(await first((s) => visser(s, 10, 0.5), diagonal([100])))[0]!)).toBeGreaterThan(1e10);
    const root = await first((s) => visser(s, 200), diagonal([100, 25, 4]));
    expect(relativeError(diagonalOf(root), [10, 5, 2])).toBeLessThan(1e-5);
  });
});

describe('stiefel', () => {
  test('is a soft projection on what nine iterations resolve, not the identity', async () => {
    const equal = diagonalOf(await first((s) => stiefel(s, 9), diagonal([4, 1])));
    expect(equal[0]).toBeCloseTo(0.9701425, 6);
    expect(equal[1]).toBeCloseTo(0.9701425, 6);
    const [large, small] = diagonalOf(await first((s) => stiefel(s, 9), diagonal([4, 1e-4]))) as [number, number];
    expect(large).toBeCloseTo(0.10401402, 7);
    expect(small / 9.9966e-5).toBeCloseTo(1, 4);
  });
});

describe('ns2, directcopy and directpred', () => {
  test('are the fourth root, the moments themselves and the square root', async () => {
    const [ns2, copy, pred] = await evaluate((sigma) => (['ns2', 'directcopy', 'directpred'] as const)
      .map((form) => closedFormPredictor(form, { sigma, cross: sigma }, { ...OPTIONS, nsIterations: 7 })), [diagonal([16, 1])]);
    expect(relativeError(diagonalOf(ns2!), [2, 1])).toBeLessThan(1e-6);
    expect(diagonalOf(copy!)).toEqual([16, 1]);
    expect(relativeError(diagonalOf(pred!), [4, 1])).toBeLessThan(1e-5);
  });
});

describe.each(CLOSED_FORMS)('%s', (form) => {
  const predictor = predictorOf(form);

  test('predicts the same directions where it was made of latents a hundred thousand times as small or as large', async () => {
    const prediction = (by: number) => (a: Tensor, b: Tensor) => l2Normalize(a.matmul(predictor(a.mul(by), b.mul(by))));
    const [plain, small, large] = await evaluate((a, b) => [1, 1e-5, 1e5].map((by) => prediction(by)(a, b)), [z, target]);
    expect(relativeError(numbersOf(small!), numbersOf(plain!))).toBeLessThan(1e-5);
    expect(relativeError(numbersOf(large!), numbersOf(plain!))).toBeLessThan(1e-5);
  });

  test('turns with the latents: Z R and Z\' R give R^T P R, and the same loss', async () => {
    const r = rotation('r', 6);
    const both = (a: Tensor, b: Tensor) => {
      const p = predictor(a, b);
      return [p, byolLoss(a.matmul(p), b)];
    };
    const [plain, loss] = await evaluate(both, [z, target]);
    const [turned, turnedLoss] = await evaluate(both, [product(z, r), product(target, r)]);
    expect(relativeError(numbersOf(turned!), numbersOf(rotated(plain!, r)))).toBeLessThan(1e-5);
    expect(numbersOf(turnedLoss!)[0]).toBeCloseTo(numbersOf(loss!)[0]!, 5);
  });

  test('has finite gradients through the iteration, for collapsed latents too', async () => {
    const collapsed = (a: Tensor) => a.mul(0).add(0.7);
    for (const latents of [(a: Tensor) => a, collapsed]) {
      const d = await first((a, b) => grad(byolLoss(latents(a).matmul(predictor(latents(a), b)), b), [a])[0]!, z, target);
      expect(numbersOf(d).every(Number.isFinite)).toBe(true);
    }
  });
});
