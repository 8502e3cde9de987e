import { readFileSync } from 'node:fs';
import { ByoError, EXIT } from '../core/errors.js';
import type { Command } from './command.js';
import type { OptionTable } from './options.js';

// Only what every command line needs is loaded at once: `byo --help` should be there before one notices.

export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error) => void endWithOutput(error));
  process.stderr.on('error', () => {}); // nobody reads the messages any more; the work goes on
  try {
    process.exitCode = await dispatch(argv);
  } catch (error) {
    process.exitCode = error instanceof ByoError ? error.exitCode : EXIT.failed;
    const debug = argv.includes('--debug') || !(error instanceof ByoError);
    await say(debug && error instanceof Error ? error.stack ?? error.message : (error as Error).message);
  }
}

let saying: Promise<void> | undefined;

/** The one sentence that a failed command ends with: an output that fails is reported by its stream and by its writer. */
const say = (message: string): Promise<void> => saying ??= import('./terminal.js').then(({ Terminal }) =>
  new Terminal({ quiet: false, verbose: false, progress: true, color: 'auto' }).error(message));

/** `byo ... | head -1` ends when head does, without a word; a full disk is worth one. */
async function endWithOutput(error: NodeJS.ErrnoException): Promise<never> {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  const { explainWriteError } = await import('../core/files/system-errors.js');
  await say((explainWriteError(error, 'standard output') as Error).message);
  process.exit(EXIT.failed);
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [first] = argv;
  if (first === '--version' || first === '-V') {
    process.stdout.write(`${version()}\n`);
    return EXIT.ok;
  }
  const [{ overview }, { registry }] = await Promise.all([import('./overview.js'), import('./registry.js')]);
  if (first === undefined || first === '--help' || first === '-h') {
    (first ? process.stdout : process.stderr).write(`${overview(registry)}\n`);
    return first ? EXIT.ok : EXIT.usage;
  }
  if (first === 'help') return dispatch([...argv.slice(1), '--help']);

  const { kindsOf, lookup } = await import('./lookup.js');
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
    const { commandHelp } = await import('./help.js');
    process.stdout.write(`${commandHelp(command)}\n`);
    return EXIT.ok;
  }
  // What help does not need is not loaded for it.
  const [{ globalOptions }, { parseCommandLine }, { resolveOptions }, { Terminal }] = await Promise.all([
    import('./common.js'), import('./parse.js'), import('./resolve.js'), import('./terminal.js'),
  ]);
  const [{ interruptionOf }, { cleanupTemporaries }] = await Promise.all([import('./signals.js'), import('../core/files/atomic.js')]);
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
