import { describe, expect, test } from 'vitest';
import { gaussianSignal, steppedSignal } from '../../../src/commands/distill/boot-check.js';
import { float32 } from '../../../src/core/array.js';
import {
  bootLosses, bootTarget, exactModel, guidedSignal, linkOf, noiseLevel, signal,
  type BootInputs, type BootOptions, type DenoiserSpec, type Mixture, type Times,
} from '../../../src/core/diffusion/index.js';
import { constant, expand, grad, input, type Tensor } from '../../../src/core/graph/index.js';
import { type Scope } from '../../../src/core/nn/index.js';
import { numbersOf, runOnce } from '../../support/steps.js';

const vector = (values: readonly number[]): Tensor => constant(float32([values.length], values));
const timesAt = (t: readonly number[]): Times => ({
  t: vector(t), alpha: vector(t.map((v) => noiseLevel('cosine', v).alpha)), sigma: vector(t.map((v) => noiseLevel('cosine', v).sigma)),
});

describe('the signal on the path of a Gaussian', () => {
  test('has the values of the closed form', () => {
    // At 1 there is no signal in x, and the path goes through eps itself.
    const expected = [[0, 2.35], [0.25, 2.1645510112], [0.5, 2.0826237921], [0.75, 2.0358631529], [0.9, 2.0138369781]] as const;
    for (const [t, y] of expected) expect(gaussianSignal(t, 0.7, 1)).toBeCloseTo(y, 9);
  });

  test('follows the signal ODE', () => {
    const [t, h] = [0.4, 1e-5];
    const slope = (gaussianSignal(t + h, 0.7, 1) - gaussianSignal(t - h, 0.7, 1)) / (2 * h);
    expect(slope).toBeCloseTo(-0.296051603, 7);
  });

  test('is what steps of DDIM come to, with an error of first order', () => {
    const y = gaussianSignal(0.999, 0.7, 1);
    const expected = [[4, 2.2335305407], [16, 2.3177864907], [64, 2.3416756524], [256, 2.3479004529]] as const;
    for (const [steps, value] of expected) expect(steppedSignal(y, 0.7, 0.999, 0, steps)).toBeCloseTo(value, 9);
  });
});

describe('exact denoisers', () => {
  test('of a Gaussian and of a ring, against sums over components', async () => {
    for (const name of ['gaussian', 'ring8'] as const) {
      const { denoiser } = exactModel(name, 'cosine');
      const { means, std } = denoiser.network as unknown as Mixture;
      const times = [0.05, 0.3, 0.6, 0.9];
      const width = denoiser.shape[0]!;
      const x = Array.from({ length: 4 * width }, (_, i) => Math.sin(3 * i) * 2);
      const { outputs } = await runOnce((root) => ({ f: signal(denoiser, root, input('x', [4, width]), timesAt(times)) }),
        { feed: { x: float32([4, width], x) } });
      times.forEach((t, row) => {
        const { alpha, sigma } = noiseLevel('cosine', t);
        const variance = (alpha * std) ** 2 + sigma ** 2;
        const point = x.slice(row * width, (row + 1) * width);
        const logs = means.map((m) => -m.reduce((total, v, k) => total + (point[k]! - alpha * v) ** 2, 0) / (2 * variance));
        const top = Math.max(...logs);
        const shares = logs.map((log) => Math.exp(log - top));
        const total = shares.reduce((a, b) => a + b);
        for (let k = 0; k < width; k++) {
          const estimate = means.reduce((sum, m, j) => sum
            + (shares[j]! / total) * (m[k]! + ((alpha * std ** 2) / variance) * (point[k]! - alpha * m[k]!)), 0);
          expect(numbersOf(outputs.f!)[row * width + k]).toBeCloseTo(estimate, 4);
        }
      });
    }
  });
});

describe('guidance', () => {
  const spec: DenoiserSpec = {
    network: { name: 'mlp', hidden: 8, layers: 2 }, shape: [2], schedule: 'cosine', predict: 'v', condition: { kind: 'class', classes: ['a', 'b'] },
  };
  const build = (root: Scope) => {
    const x = constant(float32([3, 2], [0.5, -1, 2, 0.1, -0.3, 1.2]));
    const times = timesAt([0.2, 0.5, 0.9]);
    const asked = constant({ dtype: 'int32', shape: [3], data: Int32Array.of(0, 1, 0) });
    const none = constant({ dtype: 'int32', shape: [3], data: Int32Array.of(2, 2, 2) });
    const at = (w: number) => guidedSignal(spec, root, x, times, constant(w), asked);
    return {
      one: at(1), zero: at(0), three: at(3), plain: guidedSignal(spec, root, x, times, undefined, asked),
      conditional: signal(spec, root, x, times, asked), free: signal(spec, root, x, times, none),
    };
  };

  test('of strength 1 is the conditional estimate, of 0 the free one, and beyond it goes on along their difference', async () => {
    const { outputs } = await runOnce(build);
    const of = (name: string) => numbersOf(outputs[name]!);
    const near = (a: readonly number[], b: readonly number[]) => a.forEach((v, i) => expect(v).toBeCloseTo(b[i]!, 5));
    expect(of('plain')).toEqual(of('conditional'));
    near(of('one'), of('conditional'));
    near(of('zero'), of('free'));
    near(of('three'), of('free').map((free, i) => free + 3 * (of('conditional')[i]! - free)));
    expect(Math.max(...of('free').map((free, i) => Math.abs(free - of('conditional')[i]!)))).toBeGreaterThan(1e-3);
  });
});

