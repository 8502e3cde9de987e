import { open, readFile, writeFile } from 'node:fs/promises';
import { explainWriteError } from '../files/system-errors.js';

export interface Log {
  write(line: Readonly<Record<string, number | string>>): void;
  close(): Promise<void>;
}

/** A file of one JSON object a line. A resumed run keeps the lines up to the step it goes on from. */
export async function openLog(path: string, fromStep: number): Promise<Log> {
  if (fromStep > 0) await keepUntil(path, fromStep);
  const file = await open(path, fromStep > 0 ? 'a' : 'w').catch((error: NodeJS.ErrnoException) => {
    throw explainWriteError(error, path);
  });
  let pending = Promise.resolve();
  return {
    write: (line) => {
      pending = pending.then(async () => void (await file.write(`${JSON.stringify(line)}\n`)));
    },
    close: async () => {
      await pending;
      await file.close();
    },
  };
}

async function keepUntil(path: string, step: number): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const kept = text.split('\n').filter((line) => {
    try {
      return (JSON.parse(line) as { step: number }).step <= step;
    } catch {
      return false; // cut off when the run was killed
    }
  });
  await writeFile(path, kept.map((line) => `${line}\n`).join(''));
}
