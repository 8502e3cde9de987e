import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { byo, shell } from '../../support/cli.js';
import { gaussian } from '../../support/run.js';
import { numbersOf } from '../../support/steps.js';
import { expectFailure, filesIn, workplace } from '../support.js';

const { folder, at, run } = workplace();
const failed = async (code: number, message: RegExp | string, ...args: string[]) =>
  expectFailure(await byo(args, { cwd: folder }), code, message);

const SMALL = ['--size', '12', '--width', '4', '--batch', '24', '--steps', '8', '--pool-size', '2', '--pool-steps', '3', '--threads', '1'];

beforeAll(async () => {
  await run('synth', 'images', '--count', '80', '--size', '16', '--classes', '4', '-o', 'set.st');
  await run('pretrain', 'barlow-twins', 'set.st', '--encoder', 'convnet3', '--width', '4', '--proj-hidden', '16', '--proj-out', '8',
    '--batch', '16', '--steps', '3', '--optimizer', 'sgd', '--threads', '1', '-q', '-o', 'target.st');
  await run('embed', '--model', 'target.st', 'set.st', '--threads', '1', '-q', '-o', 'features.st');
  await run('dataset-distill', 'set.st', '--target', 'target.st', ...SMALL, '-q', '-o', 'small.st', '--grid', 'small.png', '--log', 'small.jsonl');
});

