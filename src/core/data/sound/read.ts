import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { InputError } from '../../errors.js';
import { fileBytes, fileHead, isGzip, peek } from '../bytes.js';
import { existing, isTar } from '../convert.js';
import { inOrder, reasonOf } from '../decode.js';
import { filesBelow } from '../folder.js';
import { limited, type Skipped } from '../images.js';
import { extensionOf, isSoundName, layoutOf, noSounds, writtenLabels } from '../layout.js';
import type { NamedTable } from '../named-rows.js';
import { samplesOf, standardInput, tarFiles, type TarStream } from '../tar.js';
import { decodeSound, isFlac, mixedDown } from './decode.js';
import { fieldsOfNames, fieldsOfTable, labelsAtRows, type SoundLabels } from './fields.js';
import { resampler } from './resample.js';
import { joinClips, toInt16, type SoundSet } from './set.js';

export interface SoundOptions {
  /** Samples per second that sounds are brought to; as stored where left out, and all must then agree. */
  readonly rate?: number;
  /** How samples are kept; int16, clipped at full scale, where left out. */
  readonly dtype?: 'int16' | 'float32';
  /** false leaves the labels out. */
  readonly labels?: boolean;
  /** Pattern of file names that labels are read from (see fieldsOfNames). */
  readonly pattern?: string;
  /** Table that labels are read from, by file names. */
  readonly table?: NamedTable;
  /** At most this many sounds of each split, evenly over the classes. */
  readonly limit?: number;
  /** A sound that cannot be decoded stops the reading with InputError; otherwise it is skipped. */
  readonly strict?: boolean;
  readonly onProgress?: (done: number, total?: number) => void;
}

/** A set of sounds with what was noticed while reading it. */
export interface ReadSounds extends SoundSet {
  readonly names: readonly string[];
  /** Samples beyond full scale that were cut, and how many sounds have such. */
  readonly clipped: { readonly samples: number; readonly sounds: number };
  /** Sounds of nothing but zeros. */
  readonly silent: readonly string[];
}

/** A sound file to decode. */
interface Source {
  readonly name: string;
  load(): Promise<Uint8Array>;
}

/** A source of files: those that it holds, and what it says of them. */
interface Files {
  readonly sources: Iterable<Source> | AsyncIterable<Source>;
  readonly total?: number;
  /** What the source says of its files, given their paths; asked when all are known. */
  known(paths: readonly string[]): SoundLabels;
}

/**
 * Reads a set of sounds, WAV and FLAC: a folder, a list of files (.txt), one file, a tar archive (gzipped or not; shards as in
 * `train-{000..003}.tar`; `-` for standard input). Channels are mixed down; labels come from the pattern or table of the options,
 * otherwise from what the source says, as with images.
 *
 * Throws InputError where the source does not exist or holds no sound that can be decoded, where rates differ and no rate was
 * given, and with `strict` for the first sound that cannot be decoded.
 */
export async function readSoundSet(source: string, options: SoundOptions = {}): Promise<ReadSounds> {
  const files = await filesOf(source, options);
  const where = source === '-' ? 'standard input' : source;
  const paths: string[] = [];
  const clips: ReturnType<typeof stored>[] = [];
  const kept: number[] = [];
  const skipped: Skipped[] = [];
  const resample = resamplers(options.rate);
  let first: { name: string; rate: number } | undefined;

  const decode = async ({ name, load }: Source) => {
    try {
      const sound = await decodeSound(await load(), name);
      return { name, rate: sound.rate, mono: mixedDown(sound, name) };
    } catch (error) {
      if (error instanceof InputError || (error as NodeJS.ErrnoException).code) return { name, reason: reasonOf(error).replace(`${name} `, '') };
      throw error;
    }
  };
  for await (const { name, rate, mono, reason } of inOrder(files.sources, 2 * availableParallelism(), decode)) {
    const position = paths.push(name) - 1;
    options.onProgress?.(position + 1, files.total);
    if (!mono) {
      if (options.strict) throw new InputError(`${where}: ${name} cannot be decoded (${reason}); repair or remove it`);
      skipped.push({ name, reason });
      continue;
    }
    first ??= { name, rate };
    if (options.rate === undefined && rate !== first.rate) {
      throw new InputError(`${where}: sounds differ in rate (${first.name} has ${first.rate} Hz, ${name} ${rate} Hz); give the rate they shall all `
        + 'have, such as --rate 16000');
    }
    clips.push(stored(resample(mono, rate), options.dtype));
    kept.push(position);
  }
  if (!first) {
    const example = skipped.length > 0 ? `, the first, ${skipped[0]!.name}, because it ${skipped[0]!.reason}` : '';
    throw new InputError(`${where}: none of its ${paths.length} sounds can be decoded${example}`);
  }
  const known = labelsAtRows(files.known(paths), kept);
  const chosen = limited(kept.length, known, options.limit);
  const own = chosen.map((i) => clips[i]!);
  const names = chosen.map((i) => paths[kept[i]!]!);
  return {
    ...joinClips(own.map(({ data }) => data)), rate: options.rate ?? first.rate,
    ...labelsAtRows(options.labels === false ? withoutLabels(known) : known, chosen),
    names, skipped,
    silent: names.filter((_, i) => own[i]!.data.every((value) => value === 0)),
    clipped: {
      samples: own.reduce((sum, { clipped }) => sum + clipped, 0), sounds: own.filter(({ clipped }) => clipped > 0).length,
    },
  };
}

