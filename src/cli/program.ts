import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa, type Options } from 'execa';
import { SIGNALS } from '../core/files/atomic.js';

/** This program itself, for commands that run others. */
export const PROGRAM = fileURLToPath(new URL('../../bin/byo.js', import.meta.url));

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Open files that the command finds as /dev/fd/3, /dev/fd/4, … */
  readonly descriptors?: readonly number[];
  /** Asks the command to end (SIGTERM), in its own time. */
  readonly cancel?: AbortSignal;
  /** Messages of the command go on to standard error as they come; otherwise they are only returned. */
  readonly showMessages?: boolean;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `byo ...args` in a process of its own; its failure is a value, not an exception. */
export async function runByo(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { cwd, env, descriptors = [], cancel, showMessages = false } = options;
  const settings: Options = {
    ...(cwd && { cwd }), ...(env && { env, extendEnv: false }), reject: false,
    ...(cancel && { cancelSignal: cancel, forceKillAfterDelay: false }),
    stdio: ['ignore', 'pipe', showMessages ? ['inherit', 'pipe'] : 'pipe', ...descriptors] as Options['stdio'],
  };
  const { exitCode, signal, stdout, stderr } = await execa(process.execPath, [PROGRAM, ...args], settings);
  return { code: exitCode ?? 128 + constants.signals[signal ?? 'SIGKILL'], stdout: String(stdout ?? ''), stderr: String(stderr ?? '') };
}

/** From here on a signal ends this process with the usual exit code, and what it has started and registered with `exit`. */
export function endOnSignals(): void {
  for (const name of SIGNALS) process.on(name, () => process.exit(128 + constants.signals[name]));
}

/** A command line as a person would type it. */
export const shellWords = (args: readonly string[]): string =>
  args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
