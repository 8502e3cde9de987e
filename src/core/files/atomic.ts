import { constants, rmSync, type Stats } from 'node:fs';
import { access, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { writeToDescriptor, writeToFifo, type Chunks } from './pipes.js';
import { explainWriteError } from './system-errors.js';

export interface WriteOptions {
  /** Replace a file that exists; without it that is a UsageError. */
  force?: boolean;
}

/** Files under way; a process that ends early calls cleanupTemporaries to leave none behind. */
const temporaries = new Set<string>();

/** Signals that ask a process to end. */
export const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Removes the unfinished files of this process; synchronous, for signal handlers. */
export function cleanupTemporaries(): void {
  for (const path of temporaries) rmSync(path, { force: true });
  temporaries.clear();
}

/** Where nobody else has taken a signal in hand: removes the unfinished files, then lets it end the process as it would have. */
function cleanUpAndEnd(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  cleanupTemporaries();
  process.off(signal, cleanUpAndEnd);
  process.kill(process.pid, signal);
}

function addTemporary(path: string): void {
  if (temporaries.size === 0) for (const signal of SIGNALS) process.on(signal, cleanUpAndEnd);
  temporaries.add(path);
}

function removeTemporary(path: string): void {
  temporaries.delete(path);
  if (temporaries.size === 0) for (const signal of SIGNALS) process.off(signal, cleanUpAndEnd);
}

/**
 * Writes a file whole or not at all: into `.NAME.tmp.PID` beside it, flushed to disk, then renamed. A symbolic link
 * stays one, and a replaced file's permissions are kept. Named pipes and devices are written to directly.
 * Throws what ensureWritable throws, and ByoError where writing fails; the unfinished file is removed then.
 */
export async function writeAtomic(path: string, chunks: Chunks, options: WriteOptions = {}): Promise<void> {
  const { target, existing } = await findTarget(path, options);
  if (existing?.isFIFO()) return writeToFifo(path, chunks);
  if (existing && isSpecial(path, existing)) return writeToDevice(path, chunks);

  const temporary = join(dirname(target), `.${basename(target)}.tmp.${process.pid}`);
  addTemporary(temporary);
  try {
    // A killed process with the same number may have left one; 'wx' then never follows a link that someone planted.
    await explained(path, rm(temporary, { force: true }));
    const file = await explained(path, open(temporary, 'wx'));
    try {
      if (existing) await explained(path, file.chmod(existing.mode & 0o7777));
      await writeToDescriptor(file.fd, chunks, path);
      await explained(path, file.sync());
    } finally {
      await file.close();
    }
    await explained(path, rename(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    removeTemporary(temporary);
  }
}

/**
 * Checks that `path` can become an output, without touching it. Throws UsageError, naming --force, where a file exists
 * and `force` is not set, and ByoError where `path` is a directory or its directory is missing or closed to writing.
 */
export async function ensureWritable(path: string, options: WriteOptions = {}): Promise<void> {
  await findTarget(path, options);
}

interface Target {
  /** The file itself, links followed. */
  target: string;
  /** Its status, where it exists. */
  existing?: Stats;
}

async function findTarget(path: string, { force = false }: WriteOptions): Promise<Target> {
  if (path === '') throw new UsageError('the name of the output file is empty; name a file, or - for standard output');
  const existing = await explained(path, stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }));
  if (existing && isSpecial(path, existing)) return { target: path, existing };
  if (existing?.isDirectory()) throw explainWriteError(Object.assign(new Error(), { code: 'EISDIR' }), path);
  if (existing && !force) {
    throw new UsageError(`${path} exists already; give --force to replace it, or name another file`);
  }
  const target = existing ? await explained(path, realpath(path)) : path;
  await explained(path, access(dirname(target), constants.W_OK));
  return { target, existing };
}

/**
 * What must not be replaced by renaming: pipes, devices, and all that /dev and /proc list (/dev/fd/3 may well lead to
 * a regular file).
 */
const isSpecial = (path: string, existing: Stats): boolean =>
  !existing.isDirectory() && (!existing.isFile() || /^\/(dev\/(fd\/|std)|proc\/)/.test(path));

/** Appending is what a descriptor behind /dev/fd/N needs: the shell emptied its file, or was told `>>`. */
async function writeToDevice(path: string, chunks: Chunks): Promise<void> {
  const file = await explained(path, open(path, constants.O_WRONLY | constants.O_APPEND));
  try {
    await writeToDescriptor(file.fd, chunks, path);
  } finally {
    await file.close();
  }
}

/** Only this module's own calls are explained: an error of whoever makes the chunks is not about this file. */
const explained = <T>(path: string, call: Promise<T>): Promise<T> =>
  call.catch((error) => { throw explainWriteError(error, path); });
