import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { byo, shell } from '../../support/cli.js';
import { numbersOf } from '../../support/steps.js';
import { expectFailure, filesIn, workplace } from '../support.js';

const { folder, at, run } = workplace();
/** The smallest student worth the name; what a test gives takes the place of these. */
const SMALLEST: readonly (readonly [option: string, value: string])[] = [
  ['--encoder', 'convnet3'], ['--width', '8'], ['--norm', 'none'], ['--batch', '8'], ['--head', '16'], ['--bottleneck', '8'],
  ['--out-dim', '32'], ['--threads', '1'], ['--tune-epochs', '2'], ['--tune-batch', '16'],
];
const line = (data: string, ...more: string[]): string[] => {
  const wanted = SMALLEST.filter(([option]) => !more.includes(option) && (more.includes('--study') || !option.startsWith('--tune')));
  return ['distill', 'random-teacher', data, ...wanted.flat(), ...more];
};
const distil = (...more: string[]) => line('set.st', '-q', ...more);

beforeAll(async () => {
  await run('synth', 'images', '--count', '60', '--size', '16', '--classes', '2', '-o', 'set.st');
  await run(...distil('--steps', '6', '--keep-every', '3', '--log', 'run.jsonl', '-o', 'student.st'));
});

test('a model holds student and teacher: embed reads either, probes compare them, in pipes too', async () => {
  const { tensors, meta } = await readArtifact(at('student.st'));
  expect(meta).toMatchObject({ method: 'random-teacher', encoder: { name: 'convnet3', norm: 'none' } });
  for (const name of ['encoder.block1.conv.weight', 'target.encoder.block1.conv.weight']) expect(tensors.has(name), name).toBe(true);
  expect([...tensors.keys()].some((name) => name.startsWith('online.') || name.startsWith('optimizer.'))).toBe(false);

  await run('embed', '--model', 'student.st', 'set.st', '-q', '-o', 's.st');
  await run('embed', '--model', 'student.st', '--target', 'set.st', '-q', '-o', 't.st');
  const [s, t] = await Promise.all(['s.st', 't.st'].map(async (name) => numbersOf((await readArtifact(at(name))).tensors.get('features')!)));
  expect(s).not.toEqual(t);
  const piped = await shell(`byo ${distil('--steps', '6').join(' ')} | byo embed --data set.st -q | byo probe knn --k 3 `
    + '--metric euclidean --weights none --scale standard --json -q', { cwd: folder });
  expect(piped.code, piped.stderr).toBe(0);
  expect(JSON.parse(piped.stdout)).toMatchObject({ probe: 'knn', n: { test: 12 } });
});

