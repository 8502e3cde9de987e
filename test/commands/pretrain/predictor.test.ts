import { describe, expect, test } from 'vitest';
import { predict, type Pair, type predictorOptions } from '../../../src/commands/pretrain/predictor.js';
import type { Values } from '../../../src/cli/options.js';
import type { NdArray } from '../../../src/core/array.js';
import { grad, input, type Tensor } from '../../../src/core/graph/index.js';
import { byolLoss } from '../../../src/core/losses/index.js';
import { CLOSED_FORMS, stepProgram, type Scope } from '../../../src/core/nn/index.js';
import { diagonalOf, product, transposed } from '../../support/matrices.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Options = Values<typeof predictorOptions>;
const f = 6;
const DEFAULTS: Options = {
  predictor: 'directcopy', ridge: 0, nsIters: undefined, visserIters: 50, predictorEma: 0, emaOn: 'predictor', predictorViews: 'both',
  predictorScale: 'paper', predictorGrad: 'stop',
};
const NAMES = ['z1', 'z2', 't1', 't2'] as const;
const batch = (step: number, rows = 20): Record<string, NdArray> =>
  Object.fromEntries(NAMES.map((name) => [name, gaussian(`${name} ${step}`, [rows, f])]));

/** Predictions, gauges and gradients of two steps on different batches, and the state that each leaves. */
async function run(options: Partial<Options>, batches = [batch(0), batch(1)]) {
  const o = { ...DEFAULTS, ...options };
  const program = stepProgram('test', (root: Scope) => {
    const [z1, z2, t1, t2] = NAMES.map((name) => input(name, batches[0]![name]!.shape)) as [Tensor, Tensor, Tensor, Tensor];
    const head = { hidden: 7, out: f, norm: 'none' } as const;
    const { predictions: [p1, p2], report } = predict(root.at('predictor'), [z1, z2] as Pair, [t1, t2] as Pair, o, head);
    const loss = byolLoss(p1, t2).add(byolLoss(p2, t1));
    const [dz1, dp1] = grad(loss, [z1, p1]);
    return { p1, p2, loss, dz1: dz1!, dp1: dp1!, ...report };
  });
  const { outputs, states } = await runSteps(program, batches);
  return { outputs, states, matrix: (step: number) => states[step]!.get('predictor.matrix')! };
}

/** Z1^T Z1 and Z2^T Z2 of a batch over the number of rows: the correlation of both views. */
function correlation({ z1, z2 }: Record<string, NdArray>): number[] {
  const [a, b] = [z1!, z2!].map((z) => numbersOf(product(transposed(z), z)));
  return a!.map((v, i) => (v + b![i]!) / (2 * z1!.shape[0]!));
}
const mix = (a: readonly number[], b: readonly number[], share: number): number[] =>
  a.map((v, i) => share * v + (1 - share) * b[i]!);

