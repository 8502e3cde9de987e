import { describe, expect, test } from 'vitest';
import { barlowTwins } from '../../../src/commands/pretrain/barlow-twins.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { drawInputs } from '../../../src/core/nn/index.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Options = Parameters<typeof barlowTwins.setup>[1];

const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, batch: 16, optimizer: 'sgd', lr: 0.5, projHidden: 16, projOut: 8, lambda: 0.05, warmupEpochs: 0,
};

/** Outputs and states of the first steps of a small run, from the method's own defaults. */
async function run(options: Partial<Options> = {}, steps = 3) {
  const defaults = Object.fromEntries(Object.entries(barlowTwins.options).map(([key, spec]) =>
    [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
  const set = synthImages({ count: 32, size: 16, classes: 2, seed: 1 });
  const job = barlowTwins.setup(set, { ...defaults, ...SMALL, steps: Math.max(20, steps), ...options }, 3);
  const feeds = await Promise.all(Array.from({ length: steps }, async (_, k) =>
    ({ ...await job.feeds(k), ...drawInputs(job.program, 3, k) })));
  const { outputs, states } = await runSteps(job.program, feeds, { seed: 3 });
  return { states, job, feeds, metric: (name: string) => outputs.map((output) => numbersOf(output[name]!)[0]!) };
}

describe('barlow-twins', () => {
  test('the views come to agree without their dimensions repeating each other, and nothing collapses', async () => {
    const { metric } = await run({}, 60);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const [loss, on] = [metric('loss'), metric('onDiagonal')];
    expect(mean(loss.slice(-10))).toBeLessThan(0.75 * mean(loss.slice(0, 10)));
    expect(mean(on.slice(-10))).toBeLessThan(0.75 * mean(on.slice(0, 10)));
    expect(metric('featureStd').at(-1)!).toBeGreaterThan(0.7 / Math.sqrt(8));
    const [parts, off] = [metric('onDiagonal'), metric('offDiagonal')];
    loss.forEach((l, k) => expect(l / (parts[k]! + 0.05 * off[k]!)).toBeCloseTo(1, 5));
  });

  test('biases and normalisations learn at a rate of their own, weights at theirs', async () => {
    const [same, slow] = [await run({ weightDecay: 0 }, 1), await run({ weightDecay: 0, biasLr: 0.05 }, 1)];
    const change = (runs: typeof same, name: string) => {
      const first = runs.job.program.variables.get(name)!.initial;
      const value = numbersOf(runs.states[0]!.get(name)!);
      return typeof first === 'function' && name.endsWith('bias') ? Math.hypot(...value) : value;
    };
    const [bias, weight] = ['online.projector.1.bias', 'online.projector.0.weight'];
    expect((change(slow, bias) as number) / (change(same, bias) as number)).toBeCloseTo(0.1, 5);
    expect(change(slow, weight)).toEqual(change(same, weight));
  });

  test('the learning rate ends at a thousandth of its peak', async () => {
    const { job } = await run({}, 1);
    const at = async (k: number) => numbersOf((await job.feeds(k))!.lr!)[0]!;
    expect(await at(0)).toBeCloseTo(0.5 * 16 / 256, 7);
    expect(await at(19)).toBeGreaterThan(0.001 * 0.5 * 16 / 256);
    expect(job.model(new Map()).meta.method).toBe('barlow-twins');
  });
});
