import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bytesOf, float32, int32, ndarray, type NdArray } from '../../../src/core/array.js';
import { compile, runtime, type CompileOptions } from '../../../src/core/engine/index.js';
import * as g from '../../../src/core/graph/index.js';
import type { Tensor } from '../../../src/core/graph/index.js';
import { batchNorm, conv2d, groupNorm, initialState, linear, stepProgram } from '../../../src/core/nn/index.js';
import { feedsOf, smallByol } from '../../support/byol.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, scalar } from '../../support/steps.js';

/** A program from a function of its inputs and state: outputs and next values by name. */
function compiled(
  shapes: { inputs?: Record<string, readonly number[]>; state?: Record<string, readonly number[]> },
  build: (t: Record<string, Tensor>) => { outputs?: Record<string, Tensor>; next?: Record<string, Tensor> },
  options: CompileOptions = {},
) {
  const program = g.trace(() => {
    const made = (all: Record<string, readonly number[]> = {}) =>
      Object.entries(all).map(([name, shape]) => [name, g.input(name, shape)] as const);
    const [inputs, state] = [made(shapes.inputs), made(shapes.state)];
    const { outputs = {}, next = {} } = build(Object.fromEntries([...inputs, ...state]));
    return {
      name: 'test', inputs: inputs.map(([, tensor]) => tensor), outputs: new Map(Object.entries(outputs)),
      state: state.map(([name, tensor]) => ({ name, tensor, next: next[name] })),
    };
  });
  return compile(program, { threads: 1, ...options });
}
const stateOf = (values: Record<string, NdArray>) => new Map(Object.entries(values));
const vector = (...values: number[]): NdArray => float32([values.length], values);

test('runs that are too short for another thread leave the event loop its turns all the same', async () => {
  const executable = compiled({ inputs: { x: [4] } }, ({ x }) => ({ outputs: { y: x!.mul(2) } }));
  let [turns, runs] = [0, 0];
  const timer = setInterval(() => turns++, 1);
  for (const start = performance.now(); turns < 5 && performance.now() - start < 10_000; runs++) {
    expect(numbersOf((await executable.run({ x: vector(runs, 1, 2, 3) })).y!)[0]).toBe(2 * runs);
  }
  clearInterval(timer);
  executable.dispose();
  expect(turns).toBe(5);
  expect(runs).toBeGreaterThan(10 * turns);
});

describe.each(['cpu', 'tensorflow'] as const)('state from step to step on device %s', (device) => {
  const compiledHere: typeof compiled = (shapes, build) => compiled(shapes, build, { device });

  test('200 steps of momentum equal the same sums on the host, also after an odd number', async () => {
    const executable = compiledHere({ inputs: { g: [4] }, state: { w: [4], m: [4] } }, ({ w, m, g: gradient }) => {
      const next = m!.mul(0.9).add(gradient!).add(w!.mul(0.1));
      return { outputs: { before: w!.sum() }, next: { m: next, w: w!.sub(next.mul(0.05)) } };
    });
    const start = gaussian('w', [4]);
    executable.setState(stateOf({ w: start, m: float32([4]) }));
    let [w, m] = [Float64Array.from(start.data), new Float64Array(4)];
    for (let k = 0; k < 201; k++) {
      const gradient = gaussian(`g ${k}`, [4]);
      const { before } = await executable.run({ g: gradient });
      expect(before!.data[0]).toBeCloseTo(w.reduce((a, b) => a + b), 4);
      m = m.map((v, i) => 0.9 * v + gradient.data[i]! + 0.1 * w[i]!);
      w = w.map((v, i) => v - 0.05 * m[i]!);
      if (k === 99 || k === 200) {
        const state = executable.getState();
        expect(relativeError(numbersOf(state.get('w')!), w)).toBeLessThan(1e-5);
        expect(relativeError(numbersOf(state.get('m')!), m)).toBeLessThan(1e-5);
      }
    }
    executable.dispose();
  });

  test('what is read and what is written never share a buffer: two variables that change places', async () => {
    const executable = compiledHere({ state: { a: [2], b: [2], c: [2] } }, ({ a, b, c }) =>
      ({ outputs: { a: a!, sum: a!.add(b!) }, next: { a: b!, b: a!, c: c!.add(a!) } }));
    executable.setState(stateOf({ a: vector(1, 2), b: vector(10, 20), c: vector(0, 0) }));
    const seen: number[][] = [];
    for (let k = 0; k < 3; k++) seen.push(numbersOf((await executable.run({})).a!));
    expect(seen).toEqual([[1, 2], [10, 20], [1, 2]]);
    const state = executable.getState();
    expect(['a', 'b', 'c'].map((name) => numbersOf(state.get(name)!))).toEqual([[10, 20], [1, 2], [12, 24]]);
    executable.dispose();
  });

  test('outputs and next values may be inputs, constants, unchanged state, and the same tensor several times', async () => {
    const shapes = { inputs: { x: [2], unused: [3] }, state: { kept: [2], reset: [2], fed: [2], self: [2] } };
    const executable = compiledHere(shapes, ({ x, kept, self }) => {
      const double = x!.mul(2);
      return {
        outputs: { x: x!, kept: kept!, one: double, two: double, constant: g.constant(vector(7, 8)) },
        next: { reset: g.expand(g.constant(0), [2]), fed: x!, self: self! },
      };
    });
    executable.setState(stateOf({ kept: vector(3, 4), reset: vector(5, 6), self: vector(9, 9) }));
    for (const x of [vector(1, 2), vector(-1, 0.5)]) {
      const outputs = await executable.run({ x, unused: float32([3]) });
      const [first, second] = numbersOf(x) as [number, number];
      expect(Object.fromEntries(Object.entries(outputs).map(([name, a]) => [name, numbersOf(a)]))).toEqual({
        x: [first, second], kept: [3, 4], one: [2 * first, 2 * second], two: [2 * first, 2 * second], constant: [7, 8],
      });
      const state = executable.getState();
      expect(numbersOf(state.get('reset')!)).toEqual([0, 0]);
      expect(numbersOf(state.get('fed')!)).toEqual([first, second]);
      expect(numbersOf(state.get('self')!)).toEqual([9, 9]);
    }
    executable.dispose();
  });

  test('getState gives a copy: later steps do not write into it', async () => {
    const executable = compiledHere({ state: { n: [1] } }, ({ n }) => ({ next: { n: n!.add(1) } }));
    executable.setState(stateOf({ n: vector(0) }));
    const before = executable.getState();
    for (let k = 0; k < 4; k++) await executable.run({});
    expect([numbersOf(before.get('n')!), numbersOf(executable.getState().get('n')!)]).toEqual([[0], [4]]);
    executable.dispose();
  });

  test('runSync does what run does', async () => {
    const executable = compiledHere({ inputs: { x: [1] }, state: { n: [1] } }, ({ x, n }) =>
      ({ outputs: { n: n! }, next: { n: n!.add(x!) } }));
    executable.setState(stateOf({ n: vector(0) }));
    expect(numbersOf(executable.runSync({ x: vector(2) }).n!)).toEqual([0]);
    expect(numbersOf((await executable.run({ x: vector(5) })).n!)).toEqual([2]);
    expect(numbersOf(executable.getState().get('n')!)).toEqual([7]);
    executable.dispose();
  });
});

