import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, openSync, closeSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { ByoError, InputError, UsageError } from '../../../src/core/errors.js';
import { checkOutput, readInput, writeOutput } from '../../../src/core/files/streams.js';
import { messageOf, scratch } from './support.js';

const noise = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 13));

describe('readInput', () => {
  it('reads a file, and one that calls itself empty', async () => {
    const path = join(scratch(), 'a');
    writeFileSync(path, noise);
    expect(noise.equals(await readInput(path))).toBe(true);
    writeFileSync(path, '');
    expect((await readInput(path)).length).toBe(0);
    if (process.platform === 'linux') expect(Buffer.from(await readInput('/proc/self/stat')).toString()).toMatch(/^\d+ \(/);
  });

  it('reads standard input in memory, and through a temporary file beyond the limit', async () => {
    const directory = scratch();
    vi.stubEnv('TMPDIR', directory);
    try {
      for (const limit of [2 ** 30, noise.length, noise.length - 1, 1000, 0]) {
        const stdin = Readable.from((function* () {
          for (let at = 0; at < noise.length; at += 1 << 16) yield noise.subarray(at, at + (1 << 16));
        })());
        expect(noise.equals(await readInput('-', { stdin, limit }))).toBe(true);
        expect(readdirSync(directory)).toEqual([]);
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('spools to the temporary directory, and says so where that is impossible', async () => {
    vi.stubEnv('TMPDIR', join(scratch(), 'missing'));
    try {
      const message = await messageOf(ByoError, () => readInput('-', { stdin: Readable.from([noise]), limit: 1 }));
      expect(message).toMatch(/^cannot write a temporary file in .*missing/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('refuses a terminal, a second reading, and an empty name', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    expect(await messageOf(UsageError, () => readInput('-', { stdin: terminal }))).toContain('terminal');
    const stdin = Readable.from([noise]);
    await readInput('-', { stdin });
    expect(await messageOf(UsageError, () => readInput('/dev/stdin', { stdin }))).toContain('read already');
    expect(await messageOf(UsageError, () => readInput(''))).toContain('empty');
  });

  it('says what is wrong with a path', async () => {
    const directory = scratch();
    expect(await messageOf(InputError, () => readInput(join(directory, 'a')))).toContain('no such file');
    expect(await messageOf(InputError, () => readInput(directory))).toContain('byo convert');
  });

  it.skipIf(process.platform === 'win32')('reads a named pipe whose writer comes later', async () => {
    const directory = scratch();
    const path = join(directory, 'pipe');
    const source = join(directory, 'source');
    writeFileSync(source, noise);
    spawnSync('mkfifo', [path]);
    const reading = readInput(path, { limit: 1000 });
    spawn('sh', ['-c', '(sleep 0.2; cat "$0"; sleep 0.1; cat "$0") > "$1"', source, path]);
    expect(Buffer.concat([noise, noise]).equals(await reading)).toBe(true);
  });
});

describe('writeOutput', () => {
  it('writes to a slow reader in order, and leaves its stream open', async () => {
    const received: Buffer[] = [];
    let waiting = 0;
    const stdout = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        waiting++;
        setTimeout(() => { received.push(chunk); waiting--; done(); }, 2);
      },
    });
    const chunks = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));
    await writeOutput('-', (function* () {
      for (const chunk of chunks) {
        expect(waiting).toBe(0);
        yield chunk;
      }
    })(), { stdout });
    expect(Buffer.concat(received).equals(Buffer.concat(chunks))).toBe(true);
    expect(stdout.writable).toBe(true);
    expect(stdout.listenerCount('error')).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('ends quietly when the reader goes away', async () => {
    const head = spawn('head', ['-c', '3'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let made = 0;
    const chunks = (function* () {
      for (; made < 10_000; made++) yield noise;
    })();
    await writeOutput('-', chunks, { stdout: head.stdin });
    expect(made).toBeLessThan(10_000);
  });

  it.skipIf(process.platform !== 'linux')('says why standard output fails', async () => {
    const stdout = createWriteStream('/dev/full');
    await once(stdout, 'open');
    const message = await messageOf(ByoError, () => writeOutput('-', [noise], { stdout: stdout as Writable }));
    expect(message).toContain('cannot write standard output: the disk is full');
  });

  it('refuses a terminal, naming -o', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    expect(await messageOf(UsageError, () => writeOutput('-', [noise], { stdout: terminal }))).toContain('-o');
    expect(await messageOf(UsageError, () => checkOutput('-', { stdout: terminal }))).toContain('-o');
    expect(terminal.read()).toBeNull();
  });

  it('writes redirected output through its descriptor, after what is there', async () => {
    const path = join(scratch(), 'a');
    const fd = openSync(path, 'w');
    const stdout = Object.assign(new Writable({ write: () => { throw new Error('not through the stream'); } }), { fd });
    await writeOutput('-', [Buffer.from('a')], { stdout });
    await writeOutput('/dev/stdout', [noise], { stdout });
    closeSync(fd);
    expect(readFileSync(path).equals(Buffer.concat([Buffer.from('a'), noise]))).toBe(true);
  });

  it('writes a file atomically', async () => {
    const path = join(scratch(), 'a');
    await writeOutput(path, [noise]);
    expect(readFileSync(path).equals(noise)).toBe(true);
    expect(await messageOf(UsageError, () => writeOutput(path, [noise]))).toContain('--force');
    expect(await messageOf(UsageError, () => checkOutput(path))).toContain('--force');
    await checkOutput(path, { force: true });
    expect(readFileSync(path).equals(noise)).toBe(true);
    await writeOutput(path, [Buffer.from('b')], { force: true });
    expect(readFileSync(path, 'utf8')).toBe('b');
  });
});
