import { InputError } from '../errors.js';
import { stream, type Stream } from '../random.js';

export interface SplitOptions {
  readonly seed?: number;
  /** Class of each row: every part gets its share of every class. */
  readonly labels?: ArrayLike<number>;
  /** Group of each row (patient, speaker, scaffold): a group is never divided. Takes the place of `labels`. */
  readonly groups?: ArrayLike<number>;
}

export interface Split {
  /** Ascending row indices, as in the other parts. */
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * Divides n rows at random into parts of the given shares. With labels, the first row of every class goes to the
 * training part, so that no class is missing there.
 *
 * @throws InputError for shares below 0 or above 1 together, labels or groups that do not pair up with the rows, and
 *   an empty part whose share is not 0
 */
export function splitRows(
  n: number, shares: { readonly validation: number; readonly test: number }, options: SplitOptions = {},
): Split {
  const { validation, test } = shares;
  const training = 1 - validation - test;
  if (!(validation >= 0 && test >= 0 && training > 0)) {
    throw new InputError(`shares of ${validation} for validation and ${test} for testing leave nothing to train on`);
  }
  const parts = allocate(n, [training, validation, test], { ...options, name: 'split', firstOfClassTo: 0 });
  ['training', 'validation', 'test'].forEach((name, p) => {
    if ([training, validation, test][p] > 0 && parts[p].length === 0) {
      throw new InputError(`the ${name} part of ${n} rows is empty: give more rows or another share`);
    }
  });
  return { train: parts[0], validation: parts[1], test: parts[2] };
}

export interface Fold { readonly train: Int32Array; readonly test: Int32Array }

/**
 * K folds of n rows: each row is tested once. Ascending row indices.
 *
 * @throws InputError where k is not from 2 to n, labels or groups do not pair up, or a fold stays empty
 */
export function kFolds(n: number, k: number, options: SplitOptions = {}): Fold[] {
  if (!(Number.isInteger(k) && k >= 2 && k <= n)) throw new InputError(`${n} rows cannot make ${k} folds: use 2 to ${n}`);
  const tests = allocate(n, new Array<number>(k).fill(1 / k), { ...options, name: 'folds' });
  if (tests.some((test) => test.length === 0)) {
    throw new InputError(`the rows have too few groups for ${k} folds: use fewer folds`);
  }
  return tests.map((test) => ({ train: complement(n, test), test }));
}

/**
 * A few-shot draw: `shots` rows of every class to train on, and the others. Different draws of a seed are independent.
 *
 * @throws InputError where a class has fewer rows than shots
 */
export function fewShot(labels: ArrayLike<number>, shots: number, seed = 0, draw = 0): Fold {
  const random = stream(seed, 'few-shot', draw);
  const train = rowsByValue(labels).flatMap(([label, rows]) => {
    if (rows.length < shots) {
      throw new InputError(`class ${label} has ${rows.length} rows, too few for ${shots} shots: use fewer shots`);
    }
    return shuffled(rows, random).slice(0, shots);
  });
  const chosen = Int32Array.from(train).sort();
  return { train: chosen, test: complement(labels.length, chosen) };
}

/**
 * A stratified share of the rows, at least one of every class: for semi-supervised probes on 1 or 10 percent of the
 * labels. Ascending row indices. Different draws of a seed are independent.
 */
export function stratifiedSubset(labels: ArrayLike<number>, share: number, seed = 0, draw = 0): Int32Array {
  if (!(share > 0 && share <= 1)) throw new InputError(`a share of ${share} was given: use a number in (0, 1]`);
  const random = stream(seed, 'subset', draw);
  return Int32Array.from(rowsByValue(labels).flatMap(([, rows]) =>
    shuffled(rows, random).slice(0, Math.max(1, Math.round(share * rows.length))))).sort();
}

interface Allocation extends SplitOptions {
  /** Of the stream of random draws. */
  readonly name: string;
  /** The part that gets the first row of every class. */
  readonly firstOfClassTo?: number;
}

/**
 * Deals units (rows, or whole groups) to parts one at a time, each to the part that lacks most: of its share of the
 * class so far, and of its share of all rows so far. So classes and totals both come out within a row or two.
 */
function allocate(n: number, shares: readonly number[], options: Allocation): Int32Array[] {
  const { seed = 0, labels, groups, name, firstOfClassTo } = options;
  for (const [list, what] of [[labels, 'labels'], [groups, 'group labels']] as const) {
    if (list && list.length !== n) throw new InputError(`there are ${list.length} ${what} for ${n} rows`);
  }
  const random = stream(seed, name);
  const parts: number[][] = shares.map(() => []);
  for (const units of strataOf(n, labels, groups, random)) {
    const dealt = shares.map(() => 0);
    let dealtRows = 0;
    for (const unit of units) {
      const total = parts.reduce((sum, part) => sum + part.length, 0);
      const lack = shares.map((share, p) =>
        share * (dealtRows + unit.length) - dealt[p] + share * (total + unit.length) - parts[p].length);
      const first = dealtRows === 0 && labels && !groups ? firstOfClassTo : undefined;
      const to = first ?? lack.reduce((best, value, p) => (shares[p] > 0 && value > lack[best] + 1e-9 ? p : best), 0);
      for (const index of unit) parts[to].push(index);
      dealt[to] += unit.length;
      dealtRows += unit.length;
    }
  }
  return parts.map((part) => Int32Array.from(part).sort());
}

/** Units by stratum: rows by class, or one stratum of whole groups, or of rows. */
function strataOf(
  n: number, labels: ArrayLike<number> | undefined, groups: ArrayLike<number> | undefined, random: Stream,
): number[][][] {
  if (groups) {
    const members = rowsByValue(groups).map(([, rows]) => rows);
    // Large groups first: the small ones then even out what the large ones leave.
    return [shuffled(members, random).sort((a, b) => b.length - a.length)];
  }
  const strata = labels ? rowsByValue(labels).map(([, rows]) => rows) : [Array.from({ length: n }, (_, i) => i)];
  return strata.map((rows) => shuffled(rows, random).map((index) => [index]));
}

/** Row indices of each value, by ascending value. */
export function rowsByValue(values: ArrayLike<number>): [number, number[]][] {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < values.length; i++) {
    const list = rows.get(values[i]);
    if (list) list.push(i);
    else rows.set(values[i], [i]);
  }
  return [...rows].sort(([a], [b]) => a - b);
}

const shuffled = <T>(items: readonly T[], random: Stream): T[] =>
  Array.from(random.permutation(items.length), (i) => items[i]);

function complement(n: number, chosen: Int32Array): Int32Array {
  const inside = new Uint8Array(n);
  for (const index of chosen) inside[index] = 1;
  return Int32Array.from({ length: n }, (_, i) => i).filter((i) => !inside[i]);
}
