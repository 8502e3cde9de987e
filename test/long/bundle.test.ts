import { execa, execaSync } from 'execa';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { byo, installed, scratchFolder } from '../support/cli.js';

/**
 * The archive of `make bundle`, unpacked where there is nothing else: no Node and no package within reach, no environment. The
 * PATH has what the launcher uses and no more.
 */
const root = new URL('../../', import.meta.url).pathname;
const canBundle = process.platform === 'linux' && process.arch === 'x64' && installed('xz');
const MIB = 2 ** 20;
const TRAIN = ['pretrain', 'byol', 'shapes.st', '--preset', 'tiny', '--steps', '3', '--threads', '1', '--quiet'];

describe.skipIf(!canBundle)('the bundle', () => {
  const folder = scratchFolder();
  const path = join(folder, 'path');
  const work = join(folder, 'work');
  let archive: string;

  /** Runs the unpacked program through a link to it, as a user would put one on the PATH. */
  const bundled = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    execa(join(folder, 'byo'), args, { cwd: work, env: { PATH: path, ...env }, extendEnv: false, reject: false, stdin: 'ignore' });

  beforeAll(async () => {
    await execa('bash', ['scripts/bundle.sh', folder], { cwd: root });
    archive = join(folder, readdirSync(folder).find((name) => name.endsWith('.tar.xz'))!);
    await execa('tar', ['xf', archive], { cwd: folder });
    for (const made of [path, work]) mkdirSync(made);
    for (const tool of ['sh', 'dirname', 'readlink']) symlinkSync(execaSync('sh', ['-c', `command -v ${tool}`]).stdout, join(path, tool));
    symlinkSync(join(folder, archive.replace(/^.*\/|\.tar\.xz$/g, ''), 'byo'), join(folder, 'byo'));
  }, 900_000);

  test('has less than 60 MiB', () => {
    expect(statSync(archive).size).toBeLessThan(60 * MIB);
    expect(statSync(archive).size).toBeGreaterThan(20 * MIB);
  });

  test('runs, and runs itself in turn: version, self-test of the CPU, images, training, and the replay of that', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await bundled(['--version'])).stdout).toContain(version);
    const { node, devices } = JSON.parse((await bundled(['doctor', '--json'])).stdout) as
      { node: string; devices: { device: string; works: boolean }[] };
    expect(node).toBe(process.version);
    expect(devices.find(({ device }) => device === 'cpu')!.works).toBe(true);

    for (const args of [['synth', 'images', '--count', '256', '-o', 'shapes.st'], [...TRAIN, '-o', 'enc.st']]) {
      expect(await bundled(args)).toMatchObject({ exitCode: 0 });
    }
    const here = await byo([...TRAIN, '-o', 'here.st'], { cwd: work });
    expect(here.code).toBe(0);
    expect(readFileSync(join(work, 'enc.st')).equals(readFileSync(join(work, 'here.st')))).toBe(true);
    expect(await bundled(['replay', 'enc.st', '--check'])).toMatchObject({ exitCode: 0 });
  });

  test('reads and writes pictures: the native library of sharp and the packages for charts are there', async () => {
    expect(await bundled(['plot', 'images', 'shapes.st', '-o', 'grid.png'])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(work, 'grid.png')).subarray(1, 4).toString()).toBe('PNG');
    mkdirSync(join(work, 'photos'));
    symlinkSync(join(work, 'grid.png'), join(work, 'photos', 'a.png'));
    expect(await bundled(['convert', 'photos', '--size', '8', '-o', 'photos.st'])).toMatchObject({ exitCode: 0 });
    expect(await bundled([...TRAIN, '-o', 'logged.st', '--log', 'run.jsonl'])).toMatchObject({ exitCode: 0 });
    expect((await bundled(['plot', 'loss', 'run.jsonl'])).stdout).toContain('<svg');
  });
});