describe('constants', () => {
  /** A network with every kind of convolution that has a lowering of its own, batch norm and group norm. */
  const network = stepProgram('network', (root) => {
    const block = (name: string, x: Tensor, channels: number, options: object) =>
      g.relu(batchNorm(root.at(`${name}.bn`), conv2d(root.at(name), x, channels, 3, { padding: 1, ...options })));
    let x = block('stem', g.input('x', [3, 3, 12, 8]), 64, {});
    x = block('winograd', x, 64, {});
    x = block('depthwise', x, 64, { groups: 64, stride: 2 });
    x = block('grouped', x, 32, { groups: 4, bias: true });
    x = groupNorm(root.at('gn'), block('dilated', x, 24, { dilation: 2, padding: 2 }).mul(0.5), 4);
    return { y: linear(root.at('head'), g.mean(x, [2, 3]), 5) };
  }, { training: false });
  const state = new Map([...initialState(network, 0)].map(([name, value]) => [
    name, name.endsWith('running_var') ? vector(...gaussian(name, value.shape).data.map((v) => v * v + 0.1)) : gaussian(name, value.shape),
  ]));
  const x = gaussian('x', [3, 3, 12, 8]);

  test('a network with constant weights computes what it computes with the same state, for any threads', async () => {
    const outputs = [];
    const ways = [{ threads: 1 }, { threads: 1, constants: state }, { threads: 2, constants: state }, { device: 'tensorflow', constants: state }] as const;
    for (const options of ways) {
      const executable = compile(network, options);
      if (!('constants' in options)) executable.setState(state);
      outputs.push(numbersOf((await executable.run({ x })).y!));
      executable.dispose();
    }
    const [expected, ...found] = outputs;
    for (const y of found) expect(relativeError(y, expected!)).toBeLessThan(3e-6);
  });

  test('state that a run changes stays state', async () => {
    const constants = stateOf({ n: vector(1), a: vector(5) });
    const executable = compiled({ state: { n: [1], a: [1] } }, ({ n, a }) =>
      ({ outputs: { sum: n!.add(a!) }, next: { n: n!.add(a!) } }), { constants });
    const sums = [numbersOf((await executable.run({})).sum!), numbersOf((await executable.run({})).sum!)];
    expect(sums).toEqual([[6], [11]]);
    executable.dispose();
  });

  test('a constant of another shape is refused', () => {
    const constants = stateOf({ a: vector(1) });
    expect(() => compiled({ state: { a: [2] } }, ({ a }) => ({ outputs: { a: a!.mul(2) } }), { constants })).toThrow(
      'a has shape [1], but [2] is expected',
    );
  });
});

