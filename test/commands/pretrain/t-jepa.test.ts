import { describe, expect, test } from 'vitest';
import { tJepa, tJepaStep } from '../../../src/commands/pretrain/t-jepa.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { synthTable } from '../../../src/core/data/synth/table.js';
import { tableWithoutTest, type TableSet } from '../../../src/core/data/table/set.js';
import { deviationAcrossRows, divergence, effectiveRank } from '../../../src/core/train/collapse.js';
import { encodeTable, fitTable } from '../../../src/core/data/table/encoding.js';
import { drawMasks, maskLengths, type MaskOptions } from '../../../src/core/data/table/masks.js';
import { input } from '../../../src/core/graph/index.js';
import { drawInputs, stepProgram } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { embeddingRows, tableFeeds, tableInputs } from '../../../src/core/train/index.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Options = Parameters<typeof tJepa.setup>[1];
const SMALL: Partial<Options> = {
  hidden: 8, layers: 1, heads: 2, ff: 8, predWidth: 4, predHeads: 2, predLayers: 1, numTargets: 2,
  batch: 16, lr: 1e-2, warmupEpochs: 0,
};
const DEFAULTS = Object.fromEntries(Object.entries(tJepa.options).map(([key, spec]) =>
  [key, 'default' in spec ? spec.default : undefined])) as unknown as Options;
const TABLE = tableWithoutTest(synthTable({
  count: 100, seed: 1, numeric: 5, categorical: 2, missing: 0.1, split: [0.8, 0, 0.2],
}));

const setUp = (options: Partial<Options> = {}, table: TableSet = TABLE) =>
  tJepa.setup(table, { ...DEFAULTS, ...SMALL, steps: 20, ...options }, 3);

/** Outputs and states of the first steps of a small run, from the method's own defaults. */
async function run(options: Partial<Options> = {}, steps = 2, table: TableSet = TABLE) {
  const job = setUp(options, table);
  const feeds = await Promise.all(Array.from({ length: steps }, async (_, k) =>
    ({ ...await job.feeds(k), ...drawInputs(job.program, 3, k) })));
  const { outputs, states } = await runSteps(job.program, feeds, { seed: 3 });
  return { job, feeds, states, losses: outputs.map(({ loss }) => numbersOf(loss!)[0]!) };
}

const inScope = (state: ReadonlyMap<string, NdArray>, scope: string): [string, number[]][] =>
  [...state].filter(([name]) => name.startsWith(`${scope}.`)).map(([name, value]) => [name.slice(scope.length + 1), numbersOf(value)]);

