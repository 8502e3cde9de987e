import { describe, expect, test } from 'vitest';
import { grad } from '../../../src/core/graph/index.js';
import { matrixSqrt, newtonSchulz, operatorNorm, projectionGauges, solvePositive } from '../../../src/core/nn/index.js';
import { diagonal, diagonalOf, product, rotated, rotation } from '../../support/matrices.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';

/** Eigenvalues a besides one that makes the Frobenius norm 1, so that the iteration starts from a itself. */
const withUnitNorm = (values: readonly number[]): number[] =>
  [...values, Math.sqrt(1 - values.reduce((total, a) => total + a * a, 0))];

/** Scalar iterates after 9 and 7 iterations, computed in float64: a -> (A, B). */
const ITERATES: Readonly<Record<number, readonly (readonly [a: number, A: number, B: number])[]>> = {
  9: [[0.25, 0.5, 2], [1e-2, 0.099999554, 9.9999554], [1e-4, 0.00369827234, 36.9827234], [1e-6, 3.84282244e-5, 38.4282244]],
  7: [[0.25, 0.5, 2], [1e-2, 0.096589555, 9.6589555], [1e-4, 0.00169543226, 16.9543226], [1e-6, 1.7084612e-5, 17.084612]],
};

describe('newtonSchulz', () => {
  test.each([9, 7])('after %d iterations every eigenvalue is where the scalar map takes it', async (iterations) => {
    const table = ITERATES[iterations]!;
    const values = withUnitNorm(table.map(([a]) => a));
    const [root, inverse] = await evaluate((m) => {
      const { root, inverseRoot } = newtonSchulz(m, iterations);
      return [root, inverseRoot];
    }, [diagonal(values)]);
    table.forEach(([a, A, B], i) => {
      expect(diagonalOf(root!)[i]! / A, `root of ${a}`).toBeCloseTo(1, 6);
      expect(diagonalOf(inverse!)[i]! / B, `inverse root of ${a}`).toBeCloseTo(1, 6);
    });
    expect(diagonalOf(root!).at(-1)!).toBeCloseTo(Math.sqrt(values.at(-1)!), 6);
  });

  test('an eigenvalue of 0 has the inverse root 1.5^n', async () => {
    const [inverse] = await evaluate((m) => newtonSchulz(m, 9).inverseRoot, [diagonal([1, 0])]);
    expect(diagonalOf(inverse!)[1]! / 1.5 ** 9).toBeCloseTo(1, 6);
  });

  test('takes diag(4, 1) to diag(2, 1), c M to sqrt(c) times the root, and 0 to 0', async () => {
    const of = async (values: number[]) => numbersOf((await evaluate((m) => newtonSchulz(m, 9).root, [diagonal(values)]))[0]!);
    expect(relativeError(await of([4, 1]), [2, 0, 0, 1])).toBeLessThan(1e-7);
    expect(relativeError(await of([4e4, 1e4]), [200, 0, 0, 100])).toBeLessThan(1e-7);
    expect(await of([0, 0])).toEqual([0, 0, 0, 0]);
  });

  test('turns with its argument, stays symmetric, and its square is the argument again', async () => {
    const values = [5, 3, 1, 0.6, 0.2];
    const r = rotation('r', 5);
    const [root, plain] = await evaluate((m, d) => [newtonSchulz(m, 9).root, newtonSchulz(d, 9).root],
      [rotated(diagonal(values), r), diagonal(values)]);
    expect(relativeError(numbersOf(root!), numbersOf(rotated(plain!, r)))).toBeLessThan(2e-6);
    const rows = numbersOf(root!);
    for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) expect(rows[i * 5 + j]).toBe(rows[j * 5 + i]);
    expect(relativeError(numbersOf(product(root!, root!)), numbersOf(rotated(diagonal(values), r)))).toBeLessThan(2e-6);
  });
});

describe('matrixSqrt', () => {
  test('has eigenvalues sqrt(s + 1e-6 tr), from the largest to 0', async () => {
    const values = [100, 1, 1e-2, 1e-4, 0];
    const total = values.reduce((a, b) => a + b);
    const [root] = await evaluate(matrixSqrt, [diagonal(values)]);
    const expected = values.map((s) => Math.sqrt(s + 1e-6 * total));
    diagonalOf(root!).forEach((root, i) => expect(root / expected[i]!).toBeCloseTo(1, 4));
  });

  test('of fewer rows than dimensions is finite, and its square is the moment matrix up to the shift', async () => {
    const [square, sigma] = await evaluate((z) => {
      const m = z.matmul(z, { ta: true }).mul(1 / 20);
      const root = matrixSqrt(m);
      return [root.matmul(root), m];
    }, [gaussian('few rows', [20, 64])]);
    expect(relativeError(numbersOf(square!), numbersOf(sigma!))).toBeLessThan(1e-4);
  });
});

