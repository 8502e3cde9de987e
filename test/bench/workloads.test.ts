import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { workloads, type Sizes } from '../../bench/workloads/index.js';
import { sizeOf, type NdArray } from '../../src/core/array.js';
import { inputName } from '../../src/core/graph/index.js';
import { stream } from '../../src/core/random.js';
import { numbersOf, runSteps } from '../support/steps.js';
import { toArrays, type Stored } from './stored.js';

/** test/golden/workloads.json, which test/golden/workloads.py describes. */
interface Trajectory {
  readonly sizes: Sizes;
  readonly state: Readonly<Record<string, Stored>>;
  readonly inputs: Readonly<Record<string, Stored>>;
  readonly losses: readonly number[];
  readonly moved: Readonly<Record<string, number>>;
}

const file = new URL('../golden/workloads.json', import.meta.url);
const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Trajectory>;

/** Norm of a network's change, over its parameters. */
function normOfChange(network: string, before: Readonly<Record<string, NdArray>>, after: ReadonlyMap<string, NdArray>): number {
  const names = Object.keys(before).filter((name) => name.split('.')[0] === network && !name.includes('running_'));
  const changes = names.flatMap((name) => numbersOf(after.get(name)!).map((value, i) => value - numbersOf(before[name]!)[i]!));
  return Math.hypot(...changes);
}

/**
 * Largest relative differences: float32 sums in another order, which batch normalisation amplifies. Adam makes full steps of
 * the rounding errors that are the gradient of a bias in front of one (W2).
 */
const TOLERANCE: Readonly<Record<string, { readonly losses: number; readonly moved: number }>> = {
  w1: { losses: 2e-5, moved: 1e-4 },
  w2: { losses: 1e-5, moved: 1e-2 },
  w3: { losses: 2e-6, moved: 2e-4 },
  w4: { losses: 2e-6, moved: 2e-4 },
  w5: { losses: 2e-6, moved: 2e-4 },
  w6: { losses: 2e-6, moved: 2e-4 },
  w7: { losses: 1e-5, moved: 2e-5 },
  w8: { losses: 1e-4, moved: 2e-4 },
  w9: { losses: 5e-6, moved: 2e-5 },
  docking: { losses: 2e-6, moved: 2e-4 },
  krrst: { losses: 2e-5, moved: 2e-4 },
};

/** Where device tensorflow, whose sums have yet another order, needs other bounds. */
const TENSORFLOW_TOLERANCE: typeof TOLERANCE = { w7: { losses: 2e-5, moved: 1e-4 } };

/**
 * The same of native operators, whose roundings are another processor's: in W8 half a unit in the last place of the state decides
 * whether the encoder changes by 5e-4 more.
 */
const NATIVE_TOLERANCE: typeof TOLERANCE = process.env.BYO_NATIVE === 'off' ? {} : { w8: { losses: 1e-4, moved: 7e-4 } };

const relativeDifference = (actual: number, expected: number): number => Math.abs(actual / expected - 1);

type Shaped = Iterable<readonly [name: string, { readonly shape: readonly number[] }]>;
const shapesOf = (tensors: Shaped): Record<string, number[]> =>
  Object.fromEntries([...tensors].map(([name, { shape }]) => [name, [...shape]]));

// Those of more than one run have tests of their own.
describe.each(workloads.filter(({ step }) => !step).map((workload) => ({ name: workload.name, workload })))('workload $name', ({ name, workload }) => {
  const expected = golden[name]!;
  const program = workload.program(expected.sizes);

  test.each(['cpu', 'tensorflow'] as const)('the steps on device %s are those of the PyTorch peer', async (device) => {
    const [before, inputs] = [toArrays(expected.state), toArrays(expected.inputs)];
    const { outputs, states } = await runSteps(program, expected.losses.map(() => inputs), { state: before, device });
    const tolerance = (device === 'tensorflow' ? TENSORFLOW_TOLERANCE : NATIVE_TOLERANCE)[name] ?? TOLERANCE[name]!;
    outputs.forEach(({ loss }, step) => {
      expect(relativeDifference(numbersOf(loss!)[0]!, expected.losses[step]!), `loss of step ${step}`).toBeLessThan(tolerance.losses);
    });
    for (const [network, change] of Object.entries(expected.moved)) {
      const moved = normOfChange(network, before, states.at(-1)!);
      expect(relativeDifference(moved, change), `change of ${network}`).toBeLessThan(tolerance.moved);
    }
  });

  test('every parameter and input of the peer has its name and shape here, and nothing else is trained or fed', () => {
    const variables = [...program.variables.values()].filter((variable) => !variable.name.startsWith('optimizer.'));
    const networks = shapesOf(variables.map((variable) => [variable.name, variable.tensor]));
    expect(networks).toEqual(shapesOf(Object.entries(expected.state)));
    const fed = shapesOf(program.inputs.map((tensor) => [inputName(tensor), tensor]));
    expect(fed).toEqual(shapesOf(Object.entries(expected.inputs)));
  });

  test('inputs drawn here fit the program and are the same every time', () => {
    const draw = () => workload.inputs(expected.sizes, (purpose) => stream(0, purpose));
    const drawn = draw();
    for (const tensor of program.inputs) {
      const { shape, dtype, data } = drawn[inputName(tensor)]!;
      expect([dtype, shape, data.length]).toEqual([tensor.dtype, [...tensor.shape], sizeOf(tensor.shape)]);
    }
    expect(draw()).toEqual(drawn);
  });
});

test('target tokens of T-JEPA are columns that the context does not see, each once', () => {
  const { inputs, defaults } = workloads.find(({ name }) => name === 'w3')!;
  const { context_tokens: context, target_tokens: targets } = inputs(defaults, (purpose) => stream(1, purpose));
  for (let row = 0; row < defaults.batch!; row++) {
    const seen = Array.from(context!.data.subarray(row * defaults.context!, (row + 1) * defaults.context!), Number);
    expect(seen[0]).toBe(0);
    expect(new Set(seen).size).toBe(defaults.context);
    for (let target = 0; target < defaults.targets!; target++) {
      const start = (target * defaults.batch! + row) * defaults.predicted!;
      const hidden = Array.from(targets!.data.subarray(start, start + defaults.predicted!), Number);
      expect(new Set([...seen, ...hidden]).size).toBe(defaults.context! + defaults.predicted!);
      expect(Math.max(...hidden)).toBeLessThan(defaults.tokens!);
    }
  }
});
