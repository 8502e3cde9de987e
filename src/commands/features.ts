import type { NdArray } from '../core/array.js';
import { exampleSetOf } from '../core/data/examples.js';
import { Segments } from '../core/data/sound/segments.js';
import { clipCount, soundSetOf } from '../core/data/sound/set.js';
import { tableInputOf } from '../core/data/table/encoding.js';
import { rowCount, tableSetOf } from '../core/data/table/set.js';
import { InputError, UsageError } from '../core/errors.js';
import type { Artifact } from '../core/files/artifact.js';
import {
  embedImages, embedSounds, embedTable, poolTokens, untrainedSoundWeights, untrainedTableWeights, untrainedWeights,
  type EmbedOptions, type ImageEncoder, type Pool, type SoundEncoder, type SoundFeatures, type TableEncoder,
} from '../core/train/index.js';
import { soundsWithoutTest } from './pretrain/sound-data.js';

export interface FeatureOptions extends EmbedOptions {
  /** Random weights from this seed instead of the model's. */
  readonly untrained?: number;
  /** The target network's weights instead of the online ones. */
  readonly target?: boolean;
  /** What becomes of the tokens of a row of a table; flatten where left out. */
  readonly pool?: Pool | undefined;
  /** Whose statistics spectrograms of sounds are normalised by: the data's (where left out), or the training data's. */
  readonly statistics?: 'data' | 'model';
  /** Features of every frame of a sound instead of the sound. */
  readonly frames?: boolean;
}

/** Features of examples [N, D], or of parts of them, with the example that each row is of and the number of the part. */
export type Features = SoundFeatures;

/** A file with what messages call it. */
export interface Named {
  readonly artifact: Artifact;
  readonly name: string;
}

/** Encoders of one kind of data. */
interface Modality {
  /** What a data set holds, in the plural. */
  readonly examples: string;
  /** How many of them; throws InputError where the data set holds something else. */
  count(data: Named): number;
  /** Features of all of them. */
  features(model: Named, data: Named, options: FeatureOptions): Promise<Features>;
}

/** By the `modality` of a model's input, which is left out for images, and for rows and maps of plain numbers. */
const MODALITIES = {
  image: {
    examples: 'images',
    count: ({ artifact, name }) => exampleSetOf(artifact, name).examples.shape[0]!,
    features: async (model, data, { untrained, target = false, pool, frames = false, ...options }) => {
      if (pool) throw new UsageError(`--pool is for rows of tables, but ${model.name} is a model of something else; leave it out`);
      if (frames) throw new UsageError(`--frames is for sounds, but ${model.name} is an encoder of images or plain numbers; leave it out`);
      const { examples } = exampleSetOf(data.artifact, data.name);
      const encoder = encoderOf(model.artifact, model.name);
      const weights = untrained !== undefined
        ? await untrainedWeights(encoder, examples, untrained, options)
        : encoderWeights(model.artifact, target, model.name);
      return { features: await embedImages(encoder, weights, examples, options) };
    },
  },
  table: {
    examples: 'rows',
    count: ({ artifact, name }) => rowCount(tableSetOf(artifact, name)),
    // The encoder in the file is the target network already, which the paper embeds with.
    features: async (model, data, { untrained, pool = 'flatten', frames = false, ...options }) => {
      if (frames) throw new UsageError(`--frames is for sounds, but ${model.name} is a model of table rows; leave it out`);
      const encoder = tableEncoderOf(model.artifact, model.name);
      if (pool === 'reg' && encoder.encoder.reg === 0) throw new UsageError(`${model.name} has no [REG] token; use --pool flatten or mean`);
      const weights = untrained !== undefined
        ? untrainedTableWeights(encoder, untrained)
        : encoderWeights(model.artifact, false, model.name);
      const tokens = await embedTable(encoder, weights, tableSetOf(data.artifact, data.name), data.name, options);
      return { features: poolTokens(tokens, pool) };
    },
  },
  sound: {
    examples: 'sounds',
    count: ({ artifact, name }) => clipCount(soundSetOf(artifact, name)),
    features: async (model, data, { untrained, target = false, statistics = 'data', pool, ...options }) => {
      if (pool) throw new UsageError(`--pool is for rows of tables, but ${model.name} is a model of sounds; leave it out`);
      const set = soundSetOf(data.artifact, data.name);
      const encoder = soundEncoderOf(model.artifact, model.name);
      const { input } = encoder;
      const measured = statistics === 'data' && input.normalized && set.rate === input.rate
        ? { statistics: new Segments(soundsWithoutTest(set), input, input.unit, input.pad).statistics(0) } : {};
      const weights = untrained !== undefined
        ? await untrainedSoundWeights(encoder, set, untrained, { ...options, ...measured })
        : encoderWeights(model.artifact, target, model.name);
      return embedSounds(encoder, weights, set, { ...options, ...measured });
    },
  },
} satisfies Record<string, Modality>;

/** What makes features with a model, by what it takes; throws InputError where it is no encoder. */
export function modalityOf({ artifact, name }: Named): Modality {
  const { input } = artifact.meta as { readonly input?: { readonly modality?: string } };
  const modality = input?.modality ?? 'image';
  if (Object.hasOwn(MODALITIES, modality)) return MODALITIES[modality as keyof typeof MODALITIES];
  throw new InputError(`${name} holds a model of ${modality} data, of which byo makes no features`);
}

/** Features float32 [N, D] of every example of a data set, in evaluation mode. Throws InputError where the two do not fit. */
export const modelFeatures = async (model: Named, data: Named, options: FeatureOptions = {}): Promise<NdArray<Float32Array>> =>
  (await modalityOf(model).features(model, data, options)).features;

/** The encoder of sounds that a model file describes; throws InputError where it describes none. */
export function soundEncoderOf({ meta }: Artifact, source: string): SoundEncoder {
  const { encoder, input } = meta as Partial<SoundEncoder>;
  if (!encoder || input?.modality !== 'sound') throw new InputError(`${source} holds no encoder of sounds; byo pretrain byol-a makes one`);
  return { encoder, input };
}

/** The image encoder that a model file describes; throws InputError where it describes none. */
export function encoderOf({ meta }: Artifact, source: string): ImageEncoder {
  const { encoder, input } = meta as Partial<ImageEncoder>;
  if (!encoder || !input || 'modality' in input) {
    throw new InputError(`${source} holds a model without an image encoder; byo pretrain byol and its like make image encoders`);
  }
  return { encoder, input };
}

/** The encoder of tables that a model file describes; throws InputError where it describes none. */
export function tableEncoderOf({ meta }: Artifact, source: string): TableEncoder {
  const input = tableInputOf(meta, source);
  const { encoder } = meta as Partial<TableEncoder>;
  if (encoder?.name !== 't-jepa') throw new InputError(`${source} holds a model of tables that is no encoder; byo pretrain t-jepa makes one`);
  return { encoder, input };
}

/** The tensors `encoder.*` of a model, or of its target network; throws InputError where it has none. */
export function encoderWeights({ tensors }: Artifact, target: boolean, source: string): Map<string, NdArray> {
  const prefix = target ? 'target.encoder.' : 'encoder.';
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) throw new InputError(`${source} has no tensors ${prefix}*${target ? '; it keeps no target network' : ''}`);
  return new Map(found.map(([name, value]) => [name.replace(/^target\./, ''), value]));
}
