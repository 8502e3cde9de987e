import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { between, randomTeacher, type Options } from '../../../src/commands/distill/random-teacher.js';
import { bytesOf, float32, type NdArray } from '../../../src/core/array.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { drawInputs } from '../../../src/core/nn/index.js';
import { embedImages, type ImageEncoder, type State } from '../../../src/core/train/index.js';
import { stream } from '../../../src/core/random.js';
import { numbersOf, runSteps } from '../../support/steps.js';

const defaults = Object.fromEntries(Object.entries(randomTeacher.options).map(([key, spec]) =>
  [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, norm: 'none', batch: 8, head: [16], bottleneck: 8, outDim: 32, steps: 20,
};
const images = synthImages({ count: 16, size: 16, classes: 2, seed: 1 });

async function run(options: Partial<Options> = {}, steps = 3) {
  const job = randomTeacher.setup(images, { ...defaults, ...SMALL, ...options }, 3);
  const start = job.initial!();
  const feeds = await Promise.all(Array.from({ length: steps }, async (_, k) =>
    ({ ...await job.feeds(k), ...drawInputs(job.program, 3, k) })));
  const { outputs, states } = await runSteps(job.program, feeds, { state: Object.fromEntries(start) });
  const metric = (name: string) => outputs.map((output) => numbersOf(output[name]!)[0]!);
  return { job, start, states, end: states.at(-1)!, metric };
}
const digest = (state: State, prefix: string): string => {
  const hash = createHash('sha256');
  for (const [name, value] of [...state].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name).update(bytesOf(value));
  }
  return hash.digest('hex');
};

describe('the teacher', () => {
  test.each<[string, Partial<Options>]>([
    ['without normalisation', {}], ['with batch norm, its statistics too', { norm: 'batch' }], ['on noise', { norm: 'batch', inputs: 'gaussian' }],
  ])('is the same bytes after training: %s', async (_, options) => {
    const { start, end } = await run({ lr: 0.1, ...options });
    expect(digest(end, 'target.')).toBe(digest(start, 'target.'));
    expect(digest(end, 'online.')).not.toBe(digest(start, 'online.'));
    for (const [name, value] of end) {
      if (!/^target\..*running_/.test(name)) continue;
      expect(new Set(numbersOf(value)), name).toEqual(new Set([name.endsWith('mean') ? 0 : 1]));
    }
  });

  test('moves its statistics with --teacher-mode train, and its weights with --teacher-ema', async () => {
    const { start, end } = await run({ norm: 'batch', teacherMode: 'train' });
    const [mean, weight] = ['target.encoder.block1.norm.running_mean', 'target.encoder.block1.conv.weight'];
    expect(numbersOf(end.get(mean)!)).not.toEqual(numbersOf(start.get(mean)!));
    expect(numbersOf(end.get(weight)!)).toEqual(numbersOf(start.get(weight)!));
    const followed = await run({ teacherEma: 0.9, lr: 0.1 }, 1);
    const of = (state: State, name: string) => numbersOf(state.get(`${name}.encoder.block1.conv.weight`)!);
    of(followed.end, 'target').forEach((xi, i) => {
      expect(xi).toBeCloseTo(0.9 * of(followed.start, 'target')[i]! + 0.1 * of(followed.end, 'online')[i]!, 5);
    });
  });

  test('has its own seed: students of one teacher differ, and so do teachers of one student seed', async () => {
    const starts = (teacherSeed: number | undefined, seed: number) =>
      randomTeacher.setup(images, { ...defaults, ...SMALL, alpha: 1, teacherSeed }, seed).initial!();
    expect(digest(starts(7, 1), 'target.')).toBe(digest(starts(7, 2), 'target.'));
    expect(digest(starts(7, 1), 'online.')).not.toBe(digest(starts(7, 2), 'online.'));
    expect(digest(starts(undefined, 7), 'target.')).toBe(digest(starts(7, 1), 'target.'));
    expect(digest(starts(8, 1), 'online.')).toBe(digest(starts(7, 1), 'online.'));
  });

  test('is centred by a moving average of its logits, which starts at 0', async () => {
    const { metric, end } = await run({ centering: 'momentum', centerMomentum: 0.5, alpha: 0 });
    expect(metric('gradientNorm')[0]).toBe(0);
    expect(metric('kl')[0]).toBe(0);
    expect(metric('kl')[1]!).toBeGreaterThan(1e-6);
    expect(numbersOf(end.get('target.center')!).some((value) => value !== 0)).toBe(true);
  });
});

describe('the start', () => {
  const [teacher, draw] = [stream(1, 'a').normal(200_000), stream(1, 'b').normal(200_000)].map((v) => float32([400, 500], v)) as [NdArray, NdArray];
  const moments = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < a.length; i++) [ab, aa, bb] = [ab + a[i]! * b[i]!, aa + a[i]! ** 2, bb + b[i]! ** 2];
    return { variance: aa / a.length, correlation: ab / Math.sqrt(aa * bb) };
  };

  test.each([[0, 1], [0.25, Math.hypot(0.25, 0.75)], [0.5, Math.SQRT1_2], [1, 1]])('alpha %d divides by %d, keeps the variance and has the '
    + 'correlation (1 - alpha) / delta with the teacher', (alpha, delta) => {
    const mixed = between(teacher, draw, { alpha, alphaMode: 'interpolated', delta: 'all' });
    const [t, d] = [numbersOf(teacher), numbersOf(draw)];
    for (const i of [0, 1, 99]) expect(numbersOf(mixed)[i]).toBeCloseTo(((1 - alpha) * t[i]! + alpha * d[i]!) / delta, 5);
    const { variance, correlation } = moments(mixed.data as Float32Array, teacher.data as Float32Array);
    expect(variance).toBeCloseTo(1, 1.9);
    expect(correlation).toBeCloseTo((1 - alpha) / delta, 1.9);
  });

  test('of a neighbourhood adds the draw; --delta says what is scaled', () => {
    const [t, d] = [numbersOf(teacher)[5]!, numbersOf(draw)[5]!];
    const at = (delta: Options['delta'], shape = [400, 500]) =>
      numbersOf(between({ ...teacher, shape }, { ...draw, shape }, { alpha: 0.5, alphaMode: 'neighborhood', delta }))[5]!;
    expect(at('all')).toBeCloseTo((t + 0.5 * d) / Math.sqrt(1.25), 5);
    expect(at('none')).toBeCloseTo(t + 0.5 * d, 5);
    expect(at('weights')).toBe(at('all'));
    expect(at('weights', [200_000])).toBe(at('none'));
  });

  test('scales of batch norm are divided as the formula says, or left alone', () => {
    const scale = (delta: Options['delta']) => numbersOf(randomTeacher.setup(images, { ...defaults, ...SMALL, norm: 'batch', alpha: 0.5, delta }, 3)
      .initial!().get('online.encoder.block1.norm.weight')!)[0]!;
    expect(scale('all')).toBeCloseTo(Math.SQRT2, 6);
    expect(scale('weights')).toBe(1);
  });

  test.each(['none', 'batch'] as const)('at alpha 0 student and teacher have the same features: %s', async (norm) => {
    const { job, start } = await run({ norm, alpha: 0 }, 1);
    const { meta, tensors } = job.model(start);
    const encoder = meta as unknown as ImageEncoder;
    const features = (prefix: string) => embedImages(encoder, new Map([...tensors].filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.replace('target.', ''), value])), images.images, { threads: 1 });
    expect(numbersOf(await features('encoder.'))).toEqual(numbersOf(await features('target.encoder.')));
  });
});

