import { choice, flag, integer, kebab, number, type Values } from '../../cli/options.js';
import { imageSetOf, withoutTest } from '../../core/data/dataset.js';
import type { TrainingImages } from '../../core/data/source.js';
import { imageStream } from '../../core/data/stream.js';
import { isStreamSource, streamFiles } from '../../core/data/stream-files.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import type { DataReader, TrainingData } from './method.js';

/** Options of methods that can learn from a stream of images. */
export const streamOptions = {
  stream: flag({ help: 'read images while training: tar shards, a folder that may grow, or a tar archive on standard input; --steps says how long' }),
  imageSize: integer({ min: 4, help: "side that a stream's images are brought to before they are augmented; --size where left out" }),
  fit: choice({ choices: ['cover', 'contain', 'fill'], default: 'cover', help: "crop the middle of a stream's images, pad, or stretch them to the square" }),
  shuffleBuffer: integer({ default: 10_000, min: 1, help: 'images of a stream that are held in memory, and drawn from' }),
  onBad: choice({ choices: ['skip', 'stop'], default: 'skip', help: 'what to do about an image of a stream that cannot be decoded: skip and count it, or stop' }),
  maxBadRate: number({ default: 0.1, min: 0, max: 1, guess: true, help: 'stop where a larger share of 1000 images in a row cannot be decoded' }),
} as const;
type StreamOptions = Values<typeof streamOptions>;

/** What the shared machinery asks of a method's options; a method without streams has none of these. */
export type DataOptions = Partial<StreamOptions> & { readonly size?: number; readonly batch?: number };

/** The reader of methods that learn from images: a data set, or with --stream the files of a stream. */
export const imageReader: DataReader<TrainingImages, DataOptions> = {
  help: 'data set of images; with --stream tar shards, shards-{000..123}.tar, or a folder; standard input where left out',
  async open(sources, { origins }, given, seed) {
    if (given.stream) return openStream(sources, seed);
    const source = onlySource(sources, '; --stream reads images from files');
    if (given.stream === false) {
      const stray = Object.keys(streamOptions).find((key) => origins[key] === 'command line' && key !== 'stream');
      if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for streams; give --stream with it`);
      if (await isStreamSource(source)) {
        throw new UsageError(`${source} is no data set; give --stream to learn from its images as they are, or make a data set with byo convert`);
      }
    }
    return readSet(source);
  },
};

/** The one file that a method reads, standard input where none is named; throws UsageError where there are more. */
export function onlySource([source = '-', ...others]: readonly string[], hint = ''): string {
  if (others.length === 0) return source;
  throw new UsageError(`one data set is learnt from, but ${others.length + 1} files were given${hint}`);
}

async function readSet(source: string): Promise<TrainingData<TrainingImages, DataOptions>> {
  const data = await readArtifact(source, { kind: 'dataset' });
  const set = withoutTest(imageSetOf(data, nameOf(source)));
  const [, ...shape] = set.images.shape as [number, number, number, number];
  return { inputs: [asInput('data', data, source)], shape: () => shape, load: () => set };
}

async function openStream(sources: readonly string[], seed: number): Promise<TrainingData<TrainingImages, DataOptions>> {
  const files = await streamFiles(sources, seed);
  const sideOf = ({ imageSize, size }: DataOptions): number => {
    const side = imageSize ?? size;
    if (side === undefined) throw new UsageError("a stream's images have no common size; say with --size what to bring them to");
    return side;
  };
  return {
    inputs: [files.recipe],
    shape: (o) => [3, sideOf(o), sideOf(o)],
    load: (options, seed) => {
      const { fit, shuffleBuffer: buffer, onBad, maxBadRate, batch } = options as Required<DataOptions>;
      return imageStream(files, { size: sideOf(options), fit, batch, buffer, onBad, maxBadRate, seed });
    },
  };
}
