import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.js';
import { globalOptions } from './common.js';
import { defaultText, spellings } from './describe.js';
import { usage } from './help.js';
import { EXIT_STATUS } from './man.js';
import { placeholder, type OptionTable } from './options.js';
import { groups, registry } from './registry.js';

/** Run as a program it writes docs/commands: one page a command from its tables, with the prose in docs/prose. */
const DOCS = new URL('../../docs/', import.meta.url);

/** `pretrain byol` -> `pretrain-byol.md` */
export const pageName = (name: string): string => `${name.replaceAll(' ', '-')}.md`;

const cell = (text: string): string => text.replaceAll('|', '\\|');

function optionRows(table: OptionTable): string[] {
  const rows = Object.entries(table).map(([key, spec]) => {
    const names = spellings(key, spec).map((name) => `\`${name}\``).join(', ');
    const value = spec.kind === 'choice' ? spec.choices.map((choice) => `\`${choice}\``).join(' ') : placeholder(spec).replace(/^<|>$/g, '');
    const about = `${spec.help}${spec.guess ? ' (the paper does not say: a best guess)' : ''}`;
    return `| ${names} | ${cell(value)} | ${cell(defaultText(spec))} | ${cell(about)} |`;
  });
  return ['| option | value | default | |', '|---|---|---|---|', ...rows];
}

/** A command's page in Markdown. */
export function manualPage(command: Command, prose = ''): string {
  const { name, summary, description, paper, examples, arguments: args, options } = command;
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !(key in globalOptions)));
  return [
    `# byo ${name}`, '', `${summary[0]!.toUpperCase()}${summary.slice(1)}.`, '',
    ...(description ? [description, ''] : []),
    ...(paper ? [`Paper: ${paper}.`, ''] : []),
    '```sh', usage(command), ...examples.flatMap(([line, does]) => ['', `# ${does}`, line]), '```', '',
    ...(prose ? [prose.trim(), ''] : []),
    ...(args.length ? ['## Arguments', '', ...args.map((arg) => `- \`${arg.name}\`: ${arg.help}`), ''] : []),
    ...(Object.keys(own).length ? ['## Options', '', ...optionRows(own), ''] : []),
    'The [options of every command](README.md#options-of-every-command) work here too.', '',
  ].join('\n');
}

/** The manual's contents page. */
export function manualIndex(commands: readonly Command[]): string {
  const link = ({ name, summary }: Command): string => `- [byo ${name}](${pageName(name)}): ${summary}`;
  const grouped = groups.flatMap((group) => {
    const members = commands.filter(({ name }) => registry.find((entry) => entry.name === name)?.group === group);
    return [`## ${group}`, '', ...members.map(link), ''];
  });
  return [
    '# Commands', '', 'These pages are made by `npm run manual` from the tables that the program itself works with.', '', ...grouped,
    '## Options of every command', '', ...optionRows(globalOptions), '',
    'Every option can also be given as a variable (`BYO_LR` for `--lr`) or in a file of `name: value` lines: the one that `--config`'
    + ' names, `byo.yaml` in the current folder, or `~/.config/byo/config.yaml`. `byo config show COMMAND` says what wins.', '',
    '## Exit status', '', ...EXIT_STATUS.map(([code, means]) => `- ${code}: ${means}`), '',
  ].join('\n');
}

/** Every page by its file name; `prose` gives a command's own text, if it has one. */
export function manualPages(commands: readonly Command[], prose: (page: string) => string | undefined): Map<string, string> {
  return new Map([
    ['README.md', manualIndex(commands)],
    ...commands.map((command) => [pageName(command.name), manualPage(command, prose(pageName(command.name)))] as const),
  ]);
}

/** The pages as they should be, from the registry and docs/prose. */
export async function currentPages(): Promise<Map<string, string>> {
  const commands = await Promise.all(registry.map((entry) => entry.load()));
  const folder = new URL('prose/', DOCS);
  const names = await readdir(folder);
  const prose = new Map(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const)));
  return manualPages(commands, (page) => prose.get(page));
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('commands/', DOCS);
  const pages = await currentPages();
  await mkdir(folder, { recursive: true });
  const stale = (await readdir(folder)).filter((name) => !pages.has(name));
  await Promise.all(stale.map((name) => rm(new URL(name, folder))));
  await Promise.all([...pages].map(([name, page]) => writeFile(new URL(name, folder), page)));
}
