import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { execa } from 'execa';
import { byo, program, scratchFolder } from '../support/cli.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const cwd = scratchFolder();
const BYO = `"${process.execPath}" "${program}"`;
const SMALL = ['COUNT=80', 'STEPS=2', 'BATCH=16', 'SEEDS=0 1'];
const make = (...args: string[]) => execa('make', ['-f', join(examples, 'Makefile'), `BYO=${BYO}`, ...SMALL, ...args], {
  cwd, reject: false, env: { MAKEFLAGS: '' },
});

describe('the study in examples/Makefile', () => {
  it('runs in parallel, and a second make does nothing', async () => {
    const first = await make('-j2');
    expect(first.exitCode, first.stderr).toBe(0);
    const lines = readFileSync(join(cwd, 'study-out/scores.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { probe: string }).probe)).toEqual(['linear', 'linear', 'linear']);
    expect(readFileSync(join(cwd, 'study-out/loss.svg'), 'utf8')).toContain('loss by seed');
    expect((await make()).stdout).toMatch(/Nothing to be done/);
  });

  it('makes only what depends on a file that changed', async () => {
    await execa('touch', [join(cwd, 'study-out/features-1.st')]);
    const { stdout } = await make();
    expect(stdout).toContain('score-1.json');
    expect(stdout).not.toMatch(/pretrain|features-0\.st|map\.svg/);
  });
});

describe('the job in examples/ci', () => {
  const reproduce = (...files: string[]) => execa(join(examples, 'ci/reproduce.sh'), ['study-out', ...files], {
    cwd, reject: false, env: { BYO: `${process.execPath} ${program}` },
  });

  it('passes for results that come out the same, and fails for one that does not', async () => {
    const good = await reproduce('study-out/encoder-0.st');
    expect([good.exitCode, good.stdout]).toEqual([0, expect.stringContaining('the same bytes again')]);
    const other = ['pretrain', 'byol', 'study-out/shapes.st', '--preset', 'tiny', '--width', '16', '--batch', '16', '--steps', '1'];
    await byo([...other, '--threads', '1', '-q', '-o', 'other.st'], { cwd });
    // The file claims two steps, and holds one.
    const bytes = readFileSync(join(cwd, 'other.st'));
    const at = bytes.indexOf('\\"steps\\":1');
    bytes.write('2', at + '\\"steps\\":'.length);
    await execa('tee', ['claims.st'], { cwd, input: bytes });
    const bad = await reproduce('claims.st', 'study-out/encoder-0.st');
    expect(bad.exitCode).toBe(1);
    expect(bad.stderr).toContain('claims.st does not come out the same: tensor encoder.');
    expect(bad.stdout).toContain('encoder-0.st: the same bytes again');
  });
});

describe('the study in examples/docking.mk', () => {
  it('goes from pockets to successes before and after bootstrapping, and a second make does nothing', async () => {
    const docking = () => execa('make', ['-f', join(examples, 'docking.mk'), `BYO=${BYO}`, 'FAMILIES=1', 'PER_FAMILY=4', 'PER_HELD_OUT=2',
      'EPOCHS=1', 'ITERATIONS=1', 'UPDATES=2', 'SAMPLES=2', 'STEPS=2',
      'NETWORK=--scalars 8 --vectors 4 --layers 1 --receptor-layers 1'], { cwd, reject: false, env: { MAKEFLAGS: '' } });
    const first = await docking();
    expect(first.exitCode, first.stderr).toBe(0);
    const after = JSON.parse(readFileSync(join(cwd, 'docking-out/after.json'), 'utf8')) as Record<string, unknown>;
    expect(after).toMatchObject({ complexes: 2, missing: 0, differences: expect.arrayContaining([expect.objectContaining({ key: 'top1' })]) });
    expect(readFileSync(join(cwd, 'docking-out/success.svg'), 'utf8')).toContain('<svg');
    expect((await docking()).stdout).toMatch(/Nothing to be done/);
  });
});
