import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { WriteOptions } from './atomic.js';
import { canonicalJson, isPlainObject, parseStrictJson } from './json.js';
import { decodeNpy, decodeNpz, isNpy, isNpz } from './npy.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { nameOf, readInput, writeOutput } from './streams.js';

/** How an artifact was made: enough to make it again. No times, host names or paths, so equal runs give equal bytes. */
export interface Recipe {
  /** `pretrain byol` */
  command: string;
  /** Every option as it was resolved, defaults too. */
  options: Record<string, unknown>;
  seed?: number;
  /** byo's version. */
  version: string;
  inputs: RecipeInput[];
}

export interface RecipeInput {
  /** What the command used it as: `data`, `model`, … */
  role: string;
  /** `sha256:…` of the file's bytes. */
  digest: string;
  kind?: string;
  recipe?: Recipe;
  /** Base name, never a path. */
  name?: string;
}

/** A tensor file of byo's: tensors, what they are, and how they were made. */
export interface Artifact extends ArtifactInfo {
  tensors: Map<string, NdArray>;
  /** `sha256:…` of the file's bytes; set when read. */
  digest?: string;
}

/** What a file says about itself besides its tensors. */
export interface ArtifactInfo {
  /** `dataset`, `model`, `checkpoint`, `embeddings`, `samples`, …; `tensors` for a file that is not byo's. */
  kind: string;
  /** Version of the kind's layout, from 1. */
  schema: number;
  recipe?: Recipe;
  meta: Record<string, unknown>;
}

/** What the reader asks for: one kind or any of several. */
export interface Expected {
  kind?: string | string[];
}

/** Recipes hold their inputs' recipes; this admits chains of hundreds of commands and stops depth bombs. */
const MAX_DEPTH = 1000;

/** Longest piece for a hash, which takes less than 2 GiB at once. */
const MAX_UPDATE = 2 ** 30;

/** The command that makes each kind, for error messages. */
const MAKERS: Readonly<Record<string, string>> = {
  dataset: 'byo convert', model: 'byo pretrain', checkpoint: 'byo pretrain', embeddings: 'byo embed', samples: 'byo sample',
  poses: 'byo dock-bootstrap sample',
};

/**
 * A file's bytes as chunks, the tensors' own memory among them: equal artifacts give equal bytes. `digest` is not
 * stored. Throws TypeError where meta or options hold what JSON cannot (NaN, bigint).
 */
export function encodeArtifact({ kind, schema, recipe, meta, tensors }: Artifact): Uint8Array[] {
  const byo = canonicalJson({ kind, schema, recipe, meta }, 'artifact');
  // Hugging Face's loaders ask for a format they know.
  return encodeSafetensors(tensors, { byo, format: 'pt' });
}

/**
 * The artifact in a file's bytes: safetensors, or .npy and .npz by their first bytes (kind `tensors`; the one tensor
 * of an .npy is named `array`). Throws InputError for damaged files and where the kind is not the expected one.
 */
export function decodeArtifact(bytes: Uint8Array, source: string, expected: Expected = {}): Artifact {
  const artifact = decodeAny(bytes, source);
  checkKind(artifact.kind, source, expected);
  return { ...artifact, digest: digestOf(bytes) };
}

function decodeAny(bytes: Uint8Array, source: string): Artifact {
  const foreign = { kind: 'tensors', schema: 1, meta: {} };
  if (isNpy(bytes)) return { ...foreign, tensors: new Map([['array', decodeNpy(bytes, source)]]) };
  if (isNpz(bytes)) return { ...foreign, tensors: decodeNpz(bytes, source) };
  const { tensors, metadata } = decodeSafetensors(bytes, source);
  return { ...artifactInfo(metadata, source), tensors };
}

/**
 * What a safetensors file's metadata say; kind `tensors` where it is not byo's file. Throws InputError where
 * `__metadata__.byo` is damaged.
 */
