import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { byo, scratchFolder, shell } from '../../support/cli.js';

const cwd = scratchFolder();
const THREADS = ['--threads', '1'];

async function run(...args: string[]): Promise<string> {
  const { code, stderr, stdout } = await byo(args, { cwd });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

beforeAll(async () => {
  await run('synth', 'images', '--count', '60', '--size', '16', '--classes', '3', '-o', 'data.st');
  // Values that another default, file or variable could change are recorded, whatever they came from.
  writeFileSync(join(cwd, 'byo.yaml'), 'lr: 0.05\n');
  await run('pretrain', 'byol', 'data.st', '--preset', 'tiny', '--batch', '12', '--steps', '3', '--width', '8', ...THREADS, '-q', '-o', 'model.st');
  rmSync(join(cwd, 'byo.yaml'));
  await run('embed', '--model', 'model.st', 'data.st', ...THREADS, '-q', '-o', 'features.st');
});

describe('byo replay', () => {
  it('makes a file again with inputs that lie beside it', async () => {
    expect(await run('replay', 'features.st', '--check', '-q', ...THREADS)).toMatch(/^features\.st: the same bytes again, sha256:[0-9a-f]{64}$/);
  });

  it('makes a whole chain again where nothing but the file is left', async () => {
    mkdirSync(join(cwd, 'alone'));
    cpSync(join(cwd, 'features.st'), join(cwd, 'alone', 'features.st'));
    const env = { BYO_LR: '7', BYO_STEPS: '1' };
    const { stdout, stderr, code } = await byo(['replay', 'alone/features.st', '--check', ...THREADS], { cwd, env });
    expect(code).toBe(0);
    expect(stdout).toContain('the same bytes again');
    expect(stderr).toContain('model model.st is not there; making it again with byo pretrain byol');
  });

  it('computes with the operators that are asked for, which say nothing of what a command does', async () => {
    const env = { BYO_NATIVE: '/nonexistent/libbyo.so' };
    const { stderr, code } = await byo(['replay', 'features.st', '--check', '-q', ...THREADS], { cwd, env });
    expect(code).not.toBe(0);
    expect(stderr).toContain('BYO_NATIVE=/nonexistent/libbyo.so: there is no such file');
  });

  it('finds inputs by their bytes, not by their names, and writes to a pipe', async () => {
    mkdirSync(join(cwd, 'store/deep'), { recursive: true });
    renameSync(join(cwd, 'data.st'), join(cwd, 'store/deep/renamed.st'));
    const { code, stderr } = await shell('byo replay model.st --inputs store -q --threads 1 | byo inspect --json > again.json', { cwd });
    renameSync(join(cwd, 'store/deep/renamed.st'), join(cwd, 'data.st'));
    expect([code, stderr]).toEqual([0, '']);
    const again = JSON.parse(readFileSync(join(cwd, 'again.json'), 'utf8')) as { tensors: unknown[]; recipe: { inputs: { name: string }[] } };
    const { tensors } = JSON.parse(await run('inspect', 'model.st', '--json')) as { tensors: unknown[] };
    expect(again.tensors).toEqual(tensors);
    expect(again.recipe.inputs[0]!.name).toBe('data.st');
  });

  it("makes a probe's predictions again, and the features behind them", async () => {
    await run('probe', 'knn', 'features.st', '--k', '3', '--predictions', 'predictions.st', ...THREADS, '-q');
    expect(await run('replay', 'predictions.st', '--check', '-q', ...THREADS)).toContain('the same bytes again');
    await run('probe', 'linear', '--model', 'model.st', 'data.st', '--predictions', 'direct.st', ...THREADS, '-q');
    expect(await run('replay', 'direct.st', '--check', '-q', ...THREADS)).toContain('the same bytes again');
  });

  it('gives back what went through a pipe without a name', async () => {
    const line = 'byo pretrain byol --preset tiny --batch 12 --steps 1 --width 8 --threads 1 -q < data.st | byo embed data.st -q --threads 1 -o piped.st';
    expect(await shell(line, { cwd })).toMatchObject({ code: 0, stderr: '' });
    expect(await run('replay', 'piped.st', '--check', '-q', ...THREADS)).toContain('the same bytes again');
  });

  it('fails at the first differing tensor', async () => {
    const artifact = await readArtifact(join(cwd, 'features.st'));
    const features = artifact.tensors.get('features')!;
    const data = Float32Array.from(features.data as Float32Array);
    data[5]! += 0.125;
    await writeArtifact(join(cwd, 'forged.st'), { ...artifact, tensors: new Map([...artifact.tensors, ['features', { ...features, data }]]) });
    const { code, stderr } = await byo(['replay', 'forged.st', '--check', '-q', ...THREADS], { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^byo: forged\.st does not come out the same: tensor features differs in 1 of \d+ elements, by up to 0\.12[45]\d* .* at \[0, 5\]\)$/);
    expect((await byo(['replay', 'forged.st', '--check', '-q', '--tolerance', '0.2', ...THREADS], { cwd })).code).toBe(0);
  });

  it('says what it needs where there is no recipe to go by', async () => {
    const artifact = await readArtifact(join(cwd, 'features.st'));
    await writeArtifact(join(cwd, 'plain.st'), { kind: 'tensors', schema: 1, meta: {}, tensors: artifact.tensors });
    const { code, stderr } = await byo(['replay', 'plain.st', '--check'], { cwd });
    expect([code, stderr]).toEqual([3, 'byo: plain.st has no recipe, so nothing says how it was made; files that byo wrote have one']);
  });
});

describe('byo replay of converted images', () => {
  beforeAll(async () => {
    for (const [i, label] of ['cat', 'dog', 'cat', 'dog'].entries()) {
      mkdirSync(join(cwd, `photos/${label}`), { recursive: true });
      const image = { width: 10, height: 8, channels: 3, background: { r: 60 * i, g: 90, b: 255 - 50 * i } } as const;
      await sharp({ create: image }).png().toFile(join(cwd, `photos/${label}/${i}.png`));
    }
    await run('convert', 'photos', '--size', '8', '-q', '-o', 'photos.st');
  });

  it('tries the sources that --inputs leads to', async () => {
    expect(await run('replay', 'photos.st', '--check', '-q', '--inputs', 'photos')).toContain('the same bytes again');
    expect(await run('replay', 'photos.st', '--check', '-q', '--inputs', '.')).toContain('the same bytes again');
  });

  it('knows the same images in an archive', async () => {
    await shell('tar --sort=name -cf photos.tar photos', { cwd });
    expect(await run('replay', 'photos.st', '--check', '-q', '--inputs', 'photos.tar')).toContain('the same bytes again');
  });

  it('says what is missing', async () => {
    const without = await byo(['replay', 'photos.st', '--check'], { cwd });
    expect(without.code).toBe(3);
    expect(without.stderr).toMatch(/^byo: byo convert read images that decode to sha256:[0-9a-f]{12}…; give their folder or archive with --inputs$/);
    const wrong = await byo(['replay', 'photos.st', '--check', '--inputs', 'photos/cat'], { cwd });
    expect(wrong.stderr).toContain('none of 3 sources that --inputs leads to holds them');
  });
});
