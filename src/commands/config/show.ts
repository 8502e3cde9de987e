import { defineCommand } from '../../cli/command.js';
import { globalOptions, jsonOption } from '../../cli/common.js';
import { lookup } from '../../cli/lookup.js';
import { kebab, type OptionTable, type OptionValue } from '../../cli/options.js';
import { parseCommandLine } from '../../cli/parse.js';
import { resolveOptions, type Origin } from '../../cli/resolve.js';
import { table } from '../../cli/terminal.js';

const options = { ...jsonOption } as const;

export const show = defineCommand({
  name: 'config show',
  summary: 'the values that a command would run with, and where each comes from',
  description: 'Values come from the command line, then BYO_* variables (BYO_LR), the file that --config names, byo.yaml in the '
    + "current folder, the user's ~/.config/byo/config.yaml, a preset, and the defaults. A file is one flat map of option names.",
  examples: [
    ['byo config show pretrain byol --preset tiny', 'the values of a preset'],
    ['BYO_LR=0.1 byo config show pretrain byol --config run.yaml', 'what wins'],
    ['byo config show --json pretrain byol | jq .options.lr', 'for scripts'],
  ],
  arguments: [{ name: 'command', variadic: true, help: "a command with its options, as it would be run; options of config show's own go before it" }],
  options,
  takesCommandLine: true,
  async run({ terminal }, line, o) {
    const { entry, rest } = lookup(line);
    const command = await entry.load();
    const specs: OptionTable = { ...command.options, ...globalOptions };
    // Often typed at the end, where it is this command's own all the same: it changes no result.
    const json = o.json || rest.includes('--json');
    const { values, origins } = await resolveOptions(specs, parseCommandLine(command, specs, rest.filter((word) => word !== '--json')).given);
    const preset = command.presets?.[String(values.preset)] ?? {};
    const rows = Object.keys(command.options).map((key): [name: string, value: OptionValue | undefined, origin: Origin] =>
      origins[key] === 'default' && key in preset
        ? [kebab(key), preset[key] as OptionValue, `preset ${String(values.preset)}`]
        : [kebab(key), values[key], origins[key]!]);
    if (json) {
      const entries = rows.map(([name, value, origin]) => [name, { value: value ?? null, origin }]);
      return terminal.print(JSON.stringify({ command: command.name, options: Object.fromEntries(entries) }));
    }
    terminal.print(table(['option', 'value', 'origin'], rows.map(([name, value, origin]) => [name, value === undefined ? '' : String(value), origin])));
    if (command.presets && values.preset === 'auto') terminal.info('preset auto goes by the data; --preset NAME shows its values');
  },
});
