import { defineCommand } from '../cli/command.js';
import { computeOptions, outputOptions, seedOption } from '../cli/common.js';
import { flag, integer, text } from '../cli/options.js';
import { ndarray, type NdArray } from '../core/array.js';
import { areReal, EXAMPLE_KINDS, exampleSetOf } from '../core/data/examples.js';
import { parseDevice } from '../core/engine/index.js';
import { InputError, UsageError } from '../core/errors.js';
import { asInput, readArtifact, writeArtifact, type Artifact } from '../core/files/artifact.js';
import { checkOutput, nameOf } from '../core/files/streams.js';
import { embedImages, untrainedWeights, type ImageEncoder } from '../core/train/index.js';

const options = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'model whose encoder to use; standard input where left out and --data is given' }),
  data: text({ placeholder: 'file', local: true, help: 'data set to embed, where the model comes from standard input' }),
  batch: integer({ default: 64, min: 1, local: true, help: 'images at a time' }),
  untrained: flag({ help: "the model's encoder with random weights instead (a baseline; see --seed)" }),
  pixels: integer({ min: 1, help: 'the pixels themselves, averaged down to so many a side, as features (a baseline; takes no model)' }),
  target: flag({ help: "the target network's encoder instead of the online one" }),
  ...outputOptions, ...computeOptions, ...seedOption,
} as const;

export const embed = defineCommand({
  name: 'embed',
  summary: 'features of a model for every example of a data set',
  description: 'Writes pooled features (before any projector) with the labels and splits of the data set. The encoder runs in '
    + 'evaluation mode: running statistics, no dropout, no augmentation.',
  examples: [
    ['byo embed --model encoder.st photos.st -o features.st', 'features of a data set'],
    ['byo pretrain byol photos.st | byo embed --data test.st | byo probe linear', 'the model from the pipe'],
    ['byo embed --model encoder.st --untrained photos.st -o random.st', 'the same encoder before training, to compare with'],
  ],
  arguments: [{ name: 'data', optional: true, help: 'data set; standard input where left out' }],
  options,
  async run(context, [argument], o) {
    if (argument !== undefined && o.data !== undefined) throw new UsageError(`two data sets were given, ${argument} and --data ${o.data}; give one`);
    const source = argument ?? o.data ?? '-';
    const modelSource = o.model ?? (source === '-' ? undefined : '-');
    if (o.pixels !== undefined && o.model) throw new UsageError('--pixels takes no model; leave --model out');
    if (o.pixels === undefined && modelSource === undefined) throw new UsageError('embed needs a model: --model FILE, or --data FILE with the model on standard input');
    await checkOutput(o.output, { force: o.force });

    const model = o.pixels !== undefined ? undefined : await readArtifact(modelSource!, { kind: 'model' });
    const data = await readArtifact(source, { kind: EXAMPLE_KINDS });
    const { examples, classes } = exampleSetOf(data, nameOf(source));
    const count = examples.shape[0]!;
    const progress = await context.terminal.progress('embed', count, 'images');
    const compute = {
      batch: o.batch, device: parseDevice(o.device), threads: o.threads, onProgress: (n: number) => progress.update(n),
    };
    let features: NdArray;
    if (!model) {
      if (areReal(examples)) throw new UsageError(`--pixels averages images, but ${nameOf(source)} holds real numbers, which are features as they are`);
      features = pixelFeatures(examples as NdArray<Uint8Array>, o.pixels!);
    } else {
      const encoder = encoderOf(model, nameOf(modelSource!));
      const weights = o.untrained
        ? await untrainedWeights(encoder, examples, o.seed, compute)
        : encoderWeights(model, o.target, nameOf(modelSource!));
      features = await embedImages(encoder, weights, examples, compute);
    }
    progress.stop();

    const tensors = new Map([['features', features]]);
    for (const name of ['labels', 'split']) if (data.tensors.has(name)) tensors.set(name, data.tensors.get(name)!);
    await writeArtifact(o.output, {
      kind: 'embeddings', schema: 1, tensors, meta: { ...(classes && { classes }) },
      recipe: {
        command: 'embed', options: context.recorded, seed: o.seed, version: context.version,
        inputs: [...(model ? [asInput('model', model, modelSource)] : []), asInput('data', data, source)],
      },
    }, { force: o.force });
  },
});

/** The image encoder that a model file describes; throws InputError where it describes none. */
export function encoderOf({ meta }: Artifact, source: string): ImageEncoder {
  const { encoder, input } = meta as Partial<ImageEncoder>;
  if (!encoder || !input) throw new InputError(`${source} holds a model without an image encoder; byo pretrain makes image encoders`);
  return { encoder, input };
}

/** The tensors `encoder.*` of a model, or of its target network; throws InputError where it has none. */
export function encoderWeights({ tensors }: Artifact, target: boolean, source: string): Map<string, NdArray> {
  const prefix = target ? 'target.encoder.' : 'encoder.';
  const found = [...tensors].filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) throw new InputError(`${source} has no tensors ${prefix}*${target ? '; it keeps no target network' : ''}`);
  return new Map(found.map(([name, value]) => [name.replace(/^target\./, ''), value]));
}

/** Images in [0, 1] averaged down to side x side, [N, C * side * side]. */
export function pixelFeatures(images: NdArray<Uint8Array>, side: number): NdArray {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  if (side > Math.min(height, width)) throw new UsageError(`--pixels ${side} is more than the images' ${height}x${width}`);
  const out = new Float32Array(count * channels * side * side);
  const start = (i: number, extent: number) => Math.floor((i * extent) / side);
  for (let plane = 0, at = 0; plane < count * channels; plane++) {
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++, at++) {
      const [top, bottom, left, right] = [start(y, height), start(y + 1, height), start(x, width), start(x + 1, width)];
      let sum = 0;
      for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) {
        sum += images.data[(plane * height + row) * width + column]!;
      }
      out[at] = sum / ((bottom - top) * (right - left) * 255);
    }
  }
  return ndarray('float32', [count, channels * side * side], out);
}
