import { open } from 'node:fs/promises';
import { STORAGE, bytesOf, type Dtype, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import { arrayFromBytes } from './bytes.js';
import { isPlainObject, parseStrictJson } from './json.js';
import { readFully, readInput } from './streams.js';
import { explainReadError } from './system-errors.js';

/**
 * safetensors: 8 bytes with the header's length N (little-endian), N bytes of JSON, then the tensors' bytes.
 * Reader and writer of our own, since npm has none; the reader refuses whatever the format forbids.
 */
export interface Safetensors {
  tensors: Map<string, NdArray>;
  metadata: Record<string, string>;
}

/** One tensor of a header; `begin` and `end` are byte offsets from the start of the file. */
export interface TensorEntry {
  dtype: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  entries: Map<string, TensorEntry>;
  metadata: Record<string, string>;
}

/** The format's own limit on N. */
const MAX_HEADER = 100_000_000;

/** Deepest legal bracket: file, entry, shape. */
const MAX_DEPTH = 3;

/** In the reference writer's order, widest alignment first: what follows an aligned tensor is aligned itself. */
const TAGS: readonly (readonly [tag: string, dtype: Dtype])[] = [
  ['U64', 'uint64'], ['I64', 'int64'], ['F64', 'float64'], ['F32', 'float32'], ['U32', 'uint32'], ['I32', 'int32'],
  ['BF16', 'bfloat16'], ['F16', 'float16'], ['U16', 'uint16'], ['I16', 'int16'], ['I8', 'int8'], ['U8', 'uint8'],
  ['BOOL', 'bool'],
];
const DTYPE_OF = new Map(TAGS);
const TAG_OF = new Map(TAGS.map(([tag, dtype]) => [dtype, tag]));
const RANK_OF = new Map(TAGS.map(([, dtype], rank) => [dtype, rank]));

/** Legal in the format, but held by no array of byo. */
const UNSUPPORTED = new Set([
  'C64', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F4', 'F6_E2M3', 'F6_E3M2',
]);

/**
 * A file's bytes as chunks, the tensors' own memory among them, so that nothing is copied. Byte for byte what the
 * reference writer gives: tensors by falling alignment, then by name, and a header padded with spaces so that the data
 * start at a multiple of 8. Metadata keys are sorted. Throws InputError for a tensor named `__metadata__`.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, NdArray>, metadata: Record<string, string> = {},
): Uint8Array[] {
  if (tensors.has('__metadata__')) {
    throw new InputError('a tensor cannot be named __metadata__, a name that safetensors keeps for itself; rename it');
  }
  const sorted = [...tensors].sort(([nameA, a], [nameB, b]) =>
    RANK_OF.get(a.dtype)! - RANK_OF.get(b.dtype)! || Buffer.compare(Buffer.from(nameA), Buffer.from(nameB)));
  const fields: string[] = [];
  const pairs = Object.keys(metadata).sort().map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
  if (pairs.length > 0) fields.push(`"__metadata__":{${pairs}}`);
  let offset = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    const end = offset + data.byteLength;
    fields.push(`${JSON.stringify(name)}:{"dtype":"${TAG_OF.get(dtype)}","shape":[${shape}],"data_offsets":[${offset},${end}]}`);
    offset = end;
  }
  const json = Buffer.from(`{${fields}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER) {
    throw new InputError(`the tensors' names and metadata take ${padded} bytes, but a safetensors header holds at most ${MAX_HEADER}; store fewer tensors in one file`);
  }
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, 8);
  return [head, ...sorted.map(([, array]) => bytesOf(array))];
}

/**
 * Tensors and metadata of a file held in memory. Tensors are views on `bytes` where their offsets are aligned (always,
 * in files of the reference writer) and copies elsewhere. `source` names the file in error messages.
 * Throws InputError, one message per kind of damage, for whatever the format forbids and for dtypes without an array.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): Safetensors {
  const { entries, metadata } = decodeSafetensorsHeader(bytes, source);
  const tensors = new Map<string, NdArray>();
  for (const [name, { dtype, shape, begin, end }] of entries) {
    tensors.set(name, arrayFromBytes(dtype, shape, bytes.subarray(begin, end), `${source}: tensor ${JSON.stringify(name)}`));
  }
  return { tensors, metadata };
}

/** Only the header of a file held in memory, checked in full; throws as decodeSafetensors does. */
export function decodeSafetensorsHeader(bytes: Uint8Array, source: string): SafetensorsHeader {
  const length = headerLength(bytes, bytes.length, source);
  return parseHeader(bytes.subarray(8, 8 + length), bytes.length, source);
}

/** Tensors and metadata of a file; throws as decodeSafetensors does, and InputError where it cannot be read. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return decodeSafetensors(await readInput(path), path);
}

/** The header of a file on disk, checked in full against the file's length, without reading the tensors. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const prefix = new Uint8Array(8);
      const prefixLength = await readFully(file, prefix, 0);
      const header = new Uint8Array(headerLength(prefix.subarray(0, prefixLength), size, path));
      await readFully(file, header, 8);
      return parseHeader(header, size, path);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw explainReadError(error, path);
  }
}

function invalid(source: string, problem: string): InputError {
  return new InputError(`${source} is not a valid safetensors file: ${problem}`);
}

/** N, checked before anything is allocated: a few bytes of a damaged file can claim 2^63. */
function headerLength(prefix: Uint8Array, fileLength: number, source: string): number {
  if (prefix.length < 8) {
    throw invalid(source, `it has ${prefix.length} bytes, fewer than the 8 that give its header's length; make or fetch it again`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) {
    throw invalid(source, `its first 8 bytes give a header of ${length} bytes, more than the format's ${MAX_HEADER}; is it a file of another format?`);
  }
  if (length > BigInt(fileLength - 8)) {
    throw invalid(source, `its header should take ${length} bytes, but only ${fileLength - 8} follow; it was cut short, fetch it again`);
  }
  return Number(length);
}

/** Entries and metadata of the header's JSON; every rule of the format that needs no tensor data is checked here. */
function parseHeader(bytes: Uint8Array, fileLength: number, source: string): SafetensorsHeader {
  if (bytes[0] !== 0x7b) throw invalid(source, 'its header does not start with "{"; is it a file of another format?');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(source, 'its header is not UTF-8; it was damaged, make or fetch it again');
  }
  const json = parseStrictJson(text, `${source} is not a valid safetensors file: its header`, MAX_DEPTH);
  const dataStart = 8 + bytes.length;
  const entries = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json as object)) {
    if (name === '__metadata__') metadata = checkMetadata(value, source);
    else entries.set(name, parseEntry(name, value, dataStart, source));
  }
  checkCoverage(entries, dataStart, fileLength, source);
  return { entries, metadata };
}

