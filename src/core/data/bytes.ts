import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { InputError } from '../errors.js';
import { readFully, readInput } from '../files/streams.js';

/** Whether bytes start as gzip does (RFC 1952). */
export const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** A file's bytes as a stream, opened when the first are asked for. */
export async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}

/** The first `count` bytes of a stream (fewer where it ends before), and a stream of all its bytes. */
export async function peek(
  bytes: AsyncIterable<Uint8Array>, count: number,
): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < count) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return { head, all: all() };
}

/** The first `count` bytes of a file, fewer where it is shorter. */
export async function fileHead(path: string, count: number): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const head = new Uint8Array(count);
    return head.subarray(0, await readFully(handle, head, 0));
  } finally {
    await handle.close();
  }
}

/** A whole file, gunzipped where it is gzip. Throws InputError where it cannot be read or unpacked. */
export async function readUnzipped(path: string): Promise<Uint8Array> {
  const bytes = await readInput(path);
  if (!isGzip(bytes)) return bytes;
  try {
    const { buffer, byteOffset, byteLength } = await promisify(gunzip)(bytes);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (error) {
    throw new InputError(`${path} is not a whole gzip file (${(error as Error).message}); make or fetch it again`);
  }
}
