import { constants } from 'node:os';
import { cleanupTemporaries } from '../core/files/atomic.js';
import type { Terminal } from './terminal.js';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface Interruption {
  signal: NodeJS.Signals | undefined;
  /** 128 + the signal's number, as shells report it. */
  exitCode: number;
}

let current: Interruption | undefined;
let stoppable = false;

/** Says that from here on a run looks at `interruption` after every step, so the first signal need not end the process. */
export function stopAtSteps(): void {
  stoppable = true;
}

/**
 * The first signal asks a training run to stop after its step; anything else, and a second signal, ends the process at once
 * (temporary files are removed).
 */
export function watchSignals(terminal: Terminal): Interruption {
  if (current) return current;
  const interruption: Interruption = { signal: undefined, exitCode: 0 };
  for (const name of SIGNALS) {
    process.on(name, () => {
      const exitCode = 128 + constants.signals[name];
      if (!stoppable || interruption.signal !== undefined) {
        cleanupTemporaries();
        process.exit(exitCode);
      }
      interruption.signal = name;
      interruption.exitCode = exitCode;
      terminal.info(`${name}: finishing this step and saving; once more to stop at once`);
    });
  }
  current = interruption;
  return interruption;
}