describe('a step', () => {
  test('learns', async () => {
    const { losses } = await run({ steps: 120, epochs: 30 }, 120);
    const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
    expect(losses[0]).toBeGreaterThan(0.8); // latents of variance 1, and predictions near 0
    expect(mean(losses.slice(-20))).toBeLessThan(0.5 * mean(losses.slice(0, 10)));
  });

  test.each([0, 0.7, 1])('moves the target encoder to m times itself and 1 - m times the trained encoder, m = %d', async (ema) => {
    const { states: [first, second] } = await run({ ema, emaEnd: ema });
    const context = new Map(inScope(second!, 'context'));
    const before = new Map(inScope(first!, 'target'));
    const target = inScope(second!, 'target');
    expect(target.length).toBeGreaterThan(10);
    for (const [name, values] of target) {
      const expected = before.get(name)!.map((value, i) => ema * value + (1 - ema) * context.get(name)![i]!);
      expect(relativeError(values, expected), name).toBeLessThan(1e-6);
    }
    expect(relativeError(context.get('linear.weight')!, before.get('linear.weight')!)).toBeGreaterThan(1e-3);
  });

  test('keeps no moments of the target encoder: nothing trains it', async () => {
    const { job } = await run({}, 1);
    const moments = [...job.program.variables.keys()].filter((name) => name.startsWith('optimizer.exp_avg.'));
    expect(moments.filter((name) => name.includes('exp_avg.target'))).toEqual([]);
    expect(moments.filter((name) => name.includes('exp_avg.context')).length).toBeGreaterThan(10);
  });

  test("cuts entries of the encoder's gradients, not of the predictor's", async () => {
    const largest = async (clipValue: number, scope: string) => {
      const { states: [state] } = await run({ clipValue }, 1);
      return Math.max(...inScope(state!, `optimizer.exp_avg.${scope}`).flatMap(([, values]) => values.map(Math.abs)));
    };
    const limit = 1e-6;
    expect(await largest(limit, 'context')).toBeCloseTo(0.1 * limit, 12);
    expect(await largest(0, 'context')).toBeGreaterThan(0.1 * limit);
    expect(await largest(limit, 'predictor')).toBe(await largest(0, 'predictor'));
  });

  test('is the same with filler behind its masks: its loss, and every gradient', async () => {
    const masks: MaskOptions = { columns: 7, reg: 1, mode: 'always', context: [0.3, 0.3], target: [0.45, 0.45], targets: 2 };
    const step = async (most: number) => {
      const o: MaskOptions = { ...masks, context: [0.3, Math.max(0.3, most)], target: [0.45, Math.max(0.45, most)] };
      const { context, target } = maskLengths(o);
      const drawn = drawMasks(o, { context: 2, target: 3 }, 6, stream(1, 'masks'));
      const takes = fitTable(TABLE);
      const program = stepProgram('step', (root) => tJepaStep(root, {
        rows: tableInputs(takes, 6),
        context: { tokens: input('context', [6, context], 'int32'), used: input('context_used', [context]) },
        targets: { tokens: input('targets', [2, 6, target], 'int32'), used: input('targets_used', [target]) },
      }, {
        encoder: { name: 't-jepa', width: 8, layers: 2, heads: 2, feedForward: 8, reg: 1 }, categories: embeddingRows(takes),
        predictor: { width: 4, layers: 2, heads: 2, feedForward: 8 },
      }, { lr: 0.01, weightDecay: 0, clipValue: 0, ema: 0.9 }));
      const feeds = {
        ...tableFeeds(encodeTable(takes, TABLE, 't'), [0, 1, 2, 3, 4, 5]), context: drawn.context, context_used: drawn.contextUsed,
        targets: drawn.targets, targets_used: drawn.targetUsed,
      };
      const { outputs, states } = await runSteps(program, [feeds], { seed: 2 });
      const gradients = inScope(states[0]!, 'optimizer.exp_avg');
      return { lengths: [context, target], loss: numbersOf(outputs[0]!.loss!)[0]!, gradients };
    };
    const [exact, filled] = [await step(0), await step(0.6)];
    expect([exact.lengths, filled.lengths]).toEqual([[3, 3], [5, 4]]);
    expect(Math.abs(filled.loss / exact.loss - 1)).toBeLessThan(1e-6);
    const others = new Map(filled.gradients);
    // Keys have no use for their offsets: what their gradient is is rounding.
    const largest = Math.max(...exact.gradients.flatMap(([, values]) => values.map(Math.abs)));
    for (const [name, values] of exact.gradients) {
      values.forEach((value, i) => expect(Math.abs(value - others.get(name)![i]!) / largest, name).toBeLessThan(1e-6));
    }
  });

  test('masks the tokens that its mode names', () => {
    const tokens = (options: Partial<Options>) => {
      const job = setUp({ steps: 20, ...options });
      const feeds = Array.from({ length: 20 }, (_, k) => job.feeds(k) as Record<string, NdArray>);
      return new Set(feeds.flatMap(({ targets, targets_used: used }) =>
        [...targets!.data].filter((_, at) => used!.data[at % used!.shape[0]!]).map(Number)));
    };
    expect(tokens({ regTokens: 2 })).toEqual(new Set([2, 3, 4, 5, 6, 7, 8]));
    expect(tokens({ regMode: 'upstream' })).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    expect(tokens({ regMode: 'none' })).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });

  test('runs on numbers only and categories only, without [REG] and with several, with dropout', async () => {
    const numbers = synthTable({ count: 32, seed: 1, numeric: 4, categorical: 0 });
    const all = synthTable({ count: 32, seed: 1, numeric: 2, categorical: 4 });
    const names: TableSet = { ...all, columns: all.columns.slice(2), numeric: float32([32, 0]) };
    for (const table of [numbers, names]) {
      for (const options of [{ regMode: 'none' as const }, { regTokens: 3, dropout: 0.1, predDropout: 0.1, init: 'trunc-normal' as const }]) {
        const { losses } = await run(options, 2, table);
        expect(losses.every((loss) => loss > 0 && loss < 5), JSON.stringify(options)).toBe(true);
      }
    }
  });
});

