import { describe, expect, test } from 'vitest';
import { registry } from '../../src/cli/registry.js';
import { byo } from '../support/cli.js';

const ESCAPE = '\u001b';

describe('--help of every command', () => {
  for (const entry of registry) {
    test(`byo ${entry.name}`, async () => {
      const command = await entry.load();
      expect(command.name).toBe(entry.name);
      const { code, stdout, stderr } = await byo([...entry.name.split(' '), '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const lines = stdout.split('\n');
      expect(lines[0]).toBe(command.summary);
      expect(lines.slice(1, 3)).toEqual(['', 'Examples']);
      for (const [line] of command.examples) expect(stdout).toContain(`  ${line}\n`);
      expect(command.examples.every(([line]) => line.includes('byo '))).toBe(true);
      expect(stdout).toContain(`Usage: byo ${entry.name}`);
      for (const key of Object.keys(command.options)) {
        const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        expect(stdout).toMatch(new RegExp(`--(no-)?${name}\\b`));
      }
      expect(lines.filter((line) => line.length > 130 && !line.includes('<') && !line.includes('byo '))).toEqual([]);
    });
  }
});

describe('the overview', () => {
  test('byo --help and byo help name every command once, with its summary', async () => {
    const { code, stdout } = await byo(['--help']);
    expect(code).toBe(0);
    for (const { name, summary } of registry) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.replace(/[()|.*+?]/g, '\\$&')}$`, 'm'));
    expect((await byo(['help'])).stdout).toBe(stdout);
    expect((await byo(['help', 'embed'])).stdout).toBe((await byo(['embed', '--help'])).stdout);
  });

  test('byo alone, and a family alone, show what there is on standard error and exit with 2', async () => {
    for (const args of [[], ['probe']]) {
      const { code, stdout, stderr } = await byo(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('probe linear');
    }
    expect(await byo(['probe', '--help'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('--version is one line', async () => {
    expect((await byo(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('colours', () => {
  const mistake = (env: Record<string, string>, ...more: string[]) => byo(['inspect', '/nonexistent.st', ...more], { env });

  test('none where standard error is no terminal; FORCE_COLOR asks for them, NO_COLOR wins', async () => {
    expect((await mistake({})).stderr).not.toContain(ESCAPE);
    expect((await mistake({ FORCE_COLOR: '1' })).stderr).toContain(ESCAPE);
    expect((await mistake({ FORCE_COLOR: '1', NO_COLOR: '1' })).stderr).not.toContain(ESCAPE);
  });
});

test('--debug adds the stack trace', async () => {
  const { code, stderr } = await byo(['inspect', '/nonexistent.st', '--debug']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^ {4}at /m);
});
