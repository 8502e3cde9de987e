import { defineCommand } from '../cli/command.js';
import { computeOptions, outputOptions, seedOption } from '../cli/common.js';
import { choice, flag, integer, text } from '../cli/options.js';
import { ndarray, rowsAt, type NdArray } from '../core/array.js';
import { perExample } from '../core/data/dataset.js';
import { areReal, EXAMPLE_KINDS, exampleSetOf } from '../core/data/examples.js';
import { soundSetOf } from '../core/data/sound/set.js';
import { logMelStatistics } from '../core/data/sound/statistics.js';
import { encodeTable, fitTable, tableFeatures, tableInputOf } from '../core/data/table/encoding.js';
import { tableSetOf, tableWithoutTest } from '../core/data/table/set.js';
import { parseDevice } from '../core/engine/index.js';
import { UsageError } from '../core/errors.js';
import { asInput, readArtifact, writeArtifact } from '../core/files/artifact.js';
import { checkOutput, nameOf } from '../core/files/streams.js';
import { POOLS } from '../core/train/index.js';
import { modalityOf, type Features, type Named } from './features.js';

const options = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'model whose encoder to use; standard input where left out and --data is given' }),
  data: text({ placeholder: 'file', local: true, help: 'data set to embed, where the model comes from standard input' }),
  batch: integer({ default: 64, min: 1, local: true, help: 'examples at a time' }),
  untrained: flag({ help: "the model's encoder with random weights instead (a baseline; see --seed)" }),
  pixels: integer({ min: 1, help: 'the pixels themselves, averaged down to so many a side, as features (a baseline; takes no model)' }),
  raw: flag({ help: "a table's own columns, scaled, with a 1 for each category, as features (a baseline; the scales are those of --model, or "
    + 'of the rows that are not marked as test)' }),
  pool: choice({ choices: POOLS, help: "a row's tokens side by side, their mean, or the [REG] token; flatten where left out" }),
  logMel: flag({ help: "mean and deviation of every mel band of a sound's log-mel spectrogram as features (a baseline; takes no model)" }),
  frames: flag({ help: 'features of every frame of a sound, with the sound and the frame that each row is of, instead of the sound' }),
  stats: choice({ choices: ['data', 'model'], default: 'data', help: 'mean and deviation that spectrograms are normalised by: those of the data set (as '
    + "BYOL-A is evaluated), or of the model's training data" }),
  target: flag({ help: "the target network's encoder instead of the online one" }),
  ...outputOptions, ...computeOptions, ...seedOption,
} as const;

/** Features that need no model, and what of. */
const BASELINES = [
  { key: 'pixels', option: '--pixels', of: 'images' }, { key: 'raw', option: '--raw', of: 'tables' },
  { key: 'logMel', option: '--log-mel', of: 'sounds' },
] as const;

export const embed = defineCommand({
  name: 'embed',
  summary: 'features of a model for every example of a data set',
  description: 'Writes pooled features (before any projector) with the labels and splits of the data set, for images or sounds. The encoder runs in '
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
    const given = BASELINES.filter(({ key }) => o[key] !== undefined && o[key] !== false);
    if (given.length > 1) {
      const [first, ...others] = given.map(({ option, of }, i) => `${option} ${i === 0 ? 'is ' : ''}for ${of}`);
      throw new UsageError(`${first} and ${others.join(' and ')}; give one of them`);
    }
    const baseline = given[0]?.option;
    if (baseline && o.frames) throw new UsageError(`--frames is for models of sounds; leave ${baseline} or it out`);
    if (baseline && baseline !== '--raw' && o.model) throw new UsageError(`${baseline} takes no model; leave --model out`);
    if (!baseline && modelSource === undefined) throw new UsageError('embed needs a model: --model FILE, or --data FILE with the model on standard input');
    await checkOutput(o.output, { force: o.force });

    const model = baseline && o.model === undefined ? undefined
      : { artifact: await readArtifact(modelSource!, { kind: 'model' }), name: nameOf(modelSource!) };
    const data = { artifact: await readArtifact(source, { kind: EXAMPLE_KINDS }), name: nameOf(source) };
    let embedded: Features;
    if (o.raw) {
      embedded = { features: columnFeatures(data, model) };
    } else if (o.logMel) {
      embedded = { features: logMelStatistics(soundSetOf(data.artifact, data.name)) };
    } else if (!model) {
      const { examples } = exampleSetOf(data.artifact, data.name);
      if (areReal(examples)) throw new UsageError(`--pixels averages images, but ${data.name} holds real numbers, which are features as they are`);
      embedded = { features: pixelFeatures(examples as NdArray<Uint8Array>, o.pixels!) };
    } else {
      const modality = modalityOf(model);
      const progress = await context.terminal.progress('embed', modality.count(data), modality.examples);
      embedded = await modality.features(model, data, {
        batch: o.batch, pool: o.pool, device: parseDevice(o.device), threads: o.threads,
        target: o.target, statistics: o.stats, frames: o.frames,
        ...(o.untrained && { untrained: o.seed }), onProgress: (n) => progress.update(n),
      });
      progress.stop();
    }

    const { features, places } = embedded;
    const { tensors, meta } = perExample(data.artifact);
    if (places) {
      for (const [name, values] of tensors) tensors.set(name, rowsAt(values, places.sound));
      for (const [name, numbers] of Object.entries(places)) tensors.set(name, ndarray('int32', [numbers.length], numbers));
    }
    await writeArtifact(o.output, {
      kind: 'embeddings', schema: 1, tensors: new Map([['features', features], ...tensors]), meta,
      recipe: {
        command: 'embed', options: context.recorded, seed: o.seed, version: context.version,
        inputs: [...(model ? [asInput('model', model.artifact, modelSource)] : []), asInput('data', data.artifact, source)],
      },
    }, { force: o.force });
  },
});

/** The columns of a table as features, scaled as a model does or by what the table lets methods learn from. */
function columnFeatures(data: Named, model: Named | undefined): NdArray<Float32Array> {
  const set = tableSetOf(data.artifact, data.name);
  const input = model ? tableInputOf(model.artifact.meta, model.name) : fitTable(tableWithoutTest(set));
  return tableFeatures(input, encodeTable(input, set, data.name));
}

/** Images in [0, 1] averaged down to side x side, [N, C * side * side]. */
export function pixelFeatures(images: NdArray<Uint8Array>, side: number): NdArray<Float32Array> {
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