describe('at alpha 0', () => {
  test('a student without batch norm has a gradient of exactly 0, stays where it is, and the run says why', async () => {
    const { start, end, metric, job } = await run({ alpha: 0 });
    expect(metric('gradientNorm')).toEqual([0, 0, 0]);
    expect(metric('loss')[0]).toBeCloseTo(metric('teacherEntropy')[0]!, 5);
    expect(digest(end, 'online.')).toBe(digest(start, 'online.'));
    expect(job.warning!({ gradientNorm: 0 })).toMatch(/^the first gradient is exactly 0: student and teacher .*; give --alpha 1e-4 or more, or --norm batch/);
  });

  test('a student in training mode with batch norm moves', async () => {
    const { start, end, metric, job } = await run({ alpha: 0, norm: 'batch' });
    expect(metric('gradientNorm')[0]!).toBeGreaterThan(1e-4);
    expect(digest(end, 'online.')).not.toBe(digest(start, 'online.'));
    expect(job.warning!({ gradientNorm: 0.1 })).toBeUndefined();
  });

  test('1e-10 is nearly that, and the run says so; 1e-4 is not', async () => {
    const { job, start } = await run({ alpha: 1e-10 }, 1);
    const weight = (name: string) => numbersOf(start.get(`${name}.encoder.block2.conv.weight`)!);
    const equal = weight('online').filter((value, i) => value === weight('target')[i]).length;
    expect(equal / weight('online').length).toBeGreaterThan(0.99);
    expect(job.warning!({ gradientNorm: 1e-9 })).toMatch(/^--alpha 1e-10 is 0 for nearly all weights in float32/);
    expect((await run({ alpha: 1e-4 }, 1)).job.warning!({ gradientNorm: 1e-9 })).toBeUndefined();
  });
});

