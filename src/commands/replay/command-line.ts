import type { Command } from '../../cli/command.js';
import { kebab, suggestion, type OptionSpec } from '../../cli/options.js';
import { InputError } from '../../core/errors.js';
import type { Recipe } from '../../core/files/artifact.js';

/** A file that an input's bytes were found in. */
export interface PlacedInput {
  readonly role: string;
  readonly path: string;
}

/**
 * The command line that a recipe stands for. An input goes to the argument of its role's name, or to the option of that name.
 * Throws InputError where the command no longer has an option or a place for an input.
 */
export function commandLine(command: Command, recipe: Recipe, inputs: readonly PlacedInput[]): string[] {
  const { options: table, arguments: args } = command;
  const words = command.name.split(' ');
  const recorded = { ...(recipe.seed !== undefined && 'seed' in table && { seed: recipe.seed }), ...recipe.options };
  for (const [key, value] of Object.entries(recorded)) {
    const spec = table[key];
    if (!spec) {
      throw new InputError(`the recipe gives ${kebab(key)} to byo ${command.name}, which has no such option in this version`
        + `${suggestion(key, Object.keys(table))}; use byo ${recipe.version}`);
    }
    words.push(optionWord(key, spec, value));
  }
  const positional: string[] = [];
  for (const { role, path } of inputs) {
    if (args.some(({ name }) => name === role) || (args.length === 1 && !(role in table))) positional.push(path);
    else if (role in table) words.push(`--${kebab(role)}=${path}`);
    else throw new InputError(`the recipe has an input '${role}', for which byo ${command.name} has no place in this version`);
  }
  return [...words, ...positional];
}

/** `--lr=0.1` in one word, so that values that begin with a dash stay values. */
function optionWord(key: string, spec: OptionSpec, value: unknown): string {
  if (spec.kind === 'flag') return value === true ? `--${kebab(key)}` : `--no-${kebab(key)}`;
  return `--${kebab(key)}=${[value].flat().join(',')}`;
}
