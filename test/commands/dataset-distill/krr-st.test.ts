import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { krrSt, randomRows, type KrrStOptions } from '../../../src/commands/dataset-distill/krr-st.js';
import { regressionStep } from '../../../src/commands/dataset-distill/regress.js';
import type { Source } from '../../../src/commands/dataset-distill/source.js';
import { kCenter } from '../../../src/commands/dataset-distill/subsets.js';
import { float32, type NdArray } from '../../../src/core/array.js';
import { shiftedImages } from '../../../src/core/data/shift.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { grad, input, stopGradient, type Tensor } from '../../../src/core/graph/index.js';
import { kernelRidgeLoss } from '../../../src/core/losses/index.js';
import { encode, stepProgram, type EncoderSpec } from '../../../src/core/nn/index.js';
import { adamw } from '../../../src/core/optim/index.js';
import { stream } from '../../../src/core/random.js';
import { matrix } from '../../../src/core/stats/matrix.js';
import { train, type State } from '../../../src/core/train/index.js';
import { toArray, type GoldenTensor } from '../../support/golden.js';
import { gaussian, relativeError } from '../../support/run.js';
import { numbersOf, runSteps } from '../../support/steps.js';

type Tensors = Readonly<Record<string, GoldenTensor>>;
const golden = JSON.parse(readFileSync(new URL('../../golden/krr-st.json', import.meta.url), 'utf8')) as {
  sizes: { size: number; batch: number; width: number; dimension: number; ridge: number; lr: number };
  state: Tensors; real: Tensors; loss: number; lambda: number; grads: Tensors; after: Tensors;
  pool: { loss: number; after: Tensors };
};
const arrays = (tensors: Tensors, prefix = ''): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [prefix + name, toArray(value)]));

describe('one step of the official code', () => {
  const { sizes: { size, batch, width, dimension, ridge, lr }, state, real } = golden;
  const spec: EncoderSpec = { name: 'distillnet2', width };

  test('the outer loss, its gradients and what AdamW makes of them', async () => {
    const program = stepProgram('outer', (root) => {
      const images = root.at('synthetic').param('images', [size, 3, 8, 8], () => new Float32Array(size * 192));
      const targets = root.at('synthetic').param('targets', [size, dimension], () => new Float32Array(size * dimension));
      const f = (x: typeof images) => encode(spec, root.at('encoder').mode({ training: false }), x);
      const { loss, lambda } = kernelRidgeLoss({ features: f(images), targets },
        { features: stopGradient(f(input('images', [batch, 3, 8, 8]))), targets: input('targets', [batch, dimension]) }, ridge);
      const learned = root.at('synthetic').variables;
      const [dx, dy] = grad(loss, learned.map(({ tensor }) => tensor));
      adamw(root.at('optimizer'), [[learned[0]!, dx!], [learned[1]!, dy!]], { lr });
      return { loss, lambda, dx: dx!, dy: dy! };
    });
    const { outputs: [out], states: [after] } = await runSteps(program, [arrays(real)], { state: arrays(state) });
    expect(numbersOf(out!.loss!)[0]! / golden.loss).toBeCloseTo(1, 5);
    expect(numbersOf(out!.lambda!)[0]! / golden.lambda).toBeCloseTo(1, 5);
    expect(relativeError(numbersOf(out!.dx!), golden.grads.images!.data)).toBeLessThan(1e-4);
    expect(relativeError(numbersOf(out!.dy!), golden.grads.targets!.data)).toBeLessThan(1e-5);
    for (const name of ['images', 'targets']) {
      const moved = numbersOf(after!.get(`synthetic.${name}`)!).map((v, i) => v - state[`synthetic.${name}`]!.data[i]!);
      const expected = golden.after[name]!.data.map((v, i) => v - state[`synthetic.${name}`]!.data[i]!);
      expect(relativeError(moved, expected), name).toBeLessThan(2e-3);
    }
  });

  test('the step of a model of the pool: batch statistics, momentum, weight decay', async () => {
    const program = stepProgram('inner', (root) => ({
      loss: regressionStep(root, input('images', [size, 3, 8, 8]), input('targets', [size, dimension]), spec,
        { lr: 0.1, momentum: 0.9, weightDecay: 1e-3 }),
    }));
    const { outputs: [out], states: [after] } = await runSteps(program, [arrays(golden.after)], { state: arrays(state) });
    expect(numbersOf(out!.loss!)[0]! / golden.pool.loss).toBeCloseTo(1, 5);
    for (const [name, expected] of Object.entries(golden.pool.after)) {
      expect(relativeError(numbersOf(after!.get(name)!), expected.data), name).toBeLessThan(1e-5);
    }
  });
});

