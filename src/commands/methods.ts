import type { Command } from '../cli/command.js';
import { defineCommand } from '../cli/command.js';
import { jsonOption } from '../cli/common.js';
import { kebab } from '../cli/options.js';
import { registry } from '../cli/registry.js';
import { table } from '../cli/terminal.js';

const options = { ...jsonOption } as const;

export const methods = defineCommand({
  name: 'methods',
  summary: 'the methods: what each needs, its paper and its defaults',
  examples: [
    ['byo methods', 'one line a method'],
    ['byo methods pretrain byol', 'one method with the defaults of its options'],
    ['byo methods --json | jq -r ".[].paper"', 'for scripts'],
  ],
  arguments: [{ name: 'method', optional: true, variadic: true, help: 'words of a name, such as pretrain or byol; all methods where left out' }],
  options,
  async run({ terminal }, words, o) {
    const loaded = await Promise.all(registry.map((entry) => entry.load()));
    const found = loaded.filter(({ name, paper }) => paper && words.every((word) => name.split(' ').includes(word))).map(describe);
    if (o.json) return terminal.print(JSON.stringify(found));
    if (words.length === 0) {
      return terminal.print(table(['method', 'needs', 'paper'], found.map(({ name, needs, paper }) => [name, needs, paper])));
    }
    for (const { name, summary, needs, paper, defaults, presets } of found) {
      terminal.print(`${terminal.bold(name)}: ${summary}\n\nneeds   ${needs}\npaper   ${paper}`);
      if (presets.length) terminal.print(`presets ${presets.join(', ')}`);
      const rows = Object.entries(defaults).map(([option, value]) => [`--${option}`, String(value ?? '')]);
      terminal.print(`\n${table(['option', 'default'], rows)}\n`);
    }
  },
});

export interface MethodDescription {
  readonly name: string;
  readonly summary: string;
  readonly paper: string;
  /** Its primary input. */
  readonly needs: string;
  /** By the option's name; null where there is none. Without those that say where and how to run. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly presets: readonly string[];
}

function describe({ name, summary, paper = '', arguments: args, options: own, presets = {} }: Command): MethodDescription {
  const defaults = Object.entries(own).filter(([, { local }]) => !local)
    .map(([key, spec]) => [kebab(key), spec.default ?? (spec.kind === 'flag' ? false : null)]);
  // An argument's help says what it is, then where it comes from.
  const needs = args[0]?.help.split(';')[0] ?? 'nothing';
  return { name, summary, paper, needs, defaults: Object.fromEntries(defaults), presets: Object.keys(presets) };
}
