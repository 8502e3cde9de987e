import { describe, expect, test } from 'vitest';
import { simsiam } from '../../../src/commands/pretrain/simsiam.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { drawInputs } from '../../../src/core/nn/index.js';
import { relativeError } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Options = Parameters<typeof simsiam.setup>[1];

const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, batch: 8, lr: 2, projHidden: 16, projOut: 8, predHidden: 4,
};

/** Outputs and states of the first steps of a small run, from the method's own defaults. */
async function run(options: Partial<Options> = {}, steps = 3) {
  const defaults = Object.fromEntries(Object.entries(simsiam.options).map(([key, spec]) =>
    [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
  const set = synthImages({ count: 16, size: 16, classes: 2, seed: 1 });
  const job = simsiam.setup(set, { ...defaults, ...SMALL, steps: Math.max(20, steps), ...options }, 3);
  const feeds = await Promise.all(Array.from({ length: steps }, async (_, k) =>
    ({ ...await job.feeds(k), ...drawInputs(job.program, 3, k) })));
  const { outputs, states } = await runSteps(job.program, feeds, { seed: 3 });
  return { states, job, metric: (name: string) => outputs.map((output) => numbersOf(output[name]!)[0]!) };
}

describe('simsiam', () => {
  test('starts near 0, learns towards -1 without collapsing, and keeps no target', async () => {
    const { metric, states } = await run({ batch: 16, lr: 1 }, 60);
    const loss = metric('loss');
    expect(Math.abs(loss[0]!)).toBeLessThan(0.2);
    expect(loss.at(-1)!).toBeLessThan(-0.4);
    expect(Math.min(...loss)).toBeGreaterThanOrEqual(-1);
    expect(metric('featureStd').at(-1)!).toBeGreaterThan(0.8 / Math.sqrt(8));
    expect([...states[0]!.keys()].some((name) => name.startsWith('target'))).toBe(false);
  });

  test("keeps the predictor's learning rate at its peak, and lets the others' fall", async () => {
    const [constant, falling] = [await run({ steps: 4 }), await run({ steps: 4, constantPredictorLr: false })];
    const of = (name: string, k: number) => [constant, falling].map(({ states }) => numbersOf(states[k]!.get(name)!));
    const [predictor, encoder] = ['online.predictor.3.weight', 'online.encoder.block1.conv.weight'];
    // The cosine starts at the peak, so the first step is the same; after the second only the predictor differs.
    expect(of(predictor, 0)[0]).toEqual(of(predictor, 0)[1]);
    expect(of(encoder, 1)[0]).toEqual(of(encoder, 1)[1]);
    expect(of(predictor, 1)[0]).not.toEqual(of(predictor, 1)[1]);
    const moved = (k: number) => Math.hypot(...of(predictor, k)[0]!.map((v, i) => v - of(predictor, k)[1]![i]!));
    expect(moved(2)).toBeGreaterThan(moved(1));
  });

  test('without the stop-gradient the projections are trained from both sides, and the predictor as before', async () => {
    const [stopped, through] = [await run({}, 1), await run({ stopGradient: false }, 1)];
    const of = (name: string) => [stopped, through].map(({ states }) => numbersOf(states[0]!.get(name)!));
    expect(through.metric('loss')).toEqual(stopped.metric('loss'));
    expect(of('online.predictor.0.weight')[0]).toEqual(of('online.predictor.0.weight')[1]);
    const [a, b] = of('online.projector.6.weight');
    expect(relativeError(a!, b!)).toBeGreaterThan(1e-3);
  });

  test('residual blocks of its ResNets start as their shortcuts', async () => {
    const { job } = await run({ encoder: 'resnet18', width: 4 }, 1);
    const { variables } = job.program;
    const scale = variables.get('online.encoder.layer1.0.bn2.weight')!;
    expect(job.model(new Map()).meta.encoder).toMatchObject({ name: 'resnet18', zeroInitResidual: true });
    expect(typeof scale.initial === 'function' && scale.initial([4], undefined as never)).toEqual(new Float32Array(4));
  });
});