/** A small source whose targets are a fixed random map of the images' means, so that they can be learnt. */
function toySource(count = 60): Source {
  const set = synthImages({ count, size: 8, classes: 3, seed: 2 });
  const map = gaussian('toy map', [3, 4], 3).data;
  const targets = float32([count, 4]);
  for (let i = 0; i < count; i++) {
    const plane = (c: number) => set.images.data.subarray((i * 3 + c) * 64, (i * 3 + c + 1) * 64);
    const means = [0, 1, 2].map((c) => plane(c).reduce((a, b) => a + b, 0) / (64 * 255));
    for (let k = 0; k < 4; k++) for (let c = 0; c < 3; c++) targets.data[i * 4 + k]! += means[c]! * map[c * 4 + k]!;
  }
  const input = { channels: 3, size: 8, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  return { set: { examples: set.images }, input, targets };
}

const OPTIONS: KrrStOptions = {
  size: 8, encoder: { name: 'distillnet2', width: 4 }, steps: 60, batch: 20, lr: 0.02, finalLr: 1e-3, ridge: 1e-6,
  poolSize: 2, poolSteps: 4, poolReset: 'counter', poolLr: 0.1, poolMomentum: 0.9, poolWeightDecay: 1e-3,
  init: 'real', learn: 'both', normalizeSynthetic: false, augmentation: 'none', shift: 4,
};

async function distil(
  options: Partial<KrrStOptions> = {}, more: { steps?: number; resume?: { state: State; step: number } } = {},
) {
  const run = await krrSt(toySource(), { ...OPTIONS, ...options }, 5, { threads: 1 });
  const losses: number[] = [];
  const states: State[] = [];
  const { state } = await train({ ...run, ...(more.steps && { steps: more.steps }) }, {
    seed: 5, threads: 1, ...(more.resume && { resume: more.resume }),
    onStep: (report) => { losses.push(report.metrics.loss!); states.push(report.state()); },
  });
  return { losses, states, state };
}
const valuesOf = (state: State, name: string): number[] => Array.from(state.get(name)!.data as Float32Array);

describe('krrSt', () => {
  test('the outer loss falls; what is not learnt stays as it started', async () => {
    const { losses, state } = await distil({ poolSteps: 100 });
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.5 * mean(losses.slice(0, 10)));
    const [images, targets] = [await distil({ learn: 'images', steps: 3 }), await distil({ learn: 'targets', steps: 3 })];
    const source = toySource();
    const rows = randomRows(60, 8, 5);
    const first = rows.flatMap((row) => Array.from(source.targets!.data.subarray(row * 4, row * 4 + 4)));
    expect(valuesOf(images.state, 'synthetic.targets')).toEqual(first);
    expect(valuesOf(targets.state, 'synthetic.targets')).not.toEqual(first);
    const data = source.set.examples.data as Uint8Array;
    const pixels = rows.flatMap((row) => Array.from(data.subarray(row * 192, row * 192 + 192), (v) => Math.fround(v / 255)));
    expect(valuesOf(targets.state, 'synthetic.images')).toEqual(pixels);
    expect(valuesOf(state, 'synthetic.images')).not.toEqual(pixels);
  });

  test('resumed at any step it goes on to the same bytes, resets of the pool included', async () => {
    const whole = await distil({ steps: 12 });
    for (const step of [1, 5, 11]) {
      const { state } = await distil({ steps: 12 }, { resume: { state: whole.states[step - 1]!, step } });
      expect([...state.keys()].sort()).toEqual([...whole.state.keys()].sort());
      for (const [name, { data }] of whole.state) expect(state.get(name)!.data, name).toEqual(data);
    }
  });

  test("a model that has taken its steps is replaced by a new one, and its count begins again; 'sticky' never counts again", async () => {
    const [counter, sticky] = [await distil({ steps: 30 }), await distil({ steps: 30, poolReset: 'sticky' })];
    const slots = Array.from({ length: 30 }, (_, k) => stream(5, 'pool', k).int(2));
    for (const [{ states }, reset] of [[counter, 'counter'], [sticky, 'sticky']] as const) {
      const steps = [0, 1].map((slot) => 1 + stream(5, 'pool warm-up', slot).int(3));
      const generations = [0, 0];
      slots.forEach((slot, k) => {
        if (steps[slot]! < 4) steps[slot]! += 1;
        else {
          generations[slot]! += 1;
          if (reset === 'counter') steps[slot] = 0;
        }
        expect(Array.from(states[k]!.get('pool.steps')!.data, Number), `steps after ${k + 1}`).toEqual(steps);
        expect(Array.from(states[k]!.get('pool.generations')!.data, Number)).toEqual(generations);
      });
    }
    // Once stuck, a slot holds networks that have never been trained: running means of 0.
    const last = sticky.states.at(-1)!;
    expect(new Set(valuesOf(last, 'pool.0.model.encoder.block1.norm.running_mean'))).toEqual(new Set([0]));
    const replaced = (k: number) => valuesOf(sticky.states[k]!, `pool.${slots[k]}.model.encoder.block1.conv.weight`);
    expect(replaced(29)).not.toEqual(replaced(slots.lastIndexOf(slots[29]!, 28)));
  });

  test('a step changes the model that was drawn and no other', async () => {
    const { states } = await distil({ steps: 2 });
    const slot = stream(5, 'pool', 1).int(2);
    const weights = (k: number, of: number) => valuesOf(states[k]!, `pool.${of}.model.head.weight`);
    expect(weights(1, slot)).not.toEqual(weights(0, slot));
    expect(weights(1, 1 - slot)).toEqual(weights(0, 1 - slot));
  });

  test('what it holds does not grow with the steps', async () => {
    const { states } = await distil({ steps: 30 });
    const size = (state: State) => [...state.values()].reduce((bytes, { data }) => bytes + data.byteLength, 0);
    expect(size(states.at(-1)!)).toBe(size(states[0]!));
  });

  test('more synthetic images than real ones, and a kernel that is singular, are errors that say what to do', async () => {
    await expect(distil({ size: 61 })).rejects
      .toThrow('the data set has 60 examples to learn from, fewer than the 61 of the synthetic set; use --size 60 or less');
    await expect(distil({ batch: 61 })).rejects.toThrow('use --batch 60 or less');
    // 32 features and an offset cannot tell 50 images apart.
    await expect(distil({ size: 50, ridge: 0, encoder: { name: 'distillnet2', width: 4 } })).rejects
      .toThrow(/kernel of the synthetic examples is singular with --ridge 0, which makes lambda 0.*give a larger --ridge/);
  });
});

