import type { Command } from './command.js';
import { globalOptions } from './common.js';
import { kebab, placeholder, type OptionSpec, type OptionTable } from './options.js';

/** `-o, --output <file>` */
export function optionFlags(key: string, spec: OptionSpec): string {
  const name = spec.kind === 'flag' && spec.default === true ? `--no-${kebab(key)}` : `--${kebab(key)}`;
  return `${spec.short ? `-${spec.short}, ` : '    '}${name} ${placeholder(spec)}`.trimEnd();
}

/** The help text with the default, and a mark on best guesses. */
export function optionHelp(spec: OptionSpec): string {
  const shown = spec.kind !== 'flag' && spec.default !== undefined ? ` [${[spec.default].flat().join(',')}]` : '';
  return `${spec.help}${shown}${spec.guess ? ' (the paper does not say: a best guess)' : ''}`;
}

/** `byo pretrain byol [options] [data]` */
export function usage({ name, arguments: args }: Command): string {
  const words = args.map((a) => {
    const word = a.variadic ? `${a.name}...` : a.name;
    return a.optional ? `[${word}]` : `<${word}>`;
  });
  return ['byo', name, '[options]', ...words].join(' ');
}

export function commandHelp(command: Command): string {
  const { summary, description, paper, examples, arguments: args, options } = command;
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !(key in globalOptions)));
  return [
    `${summary}`,
    '',
    ...(examples.length ? ['Examples', ...examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`]), ''] : []),
    `Usage: ${usage(command)}`,
    '',
    ...(description ? [wrap(description, 0), ''] : []),
    ...(paper ? [wrap(`Paper: ${paper}`, 0), ''] : []),
    ...(args.length ? ['Arguments', ...rows(args.map((a) => [`  ${a.name}`, a.help])), ''] : []),
    ...section('Options', own),
    ...section('Everywhere', globalOptions),
  ].join('\n').trimEnd();
}

const section = (title: string, options: OptionTable): string[] => {
  const entries = Object.entries(options).map(([key, spec]): [string, string] => [`  ${optionFlags(key, spec)}`, optionHelp(spec)]);
  return entries.length ? [title, ...rows(entries), ''] : [];
};

/** Two columns; texts that do not fit beside their name go on the next lines. */
function rows(entries: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(34, Math.max(...entries.map(([left]) => left.length)) + 2);
  return entries.flatMap(([left, right]) => {
    const lines = wrap(right, width).split('\n');
    if (left.length + 2 > width) return [left, ...lines];
    return [left.padEnd(width) + lines[0]!.trimStart(), ...lines.slice(1)];
  });
}

function wrap(text: string, indent: number): string {
  const limit = Math.min(process.stderr.columns || 100, 110) - indent;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + word.length + 1 > limit) {
      lines.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, line].map((l) => ' '.repeat(indent) + l).join('\n');
}