describe('a step', () => {
  test('learns: KL falls, and it is the loss less the entropy of the teacher', async () => {
    const { metric } = await run({ alpha: 0.5, lr: 0.1, batch: 16, steps: 60 }, 60);
    const [loss, kl, entropy] = ['loss', 'kl', 'teacherEntropy'].map(metric);
    expect(kl!.at(-1)!).toBeLessThan(0.2 * kl![0]!);
    loss!.forEach((value, k) => expect(value - entropy![k]!).toBeCloseTo(kl![k]!, 4));
    expect(Math.min(...entropy!)).toBeGreaterThan(Math.log(32) - 2);
    expect(metric('teacherDistance')[0]!).toBeCloseTo(Math.sqrt(2 - Math.SQRT2), 1);
  });

  test('on noise does not see the images', async () => {
    const other = { ...images, images: { ...images.images, data: images.images.data.map((v) => 255 - v) } };
    const states = await Promise.all([images, other].map(async (set) => {
      const job = randomTeacher.setup(set, { ...defaults, ...SMALL, inputs: 'gaussian', alpha: 0.5 }, 3);
      const feed = { ...await job.feeds(0), ...drawInputs(job.program, 3, 0) };
      return (await runSteps(job.program, [feed], { state: Object.fromEntries(job.initial!()) })).states[0]!;
    }));
    expect(digest(states[0]!, 'online.')).toBe(digest(states[1]!, 'online.'));
  });

  test('learns the squared difference of the logits with --loss mse; temperatures divide them', async () => {
    const { metric } = await run({ loss: 'mse', alpha: 1, lr: 0.3, batch: 16, steps: 60 }, 60);
    expect(metric('loss').at(-1)!).toBeLessThan(0.3 * metric('loss')[0]!);
    const cold = await run({ alpha: 1, teacherTemperature: 0.04, studentTemperature: 0.1 }, 1);
    expect(cold.metric('teacherEntropy')[0]!).toBeLessThan(Math.log(32) - 1);
  });

  test('decays weights only, and leaves rows and bottleneck as they are where told to', async () => {
    const bias = 'online.head.mlp.0.bias';
    const [plain, decayed] = [await run({ alpha: 0.5, weightDecay: 0 }, 1), await run({ alpha: 0.5, weightDecay: 10 }, 1)];
    expect(numbersOf(decayed.end.get(bias)!)).toEqual(numbersOf(plain.end.get(bias)!));
    expect(numbersOf(decayed.end.get('online.head.mlp.0.weight')!)).not.toEqual(numbersOf(plain.end.get('online.head.mlp.0.weight')!));
    const raw = await run({ alpha: 1, weightNorm: false }, 1);
    expect(raw.metric('teacherEntropy')[0]!).toBeGreaterThan(plain.metric('teacherEntropy')[0]!);
  });
});

test('the model says how it was distilled, and keeps the head of both networks', async () => {
  const { job, start } = await run({ alpha: 0.5, teacherSeed: 9 }, 1);
  const { meta, tensors } = job.model(start);
  expect(meta.distillation).toEqual({ alpha: 0.5, alphaMode: 'interpolated', delta: 'all', teacherSeed: 9, studentSeed: 3 });
  expect([...tensors.keys()]).toEqual(expect.arrayContaining(['encoder.block1.conv.weight', 'target.encoder.block1.conv.weight',
    'head.last_layer.weight', 'target.head.last_layer.weight']));
  expect(() => randomTeacher.setup(images, { ...defaults, ...SMALL, head: [1.5] }, 1)).toThrow('--head takes whole numbers of units');
});

describe('presets are options of the method', () => {
  test.each(Object.entries(randomTeacher.presets))('%s', (_, preset) => {
    for (const key of Object.keys(preset)) expect(randomTeacher.options).toHaveProperty(key);
  });
});
