import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, scratchFolder, shell } from '../support/cli.js';
import { expectFailure } from './support.js';

const cwd = scratchFolder();
const FIXTURES = fileURLToPath(new URL('../../fixtures/images', import.meta.url));
const at = (name: string) => join(cwd, name);
const write = (name: string, text: string) => writeFileSync(at(name), text);
const HEADER = 'file,kind_round,kind_pointed,points_five,points_more';

beforeAll(() => {
  cpSync(FIXTURES, at('images'), { recursive: true });
  write('questions.json', JSON.stringify([
    { name: 'kind', answers: ['round', 'pointed'] }, { name: 'points', answers: ['five', 'more'], parents: ['kind_pointed'] },
  ]));
});

describe('byo convert --votes', () => {
  const voting = ['--votes', 'votes.csv', '--questions', 'questions.json'];
  const convert = () => byo(['convert', 'images', ...voting, '-q', '-o', 'set.st', '-f'], { cwd });

  test('writes votes and questions beside the images, from a folder and from a tar archive of it alike', async () => {
    const listed = (await byo(['convert', 'images', '-q', '-o', 'plain.st'], { cwd })).code;
    expect(listed).toBe(0);
    const { stdout } = await shell("cd images && find ring star -name '*.*' | sort", { cwd });
    const files = stdout.split('\n').filter((name) => !name.includes('broken'));
    const rows = files.map((name, i) => `${name},${i},${2 * i},,${i === 3 ? 6 : ''}`);
    write('votes.csv', [HEADER, ...rows, 'star/broken.jpg,1,1,1,1'].join('\n'));
    expect((await convert()).code).toBe(0);
    const { tensors, meta, recipe } = await readArtifact(at('set.st'));
    const votes = tensors.get('votes')!;
    expect([votes.dtype, votes.shape]).toEqual(['int32', [10, 4]]);
    expect([...votes.data].slice(12, 20)).toEqual([3, 6, 0, 6, 4, 8, 0, 0]);
    expect(meta.questions).toEqual([
      { name: 'kind', answers: ['round', 'pointed'], start: 0, end: 1, parents: [] },
      { name: 'points', answers: ['five', 'more'], start: 2, end: 3, parents: ['kind_pointed'] },
    ]);
    expect(recipe!.inputs.map(({ role, name }) => [role, name])).toEqual([['images', undefined], ['votes', 'votes.csv'], ['questions', 'questions.json']]);
    expect(recipe!.inputs[0]!.digest).toBe((await readArtifact(at('plain.st'))).recipe!.inputs[0]!.digest);

    const archive = await shell('tar cf - --sort=name images | byo convert --votes votes.csv --questions questions.json -q -o tar.st', { cwd });
    expect(archive.stderr).toMatch(/^(warning: skipped images\/star\/broken\.jpg.*)?$/);
    expect((await readArtifact(at('tar.st'))).tensors.get('votes')).toEqual(votes);
  });

  test('is made again from its recipe', async () => {
    const { code, stdout, stderr } = await byo(['replay', 'set.st', '--check', '--inputs', '.', '-q'], { cwd });
    expect(stdout, stderr).toContain('the same bytes again');
    expect(code).toBe(0);
  });

  test('mistakes are one sentence', async () => {
    write('votes.csv', `${HEADER}\nring/0.png,1,1,1,1`);
    expectFailure(await convert(), 3, 'votes.csv has no row for the image ring/1.jpg; give it one');
    write('votes.csv', `${HEADER}\nring/0.png,1,0.5,,`);
    expectFailure(await convert(), 3, "votes.csv, line 2, kind_pointed: '0.5' is not a number of votes");
    write('odd.json', '{"kind": ["round"]}');
    expectFailure(await byo(['convert', 'images', '--votes', 'votes.csv', '--questions', 'odd.json', '-o', 'x.st'], { cwd }), 3,
      'odd.json: a list of questions is expected');
    expectFailure(await byo(['convert', 'images', '--votes', 'votes.csv', '-o', 'x.st'], { cwd }), 2, '--votes needs --questions');
    expectFailure(await byo(['convert', 'images', '--questions', 'odd.json', '-o', 'x.st'], { cwd }), 2, '--questions says what votes are about; give them with --votes');
  });
});
