import { ndarray, rowsAt, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';
import { isPlainObject } from '../files/json.js';
import { captionsOf, encodeCaptions } from './captions.js';
import { imagesAt, SPLIT, type ImageSet } from './images.js';
import { parseQuestions, type Votes } from './questions.js';

/**
 * Image sets as artifacts of kind `dataset`: `images` uint8 [N, C, H, W], `labels` int32 [N], `split` uint8 [N], `votes` int32
 * [N, answers] with the questions in `meta.questions`, and `captions` uint8 [N, L], UTF-8 with zeros behind the shorter ones.
 */
export function datasetArtifact(set: ImageSet): Omit<Artifact, 'recipe'> {
  const { images, labels, classes, split, votes, captions } = set;
  const tensors = new Map<string, NdArray>([['images', images]]);
  if (labels) tensors.set('labels', ndarray('int32', [labels.length], labels));
  if (split) tensors.set('split', ndarray('uint8', [split.length], split));
  if (votes) tensors.set('votes', votes.counts);
  if (captions) tensors.set('captions', encodeCaptions(captions));
  const meta = { modality: 'image', ...(classes && { classes }), ...(votes && { questions: votes.questions }) };
  return { kind: 'dataset', schema: 1, meta, tensors };
}

/** The image set in an artifact; throws InputError that names what is missing or misshapen. */
export function imageSetOf(artifact: Artifact, source: string): ImageSet {
  const images = artifact.tensors.get('images');
  if (!images) throw new InputError(`${source} has no tensor 'images'${otherModality(artifact)}; byo convert makes data sets of images`);
  if (images.dtype !== 'uint8' || images.shape.length !== 4 || ![1, 3].includes(images.shape[1]!)) {
    throw new InputError(`${source}: images are ${images.dtype} [${images.shape}], but uint8 [N, 1 or 3, H, W] is expected`);
  }
  const count = images.shape[0]!;
  if (count === 0) throw new InputError(`${source} holds no images`);
  const labels = vector(artifact, 'labels', count, source);
  const split = vector(artifact, 'split', count, source);
  const { classes } = artifact.meta;
  const votes = votesOf(artifact, count, source);
  const captions = captionsOf(artifact, count, source);
  return {
    images: images as NdArray<Uint8Array>,
    ...(labels && { labels: Int32Array.from(labels.data as Int32Array, Number) }),
    ...(split && { split: split.data as Uint8Array }),
    ...(votes && { votes }),
    ...(captions && { captions }),
    ...(Array.isArray(classes) && { classes: classes.map(String) }),
    skipped: [],
  };
}

function votesOf({ tensors, meta }: Artifact, count: number, source: string): Votes | undefined {
  const counts = tensors.get('votes');
  if (!counts) return undefined;
  const questions = parseQuestions(meta.questions, `${source}: meta.questions`);
  const answers = questions.at(-1)!.end + 1;
  if (counts.dtype !== 'int32' || counts.shape.join() !== `${count},${answers}`) {
    throw new InputError(`${source}: votes are ${counts.dtype} [${counts.shape}], but int32 [${count}, ${answers}] is expected, one column ` +
      'for each answer of meta.questions');
  }
  const negative = counts.data.findIndex((n: number | bigint) => n < 0);
  if (negative >= 0) throw new InputError(`${source}: image ${Math.floor(negative / answers)} has ${counts.data[negative]} votes for an answer`);
  return { counts: counts as NdArray<Int32Array>, questions };
}

/** A tensor of one entry per example, if the artifact has it. */
export function vector({ tensors }: Artifact, name: string, count: number, source: string): NdArray | undefined {
  const found = tensors.get(name);
  if (found && (found.shape.length !== 1 || found.shape[0] !== count)) {
    throw new InputError(`${source}: ${name} is [${found.shape}], but one for each of ${count} examples is expected`);
  }
  return found;
}

/** ` (it holds sound data)`, where a data set says so. */
export const otherModality = ({ meta: { modality } }: Artifact): string => (typeof modality === 'string' ? ` (it holds ${modality} data)` : '');

/**
 * What a data set says of each example besides the example itself, which features of it keep: `labels` with `meta.classes`,
 * `targets`, `split`, and further labels such as `speaker`, which `meta.columns` lists with the names of their values.
 */
export function perExample({ tensors, meta }: Artifact): Pick<Artifact, 'tensors' | 'meta'> {
  const { classes, columns } = meta;
  const names = ['labels', 'targets', 'split', ...Object.keys(columnsOf(meta))];
  return {
    tensors: new Map(names.flatMap((name) => (tensors.has(name) ? [[name, tensors.get(name)!]] : []))),
    meta: { ...(classes !== undefined && { classes }), ...(columns !== undefined && { columns }) },
  };
}

/** Names of the values of further labels, by the names of their tensors. */
export const columnsOf = ({ columns }: Artifact['meta']): Readonly<Record<string, readonly string[]>> =>
  (isPlainObject(columns) ? columns as Record<string, readonly string[]> : {});

/** The part of a set that methods may learn from: everything that is not marked as test. */
export function withoutTest(set: ImageSet): ImageSet {
  const { split, labels, votes, captions } = set;
  const kept = trainingRows(split);
  if (!kept) return set;
  return {
    ...set,
    images: imagesAt(set.images, kept),
    ...(labels && { labels: Int32Array.from(kept, (i) => labels[i]!) }),
    split: Uint8Array.from(kept, (i) => split![i]!),
    ...(votes && { votes: { ...votes, counts: rowsAt(votes.counts, kept) } }),
    ...(captions && { captions: kept.map((i) => captions[i]!) }),
  };
}

/** The rows that are not marked as test; undefined where that is all of them. */
export const trainingRows = (split: Uint8Array | undefined): number[] | undefined =>
  (split?.includes(SPLIT.test) ? [...split.keys()].filter((i) => split[i] !== SPLIT.test) : undefined);
