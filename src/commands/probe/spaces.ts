import { rowsAt, type NdArray } from '../../core/array.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { SPLIT } from '../../core/data/images.js';
import { pointSetOf } from '../../core/data/points.js';
import { parseDevice } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type Artifact, type Recipe, type RecipeInput } from '../../core/files/artifact.js';
import { canonicalJson } from '../../core/files/json.js';
import { nameOf } from '../../core/files/streams.js';
import { embedImages, type ImageEncoder } from '../../core/train/index.js';
import type { Context } from '../../cli/context.js';
import { pixelFeatures } from '../embed.js';
import { encoderOf, encoderWeights } from '../features.js';
import { tableOf, type Table } from './data.js';

/** What the numbers of a row are; only rows of one space can be compared. */
export type Space =
  | { readonly of: 'points' }
  | { readonly of: 'pixels'; readonly side: number }
  | {
    readonly of: 'features';
    /** Of the model; not known for features from elsewhere. */
    readonly digest?: string;
    readonly model?: string;
    readonly encoder?: string;
    /** Which of the model's weights, where they are not those of its online encoder after training. */
    readonly weights?: string;
  };

/** Examples as rows of a space. */
export interface ExampleSet {
  readonly table: Table;
  readonly space: Space;
  /** Seed of the noise that row i was drawn from, where the file says. */
  readonly noise: number | undefined;
}

export interface SpaceOptions {
  readonly model: string | undefined;
  readonly pixels: number | undefined;
  readonly device: string;
  readonly threads: number | undefined;
}

/** Turns files into sets; images by the encoder of --model, which is read once, or as the pixels that --pixels asks for. */
export class Spaces {
  private encoder: Promise<{ readonly artifact: Artifact; readonly encoder: ImageEncoder }> | undefined;

  constructor(private readonly context: Context, private readonly o: SpaceOptions, sources: readonly (string | undefined)[]) {
    if (o.model !== undefined && o.pixels !== undefined) throw new UsageError('--model and --pixels are two ways to compare images; give one');
    if ([...sources, o.model].filter((source) => source === '-').length > 1) {
      throw new UsageError('only one of samples, --real, --paired and --model can be standard input; name files for the others');
    }
  }

  /**
   * Points and features as they are, images as features or pixels. Throws InputError where a file has none of them or a value is
   * not finite, UsageError for images without --model or --pixels and for either of these without images.
   */
  async read(source: string, part: 'all' | 'train' | 'test' = 'all'): Promise<ExampleSet> {
    const name = nameOf(source);
    const artifact = partOf(await readArtifact(source, { kind: ['dataset', 'samples', 'embeddings', 'tensors'] }), part, name);
    const { rows, space } = await this.rowsOf(artifact, name);
    const table = tableOf({ ...artifact, tensors: new Map([...artifact.tensors, ['features', rows]]) }, name, []);
    return { table, space, noise: noiseSeed(artifact.recipe) };
  }

  private async rowsOf(artifact: Artifact, name: string): Promise<{ rows: NdArray; space: Space }> {
    const { tensors } = artifact;
    const { model, pixels } = this.o;
    if (tensors.has('images')) {
      const { images } = imageSetOf(artifact, name);
      if (pixels !== undefined) return { rows: pixelFeatures(images, pixels), space: { of: 'pixels', side: pixels } };
      if (model !== undefined) return this.embedded(images, model);
      throw new UsageError(`${name} holds images, which are compared by features: give --model FILE with an encoder, or --pixels SIDE`);
    }
    if (model !== undefined || pixels !== undefined) {
      throw new UsageError(`${name} holds no images, so there is nothing to do for --${model !== undefined ? 'model' : 'pixels'}; leave it out`);
    }
    if (tensors.has('points')) return { rows: pointSetOf(artifact, name).points, space: { of: 'points' } };
    const rows = tensors.get('features') ?? tensors.get('array');
    if (!rows) throw new InputError(`${name} has none of the tensors images, points and features, which this probe compares`);
    return { rows, space: spaceOf(artifact.recipe) };
  }

