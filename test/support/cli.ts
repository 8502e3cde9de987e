import { execa, execaSync } from 'execa';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The built program; BYO_PROGRAM names another build. */
export const program = process.env.BYO_PROGRAM ?? join(root, 'bin', 'byo.js');
if (!existsSync(join(program, '../../dist/cli/main.js'))) throw new Error('the program is not built; run make build');

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whoever runs the tests may have variables and a configuration file of their own. */
const ENVIRONMENT: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BYO_|NO_COLOR$|FORCE_COLOR$)/.test(name))),
  XDG_CONFIG_HOME: '/nonexistent', TF_CPP_MIN_LOG_LEVEL: '3',
};

/** Runs `byo ...args` and returns what it printed, whatever its exit code. */
export async function byo(args: readonly string[], { cwd = root, input = '', env = {} }: RunOptions = {}): Promise<Finished> {
  const done = await execa(process.execPath, [program, ...args], {
    cwd, input, env: { ...ENVIRONMENT, ...env }, extendEnv: false, reject: false,
  });
  return { code: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
}

/** Runs a line of bash in which `byo` is the program. */
export async function shell(line: string, { cwd = root, env = {} }: Omit<RunOptions, 'input'> = {}): Promise<Finished> {
  const define = `byo() { "${process.execPath}" "${program}" "$@"; }`;
  const done = await execa('bash', ['-c', `${define}\n${line}`], { cwd, env: { ...ENVIRONMENT, ...env }, extendEnv: false, reject: false });
  return { code: done.exitCode ?? -1, stdout: done.stdout, stderr: done.stderr };
}

/** Whether a program can be run here, for tests that ask others to judge a result. */
export const installed = (command: string, args: readonly string[] = ['--version']): boolean =>
  execaSync(command, args, { reject: false }).exitCode === 0;

/** An empty folder that is removed after the file's tests. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'byo-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