describe('a run', () => {
  test('feeds rates and decays as the paper has them', async () => {
    const job = setUp({ steps: undefined, epochs: 10, warmupEpochs: 1, lr: 0.1, ema: 0.9 });
    expect([job.stepsPerEpoch, job.steps]).toEqual([5, 50]);
    const at = async (name: string, k: number) => numbersOf((await job.feeds(k))![name]!)[0]!;
    expect([await at('lr', 0), await at('lr', 5)]).toEqual([0, Math.fround(0.1)]);
    expect(await at('lr', 49)).toBeLessThan(0.001);
    expect(await at('ema', 0)).toBeCloseTo(0.9, 6);
    expect(await at('ema', 25)).toBeCloseTo(0.95, 6);
    expect(await at('ema', 49)).toBeCloseTo(0.998, 6);
  });

  test('scales by the rows that it learns from, and says so in the model', () => {
    const { meta, tensors } = setUp().model(new Map([['target.norm2.bias', float32([8])], ['context.norm2.bias', float32([8])]]));
    expect(meta).toMatchObject({
      method: 't-jepa', encoder: { name: 't-jepa', width: 8, reg: 1 },
      input: { modality: 'table', numeric: [{ name: 'x1' }, {}, {}, {}, {}], categorical: [{ name: 'kind1', categories: ['a', 'b', 'c', 'd'] }, {}] },
    });
    expect([...tensors.keys()]).toEqual(['encoder.norm2.bias', 'context.norm2.bias']);
  });

  test('reports signs of collapse after every epoch', async () => {
    const { job, states } = await run({}, 1);
    const compute = { threads: 1 };
    const found = await job.monitor!(states[0]!, compute);
    expect(Object.keys(found)).toEqual(['featureStd', 'featureRank', 'featureKl']);
    expect(Object.values(found).every((value) => value > 0)).toBe(true);
    expect(Object.keys(await setUp({ monitor: ['rank'] }).monitor!(states[0]!, compute))).toEqual(['featureRank']);
    expect(setUp({ monitor: ['none'] }).monitor).toBeUndefined();
  });

  test.each<[Partial<Options>, string]>([
    [{ hidden: 9 }, 'a width of 9 does not divide into 2 heads; change --hidden and --heads'],
    [{ predWidth: 3 }, 'change --pred-width and --pred-heads'], [{ ctxShare: [0.5] }, '--ctx-share takes two shares'],
    [{ ctxShare: [0.9, 0.9], tgtShare: [0.9, 0.9] }, 'do not fit into 7'], [{ batch: 200 }, 'a batch of 200 is larger than the data set of 80'],
    [{ monitor: ['stdd'] }, "--monitor takes some of std, rank, kl, or none, but 'stdd' was given"],
  ])('is refused with %o', (options, message) => expect(() => setUp(options)).toThrow(message));
});

describe('signs of collapse', () => {
  const ROW = gaussian('row', [6]).data;
  const equal = float32([50, 6], Float32Array.from({ length: 300 }, (_, at) => ROW[at % 6]!));
  const spread = gaussian('spread', [50, 6]);

  test('are 0, 1 and 0 where all rows are equal', () => {
    expect(deviationAcrossRows(equal)).toBeCloseTo(0, 6);
    expect(effectiveRank(equal)).toBeCloseTo(1, 4);
    expect(divergence(equal)).toBe(0);
  });

  test('are 1, nearly all, and well above 0 for independent normal numbers', () => {
    expect(deviationAcrossRows(spread)).toBeCloseTo(1, 0.7);
    expect(effectiveRank(spread)).toBeGreaterThan(5.5);
    expect(divergence(spread)).toBeGreaterThan(0.5);
  });
});
