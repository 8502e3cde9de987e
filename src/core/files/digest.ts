import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { explainReadError } from './system-errors.js';

/** `sha256:` and the hexadecimal digest of a file's bytes, read piece by piece; throws InputError where it cannot be read. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw explainReadError(error, path);
  }
  return `sha256:${hash.digest('hex')}`;
}
