import { toFloat32 } from '../../core/array.js';
import { vector } from '../../core/data/dataset.js';
import { InputError } from '../../core/errors.js';
import { readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { requireLabels } from '../../core/stats/labels.js';
import { predict } from '../../core/stats/logistic.js';
import { matrix, type Matrix } from '../../core/stats/matrix.js';
import { SCORE_KINDS, type ScoreKind } from '../../core/stats/probabilities.js';

/** What a classifier said about rows whose class is known, as probes write it with --predictions. */
export interface Predictions {
  /** [rows, classes] */
  readonly scores: Matrix;
  readonly kind: ScoreKind;
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** Names by class number. */
  readonly classes: readonly string[];
}

/**
 * Reads scores [N, classes] and labels [N]; the largest score is the prediction. Scores that are not said to be votes are
 * logits. Throws InputError where a tensor is missing, does not fit the others or holds what is no number.
 */
export async function readPredictions(source: string): Promise<Predictions> {
  const name = nameOf(source);
  const artifact = await readArtifact(source, { kind: ['predictions', 'tensors'] });
  const found = artifact.tensors.get('scores');
  if (found?.shape.length !== 2 || found.shape.includes(0)) {
    throw new InputError(`${name} has no scores [N, classes]; probes write them with --predictions`);
  }
  const [count, classCount] = found.shape as [number, number];
  const scores = matrix(count, classCount, toFloat32(found).data);
  if (!scores.data.every(Number.isFinite)) throw new InputError(`${name} holds scores that are not finite; probe again`);
  const truth = vector(artifact, 'labels', count, name);
  if (!truth) throw new InputError(`${name} has no labels [${count}], the true classes; probes write them with --predictions`);
  const labels = Int32Array.from(truth.data, Number);
  requireLabels(labels, count, classCount);
  const { classes, scores: kind } = artifact.meta;
  const names = Array.isArray(classes) ? classes.map(String) : [];
  return {
    scores, labels, predicted: predict(scores), kind: SCORE_KINDS.find((one) => one === kind) ?? 'logits',
    classes: Array.from({ length: classCount }, (_, c) => names[c] ?? String(c)),
  };
}

/** A share as people read it: `93.1 %`. */
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
