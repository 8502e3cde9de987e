import { describe, expect, test } from 'vitest';
import { float32, type NdArray } from '../../../src/core/array.js';
import { input } from '../../../src/core/graph/index.js';
import { init, stepProgram, type Scope } from '../../../src/core/nn/index.js';
import {
  accumulate, adam, adamw, clipByGlobalNorm, isWeight, lamb, larc, lars, sgd, type Update,
} from '../../../src/core/optim/index.js';
import { golden, toArray, type OptimiserCase } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runSteps, scalar } from '../../support/steps.js';

type Optimizer = (scope: Scope, updates: readonly Update[]) => void;

/** A program whose parameters `w0`, `w1`, … are moved by gradients that it is fed as `g0`, `g1`, …. */
const descending = (shapes: readonly (readonly number[])[], optimize: Optimizer) => stepProgram('descent', (root) => {
  const scope = root.at('net');
  shapes.forEach((shape, i) => scope.param(`w${i}`, shape, init.zeros));
  optimize(root.at('optimizer'), scope.parameters.map((p, i): Update => [p, input(`g${i}`, shapes[i]!)]));
  return {};
});
const named = (prefix: string, arrays: readonly NdArray[]): Record<string, NdArray> =>
  Object.fromEntries(arrays.map((array, i) => [`${prefix}${i}`, array]));
const shapesOf = (arrays: readonly NdArray[]) => arrays.map(({ shape }) => shape);

/** One step from `weights` along `gradients`; the new weights. */
async function step(weights: readonly NdArray[], gradients: readonly NdArray[], optimize: Optimizer): Promise<number[][]> {
  const { states } = await runSteps(descending(shapesOf(weights), optimize), [named('g', gradients)], { state: named('net.w', weights) });
  return weights.map((_, i) => numbersOf(states[0]!.get(`net.w${i}`)!));
}
const norm = (values: readonly number[]): number => Math.hypot(...values);
const minus = (a: ArrayLike<number>, b: ArrayLike<number>): number[] => Array.from(a, (v, i) => v - b[i]!);

function optimizerOf({ optimiser, options: o }: OptimiserCase): Optimizer {
  const options = { ...o, lr: Number(o.lr) };
  switch (optimiser) {
    case 'sgd': return (scope, updates) => sgd(scope, updates, options);
    case 'adam': return (scope, updates) => adam(scope, updates, options);
    case 'adamw': return (scope, updates) => adamw(scope, updates, options);
    case 'lamb': return (scope, updates) => lamb(scope, updates, { ...options, decays: o.excludeVectors ? isWeight : () => true });
    case 'lars': return (scope, updates) => lars(scope, updates, { ...options, trust: Number(o.trustCoefficient) });
    case 'larc': return (scope, updates) => larc(scope, updates, options);
  }
}

describe('five steps against PyTorch (LAMB, LARS and LARC: written out in float64)', () => {
  for (const entry of golden.optimisers) {
    test(entry.name, async () => {
      const start = entry.parameters.map(toArray);
      const feeds = entry.gradients.map((gradients) => named('g', gradients.map(toArray)));
      const { states } = await runSteps(descending(shapesOf(start), optimizerOf(entry)), feeds, { state: named('net.w', start) });
      expect(states).toHaveLength(5);
      entry.after.forEach((parameters, k) => parameters.forEach((expected, i) => {
        const actual = states[k]!.get(`net.w${i}`)!;
        expect(relativeError(actual.data as Float32Array, expected.data), `w${i} after step ${k + 1}`).toBeLessThan(1e-6);
      }));
    });
  }
});

describe('LARC', () => {
  const w = gaussian('w', [4, 3]);
  const bias = gaussian('bias', [3]);

  test('without decay the length of the gradient does not matter, of vectors neither', async () => {
    const gradients = (scale: number) => [gaussian('a', [4, 3], scale), gaussian('b', [3], scale)];
    const moved = async (scale: number) => {
      const after = await step([w, bias], gradients(scale), (s, u) => larc(s, u, { lr: 100, weightDecay: 0 }));
      return after.map((values, i) => minus(values, [w, bias][i]!.data as Float32Array));
    };
    const [once, tenfold] = [await moved(1), await moved(10)];
    once.forEach((values, i) => {
      expect(relativeError(tenfold[i]!, values)).toBeLessThan(1e-5);
      expect(norm(values)).toBeCloseTo(0.1 * norm(Array.from([w, bias][i]!.data as Float32Array)), 5);
    });
  });

  test('where the weights are 0 the gradient is left as it is, where the gradient is 0 so are the weights', async () => {
    const g = gaussian('g', [2, 3]);
    const decaying: Optimizer = (scope, updates) => larc(scope, updates, { lr: 0.5, weightDecay: 0.1 });
    const [fromZero, at] = await step([float32([2, 3]), w], [g, float32([4, 3])], decaying);
    expect(relativeError(fromZero!, Array.from(g.data, (v) => -0.5 * v))).toBeLessThan(1e-6);
    expect(at).toEqual(numbersOf(w));
  });
});

