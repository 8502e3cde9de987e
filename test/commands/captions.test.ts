import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { imageSetOf } from '../../src/core/data/dataset.js';
import { readArtifact } from '../../src/core/files/artifact.js';
import { byo, scratchFolder, shell } from '../support/cli.js';
import { expectFailure } from './support.js';

const cwd = scratchFolder();
cpSync(fileURLToPath(new URL('../../fixtures/images', import.meta.url)), join(cwd, 'images'), { recursive: true });

test('byo convert --captions writes them beside the images, from a folder and an archive; plot images shows them', async () => {
  const { stdout } = await shell("cd images && find ring star -name '*.*' | sort", { cwd });
  const files = stdout.split('\n').filter((name) => !name.includes('broken'));
  const words = files.map((name, i) => (i === 4 ? '' : `"picture ${i}, called ${name} & Ähnliches"`));
  writeFileSync(join(cwd, 'words.csv'), ['file,caption', ...files.map((name, i) => `${name},${words[i]}`)].join('\n'));
  const made = await shell('byo convert images --captions words.csv -q -o set.st && byo convert images -q -o plain.st', { cwd });
  expect([made.code, made.stderr]).toEqual([0, '']);
  const artifact = await readArtifact(join(cwd, 'set.st'));
  const { captions } = imageSetOf(artifact, 'set.st');
  expect(captions).toEqual(words.map((caption) => caption.replaceAll('"', '')));
  expect(artifact.tensors.get('captions')!.shape).toEqual([10, Math.max(...captions!.map((caption) => Buffer.byteLength(caption)))]);
  expect(artifact.recipe!.inputs.map(({ role, name }) => [role, name])).toEqual([['images', undefined], ['captions', 'words.csv']]);
  expect(artifact.recipe!.inputs[0]!.digest).toBe((await readArtifact(join(cwd, 'plain.st'))).recipe!.inputs[0]!.digest);

  const archive = await shell('tar cf - --sort=name images | byo convert --captions words.csv -q | byo plot images -o words.svg', { cwd });
  expect(archive.code, archive.stderr).toBe(0);
  const svg = readFileSync(join(cwd, 'words.svg'), 'utf8');
  for (const text of ['>picture 0, called', 'Ähnliches<', '&amp;']) expect(svg).toContain(text);
  const replayed = await byo(['replay', 'set.st', '--check', '--inputs', '.', '-q'], { cwd });
  expect(replayed.stdout, replayed.stderr).toContain('the same bytes again');

  writeFileSync(join(cwd, 'wrong.csv'), 'file,text\nring/0.png,a ring\n');
  expectFailure(await byo(['convert', 'images', '--captions', 'wrong.csv', '-q'], { cwd }), 3, 'wrong.csv has no column caption; its header');
});

test('byo synth captioned writes pictures with sentences, into a pipe too', async () => {
  const line = 'byo synth captioned --count 12 --size 16 -q | tee scenes.st | byo plot images -o scenes.svg';
  const { code, stderr } = await shell(line, { cwd });
  expect([code, stderr]).toEqual([0, '']);
  const artifact = await readArtifact(join(cwd, 'scenes.st'), { kind: 'dataset' });
  const { captions, labels, split } = imageSetOf(artifact, 'scenes.st');
  const tests = split!.filter((part) => part === 2).length;
  expect([captions!.length, [...labels!].slice(0, 7), tests]).toEqual([12, [0, 1, 2, 3, 4, 5, 0], 2]);
  const svg = readFileSync(join(cwd, 'scenes.svg'), 'utf8');
  const words = [...svg.matchAll(/font-size="10"[^>]*>([^<]*)</g)].map(([, line]) => line).join(' ').replaceAll('…', '');
  for (const caption of captions!) expect(words).toContain(caption.split(' ').slice(0, 7).join(' '));
  expect((await byo(['replay', 'scenes.st', '--check', '-q'], { cwd })).stdout).toContain('the same bytes again');
  expectFailure(await byo(['synth', 'captioned', '--size', '8'], { cwd }), 2, '--size takes a whole number of at least 16');
});
