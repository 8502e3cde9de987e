import { Command as Parser, CommanderError, Option } from 'commander';
import { UsageError } from '../core/errors.js';
import type { Command } from './command.js';
import { kebab, parseValue, placeholder, type OptionTable, type OptionValue } from './options.js';

export interface ParsedLine {
  readonly args: string[];
  /** Only what was really given, by key. */
  readonly given: Record<string, OptionValue>;
}

/** Splits a command line into arguments and options; throws UsageError for anything the command does not take. */
export function parseCommandLine(command: Command, table: OptionTable, argv: readonly string[]): ParsedLine {
  const given: Record<string, OptionValue> = {};
  const parser = new Parser(`byo ${command.name}`).exitOverride().helpOption(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} });
  if (command.takesCommandLine) parser.passThroughOptions();
  for (const { name, optional, variadic } of command.arguments) {
    const word = variadic ? `${name}...` : name;
    parser.argument(optional ? `[${word}]` : `<${word}>`);
  }
  for (const [key, spec] of Object.entries(table)) {
    const name = `--${kebab(key)}`;
    const set = (value: OptionValue) => {
      if (key in given && spec.kind !== 'flag') throw new UsageError(`${name} was given twice; it takes one value`);
      given[key] = value;
    };
    if (spec.kind === 'flag') {
      parser.addOption(new Option(spec.short ? `-${spec.short}, ${name}` : name).argParser(() => set(true)));
      parser.addOption(new Option(`--no-${kebab(key)}`).argParser(() => set(false)));
      parser.on(`option:${kebab(key)}`, () => set(true));
      parser.on(`option:no-${kebab(key)}`, () => set(false));
      continue;
    }
    const flags = `${spec.short ? `-${spec.short}, ` : ''}${name} ${placeholder(spec).includes('|') ? '<choice>' : placeholder(spec)}`;
    parser.addOption(new Option(flags.replace(/,\.\.\.>/, '>')).argParser((value: string) => {
      set(parseValue(spec, value, name));
      return value;
    }));
  }
  try {
    parser.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UsageError(explain(command, error, argv));
  }
  return { args: parser.args, given };
}

/** Commander's message as one sentence of byo's kind. */
function explain(command: Command, { code, message }: CommanderError, argv: readonly string[]): string {
  const plain = message.replace(/^error: /, '').replace(/\s*\n\s*\(Did you mean ([^?]+)\?\)/, '; did you mean $1?');
  if (code === 'commander.excessArguments') {
    const { length } = command.arguments;
    const expected = length === 0 ? 'no argument' : length === 1 ? 'one argument' : `at most ${length} arguments`;
    return `byo ${command.name} takes ${expected}, but more were given: ${argv.join(' ')}`;
  }
  return `${plain}; byo ${command.name} --help lists what it takes`;
}
