import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { digestOfFile } from '../../core/files/digest.js';
import { explainReadError } from '../../core/files/system-errors.js';

/** Finds files by their digests below some folders. Files are hashed when first needed, those of the asked name first. */
export interface Finder {
  find(digest: string, name?: string): Promise<string | undefined>;
  /** The folders, and the files and folders directly in them: what an input that is no tensor file may be. */
  sources(): Promise<string[]>;
}

/** `deep` folders (or files) are searched with all that is below them, `flat` ones only directly. */
export async function finder(deep: readonly string[], flat: readonly string[]): Promise<Finder> {
  const lists = await Promise.all([...deep.map((path) => filesBelow(path)), ...flat.map((path) => filesBelow(path, 0))]);
  const files = [...new Set(lists.flat())];
  const digests = new Map<string, Promise<string>>();
  const digestOf = (path: string): Promise<string> => {
    if (!digests.has(path)) digests.set(path, digestOfFile(path));
    return digests.get(path)!;
  };
  return {
    find: async (digest, name) => {
      const named = (path: string) => Number(basename(path) !== name);
      for (const path of [...files].sort((a, b) => named(a) - named(b))) if (await digestOf(path) === digest) return path;
      return undefined;
    },
    sources: async () => {
      const inside = await Promise.all(deep.map(async (path) => {
        const entries = await readdir(path).catch(() => []);
        return [path, ...entries.filter((entry) => !entry.startsWith('.')).sort().map((entry) => join(path, entry))];
      }));
      return inside.flat().map(absolute);
    },
  };
}

/** An absolute path, after the format that may stand before it (`cifar10:data`). */
function absolute(source: string): string {
  const [, format = '', path = source] = /^([a-z0-9]+:)(.+)$/s.exec(source) ?? [];
  return `${format}${resolve(path)}`;
}

async function filesBelow(path: string, depth = Infinity): Promise<string[]> {
  // With a format before it, it is a source for byo convert and no place of tensor files.
  if (/^[a-z0-9]+:/.test(path)) return [];
  const status = await stat(path).catch((error) => { throw explainReadError(error, path); });
  if (status.isFile()) return [resolve(path)];
  const entries = await readdir(path, { withFileTypes: true });
  const lists = await Promise.all(entries.filter(({ name }) => !name.startsWith('.')).map(async (entry): Promise<string[]> => {
    const inside = join(path, entry.name);
    if (entry.isFile()) return [resolve(inside)];
    return entry.isDirectory() && depth > 0 ? filesBelow(inside, depth - 1) : [];
  }));
  return lists.flat().sort();
}