describe('a predictor in closed form', () => {
  test('acts on the right, is computed from both views and kept in the state', async () => {
    const { outputs, matrix } = await run({});
    expect(relativeError(numbersOf(matrix(0)), correlation(batch(0)))).toBeLessThan(1e-6);
    expect(relativeError(numbersOf(outputs[0]!.p2!), numbersOf(product(batch(0).z2!, matrix(0))))).toBeLessThan(1e-6);
  });

  test("pairs each view with the target's other one: targets equal to the latents crosswise give the identity", async () => {
    const { z1, z2 } = batch(0);
    const { matrix } = await run({ predictor: 'lrp' }, [{ z1: z1!, z2: z2!, t1: z2!, t2: z1! }]);
    expect(relativeError(numbersOf(matrix(0)), numbersOf(identity))).toBeLessThan(1e-5);
  });

  test('of a single view leaves the other out', async () => {
    const { matrix } = await run({ predictorViews: 'single' });
    const { z1 } = batch(0);
    expect(relativeError(numbersOf(matrix(0)), correlation({ z1: z1!, z2: z1! }))).toBeLessThan(1e-6);
  });

  test('is averaged over steps from the first batch on, without the ridge', async () => {
    const { states, matrix } = await run({ predictorEma: 0.9, ridge: 0.5 });
    const [first, second] = [correlation(batch(0)), correlation(batch(1))];
    // Weights (1 - 0.9) 0.9^i, brought to the sum 1.
    const mean = mix(second, first, 0.1 / (1 - 0.81));
    expect(relativeError(numbersOf(states[0]!.get('predictor.average.mean')!), first)).toBeLessThan(1e-6);
    expect(relativeError(numbersOf(states[1]!.get('predictor.average.mean')!), mean)).toBeLessThan(1e-6);
    expect(relativeError(diagonalOf(matrix(1)), mean.filter((_, i) => i % (f + 1) === 0).map((v) => v + 0.5))).toBeLessThan(1e-6);
  });

  test('of an averaged correlation is not the average of its predictors', async () => {
    const mean = mix(correlation(batch(1)), correlation(batch(0)), 0.1 / 0.19);
    const { matrix } = await run({ predictor: 'directpred', predictorEma: 0.9, emaOn: 'correlation' });
    expect(relativeError(numbersOf(product(matrix(1), matrix(1))), mean)).toBeLessThan(1e-4);
    const other = await run({ predictor: 'directpred', predictorEma: 0.9, emaOn: 'predictor' });
    expect(relativeError(numbersOf(product(other.matrix(1), other.matrix(1))), mean)).toBeGreaterThan(1e-3);
  });

  test('with a huge ridge predicts what no predictor does', async () => {
    const [huge, none] = [await run({ ridge: 1e6 }), await run({ predictor: 'none' })];
    expect(numbersOf(huge.outputs[0]!.loss!)[0]).toBeCloseTo(numbersOf(none.outputs[0]!.loss!)[0]!, 4);
    expect(none.outputs[0]!.p1).toEqual(batch(0).z1);
  });

  test('has operator norm 1 in the spectral scale, so that a ridge means the same for every form', async () => {
    for (const predictor of ['directcopy', 'ns', 'stiefel'] as const) {
      const { outputs } = await run({ predictor, predictorScale: 'spectral', ridge: 0.25 });
      expect(numbersOf(outputs[0]!.ridgeRatio!)[0]).toBeCloseTo(0.25, 5);
      expect(numbersOf(outputs[0]!.asymmetry!)[0]).toBeLessThan(1e-6);
    }
    const { outputs } = await run({ ridge: 0.25 });
    const ratio = numbersOf(outputs[0]!.ridgeRatio!)[0]!;
    expect(ratio).toBeLessThan(0.25); // the largest eigenvalue of a Gaussian correlation is above 1
    expect(ratio).toBeGreaterThan(0.05);
  });

  test('passes the gradient on as (dL/d(Z P)) P^T, and more of it with --predictor-grad through', async () => {
    for (const predictor of ['lrp', 'directcopy'] as const) {
      const { outputs: [stopped], matrix } = await run({ predictor });
      const expected = numbersOf(product(stopped!.dp1!, transposed(matrix(0))));
      expect(relativeError(numbersOf(stopped!.dz1!), expected)).toBeLessThan(1e-5);
      const { outputs: [through] } = await run({ predictor, predictorGrad: 'through' });
      expect(relativeError(numbersOf(through!.dz1!), expected)).toBeGreaterThan(1e-2);
    }
  });

  test.each(CLOSED_FORMS)('%s: finite for fewer rows than dimensions, and for latents that have collapsed', async (predictor) => {
    const few = batch(0, 2);
    const constant = Object.fromEntries(NAMES.map((name) => [name, { ...few[name]!, data: new Float32Array(2 * f).fill(0.3) }]));
    const { outputs } = await run({ predictor, ridge: 0.1, predictorEma: 0.5 }, [few, constant]);
    for (const [step, values] of outputs.entries()) {
      for (const [name, array] of Object.entries(values)) expect(numbersOf(array).every(Number.isFinite), `${name} ${step}`).toBe(true);
    }
  });
});

test('a linear predictor is a weight like any other, with the gauges of its transpose', async () => {
  const { outputs, states } = await run({ predictor: 'linear' });
  const weight = states[0]!.get('predictor.weight')!;
  expect(relativeError(numbersOf(outputs[0]!.p1!), numbersOf(product(batch(0).z1!, transposed(weight))))).toBeLessThan(1e-6);
  expect(Object.keys(outputs[0]!)).toEqual(expect.arrayContaining(['projectionDistance', 'asymmetry', 'polarDistance', 'stableRank']));
  expect(outputs[0]!).not.toHaveProperty('ridgeRatio');
});

const identity: NdArray = {
  dtype: 'float32', shape: [f, f], data: Float32Array.from({ length: f * f }, (_, i) => (i % (f + 1) === 0 ? 1 : 0)),
};
