import { InputError } from '../errors.js';

/** Throws InputError unless there is one label for each of `rows` rows, all of them from 0 to `classes` - 1. */
export function requireLabels(labels: ArrayLike<number>, rows: number, classes: number): void {
  if (labels.length !== rows) {
    throw new InputError(`there are ${labels.length} labels for ${rows} rows: give one label per row`);
  }
  for (let i = 0; i < rows; i++) {
    const label = labels[i];
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new InputError(`label ${label} of row ${i} is not a class from 0 to ${classes - 1}`);
    }
  }
}

/** Throws InputError unless two lists that belong together have the same length, at least 1. */
export function requirePaired(a: ArrayLike<number>, b: ArrayLike<number>, what: string): void {
  if (a.length !== b.length || a.length === 0) {
    throw new InputError(`${what} must pair up, one for one, but there are ${a.length} and ${b.length}`);
  }
}

/** How many labels fall in each of `classes` classes. */
export function countLabels(labels: ArrayLike<number>, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
  return counts;
}

/** Number of classes of labels that start at 0: the largest label plus one. */
export function classCount(...labels: readonly ArrayLike<number>[]): number {
  let max = -1;
  for (const list of labels) for (let i = 0; i < list.length; i++) max = Math.max(max, list[i]);
  return max + 1;
}
