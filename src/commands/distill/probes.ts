import type { NdArray } from '../../core/array.js';
import { imagesAt } from '../../core/data/images.js';
import { nearestNeighbours, voteNeighbours } from '../../core/stats/knn.js';
import { predict } from '../../core/stats/logistic.js';
import { matrix, type Matrix } from '../../core/stats/matrix.js';
import { accuracy } from '../../core/stats/metrics.js';
import { splitRows } from '../../core/stats/split.js';
import { embedImages, type ImageEncoder, type LabelledImages, type State } from '../../core/train/index.js';
import { pixelFeatures } from '../embed.js';
import { standardizeAll } from '../probe/common.js';
import { labelledRows } from '../probe/data.js';
import { byLbfgs } from '../probe/linear.js';
import type { Laboratory } from './laboratory.js';

/** Share of right answers on the test images. */
export interface Probed {
  readonly linear: number;
  readonly knn: number;
}

/** What an encoder's features tell, in evaluation mode. */
export const probeEncoder = (laboratory: Laboratory, encoder: ImageEncoder, weights: State): Promise<Probed> =>
  probe(laboratory, (images) => embedImages(encoder, weights, images, laboratory.compute));

/** What the pixels themselves tell. */
export const probePixels = (laboratory: Laboratory): Promise<Probed> =>
  probe(laboratory, async (images) => pixelFeatures(images, Math.min(...images.shape.slice(2))));

const LBFGS = { cMin: 1e-3, cMax: 1, cCount: 4, tolerance: 1e-3, classWeight: 'none', scale: 'standard' } as const;

/**
 * The linear probe is the exact one, logistic regression whose C is chosen on a tenth of the training images; the nearest
 * neighbours are the paper's, 20 of them by Euclidean distance of standardised features, each with one vote.
 */
async function probe(
  { training, test, compute, context }: Laboratory, features: (images: NdArray<Uint8Array>) => Promise<NdArray>,
): Promise<Probed> {
  const { algebra } = compute;
  const table = async ({ images, rows, labels }: LabelledImages) => {
    const { shape, data } = await features(imagesAt(images, Array.from(rows)));
    return { x: matrix(shape[0]!, shape[1]!, data as Float32Array), labels: Int32Array.from(labels) };
  };
  const [fit, asked] = [await table(training), await table(test)];
  const parts = splitRows(fit.x.rows, { validation: 0.1, test: 0 }, { labels: fit.labels });
  const part = (rows: Int32Array) => labelledRows(fit.x, fit.labels, rows);
  const classes = Array.from({ length: training.classes }, (_, i) => String(i));
  const classifier = byLbfgs('linear', context, {
    train: part(parts.train), validation: part(parts.validation), fit, test: asked, classes,
  }, LBFGS, algebra);
  const linear = accuracy(asked.labels, predict(await classifier.scores(fit, asked.x)));

  const [known, queries] = standardizeAll(fit.x, asked.x) as [Matrix, Matrix];
  const neighbours = nearestNeighbours(known, queries, { k: Math.min(20, known.rows), metric: 'euclidean', algebra });
  const votes = voteNeighbours(neighbours, fit.labels, training.classes, { weights: 'none' });
  return { linear, knn: accuracy(asked.labels, predict(votes)) };
}