describe('the target of a link', () => {
  const noise = [0.7, -1.1];
  const eps = (): Tensor => constant(float32([2, 1], noise));
  const links = [linkOf('cosine', 0.6, 0.56), linkOf('cosine', 0.04, 0)];
  const link = () => ({ from: timesAt([0.6, 0.04]), to: timesAt([0.56, 0]), delta: vector(links.map(({ delta }) => delta)) });
  const { denoiser } = exactModel('gaussian', 'cosine');

  test('is one step of the signal\'s DDIM; at the end of the path it is the estimate alone', async () => {
    const starts = [2.3, 1.4];
    const { outputs } = await runOnce((root) => ({
      y: bootTarget((x, times) => signal(denoiser, root, x, times), constant(float32([2, 1], starts)), eps(), link(), 'ddim'),
      constantTeacher: bootTarget((x) => expand(constant(3), x.shape), constant(float32([2, 1], [3, 3])), eps(), link(), 'heun'),
    }));
    const expected = [[0.6, 0.56], [0.04, 0]].map(([t, s], i) => steppedSignal(starts[i]!, noise[i]!, t!, s!, 1));
    numbersOf(outputs.y!).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    expect(numbersOf(outputs.constantTeacher!)).toEqual([3, 3]);
  });

  test('is nearer to the path with heun', async () => {
    const [t, s] = [0.6, 0.4];
    const y = noise.map((value) => gaussianSignal(t, value, 1));
    const { outputs } = await runOnce((root) => Object.fromEntries((['ddim', 'heun'] as const).map((solver) => [solver, bootTarget(
      (x, times) => signal(denoiser, root, x, times), constant(float32([2, 1], y)), eps(),
      { from: timesAt([t, t]), to: timesAt([s, s]), delta: vector([0, 1].map(() => linkOf('cosine', t, s).delta)) }, solver)])));
    const errors = (name: string) =>
      numbersOf(outputs[name]!).map((value, i) => Math.abs(value - gaussianSignal(s, noise[i]!, 1)));
    errors('heun').forEach((error, i) => expect(error).toBeLessThan(errors('ddim')[i]! / 4));
  });
});

describe('the losses', () => {
  const teacher: DenoiserSpec = { network: { name: 'mlp', hidden: 6, layers: 2 }, shape: [2], schedule: 'cosine', predict: 'v' };
  const options: BootOptions = {
    teacher, denoiser: teacher, student: { tMax: 0.98, tMin: 0, timeCondition: 'added' }, solver: 'ddim', beta: 0.5, batch: 4,
  };
  const times = [0.1, 0.4, 0.7, 0.9];
  const given = (): BootInputs => ({
    from: timesAt(times), to: timesAt(times.map((t) => t - 0.05)), start: timesAt([0.98, 0.98, 0.98, 0.98]),
    delta: vector(times.map((t) => linkOf('cosine', t, t - 0.05).delta)), weight: vector([1, 2, 1, 3]),
  });
  /** The student's weights are the teacher's, and those of the wanted time zero. */
  const same = async (root: (scope: Scope) => Record<string, Tensor>) => {
    const { program, state } = await runOnce(root);
    const values = Object.fromEntries([...program.variables.keys()].map((name) =>
      [name, state.get(name.replace(/^student\./, 'teacher.')) ?? state.get(name)!]));
    return runOnce(root, { state: values });
  };

  test('a student that starts as its teacher keeps the boundary', async () => {
    const { outputs } = await same((root) => ({ ...bootLosses(root, options, given()) }));
    expect(numbersOf(outputs.boundary!)[0]).toBe(0);
    expect(numbersOf(outputs.bootstrap!)[0]).toBeGreaterThan(1e-4);
    expect(numbersOf(outputs.loss!)[0]).toBeCloseTo(numbersOf(outputs.bootstrap!)[0]!, 6);
  });

  test('no gradient reaches the teacher', async () => {
    const { outputs } = await same((root) => {
      const { loss } = bootLosses(root, options, given());
      const gradients = (path: string) => grad(loss, root.at(path).parameters.map(({ tensor }) => tensor))
        .map((g) => g.square().sum()).reduce((a, b) => a.add(b));
      return { teacher: gradients('teacher'), student: gradients('student') };
    });
    expect(numbersOf(outputs.teacher!)[0]).toBe(0);
    expect(numbersOf(outputs.student!)[0]).toBeGreaterThan(1e-6);
  });

  test('a student that is constant where its teacher is has no loss', async () => {
    const flat = (root: Scope) => {
      return { ...bootLosses(root, { ...options, teacher: { ...teacher, predict: 'x0' }, denoiser: { ...teacher, predict: 'x0' } }, given()) };
    };
    const { program } = await runOnce(flat);
    const state = Object.fromEntries([...program.variables].map(([name, { tensor: { shape, size } }]) =>
      [name, float32(shape, new Float32Array(size).fill(/out\.bias$/.test(name) ? 0.8 : 0))]));
    const { outputs } = await runOnce(flat, { state });
    expect(numbersOf(outputs.loss!)[0]).toBeLessThan(1e-12);
  });
});
