import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { expandBraces, readTar, tarFiles } from '../../../src/core/data/tar.js';
import { firstPixels, messageOf, png, scratch } from './scratch.js';
import { tarOf } from './tars.js';

const stream = (bytes: Uint8Array, step = 700) => ({
  name: 'set.tar',
  bytes: Readable.from((function* () {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  })()),
});

const grey = (level: number) => png([level, level, level]);

describe('readTar', () => {
  it('reads folders in archive order with the rules of folders', async () => {
    const bytes = await tarOf([
      ['./pets/train/dog/1.png', await grey(1)], ['./pets/notes.txt', 'text'], ['./pets/test/cat/2.png', await grey(2)],
      ['./pets/train/cat/._3.png', 'resource fork'], [{ name: 'pets/link.png', type: 'symlink', linkname: 'x' }, ''],
      ['./pets/train/cat/3.png', await grey(3)],
    ]);
    for (const archive of [stream(bytes), stream(gzipSync(bytes)), stream(bytes, 1)]) {
      const set = await readTar([archive]);
      expect(firstPixels(set.images).map(([red]) => red)).toEqual([1, 2, 3]);
      expect(set.classes).toEqual(['cat', 'dog']);
      expect([...set.labels!]).toEqual([1, 0, 0]);
      expect([...set.split!]).toEqual([0, 2, 0]);
      expect(set.skipped).toEqual([]);
    }
  });

  it('reads WebDataset samples: labels in .cls or .json, before or after the image', async () => {
    const bytes = await tarOf([
      ['d/0.v1.cls', '7'], ['d/0.v1.png', await grey(1)],
      ['d/1.png', await grey(2)], ['d/1.json', '{"caption": "x", "label": 3}'],
      ['d/2.left.png', await grey(3)], ['d/2.right.png', await grey(4)], ['d/2.cls', '0\n'],
    ]);
    const set = await readTar([stream(bytes)]);
    expect(firstPixels(set.images).map(([red]) => red)).toEqual([1, 2, 3, 4]);
    expect([...set.labels!]).toEqual([7, 3, 0, 0]);
    expect(set.classes).toBeUndefined();
    expect((await readTar([stream(bytes)], { labels: false })).labels).toBeUndefined();
  });

  it('numbers class names, keeps splits, and leaves out images that cannot be decoded', async () => {
    const set = await readTar([stream(await tarOf([
      ['train/0.png', await grey(1)], ['train/0.cls', 'zebra'], ['train/1.png', 'no image'], ['train/1.cls', 'bee'],
      ['test/2.png', await grey(3)], ['test/2.cls', 'ant'],
    ]))]);
    expect(set.classes).toEqual(['ant', 'bee', 'zebra']);
    expect([...set.labels!]).toEqual([2, 0]);
    expect([...set.split!]).toEqual([0, 2]);
    expect(set.skipped.map(({ name }) => name)).toEqual(['train/1.png']);
    const bad = stream(await tarOf([['a.png', 'no image'], ['b.png', await grey(1)]]));
    expect(await messageOf(readTar([bad], { strict: true }))).toContain('set.tar: a.png cannot be decoded');
  });

  it('limits evenly over classes', async () => {
    const members = await Promise.all(['a/1', 'a/2', 'a/3', 'b/1'].map(async (name, i) =>
      [`${name}.png`, await grey(i)] as const));
    const set = await readTar([stream(await tarOf(members))], { limit: 2 });
    expect(firstPixels(set.images).map(([red]) => red)).toEqual([0, 3]);
  });

  it('reads shards one after the other, each with samples of its own', async () => {
    const folder = await scratch({
      's-00.tar': await tarOf([['0.png', await grey(1)], ['0.cls', '1']]),
      's-01.tar': await tarOf([['0.png', await grey(2)], ['0.cls', '2']]),
    });
    const set = await readTar(tarFiles(join(folder, 's-{00..01}.tar')));
    expect([...set.labels!]).toEqual([1, 2]);
    expect(await messageOf(readTar(tarFiles(join(folder, 's-{00..02}.tar'))))).toContain('s-02.tar: there is no such file');
  });

  it('refuses damaged archives, and archives without images or with half the labels', async () => {
    const image = await grey(1);
    const whole = await tarOf([['a/1.png', image], ['b/1.png', image]]);
    expect(await messageOf(readTar([stream(whole.subarray(0, 600))]))).toMatch(/^set\.tar is not a whole tar archive/);
    expect(await messageOf(readTar([stream(gzipSync(whole).subarray(0, 90))]))).toMatch(/^set\.tar is not a whole tar/);
    expect(await messageOf(readTar([stream(Buffer.alloc(2000, 'x'))]))).toMatch(/^set\.tar is not a whole tar archive/);
    expect(await messageOf(readTar([stream(await tarOf([['a.txt', 'x']]))]))).toContain('holds 1 file, but none is');
    expect(await messageOf(readTar([stream(await tarOf([['a.png', image], ['a.cls', '1'], ['b.png', image]]))])))
      .toContain('set.tar: b.png has no label');
    expect(await messageOf(readTar([stream(await tarOf([['a.json', '{'], ['a.png', image]]))])))
      .toContain('a.json is not valid JSON');
  });
});

it('expandBraces keeps leading zeros and expands every range', () => {
  expect(expandBraces('a-{008..011}.tar')).toEqual(['a-008.tar', 'a-009.tar', 'a-010.tar', 'a-011.tar']);
  expect(expandBraces('{0..1}/{9..10}')).toEqual(['0/9', '0/10', '1/9', '1/10']);
  expect(expandBraces('plain{x}.tar')).toEqual(['plain{x}.tar']);
  expect(() => expandBraces('{3..1}.tar')).toThrow('runs backwards');
});
