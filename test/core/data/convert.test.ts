import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { ndarray } from '../../../src/core/array.js';
import { IMAGE_FORMATS, readImageSet } from '../../../src/core/data/convert.js';
import { encodeNpy, encodeNpz } from '../../../src/core/files/npy.js';
import { messageOf, png, scratch } from './scratch.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/images', import.meta.url));
const idx = Buffer.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 6);
const array = ndarray('uint8', [1, 1, 2], Uint8Array.of(5, 6));

async function tar(): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: 'a.png' }, await png([5, 6, 7]));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('readImageSet', () => {
  it.each([
    ['a folder', '.', { 'x.png': png([5, 6, 7]) }, [1, 3, 4, 4]],
    ['one image', 'x.png', { 'x.png': png([5, 6, 7]) }, [1, 3, 4, 4]],
    ['a list', 'x.txt', { 'x.png': png([5, 6, 7]), 'x.txt': 'x.png\n' }, [1, 3, 4, 4]],
    ['tar, whatever its name', 'x', { x: tar() }, [1, 3, 4, 4]],
    ['gzipped tar', 'x.tgz', { 'x.tgz': tar().then((bytes) => gzipSync(bytes)) }, [1, 3, 4, 4]],
    ['tar shards', 'x-{0..1}.tar', { 'x-0.tar': tar(), 'x-1.tar': tar() }, [2, 3, 4, 4]],
    ['a folder of CIFAR-10', '.', { 'data_batch_1.bin': Buffer.alloc(3073) }, [1, 3, 32, 32]],
    ['a file of CIFAR-100', 'train.bin', { 'train.bin': Buffer.alloc(3074) }, [1, 3, 32, 32]],
    ['a folder of STL-10', '.', { 'unlabeled_X.bin': Buffer.alloc(27648) }, [1, 3, 96, 96]],
    ['a file of STL-10', 'unlabeled_X.bin', { 'unlabeled_X.bin': Buffer.alloc(27648) }, [1, 3, 96, 96]],
    ['a folder of IDX', '.', { 'train-images-idx3-ubyte': idx }, [1, 1, 1, 2]],
    ['a file of IDX', 'x-idx3-ubyte.gz', { 'x-idx3-ubyte.gz': gzipSync(idx) }, [1, 1, 1, 2]],
    ['npy', 'x', { x: Buffer.concat(encodeNpy(array)) }, [1, 1, 1, 2]],
    ['npz', 'x', { x: Buffer.concat(encodeNpz(new Map([['images', array]]))) }, [1, 1, 1, 2]],
  ])('recognises %s', async (_, path, files, shape) => {
    const contents = Object.entries(files).map(async ([name, bytes]) => [name, await bytes] as const);
    const folder = await scratch(Object.fromEntries(await Promise.all(contents)));
    expect((await readImageSet(join(folder, path))).images.shape).toEqual(shape);
  });

  it('takes the format from a prefix', async () => {
    const folder = await scratch({ 'data_batch_1.bin': Buffer.alloc(3073 * 3074) });
    expect((await readImageSet(`cifar100:${folder}`)).images.shape[0]).toBe(3073);
    expect((await readImageSet(`cifar10:${folder}`)).images.shape[0]).toBe(3074);
    expect(await messageOf(readImageSet(`folder:${folder}`))).toContain('none is an image (1 .bin)');
    expect(IMAGE_FORMATS).toContain('stl10');
  });

  it('passes size, fit, channels, limit and labels on', async () => {
    const set = await readImageSet(fixtures, { size: 8, fit: 'fill', channels: 1, limit: 4 });
    expect(set.images.shape).toEqual([4, 1, 8, 8]);
    expect([...set.labels!]).toEqual([0, 0, 1, 1]);
    expect((await readImageSet(fixtures, { labels: false, limit: 1 })).labels).toBeUndefined();
  });

  it('says what is wrong with a source', async () => {
    const folder = await scratch({ 'x.dat': 'nothing known' });
    expect(await messageOf(readImageSet(join(folder, 'none')))).toContain('there is no such file');
    expect(await messageOf(readImageSet('cifar:none'))).toContain('cifar is no format either: these are folder,');
    expect(await messageOf(readImageSet('stl10:none'))).toBe('cannot read none: there is no such file; check the name');
    expect(await messageOf(readImageSet(join(folder, 'x.dat')))).toContain('is of no known image format');
    expect(await messageOf(readImageSet('npz:-'), 'UsageError')).toContain('cannot be read from standard input');
  });

  it('refuses options out of range', async () => {
    for (const options of [{ size: 0 }, { size: 1.5 }, { size: 20_000 }, { limit: 0 }, { channels: 2 }, { fit: 'crop' }]) {
      await messageOf(readImageSet(fixtures, options as Parameters<typeof readImageSet>[1]), 'UsageError');
    }
  });
});
