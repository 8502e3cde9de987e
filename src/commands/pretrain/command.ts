import { defineCommand, type Command } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { kebab, text, type OptionTable, type Values } from '../../cli/options.js';
import { framed } from '../../core/data/augment/preview.js';
import { datasetArtifact } from '../../core/data/dataset.js';
import { parseDevice } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact, type Recipe } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { runTraining } from '../training.js';
import { imageReader, streamOptions, type DataOptions } from './data.js';
import type { DataReader, PretrainMethod, Pretraining } from './method.js';

const shared = {
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
  preview: text({ placeholder: 'file', local: true, help: 'write augmented views of the first images as a data set, and do not train' }),
} as const;

export const pretrain = <T extends OptionTable, D>(method: PretrainMethod<T, D>): Command => learningCommand('pretrain', method);

/** The method's own reader, or that of images. */
const readerOf = <T extends OptionTable, D>({ data }: PretrainMethod<T, D>): DataReader<D, Values<T>> =>
  data ?? imageReader as DataReader<unknown, DataOptions> as DataReader<D, Values<T>>;

/** `byo FAMILY METHOD`: reads a data set or a stream, trains, writes a model. */
export function learningCommand<T extends OptionTable, D>(family: 'pretrain' | 'distill', method: PretrainMethod<T, D>): Command {
  const { name, summary, description, paper, examples } = method;
  return defineCommand({
    name: `${family} ${name}`, summary, description, paper, examples,
    arguments: [{ name: 'data', optional: true, variadic: true, help: readerOf(method).help }],
    options: { ...method.options, ...shared } as OptionTable,
    presets: method.presets,
    run: (context, sources, values) => run(method, context, sources, values as unknown as Values<T & typeof shared>),
  });
}

async function run<T extends OptionTable, D>(
  method: PretrainMethod<T, D>, context: Context, sources: readonly string[], given: Values<T & typeof shared>,
): Promise<void> {
  const common = given as unknown as Values<typeof shared>;
  await checkOutput(common.preview ?? common.output, { force: common.force });
  const data = await readerOf(method).open(sources, context, given as Values<T>, common.seed);
  const options = applyPreset(method, context, given as Values<T>, () => method.choosePreset(data.shape(given as Values<T>)));
  const pretraining = method.setup(data.load(options, common.seed), options, common.seed);

  const used = Object.keys(context.recorded).filter((key) => (options as DataOptions).stream || !(key in streamOptions));
  const recorded = Object.fromEntries(used.map((key) => [key, options[key as keyof typeof options]]));
  const recipe: Recipe = {
    command: context.command, options: recorded, seed: common.seed, version: context.version, inputs: [...data.inputs],
  };
  if (common.preview !== undefined) return writePreview(context, pretraining, common.preview, common, recipe);
  await runTraining(context, pretraining, common, recipe);
}

/** Views beside each other: image i of every view under class `view1`, `view2`, …; smaller ones in a black frame. */
async function writePreview(
  { terminal }: Context, pretraining: Pretraining, target: string, o: Values<typeof shared>, recipe: Recipe,
): Promise<void> {
  const drawn = await pretraining.preview?.({ device: parseDevice(o.device), threads: o.threads });
  if (!drawn) throw new UsageError(`${recipe.command} has no views to preview`);
  const most = (axis: 2 | 3) => Math.max(...drawn.map(({ shape }) => shape[axis]!));
  const views = drawn.map((view) => framed(view, most(2), most(3)));
  const [count, ...shape] = views[0]!.shape as [number, ...number[]];
  const pixels = views[0]!.data.length;
  const data = new Uint8Array(views.length * pixels);
  views.forEach((view, i) => data.set(view.data, i * pixels));
  const labels = Int32Array.from({ length: views.length * count }, (_, i) => Math.floor(i / count));
  const set = { images: { dtype: 'uint8', shape: [views.length * count, ...shape], data } as const, labels, skipped: [],
    classes: views.map((_, i) => `view${i + 1}`) };
  await writeArtifact(target, { ...datasetArtifact(set), recipe }, { force: o.force });
  terminal.info(`${count} images in ${views.length} views; byo plot images ${target} shows them`);
}

/** Fills in a preset's values wherever the user (or a file, or a variable) gave none. */
export function applyPreset<T extends OptionTable, V extends Values<T>>(
  method: Pick<PretrainMethod<T, never>, 'options' | 'presets'>, { terminal, origins }: Context, values: V, choose: () => string,
): V {
  if (!('preset' in method.options)) return values;
  const asked = (values as unknown as { preset: string }).preset;
  const name = asked === 'auto' ? choose() : asked;
  const preset = Object.entries(method.presets[name] ?? {}).filter(([key]) => origins[key] === 'default');
  terminal.detail(`preset ${name}: ${preset.map(([key, value]) => `${kebab(key)} ${String(value)}`).join(', ')}`);
  return { ...values, ...Object.fromEntries(preset), preset: name };
}
