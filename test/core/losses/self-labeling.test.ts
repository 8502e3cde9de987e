import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { grad, type Tensor } from '../../../src/core/graph/index.js';
import { byolLoss, ccslLoss, csslLoss, type PairLoss } from '../../../src/core/losses/index.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

type Loss = (p: Tensor, z: Tensor) => PairLoss;
const ccsl = (thetaPos: number, thetaNeg: number, negWeight: number): Loss => (p, z) =>
  ccslLoss(p, z, { thetaPos, thetaNeg, negWeight });
const cssl = (thetaPos: number, thetaNeg: number): Loss => (p, z) => csslLoss(p, z, { thetaPos, thetaNeg });

async function values(loss: Loss, p: NdArray, z: NdArray) {
  const [value, positives, dp, dz] = (await evaluate((a, b) => {
    const pair = loss(a, b);
    return [pair.loss, pair.positives, ...grad(pair.loss, [a, b])];
  }, [p, z])).map(numbersOf);
  return { loss: value![0]!, positives: positives![0]!, dp: dp!, dz: dz! };
}

const B = 6;
const d = 5;
const p = gaussian('p', [B, d]);
// Targets near the predictions, and images 0 and 1 near each other: some pairs of different images are alike.
const z = float32([B, d], gaussian('z', [B, d]).data.map((v, i) => 0.3 * v + p.data[i < d ? i + d : i]!));
const rows = (m: NdArray): number[][] => Array.from({ length: B }, (_, i) => numbersOf(m).slice(i * d, (i + 1) * d));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, v, i) => total + v * b[i]!, 0);
const unit = (a: readonly number[]): number[] => a.map((v) => v / Math.hypot(...a));
const pairs = (): { i: number; j: number; cosine: number; logit: number }[] =>
  rows(p).flatMap((a, i) => rows(z).map((b, j) => ({ i, j, cosine: dot(unit(a), unit(b)), logit: dot(a, b) })));
const mean = (list: readonly number[]): number => (list.length ? list.reduce((a, b) => a + b) / list.length : 0);
const reversed = (m: NdArray): NdArray => float32([B, d], rows(m).reverse().flat());

describe('ccslLoss', () => {
  test("is BYOL's loss, gradient included, where only the two views of an image can be alike", async () => {
    const refined = await values(ccsl(1.001, 0.2, 0), p, z);
    const [loss, dp] = await evaluate((a, b) => [byolLoss(a, b), ...grad(byolLoss(a, b), [a])], [p, z]);
    expect(refined.loss).toBeCloseTo(numbersOf(loss!)[0]!, 6);
    expect(relativeError(refined.dp, numbersOf(dp!))).toBeLessThan(1e-6);
    expect(refined.positives).toBe(0);
  });

  test('pulls at all pairs where the threshold admits them all: 2 - 2 <mean p, mean z> of unit rows', async () => {
    const { loss, positives } = await values(ccsl(-1.001, -2, 0), p, z);
    const centre = (m: NdArray) => Array.from({ length: d }, (_, k) => mean(rows(m).map((row) => unit(row)[k]!)));
    expect(loss).toBeCloseTo(2 - 2 * dot(centre(p), centre(z)), 6);
    expect(positives).toBe(1);
  });

  test('is the mean over positive pairs of 2 - 2 S, plus the weighted mean over negative ones of 1 + S', async () => {
    const all = pairs();
    const positive = all.filter(({ i, j, cosine }) => i === j || cosine >= 0.5);
    const negative = all.filter(({ i, j, cosine }) => i !== j && cosine <= 0.1);
    const others = positive.length - B;
    expect(others).toBeGreaterThan(0);
    expect(negative.length).toBeGreaterThan(0);
    const found = await values(ccsl(0.5, 0.1, 0.7), p, z);
    const expected = mean(positive.map(({ cosine }) => 2 - 2 * cosine)) + 0.7 * mean(negative.map(({ cosine }) => 1 + cosine));
    expect(found.loss).toBeCloseTo(expected, 5);
    expect(found.positives).toBeCloseTo(others / (B * (B - 1)), 6);
  });

  test('no negative pair costs nothing, and a batch of one is its own positive', async () => {
    const none = await values(ccsl(0.5, -2, 5), p, z);
    expect(none.loss).toBeCloseTo((await values(ccsl(0.5, -2, 0), p, z)).loss, 6);
    const one = float32([1, 2], [1, 0]);
    expect(await values(ccsl(0.8, 0.2, 1), one, float32([1, 2], [0, 1]))).toMatchObject({ loss: 2, positives: 0 });
  });
});

describe('csslLoss', () => {
  const labelled = (thetaPos: number, thetaNeg: number) => pairs().flatMap(({ i, j, logit }) => {
    const s = 1 / (1 + Math.exp(-logit));
    return i === j || s >= thetaPos ? [{ i, j, s, y: 1 }] : s <= thetaNeg ? [{ i, j, s, y: 0 }] : [];
  });

  test('is the mean cross-entropy over the labelled pairs, with gradient (S - Y) / count on their logits', async () => {
    const list = labelled(0.8, 0.2);
    expect(new Set(list.map(({ y }) => y)).size).toBe(2);
    expect(list.length).toBeLessThan(B * B);
    const { loss, dp, positives } = await values(cssl(0.8, 0.2), p, z);
    expect(loss).toBeCloseTo(mean(list.map(({ s, y }) => -Math.log(y ? s : 1 - s))), 5);
    expect(positives).toBeCloseTo((list.filter(({ y }) => y).length - B) / (B * (B - 1)), 6);
    const expected = rows(p).flatMap((_, i) => Array.from({ length: d }, (_, k) =>
      list.filter((pair) => pair.i === i).reduce((total, { j, s, y }) => total + ((s - y) / list.length) * rows(z)[j]![k]!, 0)));
    expect(relativeError(dp, expected)).toBeLessThan(2e-6);
  });

  test('a labelled pair with logit 0 contributes log 2', async () => {
    const zero = float32([1, 2], [0, 0]);
    expect((await values(cssl(0.8, 0.2), zero, float32([1, 2], [1, 1]))).loss).toBeCloseTo(Math.log(2), 6);
  });

  test('stays finite, with finite gradients, for logits of thousands', async () => {
    const scaled = (m: NdArray) => float32([B, d], Array.from(m.data as Float32Array, (v) => 60 * v));
    const { loss, dp } = await values(cssl(0.8, 0.2), scaled(p), scaled(z));
    expect(Number.isFinite(loss)).toBe(true);
    expect(dp.every(Number.isFinite)).toBe(true);
  });
});

describe.each([['ccsl', ccsl(0.5, 0.1, 1)], ['cssl', cssl(0.8, 0.2)]] as const)('%s', (_, loss) => {
  test('does not depend on the order of the batch, and sends no gradient to the target', async () => {
    const [plain, other] = [await values(loss, p, z), await values(loss, reversed(p), reversed(z))];
    expect(other.loss).toBeCloseTo(plain.loss, 6);
    expect(other.positives).toBeCloseTo(plain.positives, 6);
    expect(plain.dz).toEqual(Array(B * d).fill(0));
    expect(Math.hypot(...plain.dp)).toBeGreaterThan(0.01);
  });
});
