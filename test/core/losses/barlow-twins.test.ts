import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { grad, input } from '../../../src/core/graph/index.js';
import { barlowTwinsLoss } from '../../../src/core/losses/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

const { cases } = JSON.parse(readFileSync(new URL('../../golden/barlow-twins.json', import.meta.url), 'utf8')) as {
  cases: {
    name: string; lambda: number; z1: GoldenTensor; z2: GoldenTensor; loss: number; onDiagonal: number; offDiagonal: number;
    grads: GoldenTensor[];
  }[];
};

describe('barlowTwinsLoss', () => {
  for (const { name, lambda, z1, z2, grads, ...expected } of cases) {
    test(`value, parts and gradients are PyTorch's: ${name}`, async () => {
      const [loss, on, off, ...found] = await evaluate((a, b) => {
        const { loss, onDiagonal, offDiagonal } = barlowTwinsLoss(a, b, lambda);
        return [loss, onDiagonal, offDiagonal, ...grad(loss, [a, b])];
      }, [toArray(z1), toArray(z2)]);
      expect(numbersOf(loss!)[0]! / expected.loss).toBeCloseTo(1, 5);
      expect(numbersOf(on!)[0]! / expected.onDiagonal).toBeCloseTo(1, 5);
      expect(numbersOf(off!)[0]! / expected.offDiagonal).toBeCloseTo(1, 5);
      found.forEach((g, i) => expect(relativeError(numbersOf(g), grads[i]!.data)).toBeLessThan(2e-5));
    });
  }

  test('is 0 for equal views of uncorrelated dimensions, and d for a constant second view', async () => {
    const z = float32([4, 2], [1, 1, 1, -1, -1, 1, -1, -1]);
    const [same, constantView] = await evaluate((a, b) => [barlowTwinsLoss(a, a, 1).loss, barlowTwinsLoss(a, b, 1).loss],
      [z, float32([4, 2], Array(8).fill(3))]);
    expect(numbersOf(same!)[0]).toBeLessThan(1e-8);
    expect(numbersOf(constantView!)[0]).toBeCloseTo(2, 6);
  });

  test('neither scale nor offset of a dimension matters', async () => {
    const [plain, moved] = await evaluate((a, b) =>
      [barlowTwinsLoss(a, b, 0.1).loss, barlowTwinsLoss(a.mul(7).add(3), b.mul(0.5).sub(1), 0.1).loss],
    [gaussian('a', [16, 4]), gaussian('b', [16, 4])]);
    expect(numbersOf(moved!)[0]! / numbersOf(plain!)[0]!).toBeCloseTo(1, 3);
  });

  test('embeddings of different shapes are an error with both', async () => {
    await expect(evaluate(() => barlowTwinsLoss(input('a', [4, 3]), input('b', [4, 2]), 1).loss, []))
      .rejects.toThrow('embeddings [4, 3] and [4, 2] do not pair up');
  });
});
