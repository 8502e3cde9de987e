import { constants } from 'node:os';
import { cleanupTemporaries, SIGNALS } from '../core/files/atomic.js';
import type { Terminal } from './terminal.js';

export interface Interruption {
  signal: NodeJS.Signals | undefined;
  /** 128 + the signal's number, as shells report it. */
  exitCode: number;
}

const interruption: Interruption = { signal: undefined, exitCode: 0 };
const handlers = new Map<NodeJS.Signals, () => void>();

/** The signal that a training run was asked to stop by, once there is one. */
export const interruptionOf = (): Interruption => interruption;

/**
 * From here on a run looks at `interruption` after every step: the first signal asks it to stop, a second one ends the process.
 * Before, a signal ends the process at once, even amid a long computation, where no JavaScript handler could run.
 */
export function stopAtSteps(terminal: Terminal): void {
  if (handlers.size > 0) return;
  for (const name of SIGNALS) {
    const handler = (): void => {
      const exitCode = 128 + constants.signals[name];
      if (interruption.signal !== undefined) {
        cleanupTemporaries();
        process.exit(exitCode);
      }
      interruption.signal = name;
      interruption.exitCode = exitCode;
      terminal.info(`${name}: finishing this step and saving; once more to stop at once`);
    };
    handlers.set(name, handler);
    process.on(name, handler);
  }
}

/** The run is done and its result written: a signal that came too late to stop it is forgotten, the next one ends the process. */
export function runFinished(): void {
  for (const [name, handler] of handlers) process.off(name, handler);
  handlers.clear();
  interruption.signal = undefined;
}
