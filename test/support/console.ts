/** A command that a page of the manual shows, and what the page says it prints. */
export interface Exchange {
  readonly command: string;
  readonly expected: readonly string[];
}

/**
 * The commands in a page's ```console blocks, in their order: lines that start with `$ `, each with the rest of its
 * here-document, and the output below them.
 */
export function exchangesOf(page: string): Exchange[] {
  const blocks = [...page.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  return blocks.flatMap((block) => {
    const lines = block.trimEnd().split('\n');
    const exchanges: { command: string; expected: string[] }[] = [];
    while (lines.length > 0) {
      const line = lines.shift()!;
      if (!line.startsWith('$ ')) {
        if (exchanges.length === 0) throw new Error(`output without a command before it: ${line}`);
        exchanges.at(-1)!.expected.push(line);
        continue;
      }
      const end = /<<'(\w+)'/.exec(line)?.[1];
      const document = end === undefined ? [] : lines.splice(0, lines.indexOf(end) + 1);
      exchanges.push({ command: [line.slice(2), ...document].join('\n'), expected: [] });
    }
    return exchanges;
  });
}

/** What no command prints. */
const END = '-- end of output --';

/** A script that runs commands one after the other in one shell and marks where the output of each ends. */
export const scriptOf = (commands: readonly string[]): string =>
  ['exec 2>&1', ...commands.flatMap((command) => [command, `printf '\\n%s\\n' '${END}'`])].join('\n');

/** The output of each command of such a script. */
export const outputsOf = (printed: string): string[] =>
  printed.split(new RegExp(`\n${END}(?:\n|$)`)).map((output) => output.replace(/\n$/, ''));

/**
 * Whether output is what a page says: `…` stands for anything within a line, a line of only `…` for any lines. Columns of tables
 * may be of another width.
 */
export function fits(output: string, expected: readonly string[]): boolean {
  const pattern = expected.map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${linePattern(line)}\\n`)).join('');
  const lines = output === '' ? '' : `${output.replace(/[ \t]+$/gm, '')}\n`;
  return new RegExp(`^${pattern}$`).test(lines);
}

const linePattern = (line: string): string =>
  line.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '.*').replace(/ {2,}/g, ' {2,}');
