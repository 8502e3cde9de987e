import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { crc32c, openEvents, record } from '../../../src/core/files/tfevents.js';
import { installed, scratchFolder } from '../../support/cli.js';

const folder = scratchFolder();
const PYTHON = process.env.PYTHON ?? 'python3';

async function write(name: string): Promise<string> {
  const path = join(folder, name);
  const first = await openEvents(path, 0);
  for (let step = 1; step <= 200; step++) first.write({ step, loss: 1 / step, lr: 0.5, note: 'text is left out' });
  await first.close();
  const second = await openEvents(path, 150);
  for (let step = 151; step <= 160; step++) second.write({ step, loss: -step });
  await second.close();
  return path;
}

describe('event files', () => {
  it('have the checksums of RFC 3720, masked', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    // A TFRecord of 'abc', as TensorFlow writes it: length, masked checksum of the length, data, masked checksum of the data.
    const bytes = Buffer.from(record(Buffer.from('abc')));
    expect(bytes.readBigUInt64LE(0)).toBe(3n);
    expect(bytes.subarray(12, 15).toString()).toBe('abc');
    expect(bytes.length).toBe(19);
  });

  it('are the same for the same run', async () => {
    const [a, b] = [await write('a'), await write('b')];
    expect(readdirSync(a)).toHaveLength(2);
    for (const name of readdirSync(a)) expect(readFileSync(join(a, name)).equals(readFileSync(join(b, name)))).toBe(true);
  });

  it.skipIf(!installed(PYTHON, ['-c', 'import tensorboard']))('are what TensorBoard reads; a resumed run replaces later steps', async () => {
    const path = await write('board');
    const script = `
import json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(${JSON.stringify(path)}, size_guidance={'scalars': 0})
events.Reload()
print(json.dumps({'tags': sorted(events.Tags()['scalars']), 'loss': [[e.step, e.value] for e in events.Scalars('loss')]}))`;
    const { tags, loss } = JSON.parse((await execa(PYTHON, ['-c', script])).stdout) as { tags: string[]; loss: [number, number][] };
    expect(tags).toEqual(['loss', 'lr']);
    const expected = Array.from({ length: 160 }, (_, i) => [i + 1, i < 150 ? Math.fround(1 / (i + 1)) : -(i + 1)]);
    expect(loss).toEqual(expected);
  });
});
