import type { OptionTable, Values } from './options.js';
import type { Context } from './context.js';

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  /** Left out: standard input, or what the help says. */
  readonly optional?: boolean;
  readonly variadic?: boolean;
  /** The words that it may be, for completion. */
  readonly choices?: readonly string[];
}

/** A command as data, and what it does. Everything a person can be told about it is here. */
export interface Command<T extends OptionTable = OptionTable> {
  /** `pretrain byol` */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  /** Authors, title, year, arXiv number. */
  readonly paper?: string;
  /** Command lines and what they do; the first things that help shows. */
  readonly examples: readonly (readonly [command: string, does: string])[];
  readonly arguments: readonly ArgumentSpec[];
  readonly options: T;
  /** Values of options by the names that its `preset` option takes. */
  readonly presets?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Its arguments are a command line of byo's: everything from the first argument on goes through as it is. */
  readonly takesCommandLine?: boolean;
  run(context: Context, args: readonly string[], options: Values<T>): Promise<void>;
}

/** Types a command by its option table. */
export const defineCommand = <T extends OptionTable>(command: Command<T>): Command =>
  command as unknown as Command;
