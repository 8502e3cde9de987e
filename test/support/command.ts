import { registry } from '../../src/cli/registry.js';
import { parseCommandLine } from '../../src/cli/parse.js';
import { resolveOptions } from '../../src/cli/resolve.js';
import { globalOptions } from '../../src/cli/common.js';
import { Terminal } from '../../src/cli/terminal.js';
import type { OptionTable } from '../../src/cli/options.js';

/** A terminal that keeps what would be printed. */
class Recorder extends Terminal {
  readonly printed: string[] = [];
  readonly warnings: string[] = [];

  constructor() {
    super({ quiet: true, verbose: false, progress: false, color: 'never' });
  }

  override print(line: string): void {
    this.printed.push(line);
  }

  override warn(message: string): void {
    this.warnings.push(message);
  }
}

/** Runs a command in this process: its standard output by line, and its warnings. Errors are thrown. */
export async function runCommand(name: string, argv: readonly string[]): Promise<{ lines: string[]; warnings: string[] }> {
  const entry = registry.find((one) => one.name === name);
  if (!entry) throw new Error(`there is no command ${name}`);
  const command = await entry.load();
  const options: OptionTable = { ...command.options, ...globalOptions };
  const { args, given } = parseCommandLine(command, options, argv);
  const { values, origins } = await resolveOptions(options, given, { XDG_CONFIG_HOME: '/nonexistent' });
  const terminal = new Recorder();
  const recorded = Object.fromEntries(
    Object.entries(values).filter(([key, value]) => value !== undefined && !options[key]!.local));
  const context = { command: name, version: 'test', terminal, origins, recorded, interruption: { signal: undefined } };
  await command.run(context, args, values as never);
  return { lines: terminal.printed, warnings: terminal.warnings };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a command prints is what the test is about
type Printed = Record<string, any>;

/** What a command with --json prints, one object a line. */
export async function runJson(name: string, argv: readonly string[]): Promise<Printed[]> {
  const { lines } = await runCommand(name, [...argv, '--json']);
  return lines.map((line) => JSON.parse(line));
}
