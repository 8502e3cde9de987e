import type { Command } from './command.js';
import { globalOptions } from './common.js';
import { defaultText, families, spellings } from './describe.js';
import { usage } from './help.js';
import { placeholder, type OptionSpec, type OptionTable } from './options.js';

/** Text in roff: backslashes and leading dots are its own syntax, a plain - would become a hyphen, and it reads ASCII only. */
const roff = (text: string): string =>
  text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^([.'])/gm, '\\&$1')
    .replace(/[\u0080-\u{10ffff}]/gu, (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`);

const heading = (name: string, version: string): string =>
  `.TH "${roff(['byo', ...name.split(' ')].filter(Boolean).join('-').toUpperCase())}" "1" "" "byo ${version}" "byo manual"\n.ad l`;

function options(title: string, table: OptionTable): string[] {
  const entries = Object.entries(table);
  return entries.length === 0 ? [] : [`.SH ${title}`, ...entries.flatMap(([key, spec]) => ['.TP', optionTerm(key, spec), roff(optionText(spec))])];
}

const optionTerm = (key: string, spec: OptionSpec): string => {
  const names = spellings(key, spec).map((name) => `\\fB${roff(name)}\\fR`).join(', ');
  const value = placeholder(spec).replace(/^<|>$/g, '');
  // Long lists of choices may be broken after each of them.
  return value ? `${names} \\fI${roff(value).replaceAll('|', '|\\:')}\\fR` : names;
};

const optionText = (spec: OptionSpec): string => {
  const value = defaultText(spec);
  return `${spec.help}.${value ? ` Default: ${value}.` : ''}${spec.guess ? ' The paper does not say: a best guess.' : ''}`;
};

/** The man page of a command, section 1. */
export function manPage(command: Command, version: string): string {
  const { name, summary, description, paper, examples, arguments: args, options: own } = command;
  const local = Object.fromEntries(Object.entries(own).filter(([key]) => !(key in globalOptions)));
  return [
    heading(name, version),
    '.SH NAME', `byo ${roff(name)} \\- ${roff(summary)}`,
    '.SH SYNOPSIS', roff(usage(command)),
    ...(description ? ['.SH DESCRIPTION', roff(description)] : []),
    ...(args.length ? ['.SH ARGUMENTS', ...args.flatMap((arg) => ['.TP', `\\fI${roff(arg.name)}\\fR`, `${roff(arg.help)}.`])] : []),
    ...options('OPTIONS', local), ...options('OPTIONS OF EVERY COMMAND', globalOptions),
    ...(examples.length ? ['.SH EXAMPLES', ...examples.flatMap(([line, does]) => ['.PP', `${roff(does)}:`, '.PP', '.nf', '.RS 4', roff(line), '.RE', '.fi'])] : []),
    '.SH EXIT STATUS', ...EXIT_STATUS.flatMap(([code, means]) => ['.TP', `\\fB${code}\\fR`, `${means}.`]),
    ...(paper ? ['.SH PAPER', `${roff(paper)}.`] : []),
    '.SH SEE ALSO', 'byo(1)', '',
  ].join('\n');
}

/** byo(1): what there is. */
export function overviewPage(commands: readonly Command[], version: string): string {
  const list = [...families(commands)].flatMap(([word, kinds]) => {
    const members = commands.filter(({ name }) => name === word || (kinds.length && name.startsWith(`${word} `)));
    return members.flatMap(({ name, summary }) => ['.TP', `\\fB${roff(name)}\\fR`, `${roff(summary)}.`]);
  });
  return [
    heading('', version),
    '.SH NAME', 'byo \\- learning by bootstrapping, on tensor files, in pipelines',
    '.SH SYNOPSIS', '\\fBbyo\\fR \\fIcommand\\fR [options] ...',
    '.SH COMMANDS', ...list,
    ...options('OPTIONS OF EVERY COMMAND', globalOptions),
    '.SH FILES',
    '.TP', '\\fBbyo.yaml\\fR', 'Values of options for commands run in this folder, one name: value a line.',
    '.TP', '\\fB$XDG_CONFIG_HOME/byo/config.yaml\\fR', 'The same for every folder.',
    '.SH ENVIRONMENT', 'Every option can be given as a variable: BYO_LR for \\-\\-lr. NO_COLOR turns colour off.',
    '.SH EXIT STATUS', ...EXIT_STATUS.flatMap(([code, means]) => ['.TP', `\\fB${code}\\fR`, `${means}.`]), '',
  ].join('\n');
}

export const EXIT_STATUS: readonly (readonly [code: string, means: string])[] = [
  ['0', 'It worked'], ['1', 'It failed, or a check said no'], ['2', 'The command line is wrong'], ['3', 'An input is wrong'],
  ['4', 'Training diverged'], ['130, 143', 'Interrupted; a training run has saved its state'],
];
