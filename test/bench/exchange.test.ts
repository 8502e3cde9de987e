import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dump, loadInputs, loadState } from '../../bench/exchange.js';
import { workloads } from '../../bench/workloads/index.js';
import { float32, type NdArray } from '../../src/core/array.js';
import { encodeSafetensors, readSafetensors } from '../../src/core/files/safetensors.js';
import { writeAtomic } from '../../src/core/files/atomic.js';
import { initialState } from '../../src/core/nn/index.js';
import { stream } from '../../src/core/random.js';
import { scratchFolder } from '../support/cli.js';

const folder = scratchFolder();
const workload = workloads.find(({ name }) => name === 'w5')!;
const sizes = { ...workload.defaults, ...workload.tiny } as typeof workload.defaults;
const program = workload.program(sizes);
const state = initialState(program, 4);
const inputs = workload.inputs(sizes, (purpose) => stream(4, purpose));

const stored = async (name: string, tensors: Map<string, NdArray>): Promise<string> => {
  const file = join(folder, name);
  await writeAtomic(file, encodeSafetensors(tensors));
  return file;
};

test('what is dumped loads again, and only the optimisers start afresh', async () => {
  await dump(folder, state, inputs);
  const file = join(folder, 'state.safetensors');
  const names = [...(await readSafetensors(file)).tensors.keys()];
  expect(names).toContain('target_critic2.4.bias');
  expect(names.some((name) => name.startsWith('optimizer.'))).toBe(false);

  const loaded = await loadState(program, file, 99);
  expect([...loaded.keys()].sort()).toEqual([...program.variables.keys()].sort());
  for (const [name, { shape, data }] of state) expect(loaded.get(name), name).toMatchObject({ shape, data });
  expect(await loadInputs('w5', Object.keys(inputs), join(folder, 'inputs.safetensors'))).toEqual(inputs);
});

test('a state without a parameter or with an unknown tensor is refused, both by name', async () => {
  const tensors = new Map([...state].filter(([name]) => !name.startsWith('optimizer.') && name !== 'actor.0.weight'));
  const file = await stored('other.safetensors', tensors.set('stranger', float32([1])));
  await expect(loadState(program, file, 0)).rejects.toThrow('actor.0.weight missing, stranger unknown');
});

test('inputs without one that the step needs are refused', async () => {
  const file = await stored('few.safetensors', new Map([['rewards', inputs.rewards!]]));
  await expect(loadInputs('w5', Object.keys(inputs), file)).rejects.toThrow('has no input observations, which w5 needs; the file has rewards');
});
