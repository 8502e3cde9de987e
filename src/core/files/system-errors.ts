import { dirname } from 'node:path';
import { ByoError, InputError } from '../errors.js';

type Reasons = Readonly<Record<string, string | ((path: string) => string)>>;

const READING: Reasons = {
  ENOENT: 'there is no such file; check the name',
  EACCES: 'permission is denied; change the permissions or read another file',
  EISDIR: 'it is a directory; name a file, or make one of the directory with `byo convert`',
  ENOTDIR: 'part of its path is not a directory; check the name',
  ELOOP: 'it is a symbolic link that leads back to itself; name the file itself',
  ENXIO: 'it is a socket or a device that is not there; read from - or from a file',
  EIO: 'the device failed while reading; copy the file elsewhere and try again',
};

const WRITING: Reasons = {
  ENOSPC: 'the disk is full; free some space or write elsewhere',
  EDQUOT: 'the disk quota is used up; free some space or write elsewhere',
  EFBIG: 'the file would be larger than is allowed here; write elsewhere or raise the limit (ulimit -f)',
  EACCES: 'permission is denied; write elsewhere or change the permissions',
  EPERM: 'the operation is not permitted; write elsewhere or change the permissions',
  EROFS: 'the file system is read-only; write elsewhere',
  EISDIR: 'it is a directory; name a file in it',
  ENOTDIR: 'part of its path is not a directory; name a file in a directory',
  ENOENT: (path) => `the directory ${dirname(path)} does not exist; create it first`,
  ENAMETOOLONG: 'its name is too long; choose a shorter one',
  ELOOP: 'it is a symbolic link that leads back to itself; name another file',
  ENXIO: 'it is a socket or a device that is not there; write to - or to a file',
  EIO: 'the device failed while writing; write elsewhere',
};

/** One sentence (InputError) for a failed read; an error without a known system code comes back as it is. */
export function explainReadError(error: unknown, path: string): unknown {
  const reason = reasonFor(error, READING, path);
  return reason ? new InputError(`cannot read ${path}: ${reason}`, { cause: error }) : error;
}

/** One sentence (ByoError) for a failed write; an error without a known system code comes back as it is. */
export function explainWriteError(error: unknown, path: string): unknown {
  const reason = reasonFor(error, WRITING, path);
  return reason ? new ByoError(`cannot write ${path}: ${reason}`, { cause: error }) : error;
}

function reasonFor(error: unknown, reasons: Reasons, path: string): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const reason = code !== undefined && Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return typeof reason === 'function' ? reason(path) : reason;
}
