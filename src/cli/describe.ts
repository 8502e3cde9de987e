import type { Command } from './command.js';
import { kebab, type OptionSpec } from './options.js';

/** How an option may be written: `-o`, `--output`; a switch that is on by default is written to turn it off. */
export function spellings(key: string, { kind, short, default: value }: OptionSpec): string[] {
  const long = kind === 'flag' && value === true ? `--no-${kebab(key)}` : `--${kebab(key)}`;
  return [...(short ? [`-${short}`] : []), long];
}

/** An option's default as text; nothing for switches and where there is none. */
export const defaultText = (spec: OptionSpec): string =>
  spec.kind === 'flag' || spec.default === undefined ? '' : [spec.default].flat().join(',');

/** The first word of every command with the kinds that follow it: `pretrain` -> `byol`, …; `embed` -> none. */
export function families(commands: readonly Pick<Command, 'name'>[]): Map<string, string[]> {
  const words = new Map<string, string[]>();
  for (const { name } of commands) {
    const [first, ...kind] = name.split(' ');
    const kinds = words.get(first!) ?? [];
    words.set(first!, kind.length ? [...kinds, kind.join(' ')] : kinds);
  }
  return words;
}
