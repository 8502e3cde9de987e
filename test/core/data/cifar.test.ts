import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCifar } from '../../../src/core/data/cifar.js';
import { messageOf, scratch } from './scratch.js';

/** Records of label bytes and 3072 pixel bytes, each plane of record i filled with i * 10 + plane. */
function batch(labels: readonly (readonly number[])[], from = 0): Uint8Array {
  return Buffer.concat(labels.map((bytes, i) => Buffer.concat([
    Buffer.from(bytes), ...[0, 1, 2].map((plane) => Buffer.alloc(1024, (from + i) * 10 + plane)),
  ])));
}

describe('readCifar', () => {
  it('reads a folder of CIFAR-10 batches, the test batch as test split', async () => {
    const folder = await scratch({
      'cifar-10-batches-bin/data_batch_1.bin': batch([[3], [9]]), 'cifar-10-batches-bin/data_batch_2.bin': batch([[0]], 2),
      'cifar-10-batches-bin/test_batch.bin': batch([[1]], 3),
    });
    for (const path of [folder, join(folder, 'cifar-10-batches-bin')]) {
      const set = await readCifar(path);
      expect(set.images.shape).toEqual([4, 3, 32, 32]);
      const positions = [0, 1024, 3071, 3072, 2 * 3072, 4 * 3072 - 1];
      expect(positions.map((at) => set.images.data[at])).toEqual([0, 1, 2, 10, 20, 32]);
      expect([...set.labels!]).toEqual([3, 9, 0, 1]);
      expect([...set.split!]).toEqual([0, 0, 0, 2]);
      expect(set.classes?.[9]).toBe('truck');
    }
    const few = await readCifar(folder, { limit: 1, labels: false, size: 8, channels: 1 });
    expect(few.images.shape).toEqual([2, 1, 8, 8]);
    expect(few.labels).toBeUndefined();
  });

  it('tells CIFAR-100 by its record size and reads its fine labels and names', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `class${i}`);
    const folder = await scratch({
      'train.bin': batch([[19, 99], [0, 4]]), 'test.bin': batch([[5, 42]], 2),
      'fine_label_names.txt': `${names.join('\n')}\n\n`, 'coarse_label_names.txt': 'a\nb\n',
    });
    const set = await readCifar(folder);
    expect([...set.labels!]).toEqual([42, 99, 4]);
    expect([...set.split!]).toEqual([2, 0, 0]);
    expect(set.classes).toEqual(names);
    expect([...set.images.data.subarray(0, 3072)]).toEqual([20, 21, 22].flatMap((v) => Array(1024).fill(v)));
  });

  it('reads one file', async () => {
    const folder = await scratch({ 'data_batch_1.bin': batch([[1]]) });
    expect((await readCifar(join(folder, 'data_batch_1.bin'))).images.shape).toEqual([1, 3, 32, 32]);
  });

  it('refuses pickles, cut files and labels out of range', async () => {
    const pickled = await scratch({ 'data_batch_1': '\x80\x02', 'batches.meta': 'x' });
    expect(await messageOf(readCifar(pickled))).toContain('download the binary version');
    expect(await messageOf(readCifar(join(await scratch({ data_batch_1: Buffer.of(0x80, 2) }), 'data_batch_1'))))
      .toContain('pickles');
    const cut = await scratch({ 'data_batch_1.bin': batch([[1]]).subarray(1) });
    expect(await messageOf(readCifar(cut))).toContain('holds 3072 bytes');
    expect(await messageOf(readCifar(cut, {}, 'cifar100'))).toContain('CIFAR-100 files are records of 3074 bytes');
    expect(await messageOf(readCifar(await scratch({ 'test_batch.bin': batch([[1], [10]]) }))))
      .toContain('image 1 has label 10, but CIFAR-10 has labels 0 to 9');
    expect(await messageOf(readCifar(await scratch({ x: '' })))).toContain('holds no CIFAR files');
  });
});
