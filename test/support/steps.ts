import { float32, type NdArray } from '../../src/core/array.js';
import { compile, type CompileOptions } from '../../src/core/engine/index.js';
import { drawInputs, initialState, stepProgram, type Scope, type StepProgram } from '../../src/core/nn/index.js';
import type { Tensor } from '../../src/core/graph/index.js';

export interface Steps {
  /** The outputs of every step. */
  readonly outputs: Record<string, NdArray>[];
  /** The state after every step. */
  readonly states: Map<string, NdArray>[];
}

/** Runs a step program once for each of `feeds`, from its initial state with `state` put over it. */
export async function runSteps(
  program: StepProgram, feeds: readonly Readonly<Record<string, NdArray>>[],
  { state = {}, seed = 0, ...options }: CompileOptions & { state?: Readonly<Record<string, NdArray>>; seed?: number } = {},
): Promise<Steps> {
  const executable = compile(program, { threads: 1, ...options });
  try {
    executable.setState(new Map([...initialState(program, seed), ...Object.entries(state)]));
    const steps: Steps = { outputs: [], states: [] };
    for (const [k, feed] of feeds.entries()) {
      const outputs = await executable.run({ ...feed, ...drawInputs(program, seed, k) });
      steps.outputs.push(Object.fromEntries(Object.entries(outputs).map(([name, a]) => [name, { ...a, data: a.data.slice() }])));
      steps.states.push(executable.getState());
    }
    return steps;
  } finally {
    executable.dispose();
  }
}

/** One run of a network: its outputs and the state after it. */
export async function runOnce(
  build: (scope: Scope) => Record<string, Tensor>,
  { feed = {}, training = true, ...options }: {
    feed?: Readonly<Record<string, NdArray>>; training?: boolean; state?: Readonly<Record<string, NdArray>>; seed?: number;
  } = {},
): Promise<{ outputs: Record<string, NdArray>; state: Map<string, NdArray>; program: StepProgram }> {
  const program = stepProgram('test', build, { training });
  const { outputs, states } = await runSteps(program, [feed], options);
  return { outputs: outputs[0]!, state: states[0]!, program };
}

export const scalar = (value: number): NdArray => float32([], [value]);
export const numbersOf = ({ data }: NdArray): number[] => Array.from(data as Float32Array);
