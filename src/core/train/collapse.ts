import { rowsAt, type NdArray } from '../array.js';
import type { EncodedTable } from '../data/table/encoding.js';
import type { CompileOptions } from '../engine/index.js';
import { stream } from '../random.js';
import { rankMe } from '../stats/diagnose.js';
import { singularValues } from '../stats/linalg.js';
import { matrix } from '../stats/matrix.js';
import { embedRows, poolTokens, type TableEncoder } from './table.js';
import type { State } from './train.js';

export const MONITORS = ['std', 'rank', 'kl'] as const;
export type Monitor = (typeof MONITORS)[number];

/** Rows that are looked at, the same all along. */
const ROWS = 256;

/** Signs of collapse in the latents of a few hundred rows, all tokens of a row side by side. */
export async function monitorLatents(
  model: TableEncoder, weights: State, rows: EncodedTable, monitors: readonly Monitor[], compute: CompileOptions,
): Promise<Record<string, number>> {
  const count = rows.numbers.shape[0]!;
  const chosen = stream(0, 'monitored rows').permutation(count).subarray(0, ROWS);
  const part = {
    numbers: rowsAt(rows.numbers, chosen), missing: rowsAt(rows.missing, chosen), codes: rowsAt(rows.codes, chosen),
  };
  const latents = poolTokens(await embedRows(model, weights, part, compute), 'flatten');
  const measures: Readonly<Record<Monitor, () => Record<string, number>>> = {
    std: () => ({ featureStd: deviationAcrossRows(latents) }),
    rank: () => ({ featureRank: effectiveRank(latents) }),
    kl: () => ({ featureKl: divergence(latents) }),
  };
  return Object.assign({}, ...monitors.map((name) => measures[name]()));
}

/** Mean over dimensions of the standard deviation across rows [N, D]; 0 where all rows are equal. */
export function deviationAcrossRows({ shape, data }: NdArray<Float32Array>): number {
  const [count, width] = shape as [number, number];
  let total = 0;
  for (let j = 0; j < width; j++) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < count; i++) sum += data[i * width + j]!;
    for (let i = 0; i < count; i++) squares += (data[i * width + j]! - sum / count) ** 2;
    total += Math.sqrt(squares / count);
  }
  return total / width;
}

/** exp of the entropy of the normalised singular values of rows [N, D], not centred; 1 where all rows are equal. */
export const effectiveRank = ({ shape, data }: NdArray<Float32Array>): number =>
  rankMe(singularValues(matrix(shape[0]!, shape[1]!, data)));

/** Bins of a histogram, pairs of rows, and what every bin has before anything is counted. */
const [BINS, PAIRS, START] = [20, 128, 1e-3];

/**
 * Mean over pairs of rows of KL(p || q) between the histograms of their entries, in bins that are common to all rows (the
 * published code looks at one pair); 0 where all rows are equal.
 */
export function divergence({ shape, data }: NdArray<Float32Array>): number {
  const [count, width] = shape as [number, number];
  const low = data.reduce((a, b) => Math.min(a, b), Infinity);
  const high = data.reduce((a, b) => Math.max(a, b), -Infinity);
  const histogram = (row: number): Float64Array => {
    const shares = new Float64Array(BINS).fill(START / (1 + BINS * START));
    for (let j = 0; j < width; j++) {
      const bin = high > low ? Math.floor((BINS * (data[row * width + j]! - low)) / (high - low)) : 0;
      shares[Math.min(bin, BINS - 1)]! += 1 / width / (1 + BINS * START);
    }
    return shares;
  };
  const random = stream(0, 'pairs of rows');
  let total = 0;
  for (let pair = 0; pair < PAIRS; pair++) {
    const [p, q] = [histogram(random.int(count)), histogram(random.int(count))];
    total += p.reduce((sum, share, bin) => sum + share * Math.log(share / q[bin]!), 0);
  }
  return total / PAIRS;
}
