import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/core/errors.js';
import type { ImageSource } from '../../../src/core/data/decode.js';
import { imageStream, type StreamOptions } from '../../../src/core/data/stream.js';
import type { StreamFiles } from '../../../src/core/data/stream-files.js';
import type { ImageStream } from '../../../src/core/data/source.js';
import { messageOf } from './scratch.js';

const SIZE = 4;
const options: StreamOptions = { size: SIZE, fit: 'cover', batch: 4, buffer: 12, onBad: 'skip', maxBadRate: 1, seed: 3 };

/** A picture of one colour that says which image it is. */
const picture = (id: number): Uint8Array =>
  Buffer.concat([Buffer.from(`P6 ${SIZE} ${SIZE} 255\n`), Buffer.alloc(3 * SIZE * SIZE, id)]);

interface Fake extends StreamFiles {
  /** Images that were loaded so far. */
  loaded: number;
}

/** Files of as many images each as `counts` says, numbered through; those in `bad` cannot be decoded. */
function fakeFiles(
  counts: readonly number[], variant: Partial<StreamFiles> & { bad?: readonly number[]; delay?: () => number } = {},
): Fake {
  const { bad = [], delay, ...rest } = variant;
  const names = counts.map((_, i) => `f${i}`);
  const start = counts.map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0));
  const files: Fake = {
    name: 'the stream', repeatable: true, recipe: { role: 'data', digest: 'sha256:0' }, loaded: 0,
    list: async (_, after) => (after === undefined ? names : names.slice(names.indexOf(after) + 1)),
    images: async function* (file): AsyncGenerator<ImageSource> {
      const i = names.indexOf(file);
      for (let k = 0; k < counts[i]!; k++) {
        const id = start[i]! + k;
        yield {
          name: `image ${id}`,
          load: async () => {
            files.loaded++;
            if (delay) await sleep(delay());
            return bad.includes(id) ? Buffer.from('no image') : picture(id);
          },
        };
      }
    },
    ...rest,
  };
  return files;
}

const idsOf = async (stream: ImageStream, step: number): Promise<number[]> => {
  const { images } = (await stream.batch(step))!;
  const stride = 3 * SIZE * SIZE;
  return Array.from({ length: images.shape[0]! }, (_, i) => Math.round(images.data[i * stride]! * 255));
};
async function batches(stream: ImageStream, from: number, to: number): Promise<number[][]> {
  const out: number[][] = [];
  for (let step = from; step < to; step++) out.push(await idsOf(stream, step));
  return out;
}
const run = async (files: StreamFiles, steps: number, more: Partial<StreamOptions> = {}): Promise<number[][]> =>
  batches(imageStream(files, { ...options, ...more }), 0, steps);

describe('batches of a stream', () => {
  it('are images as float32 in [0, 1], without repetition within a pass, in an order that the seed decides', async () => {
    const { images } = (await imageStream(fakeFiles([7, 30]), options).batch(0))!;
    expect(images.shape).toEqual([4, 3, SIZE, SIZE]);
    expect(images.data[0]! * 255 % 1).toBeCloseTo(0, 4);
    const shown = (await run(fakeFiles([7, 30]), 6)).flat();
    expect(new Set(shown).size).toBe(24);
    expect(shown).not.toEqual([...shown].sort((a, b) => a - b));
    expect(await run(fakeFiles([7, 30]), 6)).toEqual(await run(fakeFiles([7, 30]), 6));
    expect((await run(fakeFiles([7, 30]), 6, { seed: 4 })).flat()).not.toEqual(shown);
  });

  it('go through the stream again and again; in the long run every image is seen equally often', async () => {
    const shown = (await run(fakeFiles([5, 0, 15]), 500)).flat();
    const times = Array.from({ length: 20 }, (_, id) => shown.filter((seen) => seen === id).length);
    // 100 each but for what waits in the buffer.
    expect(Math.min(...times)).toBeGreaterThan(90);
    expect(Math.max(...times)).toBeLessThan(110);
  });

  it('come to an end where the stream does, each image seen once, without a last batch that is not whole', async () => {
    const stream = imageStream(fakeFiles([9, 13], { repeatable: false }), options);
    const shown = (await batches(stream, 0, 5)).flat();
    expect(new Set(shown).size).toBe(20);
    expect(await stream.batch(5)).toBeUndefined();
    expect(await stream.batch(6)).toBeUndefined();
  });

  it('do not depend on how long images take to load', async () => {
    const slow = fakeFiles([7, 30], { bad: [3, 20], delay: () => 3 * Math.random() });
    expect(await run(slow, 8)).toEqual(await run(fakeFiles([7, 30], { bad: [3, 20] }), 8));
  });
});

