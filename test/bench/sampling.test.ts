import { readFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { ddim, denoiserOf, drawn } from '../../bench/workloads/ddim.js';
import { measure } from '../../bench/measure.js';
import type { Sizes } from '../../bench/workloads/index.js';
import { float32, type NdArray } from '../../src/core/array.js';
import { generate } from '../../src/core/diffusion/index.js';
import { compile } from '../../src/core/engine/index.js';
import { initialState } from '../../src/core/nn/index.js';
import { stream } from '../../src/core/random.js';
import { relativeError } from '../support/run.js';
import { toArrays, type Stored } from './stored.js';

/** test/golden/sampling.json, which test/golden/sampling.py describes; its network is that of w4. */
interface Images {
  readonly sizes: Sizes;
  readonly inputs: Readonly<Record<string, Stored>>;
  readonly loss: number;
  readonly images: readonly number[];
}
const read = (name: string) => JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8'));
const golden = read('sampling') as Images;
const state = new Map(Object.entries(toArrays((read('workloads') as { w4: { state: Record<string, Stored> } }).w4.state)));
const { sizes } = golden;
const program = ddim.program(sizes);
const executable = compile(program, { threads: 1, constants: new Map([...initialState(program, 0), ...state]) });
afterAll(() => executable.dispose());
const draw = async (noise: NdArray, evaluations = sizes.evaluations!) => Array.from(await drawn(executable, noise, evaluations));

test('images drawn in five steps are those of the PyTorch peer', async () => {
  const { noise } = toArrays(golden.inputs);
  expect(relativeError(await draw(noise!), golden.images)).toBeLessThan(4e-6);
  const { losses } = await measure(program, state, { noise: noise! }, {
    steps: 1, warmup: 1, threads: 1, evaluated: true, step: (own, inputs) => ddim.step!(own, inputs, sizes),
  });
  expect(losses).toHaveLength(2);
  for (const loss of losses) expect(Math.abs(loss / golden.loss - 1)).toBeLessThan(4e-6);
  // Images of another number of steps are others.
  expect(relativeError(await draw(noise!, 4), golden.images)).toBeGreaterThan(1e-2);
});

test('the parameters are those of W4, and nothing else is trained', () => {
  expect([...program.variables.keys()].sort()).toEqual([...state.keys()].sort());
});

test('byo sample draws the same from the same noise', async () => {
  const { batch, size } = sizes as { batch: number; size: number };
  const denoiser = denoiserOf(sizes as Sizes<'width' | 'size'>);
  const weights = new Map([...state].map(([name, value]) => [`denoiser.${name}`, value]));
  const { examples, calls } = await generate({ denoiser, weights } as Parameters<typeof generate>[0], {
    count: batch, batch, seed: 8, sampler: 'ddim', steps: sizes.evaluations!, tMax: 1, guidance: 1, frames: 0, threads: 1,
  });
  const noise = float32([batch, 3, size, size]);
  for (let i = 0; i < batch; i++) noise.data.set(stream(8, 'noise', i).normal(3 * size * size), i * 3 * size * size);
  expect(await draw(noise)).toEqual(Array.from(examples.data));
  expect(calls).toBe(sizes.evaluations);
});

test('inputs drawn here are the same every time', () => {
  const own = () => ddim.inputs(sizes, (purpose) => stream(0, purpose));
  expect(own()).toEqual(own());
  expect(own().noise!.shape).toEqual(golden.inputs.noise!.shape);
});