test('models along the way, and a log of KL, entropy, gradient and distance', async () => {
  expect((await readArtifact(at('student-3.st'))).meta.step).toBe(3);
  const lines = (await readFile(at('run.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  expect(lines).toHaveLength(6);
  for (const key of ['loss', 'kl', 'teacherEntropy', 'gradientNorm', 'teacherDistance', 'lr']) expect(lines[5][key], key).toBeTypeOf('number');
  expect(lines[5].lr).toBeCloseTo(lines[0].lr, 10); // constant, and for a batch of 256
  expect(lines[0].lr).toBeCloseTo(1e-3 * 8 / 256, 10);
  expect(lines[0].kl).toBeLessThan(1e-6);
});

test.each([[[]], [['--norm', 'batch', '--centering', 'momentum', '--inputs', 'gaussian', '--teacher-ema', '0.9', '--accumulate', '2']]])(
  'cut short, run again and resumed, it gives the same bytes: %j', async (options) => {
    const words = distil('--steps', '6', ...options);
    await run(...words, '-o', 'whole.st', '-f', '--checkpoint-every', '0');
    const cut = await byo([...words, '-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('cut.ckpt'))).meta.step).toBe(5);
    await run(...words, '-o', 'resumed.st', '-f', '--checkpoint', 'cut.ckpt', '--resume');
    const [whole, resumed] = await Promise.all(['whole.st', 'resumed.st'].map((name) => readArtifact(at(name))));
    expect(resumed!.digest).toBe(whole!.digest);
  });

test('the recipe leaves out what studies are about, and makes the model again', async () => {
  const { recipe } = await readArtifact(at('student.st'));
  expect(recipe!.options).toMatchObject({ alpha: 1e-4, weightNorm: true, outDim: 32 });
  for (const key of ['alphas', 'rounds', 'orders', 'study']) expect(recipe!.options).not.toHaveProperty(key);
  await run('replay', 'student.st', '--check', '--threads', '1', '-q');
});

test('a student that cannot move is warned about, once', async () => {
  const { stderr } = await run(...line('set.st', '--alpha', '0', '--steps', '3', '-o', 'still.st'));
  expect(stderr.match(/^warning: the first gradient is exactly 0: .*$/gm)).toHaveLength(1);
  const { tensors } = await readArtifact(at('still.st'));
  expect(numbersOf(tensors.get('encoder.block2.conv.weight')!)).toEqual(numbersOf(tensors.get('target.encoder.block2.conv.weight')!));
});

test('a VGG goes through distillation, features, fine-tuning and export', async () => {
  await run(...distil('--encoder', 'vgg11', '--width', '4', '--steps', '2', '-o', 'vgg.st'));
  await run('embed', '--model', 'vgg.st', 'set.st', '-q', '-o', 'vgg-features.st');
  expect((await readArtifact(at('vgg-features.st'))).tensors.get('features')!.shape).toEqual([60, 32]);
  await run('probe', 'fewshot', '--model', 'vgg.st', 'set.st', '--finetune', '--shots', '3', '--steps', '2', '--draws', '2', '--lrs', '0.001', '-q');
  await run('export', 'vgg.st', '-q', '-o', 'vgg.onnx');
  const { stderr } = await run('export', 'vgg.st', '--format', 'torchvision', '-o', 'vgg.safetensors');
  expect(stderr).toMatch(/^these are the features of vgg11; /);
  const names = [...(await readArtifact(at('vgg.safetensors'))).tensors.keys()];
  expect(names).toContain('features.18.bias');
  expect(names).toHaveLength(16);
});

describe('--study', () => {
  const study = (name: string, ...more: string[]) => distil('--study', name, ...more);
  const jsonOf = (stdout: string) => stdout.trim().split('\n').map((line) => JSON.parse(line));

  test('locality: probes and KL by alpha, beside teacher and pixels; the same bytes again', async () => {
    const words = study('locality', '--steps', '6', '--alphas', '0.0001,1', '--plot', 'locality.svg', '--json', '-o', 'locality.st', '-f');
    const rows = jsonOf((await run(...words)).stdout);
    const points = rows.filter(({ table }) => table === 'points');
    expect(points.map(({ network, alpha }) => [network, alpha])).toEqual([['student', 1e-4], ['student', 1], ['teacher', 0], ['pixels', 0]]);
    const [near, far, teacher] = points;
    expect(near.start).toBe(teacher.linear); // it starts at the teacher, as far as its features tell
    expect(near.kl).toBeLessThan(far.kl);
    expect(near.distance).toBeLessThan(0.1);
    expect(far.distance).toBeCloseTo(Math.SQRT2, 1);
    expect(near.gain).toBeCloseTo(near.linear - teacher.linear, 10);
    expect(rows.filter(({ table }) => table === 'summary')).toHaveLength(4);
    expect(await readFile(at('locality.svg'), 'utf8')).toMatch(/^<svg[^]*linear probe[^]*KL[^]*<\/svg>\s*$/);

    const made = await readArtifact(at('locality.st'));
    expect(made).toMatchObject({ kind: 'table', meta: { study: 'locality', words: { network: ['student', 'teacher', 'pixels'] } } });
    expect(numbersOf(made.tensors.get('alpha')!)).toEqual([1e-4, 1, 0, 0]);
    expect(made.recipe!.options).toMatchObject({ study: 'locality', alphas: [1e-4, 1] });
    await run(...words);
    expect((await readArtifact(at('locality.st'))).digest).toBe(made.digest);
  });

  test('lottery: nested rounds of a student that is there, and of random weights rewound', async () => {
    const rows = jsonOf((await run(...study('lottery', '--model', 'student.st', '--rounds', '2', '--rewinds', '0,1', '--json', '-o', 'lottery.st',
      '--plot', 'lottery.png'))).stdout).filter(({ table }) => table === 'points');
    expect(rows.map(({ start, rewind, round }) => [start, rewind, round])).toEqual(
      [['student', 0], ['random', 0], ['random', 1]].flatMap(([start, rewind]) => [0, 1, 2].map((round) => [start, rewind, round])));
    rows.forEach(({ left, round }) => expect(left).toBeCloseTo(100 * 0.8 ** round, 1));
    expect((await readArtifact(at('lottery.st'))).recipe!.inputs.map(({ role }) => role)).toEqual(['data', 'model']);
    expect((await readFile(at('lottery.png'))).subarray(1, 4).toString()).toBe('PNG');
    await run('replay', 'lottery.st', '--check', '--threads', '1', '-q');
  });

  test('landscape: lines between fine-tuned networks, barriers by start', async () => {
    const { stdout } = await run(...study('landscape', '--norm', 'batch', '--steps', '3', '--orders', '2', '--points', '3', '-o', 'landscape.st'));
    expect(stdout.split('\n').map((line) => line.split(/ +/).slice(0, 3))).toEqual([
      ['start', 'endError', 'errorBarrier'], ['student', expect.any(String), expect.any(String)], ['random', expect.any(String), expect.any(String)],
    ]);
    const { tensors } = await readArtifact(at('landscape.st'));
    expect(numbersOf(tensors.get('gamma')!)).toEqual([0, 0.5, 1, 0, 0.5, 1]);
    expect(numbersOf(tensors.get('error')!).every((error) => error >= 0 && error <= 1)).toBe(true);
  });

  test('plane: the teacher, networks beside it and the grid around them, the same bytes again', async () => {
    const words = study('plane', '--steps', '6', '--grid', '5', '--points', '3', '--batch', '16', '--plot', 'plane.svg', '--json', '-o', 'plane.st', '-f');
    const rows = jsonOf((await run(...words)).stdout);
    const points = rows.filter(({ table }) => table === 'points');
    const at = (place: string, x: number, y: number) => points.find((row) => row.place === place && row.x === x && row.y === y);
    expect(points.filter(({ place }) => place === 'grid').map(({ x, y }) => [x, y])).toEqual(
      [-0.5, 0, 0.5, 1, 1.5].flatMap((y) => [-0.5, 0, 0.5, 1, 1.5].map((x) => [x, y])));
    expect(points.filter(({ place }) => place !== 'grid').map(({ place, x, y }) => [place, x, y])).toEqual([
      ['teacher', 0, 0], ['to the near student', 0.5, 0], ['near student', 1, 0], ['to the far student', 0, 0.5], ['far student', 0, 1]]);
    // Places on the grid are what they are elsewhere; at the teacher nothing differs from it.
    for (const [place, x, y] of [['teacher', 0, 0], ['to the near student', 0.5, 0], ['near student', 1, 0], ['far student', 0, 1]] as const) {
      const { kl, knn } = at(place, x, y);
      expect(at('grid', x, y)).toMatchObject({ kl, knn });
    }
    expect(at('teacher', 0, 0).kl).toBe(0);
    expect(at('near student', 1, 0).kl).toBeGreaterThan(0);
    expect(at('far student', 0, 1).kl).toBeGreaterThan(at('near student', 1, 0).kl);

    const summary = rows.filter(({ table }) => table === 'summary');
    expect(summary.map(({ place }) => place)).toEqual(['teacher', 'near student', 'far student', 'best knn on the grid']);
    const rise = at('to the far student', 0, 0.5).kl - at('far student', 0, 1).kl / 2;
    expect(summary[2].barrier).toBeCloseTo(Math.max(0, rise), 10);
    expect(summary[3].knn).toBe(Math.max(...points.filter(({ place }) => place === 'grid').map(({ knn }) => knn)));
    expect(await readFile(join(folder, 'plane.svg'), 'utf8')).toMatch(/^<svg[^]*KL to the teacher[^]*knn probe[^]*<\/svg>\s*$/);

    const made = await readArtifact(join(folder, 'plane.st'));
    expect(made.tensors.get('kl')).toMatchObject({ dtype: 'float64', shape: [30] });
    await run(...words);
    expect((await readArtifact(join(folder, 'plane.st'))).digest).toBe(made.digest);
  });

  test.each(['none', 'batch'])('plane: KL is that of training, --norm %s', async (norm) => {
    // One step on all 48 training images: what it reports is the KL of its start.
    const whole = ['--norm', norm, '--batch', '48', '--steps', '1', '--json'];
    const of = async (...words: string[]) => jsonOf((await run(...words)).stdout);
    const [student] = await of(...study('locality', ...whole, '--alphas', '1'));
    const corners = await of(...study('plane', ...whole, '--view', 'descent', '--grid', '3', '--points', '3', '--plane-probe', 'none'));
    expect(corners.find(({ place }) => place === 'far start').kl / student.kl).toBeCloseTo(1, 4);
    expect(corners.every((row) => !('knn' in row))).toBe(true);
  });

  test('training: student against teacher on the way, on the own set and on another one', async () => {
    await run('synth', 'images', '--count', '60', '--size', '16', '--classes', '3', '--seed', '4', '-o', 'other.st');
    const words = study('training', '--steps', '7', '--probes', '3', '--transfer', 'other.st', '--json', '-o', 'training.st', '-f',
      '--plot', 'training.svg');
    const points = jsonOf((await run(...words)).stdout).filter(({ table }) => table === 'points');
    expect(points.map(({ network, step }) => [network, step])).toEqual(
      [['student', 0], ['student', 2], ['student', 5], ['student', 7], ['teacher', 0], ['pixels', 0]]);
    const [start, , , end, teacher, pixels] = points;
    expect(end.distance).toBeGreaterThan(start.distance);
    for (const [gain, probe] of [['gain', 'linear'], ['transferGain', 'transferLinear']]) {
      for (const row of points) expect(row[gain!]).toBeCloseTo(row[probe!] - teacher[probe!], 10);
    }
    const [same] = jsonOf((await run(...study('locality', '--steps', '7', '--alphas', '0.0001', '--json'))).stdout);
    expect([same.linear, same.knn, same.start]).toEqual([end.linear, end.knn, start.linear]);
    // The other set has probes of its own: the same as where it is the only one.
    const [, , alone] = jsonOf((await run(...line('other.st', '-q', '--study', 'locality', '--steps', '1', '--alphas', '1', '--json'))).stdout);
    expect([alone.linear, alone.knn]).toEqual([pixels.transferLinear, pixels.transferKnn]);
    expect(await readFile(at('training.svg'), 'utf8')).toContain('knn, transfer');
    const { recipe } = await readArtifact(at('training.st'));
    expect(recipe!.inputs.map(({ role, name }) => [role, name])).toEqual([['data', 'set.st'], ['transfer', 'other.st']]);
    await run('replay', 'training.st', '--check', '--threads', '1', '-q');
  });

  test('data: more images, each set within the next, for the same number of steps; and noise', async () => {
    const words = study('data', '--steps', '6', '--counts', '8,48', '--plot', 'data.svg', '--json');
    const points = jsonOf((await run(...words)).stdout).filter(({ table }) => table === 'points');
    expect(points.map(({ network, images }) => [network, images])).toEqual(
      [['student', 8], ['student', 48], ['on noise', 0], ['teacher', 0], ['pixels', 0]]);
    const [few, all, noise] = points;
    expect(new Set([few, all, noise].map(({ kl }) => kl)).size).toBe(3);
    // As many steps of Adam go about as far.
    expect(Math.abs(all.distance / few.distance - 1)).toBeLessThan(0.5);
    const text = (await run(...study('data', '--steps', '6', '--counts', '8'))).stdout.split('\n');
    expect(text[0]!.split(/ +/)).toEqual(['network', 'images', 'linear', 'knn', 'kl', 'distance', 'gain']);
    expect(text[2]).toMatch(/^on noise +0\.\d+ +0\.\d+ +\d/);
    expect(await readFile(at('data.svg'), 'utf8')).toContain('on noise');
  });

  test('several seeds give intervals', async () => {
    const { stdout } = await run(...study('landscape', '--steps', '2', '--orders', '2', '--points', '3', '--repeats', '2', '--tune-epochs', '1'));
    expect(stdout).toContain('errorBarrier±');
  });
});

describe('mistakes are one sentence, and leave nothing behind', () => {
  test.each<[string[], number, RegExp | string]>([
    [['--alpha', '2'], 2, '--alpha takes a number of at least 0 and at most 1'],
    [['--head', '16,x'], 2, /--head takes a number/],
    [['--head', '1.5'], 2, '--head takes whole numbers of units such as 2048,2048'],
    [['--alphas', '0,1'], 2, '--alphas is for studies; give --study with it'],
    [['--study', 'landscapes'], 2, /--study takes one of training, locality, data, lottery, landscape, plane, but 'landscapes' was given/],
    [['--study', 'locality', '--model', 'student.st'], 2, '--study locality distils students of its own; leave --model out'],
    [['--study', 'plane', '--transfer', 'set.st'], 2, '--study plane does not probe students; --transfer is for training, locality, data'],
    [['--transfer', 'set.st'], 2, '--transfer is for studies; give --study with it'],
    [['--study', 'data', '--counts', '8,100'], 2, '--counts takes whole numbers from --batch 8 to the 48 training images, but 100 was given'],
    [['--study', 'data', '--batch', '48', '--counts', '8'], 2, '--counts takes whole numbers from --batch 48'],
    [['--study', 'plane', '--model', 'student.st'], 2, '--study plane distils students of its own; leave --model out'],
    [['--study', 'plane', '--alpha', '1'], 1, 'the teacher, the near student and the far student lie on a line, so they span no plane'],
    [['--study', 'locality', '--alphas', '0,2'], 2, '--alphas takes numbers from 0 to 1, but 2 was given'],
    [['--study', 'lottery', '--log', 'x.jsonl'], 2, '--log is for a single run, and a study makes many; leave it out'],
    [['--study', 'lottery', '--rewinds', '20'], 2, '--rewinds takes epochs from 0 to less than --tune-epochs 2, but 20 was given'],
    [['--study', 'lottery', '--stream'], 2, /a study tests on images that it has not learnt from, .*; leave --stream out/],
    [['--study', 'lottery', '--plot', 'x.gif'], 2, /\.svg/],
    [['--study', 'landscape', '--steps', '1', '--tune-lr', '1e30'], 4, /supervised training, step \d+: .*; try a smaller --tune-lr$/m],
    [['--norm', 'instance', '--encoder', 'vgg11'], 2, '--norm instance makes maps of one pixel 0'],
  ])('%j', async (options, code, message) => {
    const before = await filesIn(folder);
    expectFailure(await byo(distil(...(options.includes('--steps') ? [] : ['--steps', '2']), ...options, ...(options.includes('--study') ? [] : ['-o', 'x.st'])), { cwd: folder }), code, message);
    expect(await filesIn(folder)).toEqual(before);
  });

  test('a study without labels, or of a model that has no teacher', async () => {
    await run('convert', join(process.cwd(), 'fixtures/images'), '--size', '16', '--no-labels', '-q', '-o', 'unlabelled.st');
    const unlabelled = await byo(line('unlabelled.st', '-q', '--study', 'lottery'), { cwd: folder });
    expectFailure(unlabelled, 3, 'unlabelled.st has no labels, which a study probes with');
    await run('pretrain', 'simsiam', 'set.st', '--encoder', 'convnet3', '--width', '8', '--batch', '8', '--proj-hidden', '8', '--proj-out', '8',
      '--pred-hidden', '4', '--steps', '1', '--threads', '1', '-q', '-o', 'simsiam.st');
    expectFailure(await byo(distil('--study', 'lottery', '--model', 'simsiam.st'), { cwd: folder }), 3, /simsiam\.st has no tensors target\.encoder\.\*/);
  });
});
