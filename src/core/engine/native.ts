import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors.js';
import { loadLibrary } from './library.js';

/**
 * byo's own operators for ONNX Runtime on the CPU (`native/`, built by `make native`). They are used where their library is;
 * without it the same results, but for rounding, come from the runtime's operators.
 */

/** The variable that chooses: a library's path, or `off`. It says how fast, as --device and --threads do, and is no option's. */
export const NATIVE_VARIABLE = 'BYO_NATIVE';

/** Of the operators that this program was written for; `native/operators.cpp` has the same. */
const VERSION = 2;

/** What `make native` builds: in the package, of which this module is a part wherever it was compiled to. */
function builtPath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, 'native', 'build', `libbyo.${process.platform === 'darwin' ? 'dylib' : 'so'}`);
}

export interface NativeOperators {
  /** The library's path, where its operators are used. */
  readonly path?: string;
  /** Why they are not. */
  readonly reason?: string;
}

let found: NativeOperators | undefined;

/**
 * The library that is used: what `make native` built, another where BYO_NATIVE is its path, none where that is `off`. Throws
 * UsageError where a library that was asked for cannot be used.
 */
export function nativeOperators(): NativeOperators {
  return (found ??= find(process.env[NATIVE_VARIABLE] || undefined));
}

function find(asked: string | undefined): NativeOperators {
  if (asked === 'off') return { reason: `${NATIVE_VARIABLE} is off` };
  const path = asked ?? builtPath();
  const reason = existsSync(path) ? refusal(path) : asked ? 'there is no such file' : 'not built; make native does it';
  if (reason === undefined) return { path };
  if (asked) throw new UsageError(`${NATIVE_VARIABLE}=${asked}: ${reason}; give the path of a library that make native built, or off`);
  return { reason };
}

/** Why a library cannot be used, if it cannot. */
function refusal(path: string): string | undefined {
  try {
    if (isCutShort(path)) return 'only a part of a library; make native builds it again';
    const library = loadLibrary(path);
    const ask = (question: string) => library.func(question, 'int', [])() as number;
    const version = ask('byo_native_version');
    if (version !== VERSION) return `built for another byo (its version is ${version}, not ${VERSION}); make native builds it again`;
    if (!ask('byo_native_runs_here')) return 'built for another processor; make native builds it for this one';
    return undefined;
  } catch (error) {
    return `not a library of byo's operators (${(error as Error).message.trim()})`;
  }
}

/** Whether a library in Linux's format (ELF, 64 bits) ends before its last table: loading such a file kills the process. */
function isCutShort(path: string): boolean {
  const HEADER = 64;
  const header = Buffer.alloc(HEADER);
  const file = openSync(path, 'r');
  try {
    const read = readSync(file, header, 0, HEADER, 0);
    if (read < HEADER || header.readUInt32BE(0) !== 0x7f454c46) return false;
    const [start, entry, count] = [Number(header.readBigUInt64LE(40)), header.readUInt16LE(58), header.readUInt16LE(60)];
    return fstatSync(file).size < start + entry * count;
  } finally {
    closeSync(file);
  }
}
