import { describe, expect, test } from 'vitest';
import { compile, type Executable } from '../../../src/core/engine/index.js';
import { initialState } from '../../../src/core/nn/index.js';
import * as g from '../../../src/core/graph/index.js';
import { feedsOf, smallByol } from '../../support/byol.js';
import { expectedOf, golden, toArray, valueAndGradients, type PrimitiveCase } from '../../support/golden.js';
import { evaluate, gaussian, relativeError } from '../../support/run.js';
import { webgpuProblem } from '../../support/webgpu.js';

const problem = await webgpuProblem();
if (problem) console.warn(`WebGPU tests are skipped: ${problem}`);

const strict = { device: 'webgpu', strictDevice: true } as const;

/** Every new shader costs a third of a second on a software driver: operations whose cases differ in little are sampled. */
const SAMPLED = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'sum', 'mean', 'max', 'matmul', 'reshape', 'transpose', 'pow'];
const sampled = golden.primitives.filter((entry, i, all) => {
  const position = all.slice(0, i).filter(({ op }) => op === entry.op).length;
  const alike = SAMPLED.includes(entry.op) || entry.attrs.groups === 1; // all convolutions in groups are kept
  return !alike || position % 3 === 2;
});

const tolerance = ({ name, op }: PrimitiveCase): number => {
  if (name.endsWith('large logits')) return 4e-5; // as on the CPU
  return op === 'sin' || op === 'cos' ? 3e-4 : 1e-5; // Vulkan promises 2^-11 for these
};

describe.skipIf(problem)('primitives on WebGPU, with no node left on the CPU', () => {
  test('every kind of primitive is among the cases', () => {
    expect(new Set(sampled.map(({ op }) => op))).toEqual(new Set(golden.primitives.map(({ op }) => op)));
  });

  for (const entry of sampled) {
    test(entry.name, async () => {
      const results = await evaluate(valueAndGradients(entry), entry.inputs.map(toArray), strict);
      const errors = results.map(({ data }, i) => relativeError(data as Float32Array, expectedOf(entry)[i]!.data));
      expect(Math.max(...errors), `relative errors ${errors}`).toBeLessThan(tolerance(entry));
    });
  }

  test('what PyTorch has no name for agrees with the CPU', async () => {
    const build = (x: g.Tensor, y: g.Tensor) => [
      g.sign(x), g.floor(x), g.step(x), g.gt(x, y), g.ge(x, y), g.eq(x, x), g.where(g.gt(x, 0), x, y), g.clip(x, -0.5, 0.5),
      g.cast(g.argmax(x, 1), 'float32'), g.cast(g.argmax(x, -1), 'float32'), x.slice([null, [2, -1, -2], null]),
      g.correct(x.reshape([6, 4]), g.argmax(y.reshape([6, 4]))),
    ];
    const inputs = [gaussian('x', [2, 3, 4]), gaussian('y', [2, 3, 4])];
    const [actual, expected] = [await evaluate(build, inputs, strict), await evaluate(build, inputs)];
    actual.forEach(({ data }, i) => expect(data, `result ${i}`).toEqual(expected[i]!.data));
  });
});

describe.skipIf(problem)('state on WebGPU', () => {
  const run = async (executable: Executable, byol: ReturnType<typeof smallByol>, steps: readonly number[]): Promise<number[]> => {
    const losses: number[] = [];
    for (const k of steps) losses.push((await executable.run(await feedsOf(byol, k))).loss!.data[0] as number);
    return losses;
  };

  test('three steps of BYOL agree with the CPU; the state survives a copy to the host and back', async () => {
    const byol = smallByol();
    const [cpu, gpu] = [compile(byol.program, { threads: 1 }), compile(byol.program, strict)];
    const start = initialState(byol.program, 3);
    cpu.setState(start);
    gpu.setState(start);
    const losses = await run(gpu, byol, [0, 1, 2]);
    expect(relativeError(losses, await run(cpu, byol, [0, 1, 2]))).toBeLessThan(1e-4);
    const [state, expected] = [gpu.getState(), cpu.getState()];
    expect(state.size).toBe(expected.size);
    for (const [name, { data }] of state) {
      expect(relativeError(data as Float32Array, expected.get(name)!.data as Float32Array), name).toBeLessThan(1e-3);
    }
    // After an odd number of steps the other of the two buffers is current; what getState gave is a copy.
    const [fourth] = await run(gpu, byol, [3]);
    gpu.setState(state);
    for (const [name, { data }] of gpu.getState()) expect(data, name).toEqual(state.get(name)!.data);
    expect(await run(gpu, byol, [3])).toEqual([fourth]);
    cpu.dispose();
    gpu.dispose();
  });

  test('what a step is fed is what it reads, in every step', async () => {
    const program = g.trace(() => {
      const [x, total] = [g.input('x', [2]), g.input('total', [2])];
      return { name: 'sum', inputs: [x], state: [{ name: 'total', tensor: total, next: total.add(x) }], outputs: new Map([['twice', x.mul(2)]]) };
    });
    const executable = compile(program, strict);
    executable.setState(new Map([['total', { dtype: 'float32', shape: [2], data: Float32Array.of(10, 20) }]]));
    const seen: number[][] = [];
    for (let k = 1; k <= 5; k++) {
      const { twice } = await executable.run({ x: { dtype: 'float32', shape: [2], data: Float32Array.of(k, k * k) } });
      seen.push([...twice!.data as Float32Array]);
    }
    expect(seen).toEqual([[2, 2], [4, 8], [6, 18], [8, 32], [10, 50]]);
    expect([...executable.getState().get('total')!.data]).toEqual([25, 75]);
    executable.dispose();
  });
});
