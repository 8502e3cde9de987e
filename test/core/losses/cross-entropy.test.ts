import { describe, expect, test } from 'vitest';
import { float32, int32 } from '../../../src/core/array.js';
import { grad } from '../../../src/core/graph/index.js';
import { crossEntropy } from '../../../src/core/losses/index.js';
import { golden, toArray } from '../../support/golden.js';
import { evaluate, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

describe('crossEntropy', () => {
  test("value and gradient are PyTorch's", async () => {
    const { inputs, output, cotangent, grads } = golden.primitives.find(({ op }) => op === 'crossEntropy')!;
    const [loss, d] = await evaluate((scores, labels) => {
      const y = crossEntropy(scores, labels);
      return [y, ...grad(y.mul(cotangent.data[0]!), [scores])];
    }, inputs.map(toArray));
    expect(relativeError(numbersOf(loss!), output.data)).toBeLessThan(1e-6);
    expect(relativeError(numbersOf(d!), grads[0]!.data)).toBeLessThan(1e-6);
  });

  test('is log K for equal scores, and 0 for a sure and right answer, however large the scores', async () => {
    const of = async (scores: number[], label: number) =>
      numbersOf((await evaluate(crossEntropy, [float32([1, scores.length], scores), int32([1], [label])]))[0]!)[0];
    expect(await of([5, 5, 5, 5], 2)).toBeCloseTo(Math.log(4), 6);
    expect(await of([0, 1000, 0], 1)).toBe(0);
    expect(await of([0, 1000, 0], 0)).toBe(1000);
  });
});
