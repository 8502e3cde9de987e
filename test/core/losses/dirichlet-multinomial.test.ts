import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { grad } from '../../../src/core/graph/index.js';
import {
  dirichletMultinomialLoss, logRisingFactorial, votesCrossEntropy, type AnswerColumns,
} from '../../../src/core/losses/index.js';
import { evaluate } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/dirichlet.json', import.meta.url), 'utf8')) as {
  rising: Record<'z' | 'k' | 'value' | 'slope', number[]>;
  batch: { questions: AnswerColumns[] } & Record<'concentrations' | 'votes' | 'losses' | 'grads', number[][]>;
};

type Rows = readonly (readonly number[])[];
const array = (rows: Rows) => float32([rows.length, rows[0]!.length], rows.flat());
const rowsOf = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));

/** Losses [B][Q] and gradients of their sum with respect to the concentrations [B][answers]. */
async function lossAndGradient(
  votes: Rows, concentrations: Rows, questions: readonly AnswerColumns[] = [{ start: 0, end: votes[0]!.length - 1 }],
): Promise<{ losses: number[][]; grads: number[][] }> {
  const [losses, grads] = await evaluate((alpha, k) => {
    const loss = dirichletMultinomialLoss(alpha!, k!, questions);
    return [loss, ...grad(loss.sum(), [alpha!])];
  }, [array(concentrations), array(votes)]);
  return { losses: rowsOf(numbersOf(losses!), questions.length), grads: rowsOf(numbersOf(grads!), votes[0]!.length) };
}
const lossOf = async (k: readonly number[], alpha: readonly number[]) => (await lossAndGradient([k], [alpha])).losses[0]![0]!;

/** Largest error in units of 1 + |expected|. */
const worst = (actual: readonly number[], expected: readonly number[]) =>
  Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!) / (1 + Math.abs(expected[i]!))));

describe('logRisingFactorial', () => {
  test("value and gradient are PyTorch's differences of lgamma and digamma, up to 5,000 votes", async () => {
    const { z, k, value, slope } = golden.rising;
    const [y, d] = await evaluate((x, n) => {
      const result = logRisingFactorial(x!, n!);
      return [result, ...grad(result.sum(), [x!])];
    }, [float32([z.length], z), float32([k.length], k)]);
    expect(worst(numbersOf(y!), value)).toBeLessThan(6e-7);
    expect(Math.max(...numbersOf(d!).map((v, i) => Math.abs(v / slope[i]! - 1)))).toBeLessThan(6e-7);
  });
});

describe('dirichletMultinomialLoss', () => {
  test.each([
    [[1, 0], [1, 1], 0.69314718],
    [[2, 1], [1, 1], 1.38629436],
    [[2, 1, 0], [1, 1, 1], 2.30258509],
    [[3, 7], [2, 5], 1.80280931],
    [[30, 5, 5], [50, 10, 10], 3.84018685],
    [[8, 2], [100, 100], 3.06312834],
  ])('votes %j under %j have the known loss', async (k, alpha, expected) => {
    // Terms of up to 110, whose last place is 8e-6, make up a loss of about 3.
    expect(Math.abs(await lossOf(k, alpha) - expected)).toBeLessThan(1.6e-5);
  });

  test("losses and gradients of a batch of questions are PyTorch's", async () => {
    const { questions, concentrations, votes, losses, grads } = golden.batch;
    const found = await lossAndGradient(votes, concentrations, questions);
    const [crowded] = [3]; // its row has 20 times as many votes, so that terms of ten thousand cancel
    const few = (rows: Rows) => rows.filter((_, row) => row !== crowded).flat();
    expect(worst(few(found.losses), few(losses))).toBeLessThan(1e-5);
    expect(worst(found.losses[crowded]!, losses[crowded]!)).toBeLessThan(1e-4);
    expect(Math.max(...found.grads.flat().map((v, i) => Math.abs(v - grads.flat()[i]!)))).toBeLessThan(2e-6);
  });

  test('a question without votes has a loss and a gradient of exactly 0, whatever stands beside it', async () => {
    const questions = [{ start: 0, end: 1 }, { start: 2, end: 4 }];
    const concentrations = [[3, 4, 9, 2.5, 70], [1.1, 1, 30, 101, 9]];
    const { losses, grads } = await lossAndGradient([[0, 0, 3, 1, 0], [0, 0, 0, 0, 0]], concentrations, questions);
    expect([losses[0]![0], ...losses[1]!]).toEqual([0, 0, 0]);
    expect([...grads[0]!.slice(0, 2), ...grads[1]!]).toEqual(Array(7).fill(0));
    expect(losses[0]![1]).toBeGreaterThan(0);
    expect(grads[0]!.slice(2).every((g) => g !== 0)).toBe(true);
  });

  test('all ways to divide N votes have probabilities that sum to 1', async () => {
    const N = 6;
    const votes = Array.from({ length: N + 1 }, (_, a) => Array.from({ length: N + 1 - a }, (_, b) => [a, b, N - a - b])).flat();
    const { losses } = await lossAndGradient(votes, votes.map(() => [1.5, 20, 4]));
    expect(losses.reduce((sum, [loss]) => sum + Math.exp(-loss!), 0)).toBeCloseTo(1, 5);
  });

  test('under ones every division is as likely; one vote is cross-entropy; large concentrations are multinomial', async () => {
    expect(await lossOf([5, 0, 1, 2], [1, 1, 1, 1])).toBeCloseTo(Math.log(165), 5); // 11 choose 3
    expect(await lossOf([0, 1, 0], [2, 5, 9])).toBeCloseTo(Math.log(16 / 5), 6);
    expect(await lossOf([2, 1], [3e4, 1e4])).toBeCloseTo(-Math.log(3 * 0.75 ** 2 * 0.25), 3);
  });

  test('exchanging answers exchanges their gradients, and questions do not interact', async () => {
    const [k, alpha] = [[4, 0, 7], [3, 8, 20]];
    const { grads: [g], losses: [[loss]] } = await lossAndGradient([k], [alpha]);
    const turned = await lossAndGradient([[7, 4, 0]], [[20, 3, 8]]);
    expect(worst(turned.grads[0]!, [g![2]!, g![0]!, g![1]!])).toBeLessThan(1e-6);
    const both = await lossAndGradient([[...k, 9, 1]], [[...alpha, 5, 60]], [{ start: 0, end: 2 }, { start: 3, end: 4 }]);
    expect(both.losses[0]![0]).toBeCloseTo(loss!, 5);
    expect(both.grads[0]!.slice(0, 3)).toEqual(g);
  });

  test('a vote more for an answer raises its concentration', async () => {
    const { grads } = await lossAndGradient([[9, 1]], [[10, 10]]);
    expect(grads[0]![0]!).toBeLessThan(0);
    expect(grads[0]![1]!).toBeGreaterThan(0);
  });
});

test('votesCrossEntropy is -sum k log(alpha / A) of each question, and 0 without votes', async () => {
  const questions = [{ start: 0, end: 1 }, { start: 2, end: 3 }];
  const [loss] = await evaluate((alpha, k) => votesCrossEntropy(alpha!, k!, questions),
    [float32([1, 4], [3, 9, 20, 2]), float32([1, 4], [2, 5, 0, 0])]);
  expect(numbersOf(loss!)[0]).toBeCloseTo(-(2 * Math.log(3 / 12) + 5 * Math.log(9 / 12)), 5);
  expect(numbersOf(loss!)[1]).toBe(0);
});
