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
import { labelledRows, type Labelled } from '../probe/data.js';
import { byLbfgs } from '../probe/linear.js';
import type { Divided, Laboratory } from './laboratory.js';

export type ProbeName = 'linear' | 'knn';

/** Shares of right answers on the test images; `transfer...` on those of another set, where --transfer names one. */
export interface Probed extends Readonly<Record<ProbeName, number>> {
  readonly transferLinear?: number;
  readonly transferKnn?: number;
}

type Features = (images: NdArray<Uint8Array>) => Promise<NdArray>;

/** What an encoder's features tell, in evaluation mode. */
export const probeEncoder = (laboratory: Laboratory, encoder: ImageEncoder, weights: State): Promise<Probed> =>
  probe(laboratory, (images) => embedImages(encoder, weights, images, laboratory.compute));

/** What the pixels themselves tell. */
export const probePixels = (laboratory: Laboratory): Promise<Probed> =>
  probe(laboratory, async (images) => pixelFeatures(images, Math.min(...images.shape.slice(2))));

/** What one of the two probes says of an encoder. */
export async function probeBy(name: ProbeName, laboratory: Laboratory, encoder: ImageEncoder, weights: State): Promise<number> {
  const tables = await tablesOf(laboratory.own, (images) => embedImages(encoder, weights, images, laboratory.compute));
  return name === 'linear' ? linearProbe(laboratory, tables) : knnProbe(laboratory, tables);
}

async function probe(laboratory: Laboratory, features: Features): Promise<Probed> {
  const both = async (set: Divided) => {
    const tables = await tablesOf(set, features);
    return { linear: await linearProbe(laboratory, tables), knn: knnProbe(laboratory, tables) };
  };
  const own = await both(laboratory.own);
  if (!laboratory.transfer) return own;
  const { linear, knn } = await both(laboratory.transfer);
  return { ...own, transferLinear: linear, transferKnn: knn };
}

/** Features of the training and of the test images. */
interface Tables {
  readonly fit: Labelled;
  readonly asked: Labelled;
  readonly classes: number;
}

async function tablesOf({ training, test }: Divided, features: Features): Promise<Tables> {
  const table = async ({ images, rows, labels }: LabelledImages): Promise<Labelled> => {
    const { shape, data } = await features(imagesAt(images, Array.from(rows)));
    return { x: matrix(shape[0]!, shape[1]!, data as Float32Array), labels: Int32Array.from(labels) };
  };
  return { fit: await table(training), asked: await table(test), classes: training.classes };
}

const LBFGS = { cMin: 1e-3, cMax: 1, cCount: 4, tolerance: 1e-3, classWeight: 'none', scale: 'standard' } as const;

/** The exact one: logistic regression whose C is chosen on a tenth of the training images. */
async function linearProbe({ compute, context }: Laboratory, { fit, asked, classes }: Tables): Promise<number> {
  const parts = splitRows(fit.x.rows, { validation: 0.1, test: 0 }, { labels: fit.labels });
  const part = (rows: Int32Array) => labelledRows(fit.x, fit.labels, rows);
  const classifier = byLbfgs('linear', context, {
    train: part(parts.train), validation: part(parts.validation), fit, test: asked,
    classes: Array.from({ length: classes }, (_, i) => String(i)),
  }, LBFGS, compute.algebra);
  return accuracy(asked.labels, predict(await classifier.scores(fit, asked.x)));
}

/** The paper's: 20 neighbours by Euclidean distance of standardised features, each with one vote. */
function knnProbe({ compute: { algebra } }: Laboratory, { fit, asked, classes }: Tables): number {
  const [known, queries] = standardizeAll(fit.x, asked.x) as [Matrix, Matrix];
  const neighbours = nearestNeighbours(known, queries, { k: Math.min(20, known.rows), metric: 'euclidean', algebra });
  return accuracy(asked.labels, predict(voteNeighbours(neighbours, fit.labels, classes, { weights: 'none' })));
}
