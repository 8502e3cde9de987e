import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { constant, input, vjp, type GraphDtype } from '../../../src/core/graph/index.js';
import {
  gatherTokens, initialState, positionCode, repeat, stepProgram, tableTokens, type Scope, type TableBatch,
} from '../../../src/core/nn/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

interface TokenizerCase {
  readonly name: string;
  readonly reg: number;
  readonly categories: readonly number[];
  readonly width: number;
  readonly inputs: Readonly<Record<keyof TableBatch, GoldenTensor>>;
  readonly parameters: Readonly<Record<string, GoldenTensor>>;
  readonly output: GoldenTensor;
  readonly cotangent: GoldenTensor;
  readonly grads: Readonly<Record<string, GoldenTensor>>;
}
const file = new URL('../../golden/table.json', import.meta.url);
const { tokenizers } = JSON.parse(readFileSync(file, 'utf8')) as { tokenizers: TokenizerCase[] };

const arraysOf = (tensors: Readonly<Record<string, GoldenTensor>>): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toArray(tensor)]));
const declared = (feed: Readonly<Record<string, NdArray>>): TableBatch =>
  Object.fromEntries(Object.entries(feed).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype as GraphDtype)]));

describe('tokens of a row of a table, against PyTorch', () => {
  test.each(tokenizers)('$name', async ({ inputs, parameters, output, cotangent, grads, ...options }) => {
    const feed = arraysOf(inputs);
    const { outputs, program } = await runOnce((scope) => {
      const tokens = tableTokens(scope, declared(feed), options);
      const found = vjp([tokens], [constant(toArray(cotangent))], scope.parameters.map(({ tensor }) => tensor));
      return { tokens, ...Object.fromEntries(scope.parameters.map(({ name }, i) => [`d ${name}`, found[i]!])) };
    }, { feed, state: arraysOf(parameters) });
    expect(new Set(program.variables.keys())).toEqual(new Set(Object.keys(parameters)));
    expect(outputs.tokens!.shape).toEqual(output.shape);
    expect(relativeError(numbersOf(outputs.tokens!), output.data)).toBeLessThan(1e-6);
    for (const [name, expected] of Object.entries(grads)) {
      expect(relativeError(numbersOf(outputs[`d ${name}`]!), expected.data), name).toBeLessThan(2e-6);
    }
  });
});

describe('tokens of a row of a table', () => {
  const OPTIONS = { width: 4, reg: 1, categories: [3, 4] };
  const tokensOf = async (feed: Readonly<Record<string, NdArray>>, state: Readonly<Record<string, NdArray>> = {}) => {
    const build = (scope: Scope) => ({ tokens: tableTokens(scope, declared(feed), OPTIONS) });
    const { outputs, state: after } = await runOnce(build, { feed, state, seed: 3 });
    const values = numbersOf(outputs.tokens!);
    return { token: (row: number, j: number) => values.slice((row * 5 + j) * 4, (row * 5 + j + 1) * 4), after };
  };
  const feed = (numbers: number[], missing = [0, 0, 0, 0]) =>
    ({ numbers: float32([2, 2], numbers), missing: float32([2, 2], missing), codes: int32([2, 2], [0, 0, 2, 3]) });

  test('of 0 and of what was never seen are biases, of a missing number at first too; doubling x adds x w', async () => {
    const { token, after } = await tokensOf(feed([0, 0.5, 0, 1], [0, 0, 1, 0]));
    const rows = (name: string) => (row: number) => numbersOf(after.get(name)!).slice(4 * row, 4 * row + 4);
    const [bias, weight] = [rows('bias'), rows('weight')];
    expect(token(0, 0)).toEqual(weight(0));
    expect(token(0, 1)).toEqual(bias(0));
    expect(token(1, 1)).toEqual(bias(0));
    expect([token(0, 3), token(0, 4)]).toEqual([bias(2), bias(3)]);
    expect(token(1, 3)).not.toEqual(bias(2));
    const moved = token(1, 2).map((value, i) => value - token(0, 2)[i]!);
    moved.forEach((value, i) => expect(value).toBeCloseTo(0.5 * weight(2)[i]!, 6));
  });

  test('start from PyTorch\'s bounds, but for the rows of what was never seen', () => {
    const wide = { ...OPTIONS, width: 64 };
    const program = stepProgram('tokens', (scope) => ({ tokens: tableTokens(scope, declared(feed([0, 0, 0, 0])), wide) }));
    const state = initialState(program, 1);
    for (const name of ['weight', 'bias', 'category_embeddings.weight']) {
      const values = numbersOf(state.get(name)!).map(Math.abs);
      expect(Math.max(...values), name).toBeLessThanOrEqual(1 / 8);
      expect(Math.max(...values), name).toBeGreaterThan(0.11);
    }
    const table = numbersOf(state.get('category_embeddings.weight')!);
    const zeros = Array.from({ length: 7 }, (_, row) => table.slice(64 * row, 64 * row + 64).every((value) => value === 0));
    expect(zeros).toEqual([true, false, false, true, false, false, false]);
  });
});

describe('positions', () => {
  test('are sines and cosines of falling frequency', async () => {
    const [code] = await evaluate(() => positionCode(5, 6), []);
    const at = (position: number) => numbersOf(code!).slice(6 * position, 6 * position + 6);
    expect(at(0)).toEqual([0, 1, 0, 1, 0, 1]);
    const frequencies = [1, 100 ** (-2 / 6), 100 ** (-4 / 6)];
    at(3).forEach((value, channel) => {
      const angle = 3 * frequencies[Math.floor(channel / 2)]!;
      expect(value).toBeCloseTo(channel % 2 ? Math.cos(angle) : Math.sin(angle), 6);
    });
  });

  test('are gathered row by row', async () => {
    const sequence = gaussian('sequence', [2, 3, 2]);
    const picks = int32([2, 2, 2], [2, 0, 1, 1, 0, 0, 2, 1]);
    const [found, again] = await evaluate((x, i) => [gatherTokens(x!, i!), repeat(x!, 2)], [sequence, picks]);
    const token = (row: number, i: number) => numbersOf(sequence).slice((row * 3 + i) * 2, (row * 3 + i + 1) * 2);
    expect(found!.shape).toEqual([2, 2, 2, 2]);
    const order = [[0, 2], [0, 0], [1, 1], [1, 1], [0, 0], [0, 0], [1, 2], [1, 1]];
    expect(numbersOf(found!)).toEqual(order.flatMap(([row, i]) => token(row!, i!)));
    expect(numbersOf(again!)).toEqual([...numbersOf(sequence), ...numbersOf(sequence)]);
  });
});
