import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { grad, type Tensor } from '../../../src/core/graph/index.js';
import { byolLoss, featureStd } from '../../../src/core/losses/index.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const scaled = ({ shape, data }: NdArray, by: number): NdArray =>
  float32(shape, Float32Array.from(data as Float32Array, (v) => v * by));
const value = async (build: (...x: Tensor[]) => Tensor, ...inputs: NdArray[]): Promise<number> =>
  numbersOf((await evaluate(build, inputs))[0]!)[0]!;
const gradients = async (p: NdArray, z: NdArray): Promise<number[][]> =>
  (await evaluate((a, b) => grad(byolLoss(a, b), [a, b]), [p, z])).map(numbersOf);

const p = gaussian('p', [5, 8]);
const z = gaussian('z', [5, 8]);
const rows = (array: ArrayLike<number>, width = 8): number[][] =>
  Array.from({ length: array.length / width }, (_, i) => Array.from({ length: width }, (_, j) => array[i * width + j]!));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
const norm = (a: readonly number[]): number => Math.sqrt(dot(a, a));

describe('byolLoss', () => {
  test('is 0 for parallel, 4 for antiparallel and 2 for orthogonal rows', async () => {
    expect(await value(byolLoss, p, scaled(p, 3))).toBeCloseTo(0, 6);
    expect(await value(byolLoss, p, scaled(p, -0.2))).toBeCloseTo(4, 6);
    expect(await value(byolLoss, float32([2, 2], [1, 0, 0, 5]), float32([2, 2], [0, 2, -3, 0]))).toBe(2);
  });

  test('does not depend on the lengths of the rows, nor on their order', async () => {
    const loss = await value(byolLoss, p, z);
    expect(await value(byolLoss, scaled(p, 7), z)).toBeCloseTo(loss, 6);
    expect(await value(byolLoss, p, scaled(z, 0.01))).toBeCloseTo(loss, 6);
    const reversed = ({ data }: NdArray) => float32([5, 8], rows(data as Float32Array).reverse().flat());
    expect(await value(byolLoss, reversed(p), reversed(z))).toBeCloseTo(loss, 6);
  });

  test('is the mean over the rows of |p/|p| - z/|z||^2', async () => {
    const [a, b] = [rows(p.data), rows(z.data)];
    const squares = a.map((row, i) =>
      row.reduce((total, v, j) => total + (v / norm(row) - b[i]![j]! / norm(b[i]!)) ** 2, 0));
    expect(await value(byolLoss, p, z)).toBeCloseTo(squares.reduce((x, y) => x + y) / 5, 6);
  });

  test('has the gradient -(2 / |p|) (z^ - cos p^) / B: orthogonal to p, and inverse to its length', async () => {
    const [dp] = await gradients(p, z);
    const expected = rows(p.data).flatMap((row, i) => {
      const unit = row.map((v) => v / norm(row));
      const toward = rows(z.data)[i]!.map((v, _, whole) => v / norm(whole));
      const cosine = dot(unit, toward);
      return unit.map((v, j) => (-2 / norm(row)) * (toward[j]! - cosine * v) / 5);
    });
    expect(relativeError(dp!, expected)).toBeLessThan(2e-6);
    rows(dp!).forEach((row, i) => {
      const along = rows(p.data)[i]!;
      expect(Math.abs(dot(row, along))).toBeLessThan(1e-6 * norm(row) * norm(along));
    });
    const [halved] = await gradients(scaled(p, 2), z);
    expect(relativeError(halved!.map((v) => 2 * v), dp!)).toBeLessThan(2e-6);
  });

  test('sends no gradient at all to the target', async () => {
    const [dp, dz] = await gradients(p, z);
    expect(dz).toEqual(Array(40).fill(0));
    expect(norm(dp!)).toBeGreaterThan(0.01);
  });

  test('both directions add up, and exchanging the views exchanges them', async () => {
    const both = (p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) => byolLoss(p1, z2).add(byolLoss(p2, z1));
    const [p2, z2] = [gaussian('p2', [5, 8]), gaussian('z2', [5, 8])];
    const loss = await value(both, p, p2, z, z2);
    expect(loss).toBeCloseTo(await value(byolLoss, p, z2) + await value(byolLoss, p2, z), 6);
    expect(await value(both, p2, p, z2, z)).toBeCloseTo(loss, 6);
  });

  test('a row of zeros gives neither NaN nor an infinite loss', async () => {
    const loss = await value(byolLoss, float32([2, 2], [0, 0, 1, 0]), float32([2, 2], [1, 0, 1, 0]));
    expect(loss).toBe(1); // 2 - 2 * 0 and 2 - 2 * 1
  });
});

describe('featureStd', () => {
  test('is 0 where all rows point the same way', async () => {
    expect(await value(featureStd, float32([4, 3], [1, 2, 3, 2, 4, 6, 0.5, 1, 1.5, 10, 20, 30]))).toBeLessThan(1e-6);
  });

  test('is 1 / sqrt(d) where the rows are plus and minus the axes', async () => {
    const axes = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    expect(await value(featureStd, float32([6, 3], [...axes, ...axes.map((v) => -v)]))).toBeCloseTo(1 / Math.sqrt(3), 6);
  });

  test('is close to that for many random rows', async () => {
    expect(await value(featureStd, gaussian('rows', [4000, 16]))).toBeCloseTo(0.25, 2);
  });

  test('sends no gradient', async () => {
    const [d] = await evaluate((x) => grad(featureStd(x), [x]), [p]);
    expect(numbersOf(d!)).toEqual(Array(40).fill(0));
  });
});