describe('resumption', () => {
  it('goes on with the very batches of the uninterrupted stream, wherever it was cut, with bad images and small files too', async () => {
    const files = () => fakeFiles([3, 0, 8, 1, 17, 2], { bad: [0, 2, 9, 10, 30] });
    const whole = await run(files(), 40);
    for (const cut of [1, 2, 5, 7, 8, 13, 29]) {
      const first = imageStream(files(), options);
      await batches(first, 0, cut);
      // As in training, the batch of the next step may have been asked for already.
      if (cut % 2) await first.batch(cut);
      const saved: unknown = JSON.parse(JSON.stringify(first.state(cut)));
      const counts = first.counts(cut);
      await first.close();
      const second = imageStream(files(), options);
      await second.seek(saved);
      expect(second.counts(cut), `cut at ${cut}`).toEqual(counts);
      expect(await batches(second, cut, 40), `cut at ${cut}`).toEqual(whole.slice(cut));
    }
  });

  it('reads again only what is in the buffer', async () => {
    const files = fakeFiles([1000, 1000]);
    const first = imageStream(files, options);
    await batches(first, 0, 300);
    const again = fakeFiles([1000, 1000]);
    const second = imageStream(again, options);
    await second.seek(first.state(300));
    expect(again.loaded).toBeLessThanOrEqual(options.buffer + 1);
    expect(await idsOf(second, 300)).toEqual(await idsOf(first, 300));
  });

  it('is refused in one sentence where an image of the buffer is gone or broken', async () => {
    const first = imageStream(fakeFiles([20]), options);
    await batches(first, 0, 2);
    const saved = first.state(2);
    const seek = (files: StreamFiles) => messageOf(imageStream(files, options).seek(saved));
    expect(await seek(fakeFiles([2]))).toContain('can no longer be read, but the run to be resumed had it in its shuffle buffer');
    expect(await seek(fakeFiles([20], { bad: [...Array(20).keys()] }))).toMatch(/^the stream: image \d+ can no longer be read/);
    expect(await messageOf(imageStream(fakeFiles([20]), options).seek(undefined))).toContain('does not say where its stream stood');
  });
});

