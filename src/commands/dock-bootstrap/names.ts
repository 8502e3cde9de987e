import { InputError } from '../../core/errors.js';
import { nameOf, readInput } from '../../core/files/streams.js';

/** Names from a file, one a line, without spaces around them; throws InputError where there is none. */
export async function readNames(path: string): Promise<string[]> {
  const names = new TextDecoder().decode(await readInput(path)).split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  if (names.length === 0) throw new InputError(`${nameOf(path)} is empty; names of complexes are expected, one a line`);
  return [...new Set(names)];
}
