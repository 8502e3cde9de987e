import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pageName } from '../../src/cli/manual.js';
import { registry } from '../../src/cli/registry.js';
import { installed, program, shell } from '../support/cli.js';
import { exchangesOf, fits, outputsOf, scriptOf } from '../support/console.js';

/**
 * Runs the examples in the manual's prose and compares what they print. Examples that need a network, or files that are not made
 * in the page, stand in blocks of another kind.
 */
const prose = new URL('../../docs/prose/', import.meta.url);
const pages = readdirSync(prose).map((name) => ({ name, page: readFileSync(new URL(name, prose), 'utf8') }));

/** What some pages need besides byo, by what gives them away. */
const NEEDS: readonly (readonly [mark: RegExp, command: string, args: readonly string[]])[] = [
  [/\bjq /, 'jq', ['--version']],
  [/\bman /, 'man', ['--version']],
  [/\bpython3 /, 'python3', ['-c', '']],
  [/from safetensors/, 'python3', ['-c', 'import safetensors.numpy']],
  [/onnxruntime/, 'python3', ['-c', 'import numpy, onnx, onnxruntime']],
];

const scratch = mkdtempSync(join(tmpdir(), 'byo-manual-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

// Programs that byo starts look for it on the PATH.
const bin = join(scratch, 'bin');
mkdirSync(bin);
writeFileSync(join(bin, 'byo'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
const env = { PATH: `${bin}${delimiter}${process.env.PATH}`, BYO_PROGRESS: 'false', BYO_THREADS: '1' };

describe('the manual', () => {
  it('has a worked example for every command', () => {
    const missing = registry.filter((entry) => !pages.some(({ name, page }) =>
      name === pageName(entry.name) && page.includes('## A worked example')));
    expect(missing.map((entry) => entry.name)).toEqual([]);
  });

  for (const { name, page } of pages) {
    const exchanges = exchangesOf(page);
    const commands = exchanges.map(({ command }) => command);
    const lacking = NEEDS.filter(([mark, command, args]) => mark.test(commands.join('\n')) && !installed(command, args));
    const why = lacking.length > 0 ? ` (skipped without ${lacking.map(([, command, args]) => [command, ...args].join(' ')).join(', ')})` : '';

    it.skipIf(commands.length === 0 || lacking.length > 0)(`shows what is printed: ${name}${why}`, async () => {
      const cwd = join(scratch, name);
      mkdirSync(cwd);
      const { stdout } = await shell(scriptOf(commands), { cwd, env });
      const outputs = outputsOf(stdout);
      exchanges.forEach(({ command, expected }, i) => {
        if (!fits(outputs[i]!, expected)) expect(outputs[i], command).toBe(expected.join('\n'));
      });
    }, 600_000);
  }
});
