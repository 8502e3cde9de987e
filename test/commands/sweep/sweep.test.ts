import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { byo, scratchFolder } from '../../support/cli.js';
import { TINY } from '../support.js';

const cwd = scratchFolder();
const read = (name: string) => readFileSync(join(cwd, name), 'utf8');
const results = (folder: string) => read(`${folder}/results.jsonl`).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(async () => {
  await byo(['synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '-o', 'data.st'], { cwd });
});

describe('byo sweep', () => {
  const command = ['--', 'pretrain', 'byol', 'data.st', ...TINY, '--steps', '2'];

  it('runs every seed once; missing ones only, when called again', async () => {
    const args = ['sweep', '--seeds', '0..2', '--out', 'runs', '--workers', '2', '-q', ...command];
    expect(await byo(args, { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
    const first = results('runs');
    expect(first.map(({ run }) => run)).toEqual(['seed=0', 'seed=1', 'seed=2']);
    expect(first[0]).toMatchObject({ values: { seed: '0' }, file: 'seed=0.st', last: { step: 2 } });
    expect(first[0]!.last).not.toHaveProperty('computeMs');
    expect(new Set(first.map(({ digest }) => digest)).size).toBe(3);

    const kept = statSync(join(cwd, 'runs/seed=0.st')).mtimeMs;
    rmSync(join(cwd, 'runs/seed=1.st'));
    expect((await byo(args, { cwd })).code).toBe(0);
    expect(statSync(join(cwd, 'runs/seed=0.st')).mtimeMs).toBe(kept);
    expect(results('runs')).toEqual(first);
  });

  it('is the same as the commands one by one', async () => {
    const { stdout } = await byo(['sweep', '--seeds', '1', '--out', 'runs', '--dry-run', ...command], { cwd });
    expect(stdout).toContain('--seed=1 --output=runs/seed=1.st --log=runs/logs/seed=1.jsonl --resume');
    await byo([...command.slice(1), '--seed', '1', '-q', '-o', 'one.st'], { cwd });
    expect(Buffer.compare(readFileSync(join(cwd, 'one.st')), readFileSync(join(cwd, 'runs/seed=1.st')))).toBe(0);
  });

  it('keeps failures apart', async () => {
    const args = ['sweep', '--grid', 'lr=0.1,1e30', '--out', 'grid', '-q', '--', 'pretrain', 'byol', 'data.st', ...TINY, '--steps', '4'];
    const { code, stderr } = await byo(args, { cwd });
    expect([code, stderr]).toEqual([1, 'byo: 1 of 2 runs failed; grid/failed/lr=1e30.log says why the first did']);
    expect(results('grid').map(({ run }) => run)).toEqual(['lr=0.1']);
    expect(read('grid/failed/lr=1e30.log')).toMatch(/^\$ byo pretrain byol data\.st [\s\S]*\nbyo: step \d+: loss is NaN.*\nexit code 4\n$/);
    expect(existsSync(join(cwd, 'grid/lr=1e30.st'))).toBe(false);
  });

  it('refuses the folder of another sweep, and options that it sets itself', async () => {
    const other = await byo(['sweep', '--seeds', '0', '--out', 'runs', ...command, '--momentum', '0.5'], { cwd });
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('runs holds another sweep');
    const own = await byo(['sweep', '--seeds', '0', '--out', 'new', ...command, '--seed', '3'], { cwd });
    expect([own.code, own.stderr]).toEqual([2, 'byo: the sweep sets --seed for every run; leave it out of the command']);
  });

  it('keeps what commands print, where they write no file', async () => {
    await byo(['embed', '--pixels', '4', 'data.st', '-q', '-o', 'features.st'], { cwd });
    const { code } = await byo(['sweep', '--seeds', '0,1', '--out', 'probes', '-q', '--', 'probe', 'knn', 'features.st', '--k', '3'], { cwd });
    expect(code).toBe(0);
    const [first] = results('probes') as { result: { probe: string; value: number } }[];
    expect(first!.result.probe).toBe('knn');
    expect(first!.result.value).toBeGreaterThanOrEqual(0);
  });
});