describe.each(['cpu', 'tensorflow'] as const)('what it is given on device %s', (device) => {
  const compiledHere: typeof compiled = (shapes, build) => compiled(shapes, build, { device });

  const doubled = () => compiledHere({ inputs: { x: [2, 3] }, state: { w: [2] } }, ({ x, w }) =>
    ({ outputs: { y: x!.mul(2) }, next: { w: w!.add(1) } }));

  test('other dtypes of the right shape are converted', async () => {
    const executable = doubled();
    const y = async (x: NdArray) => numbersOf((await executable.run({ x })).y!);
    expect(await y(ndarray('uint8', [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 255)))).toEqual([2, 4, 6, 8, 10, 510]);
    expect(await y(ndarray('int64', [2, 3], BigInt64Array.of(1n, -2n, 3n, 4n, 5n, 6n)))).toEqual([2, -4, 6, 8, 10, 12]);
    executable.dispose();
  });

  test('a wrong shape is an error that names the tensor and both shapes', async () => {
    const executable = doubled();
    await expect(executable.run({ x: float32([3, 2]) })).rejects.toThrow('input x has shape [3,2], but [2,3] is expected');
    expect(() => executable.setState(stateOf({ w: float32([3]) }))).toThrow('w has shape [3], but [2] is expected');
    await expect(executable.run({})).rejects.toThrow('input x was not given');
    executable.dispose();
  });

  test('names of state that the program does not have are ignored', () => {
    const executable = doubled();
    executable.setState(stateOf({ other: float32([9]), w: vector(4, 5) }));
    expect([...executable.getState()].map(([name, a]) => [name, numbersOf(a)])).toEqual([['w', [4, 5]]]);
    executable.dispose();
  });

  test('a second run before the first has ended is an error, and the first is unharmed', async () => {
    const executable = doubled();
    const first = executable.run({ x: float32([2, 3], [1, 2, 3, 4, 5, 6]) });
    await expect(executable.run({ x: float32([2, 3]) })).rejects.toThrow(/one step at a time/);
    expect(numbersOf((await first).y!)).toEqual([2, 4, 6, 8, 10, 12]);
    executable.dispose();
  });

  test('dispose may be called twice', () => {
    const executable = doubled();
    executable.dispose();
    expect(() => executable.dispose()).not.toThrow();
  });
});

describe('determinism', () => {
  const hashAfter = async (steps: number, threads: number): Promise<string> => {
    const byol = smallByol({ norm: 'batch', headNorm: 'batch', optimizer: 'lars', monitor: 'linear' });
    const executable = compile(byol.program, { threads });
    executable.setState(initialState(byol.program, 3));
    for (let k = 0; k < steps; k++) await executable.run(await feedsOf(byol, k));
    const hash = createHash('sha256');
    for (const [name, array] of executable.getState()) hash.update(name).update(bytesOf(array));
    executable.dispose();
    return hash.digest('hex');
  };

  for (const threads of [1, 2]) {
    test(`five steps of BYOL give the same bytes every time, with ${threads} thread${threads === 1 ? '' : 's'}`, async () => {
      const [first, second, shorter] = [await hashAfter(5, threads), await hashAfter(5, threads), await hashAfter(4, threads)];
      expect(second).toBe(first);
      expect(shorter).not.toBe(first);
    });
  }
});

describe('devices', () => {
  const build = ({ x }: Record<string, Tensor>) => ({ outputs: { y: x!.add(1) } });

  test('auto takes one that works', async () => {
    const executable = compiled({ inputs: { x: [1] } }, build, { device: 'auto' });
    expect(['cpu', 'webgpu', 'cuda']).toContain(executable.device);
    expect(numbersOf((await executable.run({ x: vector(2) })).y!)).toEqual([3]);
    executable.dispose();
  });

  const cudaWorks = (() => {
    try {
      compiled({ inputs: { x: [1] } }, build, { device: 'cuda' }).dispose();
      return true;
    } catch {
      return false;
    }
  })();
  test.skipIf(cudaWorks)('cuda without the provider is one sentence that says what to do', () => {
    expect(() => compiled({ inputs: { x: [1] } }, build, { device: 'cuda' })).toThrow(
      new RegExp(`^device cuda: this ONNX Runtime \\(${runtime().version}\\) has no CUDA provider; the manual says how to add it, or use --device webgpu$`));
  });
});

test('int32 state and outputs keep their dtype', async () => {
  const program = g.trace(() => {
    const n = g.input('n', [2], 'int32');
    return { name: 'int', inputs: [], state: [{ name: 'n', tensor: n, next: g.add(n, n) }], outputs: new Map([['n', n]]) };
  });
  const executable = compile(program, { threads: 1 });
  executable.setState(stateOf({ n: int32([2], [3, -4]) }));
  expect((await executable.run({})).n).toEqual(int32([2], [3, -4]));
  expect(executable.getState().get('n')).toEqual(int32([2], [6, -8]));
  executable.dispose();
});

test('a scalar output has rank 0', async () => {
  const executable = compiled({ inputs: { x: [] } }, ({ x }) => ({ outputs: { y: x!.mul(3) } }));
  expect((await executable.run({ x: scalar(2) })).y).toEqual(scalar(6));
  executable.dispose();
});