describe('byo dataset-distill', () => {
  test('writes what was learnt in float32, the same rounded for other commands, and a picture', async () => {
    const { kind, meta, tensors, recipe } = await readArtifact(at('small.st'));
    expect(kind).toBe('dataset');
    const [exact, shown, targets] = ['x_syn', 'images', 'y_syn'].map((name) => tensors.get(name)!);
    expect([exact, shown, targets].map((a) => [a!.dtype, ...a!.shape]))
      .toEqual([['float32', 12, 3, 16, 16], ['uint8', 12, 3, 16, 16], ['float32', 12, 16]]);
    numbersOf(exact!).forEach((v, i) => {
      expect(Math.abs(Math.min(1, Math.max(0, v)) * 255 - Number(shown!.data[i]))).toBeLessThanOrEqual(0.5);
    });
    expect(meta.distilled).toMatchObject({ method: 'krr-st', normalized: true, input: { size: 16, channels: 3 } });
    expect(recipe!.inputs.map(({ role }) => role)).toEqual(['data', 'target']);
    expect(await filesIn(folder)).toEqual(expect.arrayContaining(['small.png', 'small.jsonl']));
    await run('plot', 'images', 'small.st', '-o', 'again.png', '-f');
    await run('replay', 'small.st', '--check', '--threads', '1');
  });

  test('cut short and resumed it gives the same bytes', async () => {
    const cut = await byo(['dataset-distill', 'set.st', '--target', 'target.st', ...SMALL, '-o', '/dev/full', '--checkpoint', 'cut.ckpt',
      '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(7);
    await run('dataset-distill', 'set.st', '--target', 'target.st', ...SMALL, '-o', 'resumed.st', '--checkpoint', 'cut.ckpt', '--resume', '-q');
    const [whole, resumed] = await Promise.all(['small.st', 'resumed.st'].map((name) => readArtifact(at(name))));
    expect(resumed!.digest).toBe(whole!.digest);
  });

  test('cached targets of byo embed take the place of the model, at the same rows', async () => {
    const none = [...SMALL, '--augmentation', 'none', '--method', 'random', '-q'];
    await run('dataset-distill', 'set.st', '--targets', 'features.st', ...none, '-o', 'cached.st');
    await run('dataset-distill', 'set.st', '--target', 'target.st', ...none, '-o', 'asked.st');
    const [cached, asked] = await Promise.all(['cached.st', 'asked.st'].map((name) => readArtifact(at(name))));
    const rows = (file: typeof cached) => numbersOf(file!.tensors.get('y_syn')!);
    expect(cached!.tensors.get('x_syn')).toEqual(asked!.tensors.get('x_syn'));
    rows(cached).forEach((v, i) => expect(v).toBeCloseTo(rows(asked)[i]!, 4));
    await run('dataset-distill', 'set.st', '--targets', 'features.st', ...SMALL, '--augmentation', 'none', '-q', '-o', 'krr-cached.st');
  });

  test.each(['dm', 'dsa', 'k-means', 'k-center'])('--method %s makes a set of the same kind', async (method) => {
    await run('dataset-distill', 'set.st', '--target', 'target.st', ...SMALL, '--dsa-epochs', '2', '--method', method, '-q', '-o', `${method}.st`);
    const { tensors, meta } = await readArtifact(at(`${method}.st`));
    expect(tensors.get('y_syn')!.shape).toEqual([12, 16]);
    expect(meta.distilled).toMatchObject({ method });
    const images = numbersOf(tensors.get('x_syn')!);
    expect(images.every(Number.isFinite)).toBe(true);
    // Of real images every one is another; matching moves them off the 256 levels.
    const rows = Array.from({ length: 12 }, (_, i) => images.slice(i * 768, (i + 1) * 768).join());
    expect(new Set(rows).size).toBe(12);
    const onLevels = images.every((v) => Math.abs(v * 255 - Math.round(v * 255)) < 1e-3);
    expect(onLevels).toBe(!method.startsWith('d'));
  });

  test('what does not fit together is an error that says what to do', async () => {
    await failed(3, 'the data set has 64 examples to learn from, fewer than the 65 of the synthetic set; use --size 64 or less',
      'dataset-distill', 'set.st', '--target', 'target.st', '--preset', 'tiny', '--size', '65');
    await failed(2, 'give --target MODEL', 'dataset-distill', 'set.st');
    await failed(2, '--targets knows no features of shifted images', 'dataset-distill', 'set.st', '--targets', 'features.st');
    await failed(4, /singular with --ridge 0, .*give a larger --ridge, such as 1e-6/, 'dataset-distill', 'set.st', '--target', 'target.st',
      '--size', '64', '--batch', '24', '--steps', '2', '--pool-steps', '1', '--encoder', 'distillnet4', '--width', '1', '--ridge', '0', '-q');
    await failed(3, 'distillnet5 takes images with sides of a multiple of 32 pixels, but these are 16x16; take another encoder (distillnet2, ',
      'dataset-distill', 'set.st', '--target', 'target.st', ...SMALL, '--encoder', 'distillnet5');
    await failed(4, /step \d+: .*; try a smaller --pretrain-lr$/m, 'dataset-distill', 'compare', 'set.st', '--target', 'target.st', '--size', '12',
      '--methods', 'random', '--seeds', '2', '--pretrain-lr', '1e20', '--pretrain-steps', '5', '--encoders', 'distillnet2:2', '--threads', '1', '-q');
    const holes = float32([80, 2]);
    holes.data[5] = NaN;
    await writeArtifact(at('holes.st'), { kind: 'embeddings', schema: 1, meta: {}, tensors: new Map([['features', holes]]) });
    await failed(3, 'holes.st: feature 1 of row 2 is NaN; values have to be finite',
      'dataset-distill', 'set.st', '--targets', 'holes.st', '--augmentation', 'none');
    await writeArtifact(at('few.st'), { kind: 'embeddings', schema: 1, meta: {}, tensors: new Map([['features', float32([3, 2])]]) });
    await failed(3, 'few.st: features are [3,2], but [80, d] is needed, a row for each example of set.st',
      'dataset-distill', 'set.st', '--targets', 'few.st', '--augmentation', 'none');
  });
});

describe('rows and real-valued maps', () => {
  const COUNT = 120;
  const DIMENSIONS = 6;
  const FAST = ['--size', '10', '--batch', '30', '--steps', '40', '--pool-size', '2', '--pool-steps', '20', '--threads', '1', '-q'];
  /** Two classes, `scale[j]` times as wide and `offset[j]` away in column j. */
  const rows = (scale: number[], offset: number[]): NdArray<Float32Array> => {
    const { data } = gaussian('rows', [COUNT, DIMENSIONS]);
    return float32([COUNT, DIMENSIONS], data.map((v, at) => {
      const [i, j] = [Math.floor(at / DIMENSIONS), at % DIMENSIONS];
      return (v + (j === 0 ? 3 * (i % 2) : 0)) * scale[j]! + offset[j]!;
    }));
  };
  const labels = int32([COUNT], Int32Array.from({ length: COUNT }, (_, i) => i % 2));
  const write = (name: string, tensors: Readonly<Record<string, NdArray>>) =>
    writeArtifact(at(name), { kind: 'tensors', schema: 1, meta: {}, tensors: new Map(Object.entries(tensors)) });
  const ones = Array<number>(DIMENSIONS).fill(1);
  const [scale, offset] = [[1, 1000, 0.001, 8, 1, 30], [0, -5000, 2, 0, 7, 100]];

  beforeAll(async () => {
    const plain = rows(ones, ones.map(() => 0));
    await write('rows.st', { features: plain, labels });
    await write('units.st', { features: rows(scale, offset), labels });
    await write('wanted.st', { features: float32([COUNT, 3], Array.from({ length: COUNT * 3 }, (_, at) =>
      Math.tanh(plain.data[Math.floor(at / 3) * DIMENSIONS + (at % 3)]!))) });
    await write('maps.st', { features: gaussian('maps', [COUNT, 1, 8, 12], 5) });
    for (const name of ['rows', 'units']) {
      await run('dataset-distill', `${name}.st`, '--targets', 'wanted.st', ...FAST, '-o', `small-${name}.st`, '--log', `${name}.jsonl`);
    }
  });

  test('rows are distilled whatever their units: what is learnt is the same, in the units of the data', async () => {
    const [plain, other] = await Promise.all(['small-rows.st', 'small-units.st'].map((name) => readArtifact(at(name))));
    expect(plain!.meta).toMatchObject({ modality: 'rows', distilled: { normalized: true, input: { shape: [DIMENSIONS] }, encoder: { name: 'mlp' } } });
    expect(plain!.tensors.has('images')).toBe(false);
    const [x, y] = ['x_syn', 'y_syn'].map((name) => numbersOf(plain!.tensors.get(name)!)) as [number[], number[]];
    const [x2, y2] = ['x_syn', 'y_syn'].map((name) => numbersOf(other!.tensors.get(name)!)) as [number[], number[]];
    y2.forEach((v, i) => expect(v).toBeCloseTo(y[i]!, 1));
    x2.forEach((v, i) => expect((v - offset[i % DIMENSIONS]!) / scale[i % DIMENSIONS]!).toBeCloseTo(x[i]!, 0));
    const log = (await readFile(at('rows.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line).loss as number);
    expect(log.at(-1)!).toBeLessThan(0.7 * log[0]!);
  });

  test('from-distilled takes the network of the set; embed, probes, fine-tuning and export take the model', async () => {
    const done = await shell(`
      byo pretrain from-distilled small-units.st --steps 100 --threads 1 -q -o rows-encoder.st
      byo embed --model rows-encoder.st units.st --threads 1 -q | byo probe linear --threads 1 --json -q
      byo probe fewshot --model rows-encoder.st units.st --finetune --counts 20 --draws 2 --steps 5 --lrs 1e-3 --threads 1 -q --json
      byo export rows-encoder.st -o rows.onnx -q && wc -c < rows.onnx`, { cwd: folder });
    expect(done.code, done.stderr).toBe(0);
    const [linear, tuned] = done.stdout.trim().split('\n').map((line) => JSON.parse(line));
    expect(linear.value).toBeGreaterThan(0.8);
    expect(tuned.n.train).toBe(20);
    expect((await readArtifact(at('rows-encoder.st'))).meta).toMatchObject({ encoder: { name: 'mlp', width: 128 }, input: { channels: DIMENSIONS } });
  });

  test('such a model is a teacher too; without one only real examples and krr-st have targets', async () => {
    const { stdout } = await run('dataset-distill', 'compare', 'units.st', '--target', 'rows-encoder.st', ...FAST, '--methods', 'random,dm', '--seeds', '2',
      '--encoders', 'mlp:8', '--pretrain-steps', '5', '--json');
    expect(stdout.trim().split('\n')).toHaveLength(3);
    await failed(2, '--method dm makes new examples, whose targets only the model itself can tell; give it with --target',
      'dataset-distill', 'rows.st', '--targets', 'wanted.st', '--method', 'dm');
  });

  test('maps that are not square, shifted or not', async () => {
    const small = ['--width', '2', ...FAST.filter((word) => !['--steps', '40'].includes(word)), '--steps', '2'];
    await run('dataset-distill', 'maps.st', '--targets', 'wanted.st', ...small, '-o', 'small-maps.st');
    expect((await readArtifact(at('small-maps.st'))).tensors.get('x_syn')!.shape).toEqual([10, 1, 8, 12]);
    await run('pretrain', 'from-distilled', 'small-maps.st', '--steps', '2', '--lr', '0.01', '--threads', '1', '-q', '-o', 'maps-encoder.st');
    await run('dataset-distill', 'maps.st', '--target', 'maps-encoder.st', ...small, '--augmentation', 'shift', '--init', 'noise', '-o', 'shifted.st');
    await run('dataset-distill', 'maps.st', '--target', 'maps-encoder.st', ...small, '--method', 'dm', '-o', 'dm-maps.st');
  });

  test('what does not fit the kind of data is an error that says what to do', async () => {
    const distil = ['dataset-distill', 'rows.st', '--targets', 'wanted.st', '-o', 'x.st'];
    await failed(3, 'convnet3 takes images or other maps, but these are rows of 6 numbers; take the encoder mlp', ...distil, '--encoder', 'convnet3', ...FAST);
    await failed(2, 'rows are not shifted; give --augmentation none', ...distil, '--augmentation', 'shift');
    await failed(2, 'so they are not flipped; give --augmentation shift or none', 'dataset-distill', 'maps.st', '--targets', 'wanted.st',
      '--augmentation', 'shift-flip');
    await failed(2, '--grid shows images, but the data are real numbers', ...distil, '--grid', 'x.png');
    await failed(3, 'target.st takes images of 3 channels, but rows.st has real-valued examples [6]', 'dataset-distill', 'rows.st', '--target', 'target.st');
    await failed(3, 'the model takes examples of [6], but these are [3,16,16]', 'embed', '--model', 'rows-encoder.st', 'set.st');
    await write('gaps.st', { features: float32([2, 2], [1, 2, NaN, 3]) });
    await failed(3, 'gaps.st: features has NaN in row 1; values have to be finite', 'dataset-distill', 'gaps.st', '--targets', 'wanted.st');
  });
});

describe('byo pretrain from-distilled', () => {
  test('learns the pairs; embed, probe, fine-tuning and inspect take the result as any model', async () => {
    await run('pretrain', 'from-distilled', 'small.st', '--encoder', 'distillnet2', '--width', '8', '--steps', '80', '--threads', '1', '-q',
      '--log', 'pre.jsonl', '-o', 'encoder.st');
    const done = await shell(`head -1 pre.jsonl; tail -1 pre.jsonl
      byo embed --model encoder.st set.st --threads 1 -q | byo probe linear --threads 1 --json
      byo probe fewshot --model encoder.st set.st --finetune --counts 16 --draws 2 --steps 2 --lrs 1e-3 --threads 1 -q --json`, { cwd: folder });
    expect(done.code, done.stderr).toBe(0);
    const [first, last, linear, tuned] = done.stdout.trim().split('\n').map((line) => JSON.parse(line));
    expect(last.loss).toBeLessThan(0.05 * first.loss);
    expect(linear.features).toBe(16 * 16);
    expect(tuned.n.train).toBe(16);
    await run('pretrain', 'from-distilled', 'small.st', '--encoder', 'resnet10', '--width', '4', '--steps', '2', '--threads', '1', '-q', '-o', 'other.st');
  });

  test('a set without targets, or with another number of them, is an error', async () => {
    await failed(3, 'set.st is no distilled set (tensors x_syn and y_syn); byo dataset-distill makes them', 'pretrain', 'from-distilled', 'set.st');
    const small = await readArtifact(at('small.st'));
    const tensors = new Map<string, NdArray>([...small.tensors, ['y_syn', float32([11, 4])]]);
    await writeArtifact(at('wrong.st'), { ...small, tensors });
    await failed(3, 'wrong.st: y_syn is float32 [11,4], but float32 [12, d] is expected, one target for each example of x_syn',
      'pretrain', 'from-distilled', 'wrong.st');
    await writeFile(at('empty.st'), '');
    await failed(3, 'empty.st', 'pretrain', 'from-distilled', 'empty.st');
  });
});

test('byo dataset-distill compare: a row for every set and network, gains paired by seed, the same every time', async () => {
  const line = ['dataset-distill', 'compare', 'set.st', '--target', 'target.st', ...SMALL, '--methods', 'random,krr-st,all', '--seeds', '2',
    '--encoders', 'distillnet2:4,alexnet:2', '--pretrain-steps', '5', '--json', '-q'];
  const [{ stdout }, again] = [await run(...line), await run(...line)];
  expect(again.stdout).toBe(stdout);
  const rows = stdout.trim().split('\n').map((text) => JSON.parse(text));
  expect(rows.map((row) => `${row.encoder} ${row.method}`)).toEqual(['distillnet2:4', 'alexnet:2'].flatMap((encoder) =>
    ['from scratch', 'random', 'krr-st', 'all'].map((method) => `${encoder} ${method}`)));
  for (const encoder of ['distillnet2:4', 'alexnet:2']) {
    const [scratch, random, krr] = rows.filter((row) => row.encoder === encoder);
    expect(random.gain.estimate).toBe(0);
    expect(krr.gain.estimate).toBeCloseTo(krr.accuracy.estimate - random.accuracy.estimate, 10);
    expect(scratch.accuracies).toHaveLength(2);
  }
  await failed(2, "--methods takes of krr-st, dm, dsa, random, k-means, k-center, all, but 'kip' was given",
    'dataset-distill', 'compare', 'set.st', '--target', 'target.st', '--methods', 'kip');
  await failed(2, "--encoders takes name:width with a whole number from 1, but 'alexnet:x' was given",
    'dataset-distill', 'compare', 'set.st', '--target', 'target.st', '--encoders', 'alexnet:x');
});
