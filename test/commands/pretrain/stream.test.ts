import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { synthImages } from '../../../src/core/data/synth/images.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { tarOf } from '../../core/data/tars.js';
import { byo, program, scratchFolder, shell, type Finished } from '../../support/cli.js';
import { runCommand } from '../../support/command.js';
import { expectFailure, TINY } from '../support.js';

const SIDE = 20;
const IMAGES = 90;
const STEPS = 40;
const BROKEN = new Set([0, 17, 40, 41, 88]);
const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const options = ['--stream', '--size', '16', '--image-size', '18', '--shuffle-buffer', '30', ...TINY, '--steps', String(STEPS)];
const pretrain = (args: readonly string[], env: Record<string, string> = {}) =>
  byo(['pretrain', 'byol', ...args, ...options], { cwd: folder, env });

const { data } = synthImages({ count: IMAGES, size: SIDE, classes: 3, seed: 1 }).images;
function picture(image: number): Uint8Array {
  if (BROKEN.has(image)) return Buffer.from('no image');
  const area = SIDE * SIDE;
  const pixels = Buffer.alloc(3 * area, 0);
  for (let i = 0; i < 3 * area; i++) pixels[i] = data[(image * 3 + (i % 3)) * area + Math.floor(i / 3)]!;
  return Buffer.concat([Buffer.from(`P6 ${SIDE} ${SIDE} 255\n`), pixels]);
}
const nameOf = (image: number): string => `${String(image).padStart(3, '0')}.ppm`;
const archive = (images: readonly number[]) => tarOf(images.map((image) => [nameOf(image), picture(image)] as const));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

interface LogLine extends Readonly<Record<string, number>> { readonly step: number }
const readLog = async (name: string): Promise<LogLine[]> => {
  const text = existsSync(at(name)) ? await readFile(at(name), 'utf8') : '';
  return text.split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
};
const results = (lines: readonly LogLine[]) => lines.map(({ step, loss, lr, tau, imagesRead, badImages }) =>
  ({ step, loss, lr, tau, imagesRead, badImages }));

/** Starts a run and, as soon as its log shows that `step` is done, does something to it. */
async function disturbedAt(
  step: number, name: string, args: readonly string[], disturb: (kill: (signal: NodeJS.Signals) => void) => void | Promise<void>,
): Promise<Finished> {
  const child = execa(process.execPath, [program, 'pretrain', 'byol', ...args, ...options, '-o', `${name}.st`, '--log', `${name}.jsonl`],
    { cwd: folder, reject: false, input: '' });
  while (((await readLog(`${name}.jsonl`)).at(-1)?.step ?? 0) < step && child.exitCode === null) await sleep(3);
  await disturb((signal) => void child.kill(signal));
  const { exitCode, stdout, stderr } = await child;
  return { code: exitCode ?? -1, stdout, stderr };
}

beforeAll(async () => {
  for (let shard = 0; shard < 3; shard++) await writeFile(at(`shard-${shard}.tar`), await archive(range(shard * 30, shard * 30 + 30)));
});

describe('training on shards', () => {
  beforeAll(async () => {
    const whole = await pretrain(['shard-{0..2}.tar', '-o', 'whole.st', '--log', 'whole.jsonl'], { UV_THREADPOOL_SIZE: '1' });
    expect(whole.code, whole.stderr).toBe(0);
  });

  test('counts images and bad images in the log and in the model, and knows no epochs', async () => {
    const log = await readLog('whole.jsonl');
    expect(log).toHaveLength(STEPS);
    expect(log[0]).toMatchObject({ imagesRead: 30 + 8 });
    expect(log[0]!.epoch).toBeUndefined();
    const last = log.at(-1)!;
    expect(last.imagesRead).toBe(30 + 8 * STEPS);
    // Four passes of 90 images, not quite.
    expect(last.badImages).toBeGreaterThanOrEqual(15);
    expect(last.badImages).toBeLessThanOrEqual(20);
    const { meta, recipe, tensors } = await readArtifact(at('whole.st'));
    expect(meta.stream).toEqual({ imagesRead: last.imagesRead, badImages: last.badImages });
    expect(recipe!.inputs).toMatchObject([{ role: 'data', kind: 'stream', name: 'shard-{0..2}.tar' }]);
    expect(recipe!.options).toMatchObject({ stream: true, size: 16, imageSize: 18, shuffleBuffer: 30, onBad: 'skip' });
    expect(tensors.has('encoder.block1.conv.weight')).toBe(true);
  });

  test('gives the same bytes however many threads decode, and whatever the folder is called', async () => {
    await mkdir(at('elsewhere'));
    for (let shard = 0; shard < 3; shard++) await writeFile(at(`elsewhere/shard-${shard}.tar`), await readFile(at(`shard-${shard}.tar`)));
    const again = await pretrain(['elsewhere/shard-{0..2}.tar', '-o', 'again.st'], { UV_THREADPOOL_SIZE: '6' });
    expect(again.code, again.stderr).toBe(0);
    expect(await readFile(at('again.st'))).toEqual(await readFile(at('whole.st')));
  });

  test('resumed after a signal and after a kill, ends in the same bytes and the same log', async () => {
    const data = ['shard-{0..2}.tar', '--checkpoint-every', '0.0001'];
    const stopped = await disturbedAt(4, 'cut', data, (kill) => kill('SIGINT'));
    expect(stopped.code, stopped.stderr).toBe(130);
    const killed = await disturbedAt(20, 'cut', [...data, '--resume'], (kill) => kill('SIGKILL'));
    expect(killed.code).toBe(-1);
    const { meta } = await readArtifact(at('cut.st.ckpt'), { kind: 'checkpoint' });
    expect(meta.step).toBeGreaterThanOrEqual(19);
    expect(meta.step).toBeLessThan(STEPS);
    const resumed = await pretrain([...data, '--resume', '-o', 'cut.st', '--log', 'cut.jsonl']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await readFile(at('cut.st'))).toEqual(await readFile(at('whole.st')));
    expect(results(await readLog('cut.jsonl'))).toEqual(results(await readLog('whole.jsonl')));
  });

  test('is made again by replay where the shards are', async () => {
    expectFailure(await byo(['replay', 'whole.st', '--check'], { cwd: folder }), 3,
      'it was learnt from a stream (shard-{0..2}.tar) whose files are not there; give the folder that they are in with --inputs');
    const replayed = await byo(['replay', 'whole.st', '--check', '--inputs', folder], { cwd: folder });
    expect(replayed.stdout).toContain('whole.st: the same bytes again');
  });

  test('is previewed by its first images', async () => {
    const { stderr } = await pretrain(['shard-1.tar', '--preview', 'views.st']);
    expect(stderr).toContain('28 images in 2 views');
  });
});

