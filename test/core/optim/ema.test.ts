import { describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { input } from '../../../src/core/graph/index.js';
import { init, stepProgram } from '../../../src/core/nn/index.js';
import { emaUpdate, sgd } from '../../../src/core/optim/index.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runSteps, scalar } from '../../support/steps.js';

const SHAPE = [3, 4];
const online = gaussian('online', SHAPE);
const target = gaussian('target', SHAPE);

/** A target that follows an online parameter, which plain SGD moves by what is fed as `g`. */
const following = () => stepProgram('ema', (root) => {
  const [theta, xi] = [root.at('online'), root.at('target')];
  theta.param('w', SHAPE, init.zeros);
  xi.param('w', SHAPE, init.zeros);
  xi.buffer('running_mean', [2], init.ones);
  theta.buffer('running_mean', [2], init.zeros);
  sgd(root.at('optimizer'), [[theta.parameters[0]!, input('g', SHAPE)]], { lr: 1 });
  emaUpdate(xi, theta, input('tau', []));
  return {};
});
const run = (taus: readonly number[], g = float32(SHAPE)) =>
  runSteps(following(), taus.map((tau) => ({ g, tau: scalar(tau) })), { state: { 'online.w': online, 'target.w': target } });

describe('emaUpdate', () => {
  test('tau = 1 leaves the target bit for bit as it is', async () => {
    const { states } = await run([1, 1, 1]);
    expect(states.at(-1)!.get('target.w')!.data).toEqual(target.data);
  });

  test('tau = 0 copies', async () => {
    const { states } = await run([0]);
    expect(states[0]!.get('target.w')!.data).toEqual(online.data);
  });

  test('after n steps towards a constant, the distance is tau^n of what it was', async () => {
    const { states } = await run(Array(7).fill(0.9));
    const distance = numbersOf(states.at(-1)!.get('target.w')!).map((v, i) => v - online.data[i]!);
    expect(relativeError(distance, Array.from(target.data, (v, i) => 0.9 ** 7 * (v - online.data[i]!)))).toBeLessThan(2e-6);
  });

  test("follows the online parameters after the optimiser's step, not before", async () => {
    const g = gaussian('g', SHAPE);
    const { states } = await run([0], g);
    expect(states[0]!.get('target.w')!.data).toEqual(states[0]!.get('online.w')!.data);
    expect(states[0]!.get('target.w')!.data).not.toEqual(online.data);
  });

  test('buffers stay their own', async () => {
    const { states } = await run([0, 0.5]);
    expect(numbersOf(states.at(-1)!.get('target.running_mean')!)).toEqual([1, 1]);
  });

  test('a target parameter without an online counterpart is an error that names it', () => {
    expect(() => stepProgram('ema', (root) => {
      root.at('target').param('w', SHAPE, init.zeros);
      emaUpdate(root.at('target'), root.at('online'), 0.9);
      return {};
    })).toThrow(/target\.w has no counterpart online\.w/);
  });
});
