import type { NdArray } from '../array.js';
import { imagesAt, type ImageSet } from '../data/images.js';
import type { CompileOptions } from '../engine/index.js';
import { classCount } from '../stats/labels.js';
import { nearestNeighbours, voteNeighbours } from '../stats/knn.js';
import { predict } from '../stats/logistic.js';
import { matrix } from '../stats/matrix.js';
import { accuracy } from '../stats/metrics.js';
import { splitRows } from '../stats/split.js';
import { embedImages, type ImageEncoder } from './embed.js';
import type { State } from './train.js';

/** Images that vote and images that are asked about, at most. */
const [REFERENCES, QUERIES] = [2000, 500];

/**
 * Accuracy of weighted nearest neighbours (k = 20, T = 0.07) among the features of at most 2,000 training images, asked about
 * at most 500 others of the same set: a cheap sign of progress, not a result.
 */
export async function knnAccuracy(
  encoder: ImageEncoder, weights: State, { images, labels }: ImageSet, compute: CompileOptions,
): Promise<{ knnAccuracy: number }> {
  const count = images.shape[0]!;
  const { train, validation } = splitRows(count, { validation: 0.2, test: 0 }, { labels: labels! });
  const rows = [...train.subarray(0, REFERENCES), ...validation.subarray(0, QUERIES)];
  const references = Math.min(train.length, REFERENCES);
  const { data, shape } = await embedImages(encoder, weights, imagesAt(images, rows) as NdArray<Uint8Array>, compute);
  const width = shape[1]!;
  const known = matrix(references, width, data.subarray(0, references * width));
  const asked = matrix(rows.length - references, width, data.subarray(references * width));
  const labelOf = (part: readonly number[]) => Int32Array.from(part, (row) => labels![row]!);
  const neighbours = nearestNeighbours(known, asked, { k: Math.min(20, references) });
  const votes = voteNeighbours(neighbours, labelOf(rows.slice(0, references)), classCount(labels!));
  return { knnAccuracy: accuracy(labelOf(rows.slice(references)), predict(votes)) };
}
