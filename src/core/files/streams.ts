import { constants as bufferLimits } from 'node:buffer';
import { createReadStream, fstatSync } from 'node:fs';
import { mkdtemp, open, rm, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { InputError, UsageError } from '../errors.js';
import { ensureWritable, writeAtomic, type WriteOptions } from './atomic.js';
import { readFromFifo, writeToDescriptor, writeToStream, type Chunks } from './pipes.js';
import { explainReadError, explainWriteError } from './system-errors.js';

export interface ReadOptions {
  /** Bytes of a stream that are kept in memory; a longer one is collected in a temporary file. Default 1 GiB. */
  limit?: number;
  /** What `-` reads. */
  stdin?: Readable & { isTTY?: boolean };
}

export interface OutputOptions extends WriteOptions {
  /** What `-` writes to. */
  stdout?: Writable & { isTTY?: boolean; fd?: number };
}

/** Longest single read: the system call takes less than 2 GiB. */
const MAX_READ = 2 ** 30;

/** An input's name in messages. */
export const nameOf = (source: string): string => (source === '-' ? 'standard input' : source);

/**
 * All bytes of a file, of standard input (`-`), or of a named pipe. Throws UsageError where standard input is a
 * terminal or was read before, InputError where the source cannot be read.
 */
export async function readInput(source: string, options: ReadOptions = {}): Promise<Uint8Array> {
  const { limit = 2 ** 30 } = options;
  if (source === '') throw new UsageError('the name of an input file is empty; name a file, or - for standard input');
  if (source === '-' || source === '/dev/stdin') {
    // Node makes standard input non-blocking as soon as it is named, also for the other processes that share it.
    const { stdin = process.stdin } = options;
    if (stdin.isTTY) {
      throw new UsageError('standard input is a terminal; name a file, or pipe one in: byo … < FILE');
    }
    if (stdin.readableEnded) {
      throw new UsageError('standard input is read already; - can stand for one input only, name files for the others');
    }
    return collect(stdin, limit, nameOf('-'));
  }
  const status = await explained(source, stat(source));
  if (status.isFIFO()) return collect(readFromFifo(source), limit, source);
  // Files under /proc call themselves empty: a stream reads what is there all the same.
  if (!status.isFile() || status.size === 0) return collect(createReadStream(source), limit, source);
  const file = await explained(source, open(source));
  try {
    return await readWhole(file, source);
  } finally {
    await file.close();
  }
}

/** Fills `buffer` from the file's byte `position` on; gives the bytes read, fewer only at the end of the file. */
export async function readFully(file: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const length = Math.min(MAX_READ, buffer.length - done);
    const { bytesRead } = await file.read(buffer, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/**
 * Checks that writeOutput could write to `target`, without touching it; commands that compute for long call it first.
 * Throws UsageError where that would be binary data to a terminal, and what ensureWritable throws.
 */
export async function checkOutput(target: string, options: OutputOptions = {}): Promise<void> {
  const { stdout = process.stdout } = options;
  if (!isStdout(target)) return ensureWritable(target, options);
  if (stdout.isTTY) {
    throw new UsageError('the output is binary and standard output is a terminal; give -o FILE, or pipe it on');
  }
}

/**
 * Writes to a file (atomically, see writeAtomic) or to standard output (`-`), where a reader that goes away ends the
 * writing quietly. Throws what checkOutput throws, and ByoError where writing fails.
 */
export async function writeOutput(target: string, chunks: Chunks, options: OutputOptions = {}): Promise<void> {
  const { stdout = process.stdout } = options;
  if (!isStdout(target)) return writeAtomic(target, chunks, options);
  await checkOutput(target, options);
  // Node's own stream for a redirected file takes a write that a full disk cut short for a whole one.
  if (stdout.fd !== undefined && fstatSync(stdout.fd).isFile()) {
    return writeToDescriptor(stdout.fd, chunks, 'standard output');
  }
  return writeToStream(stdout, chunks, 'standard output');
}

const isStdout = (target: string): boolean => target === '-' || target === '/dev/stdout';

async function readWhole(file: FileHandle, name: string): Promise<Uint8Array> {
  const { size } = await explained(name, file.stat());
  if (size > bufferLimits.MAX_LENGTH) {
    throw new InputError(`${name} has ${size} bytes, more than the ${bufferLimits.MAX_LENGTH} that this Node holds in one piece; split it or use a later Node`);
  }
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, await explained(name, readFully(file, bytes, 0)));
}

/** All bytes of a stream of unknown length; beyond `limit` they wait on disk, so that memory holds them once only. */
async function collect(stream: Readable, limit: number, name: string): Promise<Uint8Array> {
  const kept: Uint8Array[] = [];
  let size = 0;
  let spool: FileHandle | undefined;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      kept.push(chunk);
      size += chunk.length;
      if (size <= limit) continue;
      spool ??= await openSpool();
      await writeToDescriptor(spool.fd, kept.splice(0), `a temporary file in ${tmpdir()}`);
    }
    return spool ? await readWhole(spool, name) : Buffer.concat(kept);
  } catch (error) {
    throw explainReadError(error, name);
  } finally {
    await spool?.close();
  }
}

/** A file without a name: unlinked at once, it disappears with its descriptor however the process ends. */
async function openSpool(): Promise<FileHandle> {
  try {
    const directory = await mkdtemp(join(tmpdir(), 'byo-'));
    const file = await open(join(directory, 'input'), 'wx+', 0o600);
    await rm(directory, { recursive: true });
    return file;
  } catch (error) {
    throw explainWriteError(error, `a temporary file in ${tmpdir()}`);
  }
}

const explained = <T>(source: string, call: Promise<T>): Promise<T> =>
  call.catch((error) => { throw explainReadError(error, source); });