function checkMetadata(value: unknown, source: string): Record<string, string> {
  if (!isPlainObject(value)) throw invalid(source, 'its __metadata__ is not an object of strings');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw invalid(source, `its __metadata__ ${JSON.stringify(key)} is not a string; store it as text`);
    }
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, dataStart: number, source: string): TensorEntry {
  const wrong = (problem: string) => invalid(source, `tensor ${JSON.stringify(name)} ${problem}`);
  if (!isPlainObject(value)) throw wrong('is not an object with dtype, shape and data_offsets');
  const { dtype: tag, shape, data_offsets: offsets } = value;
  if (typeof tag !== 'string') throw wrong('has no dtype');
  if (UNSUPPORTED.has(tag)) {
    throw new InputError(`${source}: tensor ${JSON.stringify(name)} has dtype ${tag}, which byo does not support; convert it to F16, BF16 or F32 first`);
  }
  const dtype = DTYPE_OF.get(tag);
  if (dtype === undefined) throw wrong(`has the unknown dtype ${JSON.stringify(tag)}; known are ${[...DTYPE_OF.keys()].join(', ')}`);
  if (!Array.isArray(shape)) throw wrong('has no shape; a list of extents is expected, [] for a single number');
  for (const extent of shape) {
    if (typeof extent !== 'number' || !Number.isInteger(extent)) throw wrong(`has an extent in its shape that is no integer: ${JSON.stringify(extent)}`);
    if (extent < 0) throw wrong(`has the negative extent ${extent} in its shape`);
    if (!Number.isSafeInteger(extent)) throw wrong(`has an extent above 2^53 in its shape: ${extent}`);
  }
  let size: number = STORAGE[dtype].BYTES_PER_ELEMENT;
  for (const extent of shape as number[]) {
    size *= extent;
    if (!Number.isSafeInteger(size)) throw wrong(`has shape [${shape}], whose size in bytes exceeds 2^53`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2) throw wrong('has no data_offsets; a pair [begin, end] is expected');
  if (!offsets.every((offset) => Number.isSafeInteger(offset) && offset >= 0)) {
    throw wrong(`has data_offsets [${offsets}]; two integers from 0 to 2^53 are expected`);
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) throw wrong(`ends (${end}) before it begins (${begin})`);
  if (end - begin !== size) {
    throw wrong(`of dtype ${tag} and shape [${shape}] takes ${size} bytes, but its data_offsets span ${end - begin}`);
  }
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** The tensors must tile the file's data exactly: every byte belongs to one tensor. */
function checkCoverage(
  entries: ReadonlyMap<string, TensorEntry>, dataStart: number, fileLength: number, source: string,
): void {
  const byOffset = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = dataStart;
  for (const [name, { begin, end }] of byOffset) {
    if (begin > covered) {
      throw invalid(source, `${begin - covered} bytes before tensor ${JSON.stringify(name)} belong to no tensor; write it again without holes`);
    }
    if (begin < covered) {
      throw invalid(source, `tensor ${JSON.stringify(name)} overlaps the one before it by ${covered - begin} bytes`);
    }
    covered = end;
  }
  if (covered > fileLength) {
    throw invalid(source, `its tensors need ${covered - dataStart} bytes, but ${fileLength - dataStart} are there; it was cut short, fetch it again`);
  }
  if (covered < fileLength) {
    throw invalid(source, `${fileLength - covered} bytes after its last tensor belong to no tensor; write it again without them`);
  }
}
