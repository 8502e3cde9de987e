import { describe, expect, test } from 'vitest';
import { feedsOf, smallByol } from '../../support/byol.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Options = NonNullable<Parameters<typeof smallByol>[0]>;

/** Outputs and states of the first steps of a small run: 16 images in batches of 8, so two steps are an epoch. */
async function run(options: Options, steps = 3) {
  const job = smallByol({ steps: Math.max(20, steps), ...options });
  const feeds = await Promise.all(Array.from({ length: steps }, (_, k) => feedsOf(job, k)));
  const { outputs, states } = await runSteps(job.program, feeds, { seed: 3 });
  const metric = (name: string) => outputs.map((output) => numbersOf(output[name]!)[0]!);
  return { outputs, states, metric, job };
}
const weight = 'encoder.block1.conv.weight';

describe('--refine', () => {
  test("ccsl whose threshold no pair reaches is plain BYOL, step after step", async () => {
    const [plain, refined] = [await run({}), await run({ refine: 'ccsl', thetaPos: 1.01 })];
    refined.metric('loss').forEach((loss, k) => expect(loss).toBeCloseTo(plain.metric('loss')[k]!, 4));
    expect(refined.metric('positives')).toEqual([0, 0, 0]);
  });

  test('ccsl replaces the loss and cssl adds to it; --pair-mode says otherwise, --pair-weight weighs', async () => {
    const [plain] = (await run({}, 1)).metric('loss');
    for (const [refine, pairMode, keeps] of [
      ['ccsl', 'auto', false], ['ccsl', 'add', true], ['cssl', 'auto', true], ['cssl', 'replace', false],
    ] as const) {
      const found = await run({ refine, pairMode, pairWeight: 0.5, thetaPos: 0.6 }, 1);
      const expected = (keeps ? plain! : 0) + 0.5 * found.metric('pairLoss')[0]!;
      expect(found.metric('loss')[0], `${refine} ${pairMode}`).toBeCloseTo(expected, 5);
    }
  });

  test('in the warm-up the loss is plain', async () => {
    const batch: Options = { norm: 'batch', headNorm: 'batch' };
    const refinement: Options = { refine: 'ccsl', thetaPos: -2, thetaNeg: -3, pairWarmup: 1.5 };
    const [plain, refined] = [await run(batch, 4), await run({ ...batch, ...refinement }, 4)];
    for (const k of [0, 1, 2]) expect(refined.metric('loss')[k]).toBeCloseTo(plain.metric('loss')[k]!, 5);
    expect(refined.metric('loss')[3]).toBeCloseTo(refined.metric('pairLoss')[3]!, 6);
    expect(Math.abs(refined.metric('loss')[3]! - plain.metric('loss')[3]!)).toBeGreaterThan(0.01);
    expect(refined.metric('positives')).toEqual([1, 1, 1, 1]);
  });
});

describe('--target', () => {
  test('ema moves the target, frozen leaves it as it was, online has none', async () => {
    const [ema, frozen, online] = [await run({}), await run({ target: 'frozen' }), await run({ target: 'online' })];
    const first = numbersOf(frozen.states[0]!.get(`target.${weight}`)!);
    expect(numbersOf(frozen.states[2]!.get(`target.${weight}`)!)).toEqual(first);
    expect(numbersOf(ema.states[2]!.get(`target.${weight}`)!)).not.toEqual(first);
    expect([...online.states[0]!.keys()].filter((name) => name.startsWith('target.'))).toEqual([]);
    expect(await frozen.job.feeds(0)).not.toHaveProperty('tau');
  });

  test('without a predictor features collapse, with and without a stop-gradient; with one they do not', async () => {
    const deviation = async (options: Options) =>
      (await run({ norm: 'batch', headNorm: 'batch', batch: 16, ...options }, 40)).metric('featureStd');
    for (const stopGradient of [true, false]) {
      const collapsed = await deviation({ target: 'online', predictor: 'none', stopGradient });
      expect(collapsed.at(-1)!).toBeLessThan(0.1 * collapsed[0]!);
    }
    const kept = await deviation({});
    expect(kept.at(-1)!).toBeGreaterThan(0.6 * kept[0]!);
  });
});

describe('options that do not fit together', () => {
  test.each<[Options, RegExp]>([
    [{ stopGradient: false }, /--no-stop-gradient .* give --target online and no --refine/],
    [{ stopGradient: false, target: 'online', refine: 'ccsl' }, /--no-stop-gradient .* no --refine/],
    [{ refine: 'cssl', thetaNeg: 0.9 }, /--theta-neg 0\.9 has to be below --theta-pos 0\.8/],
  ])('%o', (options, message) => {
    expect(() => smallByol(options)).toThrow(message);
  });
});

describe("the variants of the paper's table", () => {
  test.each<[string, Options]>([
    ['no BN', { norm: 'none' }], ['no BN + WS', { norm: 'none', weightStandardization: true }], ['LN', { norm: 'layer' }],
    ['LN + WS', { norm: 'layer', weightStandardization: true }], ['GN', { norm: 'group' }],
    ['GN + WS', { norm: 'group', weightStandardization: true }], ['BN', { norm: 'batch' }], ['CCSL', { norm: 'batch', refine: 'ccsl' }],
    ['CSSL', { norm: 'batch', refine: 'cssl' }],
  ])("%s: two steps in the paper's views, with batch norm in the heads", async (name, options) => {
    const { states, metric } = await run({ ...options, headNorm: 'batch', augmentation: 'stl', lr: 0.1 }, 2);
    expect(metric('loss').every(Number.isFinite)).toBe(true);
    const names = [...states[1]!.keys()];
    expect(names.some((key) => key.startsWith('online.projector') && key.endsWith('running_mean'))).toBe(true);
    const batchNorm = names.some((key) => key.startsWith('online.encoder') && key.endsWith('running_mean'));
    expect(batchNorm).toBe(options.norm === 'batch');
    expect(names.includes('online.encoder.block1.norm.weight')).toBe(!name.startsWith('no BN'));
  });
});