describe('images that cannot be decoded', () => {
  it('change no slot but their own: the image before them takes their place, the one after them where there is none', async () => {
    const good = await run(fakeFiles([7, 80]), 18);
    const bad = await run(fakeFiles([7, 80], { bad: [0, 1, 8, 20] }), 18);
    const instead = new Map([[0, 2], [1, 2], [8, 7], [20, 19]]);
    expect(bad).toEqual(good.map((batch) => batch.map((id) => instead.get(id) ?? id)));
    expect(good.flat()).toEqual(expect.arrayContaining([0, 1, 8, 20]));
  });

  it('are counted up to the step, not up to what is read ahead', async () => {
    const stream = imageStream(fakeFiles([100], { bad: [2, 13, 50] }), options);
    await stream.batch(0);
    await stream.batch(1);
    expect(stream.counts(1)).toEqual({ imagesRead: 16, badImages: 2 });
    expect(stream.counts(2)).toEqual({ imagesRead: 20, badImages: 2 });
  });

  it('stop the run with onBad stop, or where there are too many of them in a row of 1000, naming one and what is wrong with it', async () => {
    const files = () => fakeFiles([5000], { bad: Array.from({ length: 1000 }, (_, i) => 200 + 3 * i) });
    expect(await messageOf(run(files(), 300, { onBad: 'stop' }))).toMatch(
      /^the stream: image 200 cannot be decoded \(.*unsupported image format.*\); repair or remove it, or give --on-bad skip$/);
    expect(await messageOf(run(files(), 300, { maxBadRate: 0.05 }))).toMatch(
      /^the stream: more than 50 of 1000 images in a row cannot be decoded, the last of them image 350 \(.*\); repair the data, or raise --max-bad-rate$/);
    expect(await run(files(), 1000, { maxBadRate: 0.4 })).toHaveLength(1000);
  });

  it('may not be all: nothing to learn from, fewer images than a batch and no images are three sentences', async () => {
    expect(await messageOf(run(fakeFiles([5], { bad: [0, 1, 2, 3, 4] }), 1))).toBe(
      'the stream: none of its first 5 images can be decoded; check what they are');
    expect(await messageOf(run(fakeFiles([3]), 1))).toBe('a batch of 4 is larger than the stream, of 3 images; use --batch 3 or less');
    expect(await messageOf(run(fakeFiles([0, 0]), 1))).toBe('the stream holds no images');
  });

  it('include a file that is damaged, once, with the images after it in other files unharmed', async () => {
    const whole = fakeFiles([6, 6, 30]);
    const damaged = fakeFiles([6, 6, 30], {
      images: async function* (file) {
        let left = file === 'f1' ? 2 : Infinity;
        for await (const image of whole.images(file)) {
          if (left-- === 0) throw new InputError('f1 is not a whole tar archive');
          yield image;
        }
      },
    });
    const stream = imageStream(damaged, options);
    const shown = (await batches(stream, 0, 7)).flat();
    expect(shown.filter((id) => id >= 8 && id < 12)).toEqual([]);
    expect(stream.counts(7)).toEqual({ imagesRead: 40, badImages: 1 });
  });
});

describe('memory', () => {
  it('reads ahead by a few images only, however fast they come', async () => {
    const files = fakeFiles([100_000]);
    const stream = imageStream(files, { ...options, buffer: 50 });
    for (let step = 0; step < 20; step++) {
      await stream.batch(step);
      await sleep(2);
      expect(files.loaded).toBeLessThanOrEqual(50 + 4 * (step + 1) + 64);
    }
    const before = process.memoryUsage();
    await batches(stream, 20, 500);
    global.gc?.();
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 2 ** 20);
    await stream.close();
  });

  it('lets the buffer grow to its full size as a folder does, and resumes amid that', async () => {
    let names = Array.from({ length: 6 }, (_, i) => String(i).padStart(3, '0'));
    const folder = (): StreamFiles => ({
      ...fakeFiles([]),
      list: async (_, after) => names.filter((name) => after === undefined || name > after),
      images: async function* (name) { yield { name, load: async () => picture(Number(name)) }; },
    });
    const stream = imageStream(folder(), options);
    await batches(stream, 0, 10);
    expect((stream.state(10) as { slots: unknown[] }).slots).toHaveLength(6);
    names = Array.from({ length: 40 }, (_, i) => String(i).padStart(3, '0'));
    const more = await batches(stream, 10, 14);
    expect(more.flat().some((id) => id >= 6)).toBe(true);
    const saved: unknown = JSON.parse(JSON.stringify(stream.state(14)));
    const rest = await batches(stream, 14, 40);
    expect((stream.state(40) as { slots: unknown[] }).slots).toHaveLength(12);
    expect(new Set(rest.flat()).size).toBe(40);
    const second = imageStream(folder(), options);
    await second.seek(saved);
    expect(await batches(second, 14, 40)).toEqual(rest);
  });
});
