import { readdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { manPage } from '../../src/cli/man.js';
import { currentPages } from '../../src/cli/manual.js';
import { registry } from '../../src/cli/registry.js';
import { installed } from '../support/cli.js';

const folder = new URL('../../docs/commands/', import.meta.url);

describe('the manual', () => {
  it('is what the option tables say (npm run manual writes it)', async () => {
    const pages = await currentPages();
    expect(readdirSync(folder).sort()).toEqual([...pages.keys()].sort());
    for (const [name, page] of pages) expect(readFileSync(new URL(name, folder), 'utf8'), name).toBe(page);
  });

  it('has prose only for commands that exist', async () => {
    const pages = await currentPages();
    for (const name of readdirSync(new URL('../prose/', folder))) expect(pages.has(name), name).toBe(true);
  });
});

describe.skipIf(!installed('groff'))('man pages', () => {
  it('are valid roff and show every option of every command', async () => {
    for (const entry of registry) {
      const command = await entry.load();
      const { stdout, stderr } = await execa('groff', ['-man', '-Tutf8', '-ww', '-P-c'], {
        input: manPage(command, '1.0.0'), env: { GROFF_NO_SGR: '1' },
      });
      expect(stderr, entry.name).toBe('');
      // Overstruck letters (bold) are a letter, a backspace and the letter again.
      const text = stdout.split('\b').map((part, i, { length }) => (i < length - 1 ? part.slice(0, -1) : part)).join('');
      expect(text).toContain('EXIT STATUS');
      if ('seed' in command.options) expect(text).toContain('--seed');
    }
  }, 60_000);
});
