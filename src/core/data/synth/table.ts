import { float32, int32 } from '../../array.js';
import { InputError } from '../../errors.js';
import { stream, type Stream } from '../../random.js';
import { normalCdf } from '../../stats/distributions.js';
import { argsort, quantile } from '../../stats/order.js';
import type { Column, TableSet, Target } from '../table/set.js';
import { checkShare, checkWhole, splitBy } from './images.js';

export const STRUCTURES = ['factors', 'independent'] as const;

export interface SynthTableOptions {
  readonly count: number;
  readonly seed: number;
  /** Numeric and categorical columns. */
  readonly numeric?: number;
  readonly categorical?: number;
  /** Categories of every categorical column. */
  readonly categories?: number;
  /** Whether columns have hidden factors in common, and how many, or nothing. */
  readonly structure?: (typeof STRUCTURES)[number];
  readonly factors?: number;
  readonly task?: 'classification' | 'regression';
  readonly classes?: number;
  /** Deviation of the noise of the target, in deviations of the target itself. */
  readonly noise?: number;
  /** Share of values that are missing, everywhere alike. */
  readonly missing?: number;
  /** Shares of train, validation and test; left out: no splits. */
  readonly split?: readonly [number, number, number];
}

/** The share of a column's variance that it has to itself. */
const OWN = 0.2;

/** What becomes of standard normal numbers: nothing, a heavy tail to the right, two of them, limits. All of it can be undone. */
const SHAPES: readonly ((u: number) => number)[] = [(u) => u, Math.exp, (u) => u ** 3, (u) => 10 * Math.tanh(u)];

/** Rows that say where a target's classes begin and how far it spreads. */
const REFERENCE = 4096;

/**
 * A table of known structure. With hidden factors z ~ N(0, I), column j is u_j = sqrt(0.8) w_j.z + sqrt(0.2) e_j for a drawn
 * direction w_j of length 1, so every u_j is standard normal; without factors the u_j are independent. Numeric columns show u_j
 * in one of four shapes; a categorical one shows in which of equally likely intervals u_j lies, under names in a drawn order. The
 * target is a sum of interactions, s = u_1 u_2 + u_3 u_4 + … over the numeric columns, where the sign of a product is turned
 * around by a categorical column (that of the first product by the first one, …) in an interval of odd number. Classes are
 * equally likely intervals of s plus noise. Values go missing after that, whatever they are.
 *
 * A larger table begins with the rows of a smaller one. Throws InputError for numbers and shares out of range.
 */
export function synthTable(options: SynthTableOptions): TableSet {
  const {
    count, seed, numeric = 8, categorical = 3, categories = 4, structure = 'factors', factors = 3,
    task = 'classification', classes = 2, noise = 0.1, missing = 0, split,
  } = options;
  checkWhole('the number of rows', count, 1, 100_000_000);
  checkWhole('the number of numeric columns', numeric, 2, 10_000);
  checkWhole('the number of categorical columns', categorical, 0, 10_000);
  checkWhole('the number of categories', categories, 2, 26);
  checkWhole('the number of factors', factors, 1, 1000);
  checkWhole('the number of classes', classes, 2, 1000);
  checkShare('the share of missing values', missing);
  if (!(noise >= 0 && noise < Infinity)) throw new InputError(`the noise must be finite and not below 0, but is ${noise}`);

  const width = numeric + categorical;
  const directions = directionsOf(stream(seed, 'synth/table directions'), width, structure === 'factors' ? factors : 0);
  const orders = Array.from({ length: categorical }, (_, k) => stream(seed, 'synth/table names', k).permutation(categories));
  const interval = (u: number): number => Math.min(categories - 1, Math.floor(categories * normalCdf(u)));
  const interactions = (u: Float32Array): number => {
    let sum = 0;
    for (let pair = 0; 2 * pair + 1 < numeric; pair++) {
      const turned = pair < categorical && interval(u[numeric + pair]!) % 2 === 1;
      sum += (turned ? -1 : 1) * u[2 * pair]! * u[2 * pair + 1]!;
    }
    return sum;
  };
  const reference = scoresOf(REFERENCE, rowsOf(stream(seed, 'synth/table reference'), directions), interactions);
  const middle = mean(reference);
  const deviation = Math.sqrt(mean(reference.map((s) => (s - middle) ** 2)));
  const blur = (random: Stream, s: number): number => (s - middle) / deviation + noise * random.normal(2)[0]!;

  const draws = (name: string): Stream => stream(seed, `synth/table ${name}`);
  const [values, noises, gaps] = [draws('values'), draws('noise'), draws('gaps')];
  const row = rowsOf(values, directions);
  const [numbers, codes] = [float32([count, numeric]), int32([count, categorical])];
  const scores = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const u = row();
    scores[i] = blur(noises, interactions(u));
    const gone = gaps.bernoulli(width, missing);
    for (let j = 0; j < numeric; j++) numbers.data[i * numeric + j] = gone[j] ? NaN : SHAPES[j % SHAPES.length]!(u[j]!);
    for (let k = 0; k < categorical; k++) {
      codes.data[i * categorical + k] = gone[numeric + k] ? -1 : orders[k]![interval(u[numeric + k]!)]!;
    }
  }
  const known = stream(seed, 'synth/table reference noise');
  return {
    columns: columnsOf(numeric, categorical, categories), numeric: numbers, categorical: codes,
    target: targetOf(task, scores, classes, reference.map((s) => blur(known, s))),
    ...(split && { split: splitBy(split, count) }),
  };
}

/** Directions of columns among the factors, each of length 1; empty ones where there are no factors. */
function directionsOf(random: Stream, columns: number, factors: number): Float32Array[] {
  return Array.from({ length: columns }, () => {
    const direction = random.normal(factors);
    const length = Math.hypot(...direction);
    return direction.map((value) => value / length);
  });
}

/** Draws the hidden numbers of one row after another: standard normal, correlated through the factors. */
function rowsOf(random: Stream, directions: readonly Float32Array[]): () => Float32Array {
  const factors = directions[0]!.length;
  const [common, own] = factors > 0 ? [Math.sqrt(1 - OWN), Math.sqrt(OWN)] : [0, 1];
  return () => {
    const z = random.normal(factors);
    const e = random.normal(directions.length);
    return e.map((value, j) => own * value + common * directions[j]!.reduce((sum, w, f) => sum + w * z[f]!, 0));
  };
}

const scoresOf = (count: number, row: () => Float32Array, score: (u: Float32Array) => number): Float64Array =>
  Float64Array.from({ length: count }, () => score(row()));

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

function columnsOf(numeric: number, categorical: number, categories: number): Column[] {
  const names = Array.from({ length: categories }, (_, i) => String.fromCharCode('a'.charCodeAt(0) + i));
  return [
    ...Array.from({ length: numeric }, (_, j): Column => ({ name: `x${j + 1}`, type: 'numeric' })),
    ...Array.from({ length: categorical }, (_, k): Column => ({ name: `kind${k + 1}`, type: 'categorical', categories: names })),
  ];
}

function targetOf(task: 'classification' | 'regression', scores: Float32Array, classes: number, reference: Float64Array): Target {
  if (task === 'regression') return { name: 'y', task, values: scores };
  const ascending = Float64Array.from(argsort(reference), (i) => reference[i]!);
  const limits = Array.from({ length: classes - 1 }, (_, i) => quantile(ascending, (i + 1) / classes));
  return {
    name: 'y', task, labels: Int32Array.from(scores, (score) => limits.filter((limit) => score > limit).length),
    classes: Array.from({ length: classes }, (_, i) => String(i)),
  };
}
