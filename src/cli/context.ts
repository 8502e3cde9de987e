import type { Origin } from './resolve.js';
import type { Terminal } from './terminal.js';

/** What a command is given besides its arguments and options. */
export interface Context {
  readonly command: string;
  readonly version: string;
  readonly terminal: Terminal;
  /** Where every option's value comes from. */
  readonly origins: Readonly<Record<string, Origin>>;
  /** The options that make up the result, for its recipe: all but the local ones. */
  readonly recorded: Readonly<Record<string, unknown>>;
  /** Set once by SIGINT, SIGTERM or SIGHUP: long runs finish their step, save and stop. */
  readonly interruption: { readonly signal: NodeJS.Signals | undefined };
}