const stored = (samples: Float32Array, dtype: SoundOptions['dtype']): { data: Int16Array | Float32Array; clipped: number } =>
  (dtype === 'float32' ? { data: samples, clipped: 0 } : toInt16(samples));

/** Splits are no labels. */
const withoutLabels = ({ split }: SoundLabels): SoundLabels => ({ ...(split && { split }) });

/** Brings samples of any rate to one; a resampler is made once for each rate. */
function resamplers(to: number | undefined): (samples: Float32Array, from: number) => Float32Array {
  const known = new Map<number, ReturnType<typeof resampler>>();
  return (samples, from) => {
    if (to === undefined) return samples;
    if (!known.has(from)) known.set(from, resampler(from, to));
    return known.get(from)!(samples);
  };
}

async function filesOf(source: string, options: SoundOptions): Promise<Files> {
  if (source === '-') return streamed(standardInput(), options);
  const path = source.replace(/^(folder|tar|list):/, '');
  if (/\{\d+\.\.\d+\}/.test(path)) return archived(tarFiles(path), options);
  const status = await existing(path, path);
  if (status.isFIFO()) return streamed({ name: path, bytes: fileBytes(path) }, options);
  if (status.isDirectory()) {
    const files = await filesBelow(path);
    const sounds = files.filter(isSoundName);
    if (sounds.length === 0) throw noSounds(path, files);
    return listed(path, sounds, layoutOf(sounds), options);
  }
  const head = await fileHead(path, 512);
  if (isTar(head) || isGzip(head)) return archived(tarFiles(path), options);
  return extensionOf(path) === 'txt' ? soundList(path, options) : listed('', [path], {}, options);
}

/** Files of a folder: a limit chooses among them before they are decoded. */
function listed(base: string, paths: readonly string[], own: SoundLabels, options: SoundOptions): Files {
  const known = describe(paths, own, options);
  const chosen = limited(paths.length, known, options.limit);
  return {
    sources: chosen.map((i) => ({ name: paths[i]!, load: () => readFile(resolve(base, paths[i]!)) })),
    total: chosen.length,
    known: () => labelsAtRows(known, chosen),
  };
}

/** Sounds that a text file names: a path a line, relative to its folder, each optionally with a tab and its label. */
async function soundList(file: string, options: SoundOptions): Promise<Files> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new InputError(`${file} is empty: one path of a sound a line was expected`);
  const columns = lines.map((line) => line.split('\t'));
  const paths = columns.map(([path]) => path!.trim());
  if (!paths.some(isSoundName)) throw noSounds(`${file} (as a list of paths)`, paths);
  const written = columns.map(([, label]) => label?.trim() || undefined);
  return listed(dirname(file), paths, writtenLabels(written, paths, file), options);
}

/** Sounds of tar archives, in their order. */
function archived(archives: readonly TarStream[], options: SoundOptions): Files {
  const where = archives.length === 1 ? archives[0]!.name : `${archives[0]!.name} and ${archives.length - 1} more`;
  const written: (string | undefined)[] = [];
  const others: string[] = [];
  const sources = async function* (): AsyncGenerator<Source> {
    for (const archive of archives) {
      for await (const { member, bytes } of samplesOf(archive, others, isSoundName)) {
        written.push(member.label);
        yield { name: member.path, load: async () => bytes };
      }
    }
    if (written.length === 0) throw noSounds(where, others);
  };
  return {
    sources: sources(),
    known: (paths) => describe(paths, { ...layoutOf(paths), ...writtenLabels(written, paths, where) }, options),
  };
}

/** A tar archive, or one sound, from a pipe. */
async function streamed({ name, bytes }: TarStream, options: SoundOptions): Promise<Files> {
  const { head, all } = await peek(bytes, 512);
  if (head.length === 0) throw new InputError(`${name} is empty: a tar archive of sounds, or one sound, was expected`);
  if (isTar(head) || isGzip(head)) return archived([{ name, bytes: all }], options);
  if (!isFlac(head) && Buffer.from(head.subarray(0, 4)).toString('latin1') !== 'RIFF') {
    throw new InputError(`${name} is neither a tar archive nor a WAV or FLAC file, which are read from a pipe`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of all) chunks.push(chunk);
  return { sources: [{ name, load: async () => Buffer.concat(chunks) }], total: 1, known: () => ({}) };
}

/** What the pattern or the table says of sounds, or else the source itself. */
function describe(paths: readonly string[], own: SoundLabels, { pattern, table, limit }: SoundOptions): SoundLabels {
  if (pattern !== undefined) return { ...withoutLabels(own), ...fieldsOfNames(pattern, paths) };
  return table ? { ...withoutLabels(own), ...fieldsOfTable(table, paths, { limited: limit !== undefined }) } : own;
}
