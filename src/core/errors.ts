/** Exit codes of the command line (the same for every command). */
export const EXIT = { ok: 0, failed: 1, usage: 2, input: 3, diverged: 4, interrupted: 130, terminated: 143 } as const;

/**
 * An error meant for the person at the command line: one sentence that says what is wrong, where, what was expected
 * and how to fix it. The program prints `message` without a stack trace and exits with `exitCode`.
 */
export class ByoError extends Error {
  override name = 'ByoError';
  readonly exitCode: number = EXIT.failed;
}

/** The command line itself is wrong: unknown option, two values where one is expected (exit 2). */
export class UsageError extends ByoError {
  override name = 'UsageError';
  override readonly exitCode = EXIT.usage;
}

/** What a command was given to read is wrong: a malformed file, a shape that does not fit (exit 3). */
export class InputError extends ByoError {
  override name = 'InputError';
  override readonly exitCode = EXIT.input;
}

/** Training produced NaN or infinity, or did not converge where it must (exit 4). */
export class DivergedError extends ByoError {
  override name = 'DivergedError';
  override readonly exitCode = EXIT.diverged;
}
