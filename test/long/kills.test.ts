import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from '../../src/core/random.js';

/**
 * Runs that are killed at random moments, writing included, and resumed: nothing is lost but the current step, and the result is
 * the uninterrupted run's, byte for byte.
 */
const PROGRAM = process.env.BYO_PROGRAM ?? join(import.meta.dirname, '../../bin/byo.js');
const KILLS = 50;
const STEPS = 1500;
const RUN = [
  'pretrain', 'byol', 'shapes.st', '--encoder', 'convnet3', '--width', '4', '--batch', '16', '--proj-hidden', '16', '--proj-out', '8',
  '--pred-hidden', '16', '--optimizer', 'sgd', '--lr', '0.05', '--steps', String(STEPS), '--threads', '1', '--quiet',
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'byo-kills-'));
  await run(['synth', 'images', '--count', '100', '--size', '16', '-o', 'shapes.st']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function run(args: readonly string[], kill?: { signal: NodeJS.Signals; after: number }): Promise<Ending> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, stdio: 'ignore' });
  const timer = kill && setTimeout(() => child.kill(kill.signal), kill.after);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal });
    });
  });
}

test(`${KILLS} kills at random moments leave a run that ends with the same bytes`, async () => {
  expect(await run([...RUN, '-o', 'whole.st'])).toEqual({ code: 0, signal: null });
  const random = stream(11, 'kills');
  const resumed = [...RUN, '-o', 'killed.st', '--resume', '--checkpoint-every', '0.001'];
  const signals: NodeJS.Signals[] = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'];
  let kills = 0;
  let ending: Ending = { code: null, signal: null };
  while (ending.code !== 0) {
    const signal = signals[random.int(signals.length)]!;
    ending = await run(resumed, kills < KILLS ? { signal, after: random.between(600, 1600) } : undefined);
    const expected = ending.signal === 'SIGKILL' || [0, 130, 143].includes(ending.code!) || ending.signal === signal;
    expect(expected, `ended with code ${ending.code}, signal ${ending.signal}`).toBe(true);
    kills += 1;
  }
  expect(kills).toBeGreaterThan(KILLS / 2);
  const [whole, killed] = await Promise.all(['whole.st', 'killed.st'].map((name) => readFile(join(folder, name))));
  expect(killed!.equals(whole!)).toBe(true);
  // A killed writer cannot clean up after itself; what it leaves never has the name of a result.
  const left = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  expect(left.sort()).toEqual(['killed.st', 'shapes.st', 'whole.st']);
}, 600_000);
