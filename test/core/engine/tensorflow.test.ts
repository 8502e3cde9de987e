import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { workloads, type Sizes, type Workload } from '../../../bench/workloads/index.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { compile, loadTensorFlow } from '../../../src/core/engine/index.js';
import { emitters } from '../../../src/core/engine/onnx/emit.js';
import { kernels } from '../../../src/core/engine/tensorflow/kernels.js';
import * as g from '../../../src/core/graph/index.js';
import { initialState } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { feedsOf, smallByol } from '../../support/byol.js';
import { expectedOf, golden, toArray, valueAndGradients } from '../../support/golden.js';
import { evaluate, relativeError } from '../../support/run.js';
import { sampledPrimitives, sampleOf } from '../../support/samples.js';
import { numbersOf } from '../../support/steps.js';
import { toArrays, type Stored } from '../../bench/stored.js';

const device = 'tensorflow';
const { tf } = loadTensorFlow(1);

describe('primitives against PyTorch', () => {
  for (const entry of golden.primitives) {
    test(entry.name, async () => {
      const results = await evaluate(valueAndGradients(entry), entry.inputs.map(toArray), { device });
      const expected = expectedOf(entry);
      expect(results.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      const errors = results.map(({ data }, i) => relativeError(data as Float32Array, expected[i]!.data));
      // Around 900, float32 values lie 6e-5 apart.
      const tolerance = entry.name.endsWith('large logits') ? 4e-5 : 2e-6;
      expect(Math.max(...errors), `relative errors ${errors}`).toBeLessThan(tolerance);
    });
  }
});

describe('primitives against ONNX Runtime, on random shapes', () => {
  const DRAWS = 12;

  test('both executors have all primitives, and each has samples', () => {
    expect(Object.keys(kernels).sort()).toEqual(Object.keys(emitters).sort());
    expect([...sampledPrimitives].sort()).toEqual(Object.keys(emitters).sort());
  });

  for (const primitive of sampledPrimitives) {
    test(primitive, async () => {
      let uses = 0;
      for (let draw = 0; draw < DRAWS; draw++) {
        const { arrays, build } = sampleOf(primitive, draw);
        const watched = (...inputs: g.Tensor[]) => {
          const y = build(...inputs);
          if (y.trace.nodes.some(({ op }) => op === primitive)) uses++;
          return y;
        };
        const [[actual], [expected]] = [await evaluate(watched, arrays, { device }), await evaluate(build, arrays)];
        const what = `draw ${draw}, of ${arrays.map(({ dtype, shape }) => `${dtype} [${shape}]`).join(', ')}`;
        expect({ dtype: actual!.dtype, shape: actual!.shape }, what).toEqual({ dtype: expected!.dtype, shape: expected!.shape });
        expect(relativeError(actual!.data as Float32Array, expected!.data as Float32Array), what).toBeLessThan(2e-6);
      }
      // What changes nothing (a transposition of no axes) is left out of the graph.
      expect(uses).toBeGreaterThan(DRAWS / 2);
    });
  }
});

const recorded = JSON.parse(readFileSync(new URL('../../golden/workloads.json', import.meta.url), 'utf8')) as
  Record<string, { readonly sizes: Sizes; readonly state: Readonly<Record<string, Stored>> }>;

/**
 * Largest relative differences of one step, taken by both from the same state (batch normalisation of few examples amplifies
 * rounding from step to step): of the loss, and of any tensor of the state. The gradient of a bias in front of a
 * normalisation (w1, w2, w4) or of attention's keys (w3) is nothing but rounding, of which Adam makes full steps.
 */
const TOLERANCE: Readonly<Record<string, { readonly loss: number; readonly state: number }>> = {
  w1: { loss: 2e-6, state: 1e-2 },
  w2: { loss: 1e-6, state: 2e-2 },
  w3: { loss: 1e-6, state: 5e-2 },
  w4: { loss: 1e-6, state: 5e-3 },
  w5: { loss: 2e-6, state: 1e-6 },
  w6: { loss: 1e-6, state: 1e-6 },
  w7: { loss: 1e-6, state: 3e-4 },
  w8: { loss: 5e-6, state: 5e-4 },
  w9: { loss: 2e-6, state: 2e-3 },
  krrst: { loss: 1e-6, state: 5e-4 },
  ddim: { loss: 1e-6, state: 0 },
  docking: { loss: 1e-6, state: 5e-5 },
};

describe.each(workloads.map((workload) => ({ name: workload.name, workload })))('workload $name', ({ name, workload }) => {
  // From the states that PyTorch's steps were recorded at, where there are any.
  const sizes = recorded[name]?.sizes ?? { ...workload.defaults, ...workload.tiny };
  const program = workload.program(sizes);
  const lossOf: NonNullable<Workload['step']> = workload.step
    ?? (async (executable, inputs) => (await executable.run(inputs)).loss!.data[0] as number);

  test('three steps and the states after them agree with ONNX Runtime, and no tensor is left behind', async () => {
    const [actual, expected] = [compile(program, { device }), compile(program, { threads: 1 })];
    expected.setState(new Map([...initialState(program, 5), ...Object.entries(toArrays(recorded[name]?.state ?? {}))]));
    const { numTensors } = tf.memory();
    for (let step = 0; step < 3; step++) {
      const inputs = workload.inputs(sizes, (purpose) => stream(step, purpose));
      actual.setState(expected.getState());
      const [loss, reference] = [await lossOf(actual, inputs, sizes), await lossOf(expected, inputs, sizes)];
      const [state, wanted] = [actual.getState(), expected.getState()];
      expect([...state.keys()]).toEqual([...wanted.keys()]);
      const errors = [...state].map(([key, { data }]) =>
        [relativeError(numbersOf({ data } as NdArray), numbersOf(wanted.get(key)!)), key] as const).sort(([a], [b]) => b - a);
      const tolerance = TOLERANCE[name]!;
      expect(Math.abs(loss / reference - 1), `loss of step ${step}`).toBeLessThan(tolerance.loss);
      if (errors[0]) expect(errors[0][0], `${errors[0][1]} after step ${step}`).toBeLessThanOrEqual(tolerance.state);
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    actual.dispose();
    expected.dispose();
  });
});

describe('memory', () => {
  test('an executable takes its tensors with it', async () => {
    const byol = smallByol();
    const before = tf.memory();
    const executable = compile(byol.program, { device });
    executable.setState(initialState(byol.program, 3));
    for (let k = 0; k < 2; k++) await executable.run(await feedsOf(byol, k));
    expect(tf.memory().numTensors).toBeGreaterThan(before.numTensors);
    executable.dispose();
    const { numTensors, numBytes } = tf.memory();
    expect({ numTensors, numBytes }).toEqual({ numTensors: before.numTensors, numBytes: before.numBytes });
  });

  test('a step that fails leaves no tensor behind, and the state as it was', async () => {
    const byol = smallByol();
    const executable = compile(byol.program, { device });
    executable.setState(initialState(byol.program, 3));
    const state = executable.getState();
    const { numTensors } = tf.memory();
    const feeds = await feedsOf(byol, 0);
    const [name] = Object.keys(feeds).slice(-1) as [string];
    await expect(executable.run({ ...feeds, [name]: float32([1, 2, 3]) })).rejects.toThrow(/has shape \[1,2,3\]/);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(executable.getState()).toEqual(state);
    executable.dispose();
  });

  test('what is fed may be changed by its owner afterwards', async () => {
    const program = g.trace(() => {
      const [x, last] = [g.input('x', [2]), g.input('last', [2])];
      return { name: 'last', inputs: [x], state: [{ name: 'last', tensor: last, next: x }], outputs: new Map([['x', x]]) };
    });
    const executable = compile(program, { device });
    const x = float32([2], [1, 2]);
    const { x: y } = await executable.run({ x });
    x.data.fill(9);
    (y!.data as Float32Array).fill(8);
    expect(numbersOf(executable.getState().get('last')!)).toEqual([1, 2]);
    executable.dispose();
  });
});
