import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync, closeSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ByoError, EXIT, InputError, UsageError } from '../../../src/core/errors.js';
import { cleanupTemporaries, ensureWritable, writeAtomic } from '../../../src/core/files/atomic.js';
import { explainReadError, explainWriteError } from '../../../src/core/files/system-errors.js';
import { messageOf, scratch } from './support.js';

const text = (...parts: string[]) => parts.map((part) => Buffer.from(part));

describe('writeAtomic', () => {
  it('writes chunks of arrays and of async sources, leaving nothing else', async () => {
    const directory = scratch();
    await writeAtomic(join(directory, 'a'), text('one ', '', 'two'));
    await writeAtomic(join(directory, 'b'), (async function* () { yield* text('three'); })());
    expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('one two');
    expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('three');
    expect(readdirSync(directory)).toEqual(['a', 'b']);
  });

  it('shows nothing under the final name, and the old file whole, until all is written', async () => {
    const directory = scratch();
    const path = join(directory, 'a');
    writeFileSync(path, 'old');
    const seen: string[] = [];
    await writeAtomic(path, (async function* () {
      yield* text('ne');
      seen.push(readFileSync(path, 'utf8'), ...readdirSync(directory));
      yield* text('w');
    })(), { force: true });
    expect(seen).toEqual(['old', `.a.tmp.${process.pid}`, 'a']);
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it('refuses to replace a file without force', async () => {
    const path = join(scratch(), 'a');
    writeFileSync(path, 'old');
    const message = await messageOf(UsageError, () => writeAtomic(path, text('new')));
    expect(message).toContain('--force');
    expect(message).toBe(await messageOf(UsageError, () => ensureWritable(path)));
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('keeps permissions and symbolic links of what it replaces', async () => {
    const directory = scratch();
    const path = join(directory, 'a');
    const link = join(directory, 'link');
    writeFileSync(path, 'old');
    chmodSync(path, 0o600);
    symlinkSync('a', link);
    await writeAtomic(link, text('new'), { force: true });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('removes the unfinished file when its source fails, and passes that error on', async () => {
    const directory = scratch();
    const failure = Object.assign(new Error('source'), { code: 'ENOENT' });
    const chunks = (async function* () { yield* text('x'); throw failure; })();
    await expect(writeAtomic(join(directory, 'a'), chunks)).rejects.toBe(failure);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('cleanupTemporaries removes what is under way, as a signal handler needs', async () => {
    const directory = scratch();
    const seen: string[][] = [];
    const chunks = (async function* () {
      yield* text('x');
      seen.push(readdirSync(directory));
      cleanupTemporaries();
      seen.push(readdirSync(directory));
      throw new Error('interrupted');
    })();
    await expect(writeAtomic(join(directory, 'a'), chunks)).rejects.toThrow('interrupted');
    expect(seen).toEqual([[`.a.tmp.${process.pid}`], []]);
  });

  it('replaces what a killed process of the same number left, without following links', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'victim'), 'safe');
    symlinkSync('victim', join(directory, `.a.tmp.${process.pid}`));
    await writeAtomic(join(directory, 'a'), text('x'));
    expect(readFileSync(join(directory, 'victim'), 'utf8')).toBe('safe');
    expect(lstatSync(join(directory, 'a')).isFile()).toBe(true);
  });

  it('says why it cannot write', async () => {
    const directory = scratch();
    writeFileSync(join(directory, 'file'), '');
    mkdirSync(join(directory, 'dir'));
    const at = (...path: string[]) => messageOf(ByoError, () => writeAtomic(join(directory, ...path), text('x'), { force: true }));
    expect(await at('missing', 'a')).toContain('missing does not exist; create it');
    expect(await at('dir')).toContain('it is a directory');
    expect(await at('file', 'a')).toContain('not a directory');
    expect(await at('n'.repeat(300))).toContain('too long');
    expect(await messageOf(UsageError, () => writeAtomic('', text('x')))).toContain('empty');
    expect(readdirSync(directory).sort()).toEqual(['dir', 'file']);
  });

  it.skipIf(process.platform !== 'linux')('writes to devices directly', async () => {
    await writeAtomic('/dev/null', text('x'));
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    expect(await messageOf(ByoError, () => writeAtomic('/dev/full', text('x')))).toContain('the disk is full');
    const path = join(scratch(), 'redirected');
    const fd = openSync(path, 'w');
    await writeAtomic(`/dev/fd/${fd}`, text('a'));
    await writeAtomic(`/dev/fd/${fd}`, text('b'));
    closeSync(fd);
    expect(readFileSync(path, 'utf8')).toBe('ab');
  });

  it.skipIf(process.platform === 'win32')('waits for the reader of a named pipe', async () => {
    const path = join(scratch(), 'pipe');
    spawnSync('mkfifo', [path]);
    const big = Buffer.alloc(1 << 20, 'x');
    const written = writeAtomic(path, [big, ...text('end')]);
    const reader = spawn('sh', ['-c', 'sleep 0.2; cat "$0" | tail -c 5; test -p "$0" && echo " pipe"', path]);
    const [output] = await Promise.all([once(reader.stdout, 'data'), written, once(reader, 'close')]);
    expect(String(output)).toMatch(/^xxend/);
    expect(statSync(path).isFIFO()).toBe(true);
  });
});

describe('system errors', () => {
  const codes = ['ENOSPC', 'EACCES', 'ENOENT', 'EISDIR', 'EROFS', 'EDQUOT', 'EFBIG', 'EPERM'];

  it('become one sentence each, of the right exit code', () => {
    const errors = codes.map((code) => explainWriteError(Object.assign(new Error('raw'), { code }), 'out/x.st') as ByoError);
    expect(new Set(errors.map(({ message }) => message)).size).toBe(codes.length);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ByoError);
      expect(error.exitCode).toBe(EXIT.failed);
      expect(error.message).toMatch(/^cannot write out\/x\.st: [^\n]*$/);
    }
    expect(errors[2]!.message).toContain('the directory out does not exist');
    expect(explainReadError(Object.assign(new Error('raw'), { code: 'EACCES' }), 'x')).toBeInstanceOf(InputError);
  });

  it('leave other errors alone', () => {
    for (const error of [new Error('x'), new UsageError('y'), Object.assign(new Error('z'), { code: 'toString' }), undefined]) {
      expect(explainWriteError(error, 'x')).toBe(error);
      expect(explainReadError(error, 'x')).toBe(error);
    }
  });
});
