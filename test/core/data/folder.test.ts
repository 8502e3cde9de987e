import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readImageFile, readImageFolder, readImageList } from '../../../src/core/data/folder.js';
import { firstPixels, messageOf, png, scratch } from './scratch.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/images', import.meta.url));
const grey = (level: number) => png([level, level, level]);

describe('readImageFolder', () => {
  it('reads the fixtures: two classes, one broken image', async () => {
    const set = await readImageFolder(fixtures);
    expect(set.images.shape).toEqual([10, 3, 32, 32]);
    expect(set.classes).toEqual(['ring', 'star']);
    expect([...set.labels!]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(set.split).toBeUndefined();
    expect(set.skipped).toEqual([{ name: 'star/broken.jpg', reason: expect.stringMatching(/premature end/i) }]);
    expect(await messageOf(readImageFolder(fixtures, { strict: true }))).toContain('star/broken.jpg');
  });

  it('sorts by path, passes over hidden files and other kinds, and takes extensions in any case', async () => {
    const folder = await scratch({
      'b/2.PNG': await grey(20), 'a/x/1.png': await grey(10), 'a/.hidden.png': 'no image', '.git/c.png': 'no image',
      'a/notes.txt': 'text', 'a/0.png': await grey(5),
    });
    const set = await readImageFolder(folder);
    expect(firstPixels(set.images).map(([red]) => red)).toEqual([5, 10, 20]);
    expect([...set.labels!]).toEqual([0, 0, 1]);
    expect(set.skipped).toEqual([]);
  });

  it('keeps splits but no labels with labels: false, and limits each split evenly', async () => {
    const files: Record<string, Uint8Array> = {};
    for (const [i, path] of ['train/a/1', 'train/a/2', 'train/a/3', 'train/b/1', 'test/a/1', 'test/b/1'].entries()) {
      files[`${path}.png`] = await grey(i);
    }
    const folder = await scratch(files);
    const set = await readImageFolder(folder, { labels: false });
    expect(set.labels).toBeUndefined();
    expect(set.classes).toBeUndefined();
    expect([...set.split!]).toEqual([2, 2, 0, 0, 0, 0]);
    const few = await readImageFolder(folder, { limit: 2 });
    expect(firstPixels(few.images).map(([red]) => red)).toEqual([4, 5, 0, 3]);
    expect([...few.labels!]).toEqual([0, 1, 0, 1]);
  });

  it('follows symbolic links, but never round in a circle', async () => {
    const folder = await scratch({ 'a/1.png': await grey(1), 'b/2.png': await grey(2) });
    await symlink('..', join(folder, 'a', 'up'));
    await symlink(join(folder, 'b'), join(folder, 'c'));
    await symlink('nowhere.png', join(folder, 'b', 'lost.png'));
    const set = await readImageFolder(folder);
    expect(set.classes).toEqual(['a', 'b', 'c']);
    expect(firstPixels(set.images).map(([red]) => red)).toEqual([1, 2, 2]);
    expect(set.skipped.map(({ reason }) => reason)).toEqual(Array(2).fill('ENOENT: no such file or directory'));
  });

  it('says what a folder without images holds', async () => {
    const folder = await scratch({ 'a/1.csv': '', 'a/2.csv': '', 'b.md': '' });
    expect(await messageOf(readImageFolder(folder))).toContain('holds 3 files, but none is an image (2 .csv, 1 .md)');
    expect(await messageOf(readImageFolder(await scratch()))).toContain('is empty');
  });
});

describe('readImageList', () => {
  it('reads paths relative to the list, with labels after a tab', async () => {
    const folder = await scratch({
      'x/1.png': await grey(1), 'x/2.png': await grey(2),
      'named.txt': 'x/2.png\tzebra\r\nx/1.png\tant\n\n', 'numbered.txt': 'x/1.png\t4\nx/2.png\t0\n', 'plain.txt': 'x/2.png',
    });
    const named = await readImageList(join(folder, 'named.txt'));
    expect(firstPixels(named.images).map(([red]) => red)).toEqual([2, 1]);
    expect([named.classes, [...named.labels!]]).toEqual([['ant', 'zebra'], [1, 0]]);
    const numbered = await readImageList(join(folder, 'numbered.txt'));
    expect([numbered.classes, [...numbered.labels!]]).toEqual([undefined, [4, 0]]);
    expect((await readImageList(join(folder, 'plain.txt'))).labels).toBeUndefined();
    expect((await readImageList(join(folder, 'named.txt'), { labels: false })).labels).toBeUndefined();
  });

  it('skips files that are missing, and refuses half-labelled and empty lists and other texts', async () => {
    const folder = await scratch({
      '1.png': await grey(1), 'missing.txt': '1.png\n2.png\n', 'half.txt': '1.png\ta\n1.png\n', 'empty.txt': '\n',
      'prose.txt': 'To be, or not to be.\n',
    });
    const set = await readImageList(join(folder, 'missing.txt'));
    expect(set.skipped).toEqual([{ name: '2.png', reason: 'ENOENT: no such file or directory' }]);
    expect(await messageOf(readImageList(join(folder, 'half.txt')))).toContain('half.txt: 1.png has no label');
    expect(await messageOf(readImageList(join(folder, 'empty.txt')))).toContain('one image path a line was expected');
    expect(await messageOf(readImageList(join(folder, 'prose.txt')))).toContain('none is an image');
  });
});

it('readImageFile reads one image', async () => {
  const set = await readImageFile(join(fixtures, 'ring/0.png'), { size: 8 });
  expect(set.images.shape).toEqual([1, 3, 8, 8]);
  expect(set.labels).toBeUndefined();
});
