import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLog } from '../../../src/core/train/log.js';
import { scratch } from '../data/scratch.js';

const lines = async (path: string): Promise<unknown[]> =>
  (await readFile(path, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));

describe('openLog', () => {
  test('writes one JSON object a line, in order', async () => {
    const path = join(await scratch(), 'run.jsonl');
    const log = await openLog(path, 0);
    for (let step = 1; step <= 20; step++) log.write({ step, loss: 1 / step });
    await log.close();
    expect(await lines(path)).toEqual(Array.from({ length: 20 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1) })));
  });

  test('a new run starts the file anew', async () => {
    const path = join(await scratch({ 'run.jsonl': '{"step":1}\n{"step":2}\n' }), 'run.jsonl');
    const log = await openLog(path, 0);
    log.write({ step: 1, loss: 5 });
    await log.close();
    expect(await lines(path)).toEqual([{ step: 1, loss: 5 }]);
  });

  test('a resumed run keeps the lines up to its step, and drops later ones and a line that was cut off', async () => {
    const path = join(await scratch(), 'run.jsonl');
    await writeFile(path, '{"step":1}\n{"step":2}\n{"step":3}\n{"ste');
    const log = await openLog(path, 2);
    log.write({ step: 3, loss: 7 });
    await log.close();
    expect(await lines(path)).toEqual([{ step: 1 }, { step: 2 }, { step: 3, loss: 7 }]);
  });

  test('a place that cannot be written is one sentence', async () => {
    await expect(openLog(join(await scratch(), 'missing', 'run.jsonl'), 0)).rejects.toThrow(/missing/);
  });
});
