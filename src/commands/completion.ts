import { defineCommand } from '../cli/command.js';
import { SHELLS, completionScript, type Shell } from '../cli/completion.js';
import { suggestion } from '../cli/options.js';
import { registry } from '../cli/registry.js';
import { UsageError } from '../core/errors.js';

export const completion = defineCommand({
  name: 'completion',
  summary: 'a completion script for bash, zsh or fish',
  examples: [
    ['source <(byo completion bash)', 'for this session; in ~/.bashrc for all'],
    ['byo completion zsh > ~/.zfunc/_byo', 'in a folder of $fpath'],
    ['byo completion fish > ~/.config/fish/completions/byo.fish', 'fish finds it by itself'],
  ],
  arguments: [{ name: 'shell', choices: SHELLS, help: 'bash, zsh or fish' }],
  options: {},
  async run({ terminal }, [shell = '']) {
    if (!(SHELLS as readonly string[]).includes(shell)) {
      throw new UsageError(`there is no completion for '${shell}'${suggestion(shell, SHELLS)}; give one of ${SHELLS.join(', ')}`);
    }
    const commands = await Promise.all(registry.map((entry) => entry.load()));
    terminal.print(completionScript(shell as Shell, commands).trimEnd());
  },
});
