import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InputError, UsageError } from '../core/errors.js';
import { environmentName, kebab, parseValue, suggestion, type OptionTable, type OptionValue } from './options.js';

/** Where a value comes from, in order of precedence. */
export type Origin = 'command line' | `environment ${string}` | `file ${string}` | `preset ${string}` | 'default';

export interface Resolved {
  readonly values: Record<string, OptionValue | undefined>;
  readonly origins: Record<string, Origin>;
}

/**
 * Options by precedence: command line, BYO_* variables, the --config file, ./byo.yaml, the user's file, the default. Names
 * in a file that --config names have to be the command's own; the other files may hold options of other commands.
 */
export async function resolveOptions(
  table: OptionTable, given: Readonly<Record<string, OptionValue>>, environment: NodeJS.ProcessEnv = process.env,
): Promise<Resolved> {
  const configPath = given.config ?? environment.BYO_CONFIG;
  const files = [
    ...(typeof configPath === 'string' ? [await readConfig(configPath, { required: true })] : []),
    await readConfig('byo.yaml', { required: false }),
    await readConfig(userConfigPath(environment), { required: false }),
  ].filter((file) => file !== undefined);
  if (given.config !== undefined) checkNames(files[0]!, table);

  const values: Resolved['values'] = {};
  const origins: Resolved['origins'] = {};
  for (const [key, spec] of Object.entries(table)) {
    const variable = environmentName(key);
    const file = files.find(({ entries }) => entries.has(kebab(key)));
    if (given[key] !== undefined) {
      [values[key], origins[key]] = [given[key], 'command line'];
    } else if (environment[variable] !== undefined) {
      [values[key], origins[key]] = [parseValue(spec, environment[variable], variable), `environment ${variable}`];
    } else if (file) {
      const origin = `${kebab(key)} in ${file.path}`;
      [values[key], origins[key]] = [parseValue(spec, file.entries.get(kebab(key))!, origin), `file ${file.path}`];
    } else {
      [values[key], origins[key]] = [spec.default ?? (spec.kind === 'flag' ? false : undefined), 'default'];
    }
  }
  return { values, origins };
}

/** The user's own file: $XDG_CONFIG_HOME/byo/config.yaml. */
export const userConfigPath = (environment: NodeJS.ProcessEnv): string =>
  join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'byo', 'config.yaml');

interface ConfigFile {
  readonly path: string;
  readonly entries: ReadonlyMap<string, string>;
}

async function readConfig(path: string, { required }: { required: boolean }): Promise<ConfigFile | undefined> {
  let source: string;
  try {
    source = await readFile(path, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new InputError(`configuration file ${path} cannot be read: ${(error as Error).message}`);
  }
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(source);
  } catch (error) {
    throw new InputError(`${path} is not valid YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  if (content === null) return { path, entries: new Map() };
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new InputError(`${path} has to be a map of option names to values, one a line, such as \`batch: 128\``);
  }
  const entries = Object.entries(content).map(([name, value]): [string, string] => {
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) {
      throw new InputError(`${path}: ${name} has no plain value; the file is one flat map of option names`);
    }
    return [name.replaceAll('_', '-'), Array.isArray(value) ? value.join(',') : String(value)];
  });
  return { path, entries: new Map(entries) };
}

function checkNames({ path, entries }: ConfigFile, table: OptionTable): void {
  const known = Object.keys(table).map(kebab);
  for (const name of entries.keys()) {
    if (!known.includes(name)) {
      throw new UsageError(`${path}: this command has no option ${name}${suggestion(name, known)}`);
    }
  }
}
