import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { NdArray } from '../../../src/core/array.js';
import { constant, input, vjp } from '../../../src/core/graph/index.js';
import { perTokenLinear, tableHead, TABLE_HEADS, type Scope, type TableHeadName } from '../../../src/core/nn/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { relativeError } from '../../support/run.js';
import { numbersOf, runOnce } from '../../support/steps.js';

interface HeadCase {
  readonly name: TableHeadName;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly parameters: Readonly<Record<string, GoldenTensor>>;
  readonly output: GoldenTensor;
  readonly cotangent: GoldenTensor;
  readonly grads: Readonly<Record<string, GoldenTensor>>;
}
const { heads } = JSON.parse(readFileSync(new URL('../../golden/table.json', import.meta.url), 'utf8')) as { heads: HeadCase[] };

const arraysOf = (tensors: Readonly<Record<string, GoldenTensor>>): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toArray(tensor)]));

describe('heads on rows of tables, against PyTorch', () => {
  test('there is a case for each', () => expect(heads.map(({ name }) => name)).toEqual([...TABLE_HEADS]));

  test.each(heads)('$name', async ({ inputs, parameters, output, cotangent, grads, ...spec }) => {
    const [feed, state] = [arraysOf(inputs), arraysOf(parameters)];
    const { outputs, program } = await runOnce((scope) => {
      const y = tableHead(scope, {
        get features() { return input('features', feed.features!.shape); },
        tokens: (place: Scope, width: number) => perTokenLinear(place, input('latents', feed.latents!.shape), width),
      }, { ...spec, dropout: 0 }, output.shape[1]!);
      const found = vjp([y], [constant(toArray(cotangent))], scope.parameters.map(({ tensor }) => tensor));
      return { y, ...Object.fromEntries(scope.parameters.map(({ name }, i) => [`d ${name}`, found[i]!])) };
    }, { feed, state });
    const trained = [...program.variables.values()].filter(({ trainable }) => trainable).map(({ name }) => name);
    expect(new Set(trained)).toEqual(new Set(Object.keys(parameters)));
    expect(relativeError(numbersOf(outputs.y!), output.data)).toBeLessThan(5e-6);
    // The gradient of an offset before a batch norm, or of keys, is 0 but for rounding: errors count beside the largest of all.
    const largest = Math.max(...Object.values(grads).flatMap(({ data }) => data.map(Math.abs)));
    for (const [name, { data }] of Object.entries(grads)) {
      numbersOf(outputs[`d ${name}`]!).forEach((value, i) => expect(Math.abs(value - data[i]!) / largest, name).toBeLessThan(5e-6));
    }
  });
});
