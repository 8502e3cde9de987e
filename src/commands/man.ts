import { defineCommand } from '../cli/command.js';
import { lookup } from '../cli/lookup.js';
import { manPage, overviewPage } from '../cli/man.js';
import { registry } from '../cli/registry.js';

export const man = defineCommand({
  name: 'man',
  summary: 'the manual page of a command, for man',
  examples: [
    ['byo man pretrain byol | man -l -', 'read a page'],
    ['byo man > /usr/local/share/man/man1/byo.1', 'install the overview'],
  ],
  arguments: [{ name: 'command', optional: true, variadic: true, help: 'a command, such as pretrain byol; the overview where left out' }],
  options: {},
  async run({ terminal, version }, words) {
    const page = words.length > 0
      ? manPage(await lookup(words).entry.load(), version)
      : overviewPage(await Promise.all(registry.map((entry) => entry.load())), version);
    terminal.print(page.trimEnd());
  },
});
