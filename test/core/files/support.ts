import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { STORAGE, type Dtype, type NdArray } from '../../../src/core/array.js';

/** An empty directory that goes when the test ends. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'byo-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A Python that has the modules; undefined where none is installed (BYO_PYTHON names another one than python3). */
export function pythonWith(...modules: string[]): string | undefined {
  const probe = 'import sys, importlib.util as u; sys.exit(None in [u.find_spec(m) for m in sys.argv[1:]])';
  return [process.env.BYO_PYTHON, 'python3'].find((python) =>
    python && spawnSync(python, ['-c', probe, ...modules]).status === 0);
}

/** Runs a script; its standard output. Throws, with what it wrote to stderr, where it fails. */
export function runPython(python: string, script: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(python, ['-c', script, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** The array 0, 1, 2, … (0, 1, 0, … for bool; bits of such small integers for float16 and bfloat16). */
export function counting(dtype: Dtype, shape: number[]): NdArray {
  const data = new STORAGE[dtype](shape.reduce((a, b) => a * b, 1));
  const big = dtype === 'int64' || dtype === 'uint64';
  for (let i = 0; i < data.length; i++) data[i] = big ? BigInt(i) : dtype === 'bool' ? i % 2 : i;
  return { dtype, shape, data };
}

export const concat = (chunks: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks));

/** The message of the error that `run` throws, checked to be of the class; fails where nothing is thrown. */
export async function messageOf(type: new (...args: never[]) => Error, run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof type) return error.message;
    throw error;
  }
  throw new Error(`no ${type.name} was thrown`);
}
