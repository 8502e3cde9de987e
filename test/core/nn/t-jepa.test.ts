import { describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { input, type Tensor } from '../../../src/core/graph/index.js';
import {
  encodeTokens, gatherTokens, predictTokens, repeat, type Places, type Scope, type TableEncoderSpec, type TokenPredictorSpec,
} from '../../../src/core/nn/index.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const ENCODER: TableEncoderSpec = { name: 't-jepa', width: 8, layers: 2, heads: 2, feedForward: 12, reg: 1 };
const PREDICTOR: TokenPredictorSpec = { width: 4, layers: 1, heads: 2, feedForward: 6 };
/** Rows of 4 numbers and 2 categories, so 7 tokens. */
const [BATCH, CATEGORIES, TOKENS] = [3, [4, 3], 7] as const;
const ROWS = {
  numbers: gaussian('numbers', [BATCH, 4]), codes: int32([BATCH, 2], [0, 1, 2, 2, 3, 0]),
};
/** [REG] and two columns; three other ones. */
const CONTEXT = [[0, 1, 5], [0, 6, 2], [0, 3, 4]];
const TARGET = [[2, 3, 6], [1, 5, 4], [6, 2, 1]];

type Tokens = readonly (readonly number[])[];

/** Places of which so many count, behind which stands filler. */
const places = (name: string, tokens: Tokens, length: number): [Record<string, NdArray>, () => Places] => {
  const count = tokens[0]!.length;
  const filled = tokens.flatMap((row) => [...row, ...Array<number>(length - count).fill(0)]);
  const feed: Record<string, NdArray> = { [name]: int32([tokens.length, length], filled) };
  if (length === count) return [feed, () => ({ tokens: input(name, [tokens.length, length], 'int32') })];
  feed[`${name} used`] = float32([length], Array.from({ length }, (_, i) => (i < count ? 1 : 0)));
  return [feed, () => ({ tokens: input(name, [tokens.length, length], 'int32'), used: input(`${name} used`, [length]) })];
};

interface Setting {
  readonly rows?: typeof ROWS;
  readonly context?: Tokens;
  readonly target?: Tokens;
  readonly lengths?: readonly [number, number];
  readonly state?: Readonly<Record<string, NdArray>>;
}

/** Predictions and what they are compared with, [B, length of a target, width]. */
async function run({ rows = ROWS, context = CONTEXT, target = TARGET, lengths = [3, 3], state = {} }: Setting = {}) {
  const [known, declareKnown] = places('context', context, lengths[0]);
  const [wanted, declareWanted] = places('target', target, lengths[1]);
  const { outputs, state: first } = await runOnce((root: Scope) => {
    const batch = { numbers: input('numbers', [BATCH, 4]), codes: input('codes', [BATCH, 2], 'int32') };
    const [k, w] = [declareKnown(), declareWanted()];
    const seen = encodeTokens(root.at('context'), batch, ENCODER, CATEGORIES, k);
    const all = encodeTokens(root.at('target').startingFrom(root.at('context')), batch, ENCODER, CATEGORIES);
    return {
      predictions: predictTokens(root.at('predictor'), seen, k, w, TOKENS, PREDICTOR), all, latents: gatherTokens(all, w.tokens),
    };
  }, { feed: { ...rows, ...known, ...wanted }, state, seed: 5 });
  return { predictions: outputs.predictions!, latents: outputs.latents!, all: outputs.all!, state: first };
}

/** Rows [count of tokens, 8] of the first so many places. */
const used = ({ shape, data }: NdArray, count: number): number[] => Array.from({ length: shape[0]! }, (_, row) =>
  [...data.subarray(row * shape[1]! * 8, (row * shape[1]! + count) * 8)].map(Number)).flat();

describe('the context encoder', () => {
  const seen = (at: number): boolean => CONTEXT[Math.floor(at / 4)]!.includes(1 + (at % 4));
  const others = { ...ROWS, numbers: float32([BATCH, 4], ROWS.numbers.data.map((value, at) => (seen(at) ? value : value + 3))) };

  test('does not see columns outside the context, which the target encoder does', async () => {
    const [before, after] = [await run(), await run({ rows: others })];
    expect(numbersOf(after.predictions)).toEqual(numbersOf(before.predictions));
    expect(relativeError(numbersOf(after.latents), numbersOf(before.latents))).toBeGreaterThan(0.1);
  });

  test('sees the order of its columns in no other way than as an order', async () => {
    const [before, turned] = [await run(), await run({ context: CONTEXT.map((row) => [...row].reverse()) })];
    expect(relativeError(numbersOf(turned.predictions), numbersOf(before.predictions))).toBeLessThan(2e-6);
  });
});

describe('masks', () => {
  test('filled up with other places give what they give alone, however much filler there is', async () => {
    const alone = await run();
    for (const lengths of [[4, 3], [3, 5], [6, 6]] as const) {
      const filled = await run({ lengths });
      expect(relativeError(used(filled.predictions, 3), numbersOf(alone.predictions)), lengths.join()).toBeLessThan(2e-6);
      expect(relativeError(used(filled.latents, 3), numbersOf(alone.latents))).toBeLessThan(2e-6);
    }
  });

  test('in another order give the same predictions in that order', async () => {
    const [before, turned] = [await run(), await run({ target: TARGET.map(([a, b, c]) => [c!, a!, b!]) })];
    const expected = numbersOf(before.predictions);
    const moved = [0, 1, 2].flatMap((row) => [2, 0, 1].flatMap((i) => expected.slice((row * 3 + i) * 8, (row * 3 + i + 1) * 8)));
    expect(relativeError(numbersOf(turned.predictions), moved)).toBeLessThan(2e-6);
  });

  test('of several targets in one pass are what each gives alone', async () => {
    const second = [[4, 2, 3], [3, 4, 1], [5, 6, 2]];
    const [a, b] = [await run(), await run({ target: second })];
    const [known, declareKnown] = places('context', CONTEXT, 3);
    const both = int32([2 * BATCH, 3], [...TARGET, ...second].flat());
    const { outputs } = await runOnce((root) => {
      const k = declareKnown();
      const batch = { numbers: input('numbers', [BATCH, 4]), codes: input('codes', [BATCH, 2], 'int32') };
      const seen = encodeTokens(root.at('context'), batch, ENCODER, CATEGORIES, k);
      const z: Tensor = predictTokens(root.at('predictor'), repeat(seen, 2), { tokens: repeat(k.tokens, 2) },
        { tokens: input('both', both.shape, 'int32') }, TOKENS, PREDICTOR);
      return { z };
    }, { feed: { ...ROWS, ...known, both }, seed: 5 });
    expect(relativeError(numbersOf(outputs.z!), [...numbersOf(a.predictions), ...numbersOf(b.predictions)])).toBeLessThan(2e-6);
  });
});

describe('latents', () => {
  test('at the start have mean 0 and variance 1 over the channels of every token', async () => {
    const { all } = await run();
    expect(all.shape).toEqual([BATCH, TOKENS, 8]);
    const values = numbersOf(all);
    for (let token = 0; token < BATCH * TOKENS; token++) {
      const own = values.slice(8 * token, 8 * token + 8);
      expect(own.reduce((a, b) => a + b) / 8).toBeCloseTo(0, 5);
      expect(own.reduce((total, v) => total + v * v, 0) / 8).toBeCloseTo(1, 2);
    }
  });

  test('of an encoder whose last scale is 0 are its last offset, which a predictor can put out', async () => {
    const offset = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));
    const collapsed = Object.fromEntries(['context', 'target'].flatMap((name) =>
      [[`${name}.norm2.weight`, float32([8])], [`${name}.norm2.bias`, float32([8], offset)]]));
    const { predictions, latents } = await run({ state: {
      ...collapsed, 'predictor.project.weight': float32([8, 4]), 'predictor.project.bias': float32([8], offset),
    } });
    expect(numbersOf(latents)).toEqual(Array.from({ length: BATCH * 3 }, () => [...offset]).flat());
    expect(numbersOf(predictions)).toEqual(numbersOf(latents));
  });
});