describe('shiftedImages', () => {
  const images = { dtype: 'uint8' as const, shape: [1, 1, 3, 3], data: Uint8Array.from([51, 102, 153, 204, 255, 0, 51, 102, 153]) };

  test('without shifts and flips it is the image', () => {
    expect(numbersOf(shiftedImages(images, [0], { pad: 0, flip: 0 }, stream(0, 'x'))))
      .toEqual(Array.from(images.data, (v) => Math.fround(v / 255)));
    expect(numbersOf(shiftedImages(images, [0], { pad: 0, flip: 1 }, stream(0, 'x'))))
      .toEqual([153, 102, 51, 0, 255, 204, 153, 102, 51].map((v) => Math.fround(v / 255)));
  });

  test('all shifts up to the padding occur, black comes in, and the rest is the image moved', () => {
    const seen = new Set<string>();
    const random = stream(1, 'shifts');
    const at = (y: number, x: number) => (y >= 0 && y < 3 && x >= 0 && x < 3 ? Math.fround(images.data[y * 3 + x]! / 255) : 0);
    for (let draw = 0; draw < 200; draw++) {
      const values = numbersOf(shiftedImages(images, [0], { pad: 1, flip: 0 }, random));
      const found = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dy, dx] as const))
        .filter(([dy, dx]) => values.every((v, i) => v === at(Math.floor(i / 3) + dy, (i % 3) + dx)));
      expect(found).toHaveLength(1);
      seen.add(String(found[0]));
    }
    expect(seen.size).toBe(9);
  });
});

test('k-centre takes the farthest row each time, and no row twice', () => {
  const line = matrix(6, 1, Float64Array.from([0, 1, 2, 3, 10, 10]));
  expect(kCenter(line, 3, 0)).toEqual([0, 4, 3]);
  expect(kCenter(line, 6, 0).sort()).toEqual([0, 1, 2, 3, 4, 5]);
});

test('gradients with randomness inside are biased by its variance, and more samples do not help', async () => {
  // theta = x (1 + xi), L = theta^2 / 2: the mean of the sampled gradients is x (1 + s^2); of the expected inner problem, x.
  const [x, s, samples] = [1.5, 0.5, 200_000];
  const program = stepProgram('bias', (root) => {
    const value = root.param('x', [], () => Float32Array.of(x));
    const theta = root.draw('xi', [samples], 'normal').mul(s).add(1).mul(value);
    const gradient = (loss: Tensor): Tensor => grad(loss, [value])[0]!;
    return { sampled: gradient(theta.square().mul(0.5).mean()), expected: gradient(theta.mean().square().mul(0.5)) };
  });
  const { outputs: [out] } = await runSteps(program, [{}]);
  const error = 5 * x * Math.sqrt((4 * s ** 2 + 2 * s ** 4) / samples);
  expect(Math.abs(numbersOf(out!.sampled!)[0]! - x * (1 + s * s))).toBeLessThan(error);
  expect(Math.abs(numbersOf(out!.expected!)[0]! - x)).toBeLessThan(error);
  expect(x * s * s).toBeGreaterThan(10 * error);
});