describe('LARS', () => {
  // ||w|| = 2, ||g + wd w|| = 4 with wd = 0.5: g = 3 / 2 w.
  const w = float32([1, 4], [1, 1, 1, 1]);
  const bias = float32([4], [1, 2, 3, 4]);

  test('the first update of a weight has norm lr * trust * ||w||, whatever the gradient', async () => {
    const g = float32([1, 4], [1.5, 1.5, 1.5, 1.5]);
    const [after] = await step([w], [g], (s, u) => lars(s, u, { lr: 0.7, weightDecay: 0.5 }));
    expect(norm(minus(after!, w.data as Float32Array))).toBeCloseTo(0.7 * 2e-3, 7);
  });

  test('scaling the loss leaves weights alone and scales the updates of excluded tensors', async () => {
    const gradients = (scale: number) => [gaussian('a', [1, 4], scale), gaussian('b', [4], scale)];
    const moved = async (scale: number) => {
      const after = await step([w, bias], gradients(scale), (s, u) => lars(s, u, { lr: 0.5 }));
      return after.map((values, i) => minus(values, [w, bias][i]!.data as Float32Array));
    };
    const [once, tenfold] = [await moved(1), await moved(10)];
    expect(relativeError(tenfold[0]!, once[0]!)).toBeLessThan(1e-3); // differences of 1e-3 from 1 in float32
    expect(relativeError(tenfold[1]!, once[1]!.map((v) => 10 * v))).toBeLessThan(1e-5);
  });

  test('a zero weight tensor moves by the plain gradient', async () => {
    const g = gaussian('g', [2, 3]);
    const [after] = await step([float32([2, 3])], [g], (s, u) => lars(s, u, { lr: 0.5 }));
    expect(relativeError(after!, Array.from(g.data, (v) => -0.5 * v))).toBeLessThan(1e-6);
  });

  test('a zero gradient leaves everything where it is', async () => {
    const [after] = await step([w], [float32([1, 4])], (s, u) => lars(s, u, { lr: 0.5 }));
    expect(after).toEqual([1, 1, 1, 1]);
  });
});

describe('clipByGlobalNorm', () => {
  const a = float32([2], [3, 0]);
  const b = float32([1, 2], [0, 4]); // joint norm 5
  const clipped = (limit: number) => evaluate((x, y) => {
    const { gradients, norm: total } = clipByGlobalNorm([x, y], limit);
    return [...gradients, total];
  }, [a, b]);

  test('scales gradients of a larger joint norm down to the limit, all by the same factor', async () => {
    const [x, y, total] = (await clipped(1)).map(numbersOf);
    expect(total![0]).toBeCloseTo(5, 6);
    expect(norm([...x!, ...y!])).toBeCloseTo(1, 5);
    expect(x![0]! / y![1]!).toBeCloseTo(3 / 4, 6);
  });

  test('leaves smaller gradients as they are', async () => {
    const [x, y] = (await clipped(6)).map(numbersOf);
    expect(x).toEqual([3, 0]);
    expect(y).toEqual([0, 4]);
  });

  test('gives zeros, not NaN, for zero gradients', async () => {
    const [x, total] = (await evaluate((g) => {
      const { gradients, norm: n } = clipByGlobalNorm([g], 1);
      return [gradients[0]!, n];
    }, [float32([3])])).map(numbersOf);
    expect(x).toEqual([0, 0, 0]);
    expect(total).toEqual([0]);
  });
});

describe('accumulate', () => {
  const EVERY = 3;
  const w = gaussian('w', [2, 3]);
  const gradients = Array.from({ length: 2 * EVERY }, (_, k) => gaussian(`g ${k}`, [2, 3]));
  const averages = [0, EVERY].map((start) => float32([2, 3], Float32Array.from({ length: 6 }, (_, i) =>
    gradients.slice(start, start + EVERY).reduce((total, { data }) => total + data[i]!, 0) / EVERY)));
  const adaptive: Optimizer = (scope, updates) => adamw(scope, updates, { lr: 0.1, weightDecay: 0.1 });

  test('equals single steps along the averaged gradients, and changes nothing in between', async () => {
    const program = stepProgram('accumulated', (root) => {
      const net = root.at('net');
      net.param('w0', [2, 3], init.zeros);
      const optimizer = root.at('optimizer');
      accumulate(optimizer, [[net.parameters[0]!, input('g', [2, 3])]], { every: EVERY, apply: input('apply', []) },
        (updates) => adaptive(optimizer, updates), () => [...net.parameters, ...optimizer.variables]);
      return {};
    });
    const feeds = gradients.map((g, k) => ({ g, apply: scalar((k + 1) % EVERY === 0 ? 1 : 0) }));
    const { states } = await runSteps(program, feeds, { state: { 'net.w0': w } });
    const direct = await runSteps(descending([[2, 3]], adaptive), averages.map((g) => ({ g0: g })), { state: { 'net.w0': w } });

    for (const [k, state] of states.entries()) {
      const weights = numbersOf(state.get('net.w0')!);
      const updates = Math.floor((k + 1) / EVERY);
      const expected = updates === 0 ? w : direct.states[updates - 1]!.get('net.w0')!;
      const untouched = k < EVERY ? w : states[EVERY - 1]!.get('net.w0')!;
      // Between updates bit for bit what it was; an update differs by the order of the sum.
      if ((k + 1) % EVERY !== 0) expect(weights).toEqual(numbersOf(untouched));
      else expect(relativeError(weights, numbersOf(expected))).toBeLessThan(1e-6);
    }
    // The moments and the bias corrections too have seen two steps, not six.
    for (const name of ['optimizer.exp_avg.net.w0', 'optimizer.exp_avg_sq.net.w0', 'optimizer.beta1_power', 'optimizer.beta2_power']) {
      const [actual, expected] = [states, direct.states].map((all) => numbersOf(all.at(-1)!.get(name)!));
      expect(relativeError(actual!, expected!), name).toBeLessThan(1e-6);
    }
    expect(numbersOf(states.at(-1)!.get('optimizer.accumulated.net.w0')!)).toEqual(Array(6).fill(0));
  });
});
