import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { fileBytes } from '../../src/core/data/bytes.js';
import { readTar, tarFiles } from '../../src/core/data/tar.js';

const cifar = fileURLToPath(new URL('../../../shared/data/cifar10-12k.tar', import.meta.url));

describe.skipIf(!existsSync(cifar))('12,000 photographs of CIFAR-10 (skipped where ../shared/data is missing)', () => {
  it('reads all, and one image as sharp does', async () => {
    const set = await readTar(tarFiles(cifar));
    expect(set.images.shape).toEqual([12_000, 3, 32, 32]);
    expect(set.classes).toHaveLength(10);
    expect(set.classes?.[0]).toBe('airplane');
    expect([0, 1, 2].map((split) => set.split!.filter((value) => value === split).length)).toEqual([10_000, 0, 2000]);
    for (let label = 0; label < 10; label++) expect(set.labels!.filter((value) => value === label)).toHaveLength(1200);
    expect(set.skipped).toEqual([]);

    const at = 4321;
    const { name, bytes } = await memberAt(at);
    expect(name).toContain(`/${set.classes![set.labels![at]]}/`);
    const { channels } = await sharp(bytes).stats();
    const own = set.images.data.subarray(at * 3072, (at + 1) * 3072);
    const means = [0, 1, 2].map((c) => own.subarray(c * 1024, (c + 1) * 1024).reduce((a, b) => a + b, 0) / 1024);
    channels.forEach(({ mean }, c) => expect(means[c]).toBeCloseTo(mean, 6));
  });

  /** The image at a position of the archive, found without the reader under test. */
  async function memberAt(position: number): Promise<{ name: string; bytes: Buffer }> {
    const unpack = extract();
    Readable.from(fileBytes(cifar)).pipe(unpack);
    let seen = 0;
    for await (const entry of unpack) {
      const isImage = entry.header.name.endsWith('.jpg');
      if (isImage && seen++ === position) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry) chunks.push(chunk as Buffer);
        return { name: entry.header.name, bytes: Buffer.concat(chunks) };
      }
      entry.resume();
    }
    throw new Error(`the archive holds ${seen} images only`);
  }
});
