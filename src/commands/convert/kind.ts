import { readFile, stat } from 'node:fs/promises';
import { fileHead, isGzip } from '../../core/data/bytes.js';
import { isTar } from '../../core/data/convert.js';
import { filesBelow } from '../../core/data/folder.js';
import { extensionOf, isImageName, isSoundName } from '../../core/data/layout.js';
import { holdsTable } from './tables.js';
import { firstMember, tarFiles } from '../../core/data/tar.js';

/**
 * What a source holds, as far as the names of its files tell: a table, sounds where it has some and no images, otherwise images,
 * whose reader also says what is wrong with a source that has neither. A pipe cannot be looked into and counts as images.
 */
export async function kindOf(source: string, table: Parameters<typeof holdsTable>[1]): Promise<'images' | 'sounds' | 'tables'> {
  if (await holdsTable(source, table)) return 'tables';
  return await holdsSounds(source).catch(() => false) ? 'sounds' : 'images';
}

async function holdsSounds(source: string): Promise<boolean> {
  if (source === '-') return false;
  const path = source.replace(/^(folder|tar|list):/, '');
  if (/\{\d+\.\.\d+\}/.test(path)) return startsWithSound(path);
  const status = await stat(path);
  if (status.isDirectory()) {
    const files = await filesBelow(path);
    return files.some(isSoundName) && !files.some(isImageName);
  }
  if (!status.isFile()) return false;
  if (isSoundName(path)) return true;
  const head = await fileHead(path, 512);
  if (isTar(head) || isGzip(head)) return startsWithSound(path);
  if (extensionOf(path) !== 'txt') return false;
  const lines = (await readFile(path, 'utf8')).split(/\r?\n/).map((line) => line.split('\t')[0]!.trim());
  return lines.some(isSoundName) && !lines.some(isImageName);
}

/** Whether the first image or sound of an archive is a sound. */
async function startsWithSound(path: string): Promise<boolean> {
  const first = await firstMember(tarFiles(path)[0]!, (name) => isSoundName(name) || isImageName(name));
  return first !== undefined && isSoundName(first);
}
