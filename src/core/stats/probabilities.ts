import { softmaxRows } from './logistic.js';
import type { Matrix, Matrix64 } from './matrix.js';

/** What a classifier's scores are: logits become probabilities by softmax, votes by their share of the row. */
export const SCORE_KINDS = ['logits', 'votes'] as const;
export type ScoreKind = (typeof SCORE_KINDS)[number];

/** Probabilities [n, classes] from scores; every row adds up to 1. */
export function probabilitiesOf(scores: Matrix, kind: ScoreKind): Matrix64 {
  if (kind === 'logits') return softmaxRows(scores);
  const { rows, cols } = scores;
  const data = new Float64Array(scores.data);
  for (let i = 0; i < rows; i++) {
    const own = data.subarray(i * cols, (i + 1) * cols);
    const total = own.reduce((sum, vote) => sum + vote, 0);
    for (let c = 0; c < cols; c++) own[c] = own[c]! / total;
  }
  return { rows, cols, data };
}
