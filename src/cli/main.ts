import { readFileSync } from 'node:fs';
import { ByoError, EXIT } from '../core/errors.js';
import { explainWriteError } from '../core/files/system-errors.js';
import { globalOptions } from './common.js';
import type { Command } from './command.js';
import { commandHelp, overview } from './help.js';
import { kindsOf, lookup } from './lookup.js';
import type { OptionTable } from './options.js';
import { registry } from './registry.js';
import { Terminal } from './terminal.js';

export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const terminal = new Terminal({ quiet: false, verbose: false, progress: true, color: 'auto' });
  process.stdout.on('error', (error) => endWithOutput(error, terminal));
  process.stderr.on('error', () => {}); // nobody reads the messages any more; the work goes on
  try {
    process.exitCode = await dispatch(argv);
  } catch (error) {
    process.exitCode = error instanceof ByoError ? error.exitCode : EXIT.failed;
    const debug = argv.includes('--debug') || !(error instanceof ByoError);
    terminal.error(debug && error instanceof Error ? error.stack ?? error.message : (error as Error).message);
  }
}

/** `byo ... | head -1` ends when head does, without a word; a full disk is worth one. */
function endWithOutput(error: NodeJS.ErrnoException, terminal: Terminal): void {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  terminal.error((explainWriteError(error, 'standard output') as Error).message);
  process.exit(EXIT.failed);
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === '--version' || first === '-V') {
    process.stdout.write(`${version()}\n`);
    return EXIT.ok;
  }
  if (first === undefined || first === '--help' || first === '-h') {
    (first ? process.stdout : process.stderr).write(`${overview(registry)}\n`);
    return first ? EXIT.ok : EXIT.usage;
  }
  if (first === 'help') return dispatch([...argv.slice(1), '--help']);

  const [, kind] = argv;
  const isFamily = kindsOf(first).length > 0 && !registry.some(({ name }) => name === first);
  if (isFamily && (kind === undefined || kind.startsWith('-'))) {
    const asked = kind === '--help' || kind === '-h';
    (asked ? process.stdout : process.stderr).write(`${overview(registry, first)}\n`);
    return asked ? EXIT.ok : EXIT.usage;
  }
  const { entry, rest } = lookup(argv);
  return runCommand(await entry.load(), rest);
}

async function runCommand(command: Command, argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`${commandHelp(command)}\n`);
    return EXIT.ok;
  }
  // What help does not need is not loaded for it.
  const [{ parseCommandLine }, { resolveOptions }, { interruptionOf }, { cleanupTemporaries }] = await Promise.all([
    import('./parse.js'), import('./resolve.js'), import('./signals.js'), import('../core/files/atomic.js'),
  ]);
  const options: OptionTable = { ...command.options, ...globalOptions };
  const { args, given } = parseCommandLine(command, options, argv);
  const { values, origins } = await resolveOptions(options, given);
  const terminal = new Terminal({
    quiet: values.quiet === true, verbose: values.verbose === true, progress: values.progress === true,
    color: String(values.color),
  });
  const recorded = Object.fromEntries(
    Object.entries(values).filter(([key, value]) => value !== undefined && !options[key]!.local));
  const interruption = interruptionOf();
  const context = { command: command.name, version: version(), terminal, origins, recorded, interruption };
  try {
    await command.run(context, args, values as never);
  } finally {
    cleanupTemporaries();
  }
  return interruption.signal === undefined ? EXIT.ok : interruption.exitCode;
}