  private async embedded(images: NdArray<Uint8Array>, model: string): Promise<{ rows: NdArray; space: Space }> {
    this.encoder ??= readArtifact(model, { kind: 'model' }).then((artifact) => ({ artifact, encoder: encoderOf(artifact, nameOf(model)) }));
    const { artifact, encoder } = await this.encoder;
    const progress = await this.context.terminal.progress('embed', images.shape[0]!, 'images');
    const rows = await embedImages(encoder, encoderWeights(artifact, false, nameOf(model)), images, {
      device: parseDevice(this.o.device), threads: this.o.threads, onProgress: (done) => progress.update(done),
    });
    progress.stop();
    return { rows, space: { ...ofModel(asInput('model', artifact, model)), encoder: encoder.encoder.name } };
  }
}

const ofModel = ({ digest, name }: RecipeInput): Space & { of: 'features' } => ({ of: 'features', digest, ...(name !== undefined && { model: name }) });

/** The space of what byo embed made; without digest where it did not. */
function spaceOf(recipe: Recipe | undefined): Space {
  if (recipe?.command !== 'embed') return { of: 'features' };
  const { pixels, untrained, target } = recipe.options;
  if (typeof pixels === 'number') return { of: 'pixels', side: pixels };
  const model = recipe.inputs.find(({ role }) => role === 'model');
  if (!model) return { of: 'features' };
  const weights = untrained ? `untrained, seed ${recipe.seed}` : target ? 'target' : undefined;
  return { ...ofModel(model), ...(weights !== undefined && { weights }) };
}

/** Seed of the noise that examples, or what features are of, were drawn from by byo sample. */
function noiseSeed(recipe: Recipe | undefined): number | undefined {
  if (recipe?.command === 'sample') return recipe.seed;
  const data = recipe?.inputs.find(({ role }) => role === 'data');
  return data && noiseSeed(data.recipe);
}

/** A set's rows to train on or to test on; throws InputError where the file does not tell them apart. */
function partOf(artifact: Artifact, part: 'all' | 'train' | 'test', name: string): Artifact {
  if (part === 'all') return artifact;
  const split = artifact.tensors.get('split');
  const rows = split && [...split.data.keys()].filter((i) => (Number(split.data[i]) === SPLIT.test) === (part === 'test'));
  if (!rows?.length) throw new InputError(`${name} marks no rows as its ${part} part; leave --part out`);
  const cut = ([tensor, value]: [string, NdArray]): [string, NdArray] =>
    [tensor, value.shape[0] === split!.shape[0] ? rowsAt(value, rows) : value];
  return { ...artifact, tensors: new Map([...artifact.tensors].map(cut)) };
}

/** `features of enc.st`, `pixels`, `points`. */
export function spaceName(space: Space): string {
  if (space.of !== 'features') return space.of;
  const { model, digest, weights } = space;
  const name = model ?? (digest === undefined ? undefined : `model ${shortDigest(digest)}`);
  return name === undefined ? 'features' : `features of ${name}${weights === undefined ? '' : ` (${weights})`}`;
}

/** `sha256:0123456789ab`. */
export const shortDigest = (digest: string): string => digest.slice(0, 'sha256:'.length + 12);

/** Throws InputError where the rows of two sets are known to be of different spaces, or have different widths. */
export function requireSameSpace(a: ExampleSet, b: ExampleSet): void {
  const different = isKnown(a.space) && isKnown(b.space) && identity(a.space) !== identity(b.space);
  if (different || a.table.x.cols !== b.table.x.cols) {
    const said = ({ table, space }: ExampleSet) => `${table.source} holds ${spaceName(space)}${'digest' in space && space.digest !== undefined
      ? ` (${shortDigest(space.digest)})` : ''} of width ${table.x.cols}`;
    throw new InputError(`${said(a)}, but ${said(b)}; only the same kind of rows can be compared`);
  }
}

const isKnown = (space: Space): boolean => space.of !== 'features' || space.digest !== undefined;

/** What makes a space: names of files do not. */
const identity = (space: Space): string =>
  canonicalJson(space.of === 'features' ? { of: space.of, digest: space.digest, weights: space.weights } : space, 'space');
