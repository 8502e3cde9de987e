import type { Command } from './command.js';
import { globalOptions } from './common.js';
import { families, spellings } from './describe.js';
import type { OptionTable } from './options.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script for a shell, from the same tables as everything else. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

const allOptions = ({ options }: Command): [string, OptionTable[string]][] => Object.entries({ ...options, ...globalOptions });

/** What may follow an option: its choices, or a file or text that the shell completes itself (undefined); flags take nothing. */
const choicesOf = (spec: OptionTable[string]): readonly string[] | undefined => (spec.kind === 'choice' ? spec.choices : undefined);

/** What may stand as an argument besides file names. */
const argumentWords = (command: Command, commands: readonly Command[]): readonly string[] => command.arguments.flatMap(
  ({ name, choices }) => choices ?? (name === 'command' ? [...families(commands).keys()] : []));

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bash(commands: readonly Command[]): string {
  const tree = families(commands);
  const parents = [...tree].filter(([, kinds]) => kinds.length > 0);
  return `# bash completion of byo; in ~/.bashrc: source <(byo completion bash)
_byo() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=
  COMPREPLY=()
  # --name=value arrives as three words
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${[...tree.keys(), 'help', '--help', '--version'].join(' ')}' -- "$cur"))
    return
  fi
  case $command in
${parents.map(([word, kinds]) => `    ${word})
      if ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W '${kinds.join(' ')}' -- "$cur")); return; fi
      command="$command \${COMP_WORDS[2]}" ;;`).join('\n')}
  esac
  case "$command $prev" in
${commands.flatMap((command) => allOptions(command).flatMap(([key, spec]) => {
    const choices = choicesOf(spec);
    const patterns = spellings(key, spec).map((name) => `'${command.name} ${name}'`).join('|');
    if (choices) return [`    ${patterns}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`];
    return spec.kind === 'flag' ? [] : [`    ${patterns}) return ;;`];
  })).join('\n')}
  esac
  case $command in
${commands.map((command) => {
    const options = [...allOptions(command).flatMap(([key, spec]) => spellings(key, spec)), '--help'];
    return `    '${command.name}') words='${options.join(' ')}'; [[ $cur == -* ]] || words='${argumentWords(command, commands).join(' ')}' ;;`;
  }).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _byo byo
`;
}

function zsh(commands: readonly Command[]): string {
  const tree = families(commands);
  const parents = [...tree].filter(([, kinds]) => kinds.length > 0);
  const described = (words: readonly (readonly [string, string])[]): string =>
    words.map(([word, does]) => quoted(`${word.replaceAll(':', '\\:')}:${does}`)).join(' ');
  const summary = (name: string): string => commands.find((command) => command.name === name)?.summary ?? `kinds of ${name}`;
  // In _arguments a bracket or a colon in a description ends it.
  const plain = (text: string): string => text.replace(/[[\]:\\]/g, (c) => `\\${c}`);
  const specs = (command: Command): string[] => allOptions(command).map(([key, spec]) => {
    const names = spellings(key, spec);
    const value = spec.kind === 'flag' ? '' : `:${key}:${choicesOf(spec) ? `(${choicesOf(spec)!.join(' ')})` : '_files'}`;
    const exclusive = names.length > 1 ? `'(${names.join(' ')})'{${names.map((n) => (n.startsWith('--') && value ? `${n}=` : n)).join(',')}}` : '';
    const name = exclusive || (value ? `${names[0]}=` : names[0]!);
    return `${name}${quoted(`[${plain(spec.help)}]${value}`)}`;
  });
  return `#compdef byo
# zsh completion of byo; save as _byo in a folder of $fpath, or in ~/.zshrc: source <(byo completion zsh)
_byo() {
  local command=$words[2]
  if ((CURRENT == 2)); then
    local -a first=(${described([...tree.keys()].map((name) => [name, summary(name)]))})
    _describe command first
    return
  fi
  case $command in
${parents.map(([word, kinds]) => `    ${word})
      if ((CURRENT == 3)); then
        local -a kinds=(${described(kinds.map((kind) => [kind, summary(`${word} ${kind}`)]))})
        _describe kind kinds
        return
      fi
      command="$command $words[3]"; shift words; ((CURRENT--)) ;;`).join('\n')}
  esac
  shift words; ((CURRENT--))
  case $command in
${commands.map((command) => {
    const words = argumentWords(command, commands);
    return `    '${command.name}') _arguments -S ${[...specs(command), words.length ? `'*:argument:(${words.join(' ')})'` : "'*:file:_files'"].join(' ')} ;;`;
  }).join('\n')}
  esac
}
if [[ $funcstack[1] == _byo ]]; then _byo "$@"; else compdef _byo byo; fi
`;
}

function fish(commands: readonly Command[]): string {
  const tree = families(commands);
  const summary = (name: string): string => commands.find((command) => command.name === name)?.summary ?? `kinds of ${name}`;
  const lines = [...tree].flatMap(([word, kinds]) => [
    `complete -c byo -n __fish_use_subcommand -f -a ${word} -d ${quoted(summary(word))}`,
    ...kinds.map((kind) => `complete -c byo -n '__byo_at ${word}' -f -a ${kind} -d ${quoted(summary(`${word} ${kind}`))}`),
  ]);
  const options = commands.flatMap((command) => {
    const condition = `-n '__byo_in ${command.name}'`;
    const words = argumentWords(command, commands);
    return [
      ...(words.length ? [`complete -c byo ${condition} -f -a ${quoted(words.join(' '))}`] : []),
      ...allOptions(command).map(([key, spec]) => {
        const names = spellings(key, spec).map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
        const choices = choicesOf(spec);
        const value = spec.kind === 'flag' ? '' : choices ? ` -x -a ${quoted(choices.join(' '))}` : ' -r';
        return `complete -c byo ${condition} ${names}${value} -d ${quoted(spec.help)}`;
      }),
    ];
  });
  return `# fish completion of byo; save as ~/.config/fish/completions/byo.fish
function __byo_at
  set -l words (commandline -opc)
  test (count $words) -eq 2; and test $words[2] = $argv[1]
end
function __byo_in
  set -l words (commandline -opc)
  set -l last (math (count $argv) + 1)
  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end
${[...lines, ...options].join('\n')}
`;
}
