import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { streamFiles, type StreamFiles } from '../../../src/core/data/stream-files.js';
import { messageOf, png, scratch } from './scratch.js';
import { tarOf } from './tars.js';

const grey = (level: number) => png([level, level, level]);
const shard = async (...names: string[]) => tarOf(await Promise.all(names.map(async (name) => [name, await grey(1)] as const)));
const imagesOf = async (files: StreamFiles, file: string): Promise<string[]> => {
  const names: string[] = [];
  for await (const { name } of files.images(file)) names.push(name);
  return names;
};
const shards = async (count: number) => scratch(Object.fromEntries(await Promise.all(
  Array.from({ length: count }, async (_, i) => [`s/shard-${i}.tar`, await shard(`${i}a.png`, `${i}b.jpg`)] as const))));

describe('streamFiles of archives', () => {
  it('takes ranges in braces, patterns and lists; every pass has all of them in another order, which the seed decides', async () => {
    const folder = await shards(8);
    const names = Array.from({ length: 8 }, (_, i) => `shard-${i}.tar`);
    const files = await streamFiles([join(folder, 's', 'shard-{0..7}.tar')], 1);
    expect(files.repeatable).toBe(true);
    const passes = await Promise.all([0, 1, 2].map((pass) => files.list(pass)));
    for (const order of passes) expect([...order].sort()).toEqual(names);
    expect(passes[0]).not.toEqual(passes[1]);
    for (const sources of [[join(folder, 's', 'shard-*.tar')], [join(folder, 's/shard-?.tar')], names.map((name) => join(folder, 's', name))]) {
      expect(await (await streamFiles(sources, 1)).list(1)).toEqual(passes[1]);
    }
    expect(await (await streamFiles([join(folder, 's', 'shard-*.tar')], 2)).list(1)).not.toEqual(passes[1]);
    expect(await files.list(1, passes[1]![5])).toEqual(passes[1]!.slice(6));
    expect(await files.list(1, passes[1]![7])).toEqual([]);
  });

  it('gives the images of an archive, gzipped or not, and nothing else; an image file is its own image', async () => {
    const members = await shard('x/1.png', 'x/1.cls', 'x/._2.png', 'x/3.webp');
    const folder = await scratch({ 'a.tar': members, 'b.tgz': gzipSync(members), 'c.png': await grey(1) });
    const files = await streamFiles(['a.tar', 'b.tgz', 'c.png'].map((name) => join(folder, name)), 0);
    expect(await imagesOf(files, 'a.tar')).toEqual(['x/1.png', 'x/3.webp']);
    expect(await imagesOf(files, 'b.tgz')).toEqual(['x/1.png', 'x/3.webp']);
    expect(await imagesOf(files, 'c.png')).toEqual(['c.png']);
  });

  it('is recorded by the names and sizes of the files below their common folder, wherever that is', async () => {
    const [one, two] = [await shards(3), await shards(3)];
    const recipe = async (folder: string, pattern: string) => (await streamFiles([join(folder, pattern)], 0)).recipe;
    expect(await recipe(one, 's/shard-*.tar')).toEqual(await recipe(two, 's/shard-*.tar'));
    expect(await recipe(one, 's/shard-*.tar')).toMatchObject({ role: 'data', kind: 'stream', name: 'shard-*.tar' });
    const digest = (await recipe(one, 's/shard-{0..2}.tar')).digest;
    expect(digest).toBe((await recipe(one, 's/shard-*.tar')).digest);
    await writeFile(join(two, 's', 'shard-1.tar'), await shard('other.png', 'and.png', 'more.png'));
    expect((await recipe(two, 's/shard-*.tar')).digest).not.toBe(digest);
  });

  it('is refused in one sentence where a file is missing or named twice, and where a pattern finds none', async () => {
    const folder = await shards(2);
    const message = (...names: string[]) => messageOf(streamFiles(names.map((name) => join(folder, 's', name)), 0));
    expect(await message('shard-{0..2}.tar')).toContain('shard-2.tar: there is no such file');
    expect(await message('x*.tar')).toMatch(/^no file is called .*x\*\.tar; check the pattern$/);
    const usage = (...names: string[]) => messageOf(streamFiles(names, 0), 'UsageError');
    const path = join(folder, 's', 'shard-0.tar');
    expect(await usage(path, path)).toBe('shard-0.tar is named twice; every pass reads it once');
    expect(await usage(path, folder)).toBe(`${folder} is a folder; a stream reads one folder, or files`);
    expect(await usage(path, '-')).toContain('standard input (-) is a stream of its own');
  });
});

describe('streamFiles of a folder', () => {
  it('lists images and archives by name, below its folders too, without hidden and other files, anew every time', async () => {
    const folder = await scratch({ 'b.png': await grey(1), 'a/z.png': await grey(1), 'a/s.tar': await shard('1.png'), 'a/.t.png': '', 'n.txt': '' });
    const files = await streamFiles([folder], 0);
    expect(await files.list(0)).toEqual(['a/s.tar', 'a/z.png', 'b.png']);
    expect(await files.list(3, 'a/s.tar')).toEqual(['a/z.png', 'b.png']);
    expect(await imagesOf(files, 'a/s.tar')).toEqual(['1.png']);
    expect(await files.list(0, 'b.png')).toEqual([]);
    await writeFile(join(folder, 'c.png'), await grey(1));
    await mkdir(join(folder, 'aa'));
    await writeFile(join(folder, 'aa', 'd.png'), await grey(1));
    expect(await files.list(0, 'b.png')).toEqual(['c.png']);
    expect(await files.list(1)).toEqual(['a/s.tar', 'a/z.png', 'aa/d.png', 'b.png', 'c.png']);
    expect((await streamFiles([folder], 0)).recipe.digest).toBe(files.recipe.digest);
  });

  it('says what it holds instead of images, also once they are gone', async () => {
    const folder = await scratch({ 'n.txt': '', 'a.png': await grey(1) });
    const files = await streamFiles([folder], 0);
    await rm(join(folder, 'a.png'));
    expect(await messageOf(files.list(1))).toContain('holds 1 file, but none is an image (1 .txt)');
  });
});
