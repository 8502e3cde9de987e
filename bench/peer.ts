import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { ByoError } from '../src/core/errors.js';
import type { Workload } from './workloads/index.js';

/** What either side prints about a run. */
export interface Printed {
  readonly median_ms: number;
  readonly losses: readonly number[];
  readonly max_rss_mb: number;
  /** Of which before the first tensor: the libraries. */
  readonly import_rss_mb: number;
  readonly config: { readonly batch: number };
}

/** The Python that runs the peers. */
export interface Python {
  readonly command: string;
  readonly torch: string;
}

const script = (name: string): string => fileURLToPath(new URL(`../../bench/peers/${name}`, import.meta.url));

/** BYO_PYTHON, or python3, where it has what the peers import. */
export async function findPython(): Promise<Python | undefined> {
  const command = process.env.BYO_PYTHON || 'python3';
  const question = 'import torch, torchvision, safetensors.torch; print(torch.__version__)';
  const { stdout, failed } = await execa(command, ['-c', question], { reject: false });
  return failed ? undefined : { command, torch: stdout.trim() };
}

/** Runs a program and returns the JSON that it prints; throws ByoError where it fails, after its own words on stderr. */
export async function runJson<T>(
  command: string, args: readonly string[], env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { stdout, failed } = await execa(command, args, { stderr: 'inherit', reject: false, env });
  if (failed) throw new ByoError(`${[command, ...args].join(' ')} failed; its own message is above`);
  return JSON.parse(stdout) as T;
}

export const runPeer = (python: Python, { peer }: Workload, options: readonly string[]): Promise<Printed> =>
  runJson(python.command, [script(peer), ...options]);

/** The options of the fastest configuration; one whose run takes more than `limit` seconds is out. */
export async function bestOptions(
  python: Python, { name }: Workload, options: readonly string[], { limit, tries }: { limit: number; tries: number },
): Promise<string[]> {
  const { best } = await runJson<{ best: { options: string } }>(python.command,
    [script('best.py'), name, '--limit', String(limit), '--tries', String(tries), ...options]);
  return best.options.split(' ');
}
