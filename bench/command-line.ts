import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ByoError, EXIT, UsageError } from '../src/core/errors.js';

/** `feedForward` as the option --feed-forward. */
export const optionName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** An option with a value and this default. */
export const text = (value: string | number) => ({ type: 'string', default: String(value) }) as const;

/** Options by name; throws UsageError for unknown ones and missing values. */
export function parseOptions<T extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

/** A whole number from `min`; throws UsageError for anything else. */
export function count(option: string, text: string, min = 1): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min) return value;
  throw new UsageError(`--${option} takes a whole number from ${min}, but was given '${text}'`);
}

/** A number above 0; throws UsageError for anything else. */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`--${option} takes a number above 0, but was given '${text}'`);
}

/** Runs a program; errors meant for people are printed without a trace. */
export async function runMain(main: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof ByoError)) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = error.exitCode ?? EXIT.failed;
  }
}
