import { execa } from 'execa';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/cli/completion.js';
import { registry } from '../../src/cli/registry.js';
import { installed, scratchFolder } from '../support/cli.js';

const commands = await Promise.all(registry.map((entry) => entry.load()));

/** What bash would offer after the words of a line, the last of which is being typed. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const script = `${completionScript('bash', commands)}
COMP_WORDS=(byo ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_byo; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execa('bash', ['-c', script]);
  return stdout.split('\n').filter(Boolean);
}

describe('bash completion', () => {
  it('offers commands, kinds, options and choices', async () => {
    expect(await bashOffers('pre')).toEqual(['pretrain']);
    expect(await bashOffers('probe', 'l')).toContain('linear');
    expect(await bashOffers('pretrain', 'byol', '--weight-s')).toEqual(['--weight-standardization']);
    expect(await bashOffers('pretrain', 'byol', '--tau-schedule', '')).toEqual(['cosine', 'constant']);
    expect(await bashOffers('pretrain', 'byol', '--tau-schedule', '=', 'cos')).toEqual(['cosine']);
    expect(await bashOffers('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('leaves file names to the shell', async () => {
    expect(await bashOffers('pretrain', 'byol', '')).toEqual([]);
    expect(await bashOffers('pretrain', 'byol', '-o', '')).toEqual([]);
  });
});

describe.skipIf(!installed('zsh'))('zsh completion', () => {
  it('is valid, and defines the function', async () => {
    const setup = 'autoload -Uz compinit; compinit -D -u';
    const { stdout } = await execa('zsh', ['-f', '-c', `${setup}\n${completionScript('zsh', commands)}\nprint $_comps[byo]`]);
    expect(stdout).toBe('_byo');
  });
});

describe.skipIf(!installed('fish'))('fish completion', () => {
  const folder = scratchFolder();

  const offers = async (line: string): Promise<string[]> => {
    // The script is longer than one argument may be.
    const file = join(folder, 'byo.fish');
    writeFileSync(file, completionScript('fish', commands));
    const { stdout } = await execa('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`]);
    return stdout.split('\n').map((offer) => offer.split('\t')[0]!);
  };

  it('offers commands, kinds, options and choices', async () => {
    expect(await offers('byo pre')).toEqual(['pretrain']);
    expect(await offers('byo probe l')).toContain('linear');
    expect(await offers('byo pretrain byol --weight-s')).toEqual(['--weight-standardization']);
    expect(await offers('byo pretrain byol --tau-schedule c')).toEqual(['constant', 'cosine']);
  });
});
