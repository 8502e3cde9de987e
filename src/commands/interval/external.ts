import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByoError, UsageError } from '../../core/errors.js';
import type { Sample } from './sample.js';

/**
 * Runs a shell command on every resample, several at a time, and reads what it prints: one number, or a JSON object of numbers.
 * `{resample}` in the command is the file of the resample, `{b}` its number (0: all rows as they are).
 */
export async function runExternal(
  command: string, sample: Sample, resamples: readonly Int32Array[], jobs: number, onDone: (done: number) => void,
): Promise<Record<string, number>[]> {
  if (!command.includes('{resample}')) throw new UsageError("--cmd needs '{resample}', which stands for the file of a resample");
  const { execa } = await import('execa');
  const folder = await mkdtemp(join(tmpdir(), 'byo-resample-'));
  const results: Record<string, number>[] = [];
  try {
    let next = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      for (let b = next++; b < resamples.length; b = next++) {
        const path = join(folder, `resample-${b}${sample.ending}`);
        await sample.write(path, resamples[b]!);
        const line = command.replaceAll('{resample}', `'${path}'`).replaceAll('{b}', String(b));
        const { stdout, stderr, exitCode } = await execa(line, { shell: true, reject: false, stdin: 'ignore' });
        await rm(path, { force: true });
        if (exitCode !== 0) {
          throw new ByoError(`--cmd failed on ${b === 0 ? 'all rows' : `resample ${b}`} with exit code ${exitCode}: ${stderr.trim().split('\n').at(-1)}`);
        }
        results[b] = parseNumbers(stdout);
        onDone(++done);
      }
    };
    await Promise.all(Array.from({ length: Math.min(jobs, resamples.length) }, work));
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One number, or the numbers of a JSON object, on the last line that is not empty. */
export function parseNumbers(output: string): Record<string, number> {
  const line = output.trim().split('\n').at(-1) ?? '';
  const problem = new ByoError(`--cmd has to print a number or a JSON object of numbers on its last line, but printed '${line.slice(0, 60)}'`);
  if (line !== '' && Number.isFinite(Number(line))) return { value: Number(line) };
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    throw problem;
  }
  const entries = Object.entries(parsed ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  if (entries.length === 0) throw problem;
  return Object.fromEntries(entries);
}