export function artifactInfo(metadata: Readonly<Record<string, string>>, source: string): ArtifactInfo {
  if (metadata.byo === undefined) return { kind: 'tensors', schema: 1, meta: {} };
  const where = `${source}: its __metadata__.byo`;
  const wrong = (problem: string) => new InputError(`${where} ${problem}; make the file again`);
  const value = parseStrictJson(metadata.byo, where, MAX_DEPTH);
  if (!isPlainObject(value)) throw wrong('is not an object');
  const { kind, schema, recipe, meta } = value;
  if (typeof kind !== 'string' || kind === '') throw wrong('names no kind');
  if (typeof schema !== 'number' || !Number.isSafeInteger(schema) || schema < 1) throw wrong('has no schema number');
  if (!isPlainObject(meta)) throw wrong('has no meta object');
  if (recipe !== undefined && !isRecipe(recipe)) throw wrong('has a recipe that is not one');
  return { kind, schema, ...(recipe && { recipe }), meta };
}

/** Reads an artifact from a file or, for `-`, from standard input; throws as readInput and decodeArtifact do. */
export async function readArtifact(source: string, expected: Expected = {}): Promise<Artifact> {
  return decodeArtifact(await readInput(source), nameOf(source), expected);
}

/** Writes an artifact to a file, whole or not at all, or to standard output (`-`); throws as writeOutput does. */
export async function writeArtifact(target: string, artifact: Artifact, options: WriteOptions = {}): Promise<void> {
  await writeOutput(target, encodeArtifact(artifact), options);
}

/** `sha256:` and the hexadecimal digest of bytes, or of chunks as if they were one piece. */
export function digestOf(bytes: Uint8Array | Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
    for (let at = 0; at < chunk.length; at += MAX_UPDATE) hash.update(chunk.subarray(at, at + MAX_UPDATE));
  }
  return `sha256:${hash.digest('hex')}`;
}

/** An artifact as an input in a recipe, with what `recordedName` keeps of the path in `name`. */
export function asInput(role: string, artifact: Artifact, name = '-'): RecipeInput {
  const { kind, recipe, digest = digestOf(encodeArtifact(artifact)) } = artifact;
  return { role, digest, kind, ...(recipe && { recipe }), ...recordedName(name) };
}

/** What a recipe keeps of a path: its base name; nothing of `-` or of a descriptor, whose number differs from run to run. */
export const recordedName = (path: string): { name?: string } =>
  (path === '-' || /^\/(dev|proc)\//.test(path) ? {} : { name: basename(path) });

function checkKind(kind: string, source: string, expected: Expected): void {
  const wanted = [expected.kind ?? []].flat();
  if (wanted.length === 0 || wanted.includes(kind)) return;
  const made = wanted.filter((one) => Object.hasOwn(MAKERS, one)).map((one) => `\`${MAKERS[one]}\` makes ${withArticle(one)}`);
  const hint = made.length > 0 ? made.join(', ') : '`byo inspect` shows what a file holds';
  const verb = wanted.at(-1)!.endsWith('s') ? 'are' : 'is';
  throw new InputError(`${source} holds ${withArticle(kind)}, but ${wanted.map(withArticle).join(' or ')} ${verb} expected here; ${hint}`);
}

/** `a dataset`, `embeddings`. */
const withArticle = (kind: string): string => {
  if (kind.endsWith('s')) return kind;
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
};

function isRecipe(value: unknown): value is Recipe {
  return isPlainObject(value) && typeof value.command === 'string' && isPlainObject(value.options)
    && (value.seed === undefined || typeof value.seed === 'number') && typeof value.version === 'string'
    && Array.isArray(value.inputs) && value.inputs.every(isRecipeInput);
}

function isRecipeInput(value: unknown): value is RecipeInput {
  return isPlainObject(value) && typeof value.role === 'string'
    && typeof value.digest === 'string' && value.digest.startsWith('sha256:')
    && (value.kind === undefined || typeof value.kind === 'string')
    && (value.name === undefined || typeof value.name === 'string')
    && (value.recipe === undefined || isRecipe(value.recipe));
}
