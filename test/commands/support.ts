import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { byo, scratchFolder, type Finished } from '../support/cli.js';

/** Options of the smallest BYOL run that is worth the name; a step takes a few milliseconds. */
export const TINY = ['--encoder', 'convnet3', '--width', '8', '--batch', '8', '--optimizer', 'sgd',
  '--proj-hidden', '16', '--proj-out', '8', '--pred-hidden', '16', '--threads', '1'];

/**
 * Checks that a command failed as a person may expect it: with this exit code and one sentence on standard error that matches,
 * and without a stack trace or anything on standard output.
 */
export function expectFailure({ code, stdout, stderr }: Finished, exitCode: number, message: RegExp | string): void {
  expect(stderr.trimEnd().split('\n'), stderr).toHaveLength(1);
  expect(stderr).toMatch(/^byo: /);
  if (typeof message === 'string') expect(stderr).toContain(message);
  else expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(code).toBe(exitCode);
}

/** Names of all files in a folder, hidden ones too. */
export const filesIn = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

/** A folder of the test file's own: paths in it, and `byo ...args` run there, which has to succeed. */
export function workplace() {
  const folder = scratchFolder();
  return {
    folder,
    at: (name: string): string => join(folder, name),
    run: async (...args: string[]): Promise<Finished> => {
      const done = await byo(args, { cwd: folder });
      expect(done.code, done.stderr).toBe(0);
      return done;
    },
  };
}