describe('solvePositive', () => {
  test('solves well-conditioned systems to float32, and damps only what has less than 1e-5 of the trace', async () => {
    const [m, right] = [rotated(diagonal([4, 2, 1, 0.5]), rotation('s', 4)), gaussian('right', [4, 4])];
    const [x] = await evaluate(solvePositive, [m, right]);
    expect(relativeError(numbersOf(product(m, x!)), numbersOf(right))).toBeLessThan(1e-6);
    const values = [1, 1e-2, 1e-3, 1e-4, 0];
    const [y] = await evaluate(solvePositive, [diagonal(values), diagonal(values)]);
    // Three refinements of a ridge of 1e-5 tr leave (ridge / (s + ridge))^4 of a direction unsolved.
    const ridge = 1e-5 * values.reduce((a, b) => a + b);
    expect(relativeError(diagonalOf(y!), values.map((s) => 1 - (ridge / (s + ridge)) ** 4))).toBeLessThan(1e-4);
    expect(diagonalOf(y!).at(-1)).toBe(0);
  });
});

describe('operatorNorm', () => {
  test('is the largest singular value, also of a matrix that is not symmetric, and 0 for 0', async () => {
    const norm = async (m: Parameters<typeof numbersOf>[0]) => numbersOf((await evaluate(operatorNorm, [m]))[0]!)[0]!;
    const turned = product(rotation('u', 6), product(diagonal([3, 2.9, 1, 0.5, 1e-3, 0]), rotation('v', 6)));
    expect(await norm(turned)).toBeCloseTo(3, 5);
    expect(await norm(diagonal([1e-4, 5e-5])) * 1e4).toBeCloseTo(1, 5);
    expect(await norm(diagonal([0, 0]))).toBeLessThan(1e-14);
    // The worst case: all others just below the largest.
    const crowded = await norm(diagonal([1, ...Array<number>(63).fill(0.998)]));
    expect(crowded).toBeLessThan(1);
    expect(crowded).toBeGreaterThan(1 - Math.log(64) / 2048);
  });
});

describe('projectionGauges', () => {
  const gauges = async (m: Parameters<typeof numbersOf>[0]) => {
    const names = ['norm', 'projectionDistance', 'asymmetry', 'polarDistance', 'stableRank'] as const;
    const values = await evaluate((x) => names.map((name) => projectionGauges(x)[name]), [m]);
    return Object.fromEntries(names.map((name, i) => [name, numbersOf(values[i]!)[0]!])) as Record<typeof names[number], number>;
  };

  test('a multiple of an orthogonal projection is at distance 0, symmetric, of stable rank its rank', async () => {
    const found = await gauges(rotated(diagonal([3, 3, 3, 0, 0, 0]), rotation('p', 6)));
    expect(found.norm).toBeCloseTo(3, 5);
    expect(found.projectionDistance).toBeLessThan(1e-6);
    expect(found.asymmetry).toBeLessThan(1e-6);
    expect(found.stableRank).toBeCloseTo(3, 5);
  });

  test('a multiple of the identity, or of any rotation, is its own polar factor; a rotation is no projection', async () => {
    expect((await gauges(diagonal([5, 5, 5]))).polarDistance).toBeLessThan(1e-6);
    expect((await gauges(diagonal([5, 5, 5]))).stableRank).toBeCloseTo(3, 5);
    const turned = await gauges(rotation('q', 4));
    expect(turned.polarDistance).toBeLessThan(1e-6);
    expect(turned.projectionDistance).toBeGreaterThan(0.3);
    expect(turned.asymmetry).toBeGreaterThan(0.3);
  });

  test('of diag(1, 0.5): distances by hand', async () => {
    const found = await gauges(diagonal([2, 1]));
    const size = Math.hypot(1, 0.5);
    expect(found.projectionDistance).toBeCloseTo(0.25 / size, 6);
    expect(found.polarDistance).toBeCloseTo(0.5 / size, 5);
    expect(found.stableRank).toBeCloseTo(1.25, 5);
  });

  test('gradients of the norm and of the root are finite at 0', async () => {
    const [d] = await evaluate((m) => grad(operatorNorm(m).add(newtonSchulz(m, 3).root.sum()), [m]), [diagonal([0, 0])]);
    expect(numbersOf(d!).every(Number.isFinite)).toBe(true);
  });
});
