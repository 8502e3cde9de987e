import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { InputError, UsageError } from '../errors.js';
import { explainReadError } from '../files/system-errors.js';
import { fileBytes, isGzip, peek } from './bytes.js';
import { decodeImages, type ImageSource } from './decode.js';
import { imagesAt, labelsAt, limited, type ImageLabels, type ImageOptions, type ImageSet } from './images.js';
import { extensionOf, isHidden, isImageName, layoutOf, noImages, writtenLabels } from './layout.js';

/** One tar archive: its bytes, gzipped or not, and the name for messages. */
export interface TarStream {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What is written down of an example beside it, in the member KEY.cls or KEY.json. */
export interface Member {
  readonly path: string;
  readonly label?: string;
}

/**
 * The archives of a path with shard ranges in braces, such as `train-{000..003}.tar`: each opened when its
 * turn comes.
 */
export const tarFiles = (pattern: string): TarStream[] =>
  expandBraces(pattern).map((name) => ({ name, bytes: fileBytes(name) }));

/** An archive that is piped in; throws UsageError where standard input is a terminal. */
export function standardInput(): TarStream {
  if (process.stdin.isTTY) {
    throw new UsageError('standard input is a terminal; give a path, or pipe a tar archive of images in');
  }
  return { name: 'standard input', bytes: process.stdin };
}

/** Expands ranges in braces, `{000..003}`, with the zeros that the first bound is padded with. */
export function expandBraces(pattern: string): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
  if (!range) return [pattern];
  const [whole, first, last] = range;
  if (Number(first) > Number(last)) throw new InputError(`the range ${whole} in ${pattern} runs backwards`);
  const out: string[] = [];
  for (let i = Number(first); i <= Number(last); i++) {
    const number = String(i).padStart(first.length, '0');
    out.push(...expandBraces(pattern.slice(0, range.index) + number + pattern.slice(range.index + whole.length)));
  }
  return out;
}

/**
 * Reads images from tar archives in one pass, in the archives' order. Two conventions are understood: folders, with the
 * splits and classes of `layoutOf`, and WebDataset, where consecutive members with the same path up to the first dot of
 * the file name are one sample and `.cls` (a class number or name) or `.json` (its `label`) is the label. A limit
 * keeps images evenly over the classes, which takes reading to the end.
 *
 * Throws InputError where an archive is damaged, where no image is found, and as `decodeImages` does.
 */
export async function readTar(archives: readonly TarStream[], options: ImageOptions = {}): Promise<ImageSet> {
  const where = archives.length === 1 ? archives[0].name : `${archives[0].name} and ${archives.length - 1} more`;
  const members: Member[] = [];
  const others: string[] = [];
  // Only names stay behind: the bytes of a decoded image are free to go, so an archive may be larger than memory.
  const images = async function* (): AsyncGenerator<ImageSource> {
    for (const archive of archives) {
      for await (const { member, bytes } of samplesOf(archive, others, isImageName)) {
        members.push(member);
        yield { name: member.path, load: async () => bytes };
      }
    }
    if (members.length === 0) throw noImages(where, others);
  };
  const decoded = await decodeImages(images(), where, options);
  const known = labelsOf(members, where, options);
  const read = labelsAt(known, decoded.kept, options);
  const chosen = limited(decoded.kept.length, read, options.limit);
  const names = chosen.map((i) => members[decoded.kept[i]].path);
  return { images: imagesAt(decoded.images, chosen), ...labelsAt(read, chosen, options), names, skipped: decoded.skipped };
}

function labelsOf(members: readonly Member[], where: string, options: ImageOptions): ImageLabels {
  const paths = members.map(({ path }) => path);
  const layout = layoutOf(paths);
  if (options.labels === false) return layout;
  const written = writtenLabels(members.map(({ label }) => label), paths, where);
  return written.labels ? { ...written, ...(layout.split && { split: layout.split }) } : layout;
}

/** The wanted members of an archive, sample by sample; names of those that are neither such nor a label go to `others`. */
export async function* samplesOf(
  archive: TarStream, others: string[], wanted: (path: string) => boolean,
): AsyncGenerator<{ member: Member; bytes: Uint8Array }> {
  let key = '';
  let label: string | undefined;
  let found: { path: string; bytes: Uint8Array }[] = [];
  const sample = () => found.map(({ path, bytes }) => ({ member: { path, label }, bytes }));
  for await (const { path, bytes } of membersOf(archive)) {
    const start = path.replace(/\.[^/]*$/, '');
    if (start !== key) {
      yield* sample();
      [key, label, found] = [start, undefined, []];
    }
    if (wanted(path)) {
      found.push({ path, bytes });
    } else {
      others.push(path);
      label ??= writtenLabel(path, bytes, archive.name);
    }
  }
  yield* sample();
}

/** The label in a `.cls` or `.json` member. */
function writtenLabel(path: string, bytes: Uint8Array, archive: string): string | undefined {
  const extension = extensionOf(path);
  if (extension === 'cls') return Buffer.from(bytes).toString('utf8').trim();
  if (extension !== 'json') return undefined;
  try {
    const label = (JSON.parse(Buffer.from(bytes).toString('utf8')) as { label?: unknown } | null)?.label;
    return typeof label === 'string' || typeof label === 'number' ? String(label) : undefined;
  } catch {
    throw new InputError(`${archive}: ${path} is not valid JSON; repair or remove it`);
  }
}

/** The images of an archive one by one, without what is written of them beside them. Throws InputError where it is damaged. */
export async function* imagesOfTar(archive: TarStream): AsyncGenerator<ImageSource> {
  for await (const { path, bytes } of membersOf(archive)) {
    if (isImageName(path)) yield { name: path, load: async () => bytes };
  }
}

/** The first member of an archive whose name `wanted` knows; the rest is not read. */
export async function firstMember(archive: TarStream, wanted: (path: string) => boolean): Promise<string | undefined> {
  for await (const { path } of membersOf(archive)) if (wanted(path)) return path;
  return undefined;
}

/** The regular members of an archive, without directories, links and hidden files. */
async function* membersOf({ name, bytes }: TarStream): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  const unpack = extract();
  try {
    const { head, all } = await peek(bytes, 2);
    const packed = Readable.from(all, { objectMode: false });
    // An error of any stream ends the loop below, as pipeline passes it on: the callback has nothing to add.
    const done = (): void => {};
    if (isGzip(head)) pipeline(packed, createGunzip(), unpack, done);
    else pipeline(packed, unpack, done);
    for await (const entry of unpack) {
      const path = entry.header.name.replace(/^(\.?\/)+/, '');
      if (entry.header.type === 'file' && !isHidden(path)) yield { path, bytes: await bytesOf(entry) };
      else entry.resume();
    }
  } catch (error) {
    const explained = explainReadError(error, name);
    if (explained instanceof InputError) throw explained;
    throw new InputError(
      `${name} is not a whole tar archive (${(error as Error).message.split('. ')[0]}); make or fetch it again`,
    );
  }
}

async function bytesOf(entry: AsyncIterable<unknown>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