describe('a folder', () => {
  test('may grow while it is learnt from', async () => {
    await mkdir(at('grows'));
    for (const image of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) await writeFile(at(`grows/${nameOf(image)}`), picture(image));
    const grown = await disturbedAt(3, 'grown', ['grows'], async () => {
      // What comes later is broken, so that the log tells when it is read.
      await writeFile(at('grows/999.ppm'), 'no image');
    });
    expect(grown.code, grown.stderr).toBe(0);
    const log = await readLog('grown.jsonl');
    expect(log[2]!.badImages).toBe(0);
    expect(log.at(-1)!.badImages).toBeGreaterThan(5);
  });
});

describe('standard input', () => {
  test('is learnt from as the same archive in a file is, and may end before the steps do', async () => {
    const small = [...options, '--shuffle-buffer', '10', '--keep-every', '2'].filter((word, i, all) => word !== '30' && all[i + 1] !== '30');
    const piped = await shell(`cat shard-1.tar | byo pretrain byol ${small.join(' ')} -o piped.st`, { cwd: folder });
    expect(piped.stderr).toContain('warning: standard input ended after step 3 of 40; the model is what was learnt until then');
    expect(piped.code).toBe(0);
    expect((await readArtifact(at('piped.st'))).meta).toMatchObject({ step: 3, stream: { imagesRead: 30, badImages: 2 } });
    await runCommand('pretrain byol', [at('shard-1.tar'), ...small, '-o', at('filed.st')]);
    const [fromPipe, fromFile] = [await readArtifact(at('piped-2.st')), await readArtifact(at('filed-2.st'))];
    expect(fromPipe.meta).toEqual(fromFile.meta);
    expect(fromPipe.tensors).toEqual(fromFile.tensors);
  });

  test('cannot be resumed', async () => {
    const resumed = await shell(`cat shard-1.tar | byo pretrain byol ${options.join(' ')} --resume -o piped2.st`, { cwd: folder });
    expectFailure(resumed, 2, 'standard input cannot be read again, so a run on it cannot be resumed; give files or a folder');
    expect(existsSync(at('piped2.st'))).toBe(false);
  });
});

describe('images that cannot be decoded', () => {
  test('stop the run where there are too many of them, and what was learnt before is kept', async () => {
    await writeFile(at('bad.tar'), await tarOf(range(0, 900).map((i) => [`${i}.ppm`, i < 150 ? picture(i % 10 + 1) : 'no image'] as const)));
    const learn = (...args: string[]) => runCommand('pretrain byol', [...args, ...options]);
    await expect(learn(at('bad.tar'), '--max-bad-rate', '0.02', '-o', at('bad.st'))).rejects.toThrow(
      /bad\.tar: more than 20 of 1000 images in a row cannot be decoded, the last of them 170\.ppm \(.+\); repair the data, or raise --max-bad-rate$/);
    const { meta } = await readArtifact(at('bad.st.ckpt'), { kind: 'checkpoint' });
    // 30 images fill the buffer, and each step takes 8 more: image 170 is among those for step 18.
    expect(meta.step).toBe(17);
    await expect(learn(at('shard-1.tar'), '--on-bad', 'stop', '-o', at('strict.st'))).rejects.toThrow(
      /shard-1\.tar: 040\.ppm cannot be decoded \(.+\); repair or remove it, or give --on-bad skip$/);
  });
});

test('what is missing on the command line is said in one sentence', async () => {
  const failure = (...args: string[]) => runCommand('pretrain byol', [...TINY, '-o', at('x.st'), ...args]).catch(String);
  const shard = at('shard-0.tar');
  expect(await failure('--stream', shard, '--steps', '3')).toContain("UsageError: a stream's images have no common size; say with --size");
  expect(await failure('--stream', shard, '--size', '16')).toContain('UsageError: a stream of images has no epochs; say with --steps');
  expect(await failure(shard)).toMatch(/^UsageError: .*shard-0\.tar is no data set; give --stream to learn from its images as they are/);
  expect(await failure(shard, at('shard-1.tar'))).toContain('UsageError: one data set is learnt from, but 2 files were given');
  expect(await failure('set.st', '--shuffle-buffer', '5')).toContain('UsageError: --shuffle-buffer is for streams; give --stream with it');
  expect(await failure('--stream', at('shard-7.tar'), '--size', '16', '--steps', '3')).toContain('shard-7.tar: there is no such file');
  expect(await failure('--stream', shard, '--size', '16', '--steps', '3', '--monitor', 'knn')).toContain(
    'UsageError: --monitor knn needs labels, but a stream has none');
});
