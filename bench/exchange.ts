import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { NdArray } from '../src/core/array.js';
import { InputError } from '../src/core/errors.js';
import { writeAtomic } from '../src/core/files/atomic.js';
import { encodeSafetensors, readSafetensors } from '../src/core/files/safetensors.js';
import { initialState, type StepProgram } from '../src/core/nn/index.js';

/** What no peer knows by byo's names: the moments of its optimisers. */
const isOwn = (name: string): boolean => name.startsWith('optimizer.');

/**
 * First values of a program: those of a file that either side wrote, and byo's own for what no file holds. Throws InputError
 * where a parameter is missing or a name is unknown.
 */
export async function loadState(program: StepProgram, file: string, seed: number): Promise<Map<string, NdArray>> {
  const { tensors } = await readSafetensors(file);
  const missing = new Map([...program.variables].filter(([name]) => !tensors.has(name)));
  const untrained = [...missing.values()].filter(({ trainable }) => trainable).map(({ name }) => name);
  const unknown = [...tensors.keys()].filter((name) => !program.variables.has(name));
  if (untrained.length || unknown.length) {
    throw new InputError(`${file} does not fit ${program.name} (its peer in bench/peers lists the names): ` +
      `${some(untrained)} missing, ${some(unknown)} unknown`);
  }
  return new Map([...initialState({ ...program, variables: missing }, seed), ...tensors]);
}

/** Inputs from a file that either side wrote; throws InputError where one is missing. Shapes are checked when they are fed. */
export async function loadInputs(workload: string, names: readonly string[], file: string): Promise<Record<string, NdArray>> {
  const { tensors } = await readSafetensors(file);
  return Object.fromEntries(names.map((name) => {
    const value = tensors.get(name);
    if (!value) throw new InputError(`${file} has no input ${name}, which ${workload} needs; the file has ${some([...tensors.keys()])}`);
    return [name, value];
  }));
}

/** Writes FOLDER/state.safetensors, without the optimisers' state, and FOLDER/inputs.safetensors. */
export async function dump(
  folder: string, state: ReadonlyMap<string, NdArray>, inputs: Readonly<Record<string, NdArray>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const shared = new Map([...state].filter(([name]) => !isOwn(name)));
  await writeAtomic(join(folder, 'state.safetensors'), encodeSafetensors(shared), { force: true });
  await writeAtomic(join(folder, 'inputs.safetensors'), encodeSafetensors(new Map(Object.entries(inputs))), { force: true });
}

/** Up to three of the names, for a message. */
function some(names: readonly string[]): string {
  const listed = names.slice(0, 3).join(', ') || 'nothing';
  return names.length > 3 ? `${listed} and ${names.length - 3} more` : listed;
}
