import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installed, program, scratchFolder, shell } from '../support/cli.js';
import { TINY } from './support.js';

const cwd = scratchFolder();
const read = (name: string) => readFileSync(join(cwd, name));
const run = (line: string, env = {}) => shell(`set -o pipefail; ${line}`, { cwd, env });
const FINE = { code: 0, stdout: '', stderr: '' };

beforeAll(async () => {
  expect(await run('byo synth images --count 24 --size 16 --classes 2 -q -o data.st')).toEqual(FINE);
  expect(await run(`byo pretrain byol data.st ${TINY.join(' ')} --steps 1 -q -o model.st`)).toEqual(FINE);
  expect(await run('byo embed --model model.st --threads 1 data.st -q -o features.st')).toEqual(FINE);
});

describe('streams in the shell', () => {
  it('tee keeps what passes by', async () => {
    expect(await run('cat data.st | tee copy.st | byo embed --model model.st --threads 1 -q | cat > piped.st')).toEqual(FINE);
    expect(read('copy.st').equals(read('data.st'))).toBe(true);
    const { stdout } = await run('byo inspect piped.st --json; byo inspect features.st --json');
    const [piped, file] = stdout.split('\n').map((line) => JSON.parse(line) as { tensors: unknown; recipe: { inputs: { digest: string }[] } });
    expect(piped!.tensors).toEqual(file!.tensors);
    expect(piped!.recipe.inputs.map(({ digest }) => digest)).toEqual(file!.recipe.inputs.map(({ digest }) => digest));
  });

  it('a reader that has enough ends the writer without a word', async () => {
    expect(await run('byo synth images --count 2000 -q | head -c 100 > start')).toEqual(FINE);
    expect(read('start')).toHaveLength(100);
    expect(await run('byo inspect model.st | head -1 > first')).toEqual(FINE);
    expect(read('first').toString()).toMatch(/^model\.st: model, /);
    expect(await run('byo --help | true')).toEqual(FINE);
  });

  it('work goes on where nobody reads the messages any more', async () => {
    const { code } = await run(`byo pretrain byol data.st ${TINY.join(' ')} --steps 3 -v -o unread.st 2>&1 >/dev/null | true`);
    expect(code).toBe(0);
    expect(readdirSync(cwd)).toContain('unread.st');
  });

  it('process substitution stands for a file, as input and as output', async () => {
    const line = 'byo embed --model <(cat model.st) --threads 1 <(cat data.st) -q -o >(cat > substituted.st; touch written)';
    expect(await run(`${line}; until [ -e written ]; do sleep 0.05; done`)).toEqual(FINE);
    const { stdout } = await run('byo inspect substituted.st --json');
    const { recipe } = JSON.parse(stdout) as { recipe: { inputs: object[] } };
    // The numbers of descriptors differ from run to run and have no place in a recipe.
    expect(recipe.inputs.every((input) => !('name' in input))).toBe(true);
    expect(await run('byo probe knn substituted.st --k 3 --json > a; byo probe knn features.st --k 3 --json > b; cmp a b')).toEqual(FINE);
  });

  it('named pipes connect two commands', async () => {
    expect(await run('mkfifo pipe; byo embed --model model.st --threads 1 data.st -q -o pipe & byo probe knn pipe --k 3 --json > c; wait $!; cmp b c')).toEqual(FINE);
  });

  it('a stream of any length is read, and leaves nothing behind where it was collected', async () => {
    expect(await run('mkdir -p tmp; cat data.st data.st | byo inspect', { TMPDIR: join(cwd, 'tmp') })).toMatchObject({ code: 3, stdout: '' });
    expect(await run('cat data.st | byo inspect --json | cmp - <(byo inspect data.st --json)', { TMPDIR: join(cwd, 'tmp') })).toEqual(FINE);
    expect(readdirSync(join(cwd, 'tmp'))).toEqual([]);
  });

  it('a command that fails in a pipe fails the pipe, with one message of its own', async () => {
    const { code, stderr } = await run('byo embed --model missing.st data.st -q | byo probe linear');
    expect(code).not.toBe(0);
    expect(stderr.split('\n')).toContain('byo: cannot read missing.st: there is no such file; check the name');
    expect(stderr).toMatch(/byo: standard input/);
    expect(stderr).not.toContain('    at ');
  });

  it.skipIf(!installed('script'))('binary output to a terminal is refused, before anything is computed', async () => {
    const { stdout } = await run(`NO_COLOR=1 script -qec '"${process.execPath}" "${program}" synth images' /dev/null`);
    expect(stdout).toContain('byo: the output is binary and standard output is a terminal; give -o FILE, or pipe it on');
  });
});
