import { constants, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { explainReadError, explainWriteError } from './system-errors.js';

/** A file's bytes, in pieces. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Longest single write: the system call takes less than 2 GiB. */
const MAX_WRITE = 2 ** 30;

/** Pause between two looks whether a named pipe has a reader, in milliseconds. */
const READER_POLL = 20;

const writeSome = promisify(write);

/**
 * Writes every byte to an open file, `name` in error messages. The loop is needed: a single write may be cut short, by
 * a disk that fills up above all.
 */
export async function writeToDescriptor(descriptor: number, chunks: Chunks, name: string): Promise<void> {
  for await (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) {
      const length = Math.min(MAX_WRITE, chunk.length - done);
      try {
        done += (await writeSome(descriptor, chunk, done, length)).bytesWritten;
      } catch (error) {
        throw explainWriteError(error, name);
      }
    }
  }
}

/**
 * Writes chunk by chunk, each when the one before is through, and leaves the stream open. A reader that goes away
 * (EPIPE, as in `byo … | head -1`) ends the writing quietly.
 */
export async function writeToStream(stream: Writable, chunks: Chunks, name: string): Promise<void> {
  // A failed write is reported twice, to its callback and as an event that would end the process if nobody listened.
  const ignore = () => {};
  stream.on('error', ignore);
  for await (const chunk of chunks) {
    const error = await new Promise<Error | null | undefined>((resolve) => stream.write(chunk, resolve));
    if (!error) continue;
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw explainWriteError(error, name);
  }
  stream.off('error', ignore);
}

/**
 * Writes to a named pipe once somebody reads it. It is opened without blocking and tried again until then: a blocked
 * open would hold one of Node's threads, and the process could not even exit on a signal.
 */
export async function writeToFifo(path: string, chunks: Chunks): Promise<void> {
  const socket = new Socket({ fd: await openForWriting(path), readable: false, writable: true });
  try {
    await writeToStream(socket, chunks, path);
  } finally {
    socket.destroy();
  }
}

async function openForWriting(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw explainWriteError(error, path);
    }
    await sleep(READER_POLL);
  }
}

/** A named pipe as a stream that ends with its writer; opened without blocking, as for writing. */
export function readFromFifo(path: string): Readable {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    throw explainReadError(error, path);
  }
}
