import { basename } from 'node:path';
import { defineCommand } from '../../cli/command.js';
import { computeOptions, jsonOption, seedOption } from '../../cli/common.js';
import { integer, number, numbers, texts, type Values } from '../../cli/options.js';
import { table as formatTable } from '../../cli/terminal.js';
import { EXAMPLE_KINDS } from '../../core/data/examples.js';
import { parseDevice } from '../../core/engine/index.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { ENCODERS, type EncoderName, type EncoderSpec } from '../../core/nn/index.js';
import { seedInterval } from '../../core/stats/intervals.js';
import { applyLinear } from '../../core/stats/linear.js';
import { fitLogistic, predict } from '../../core/stats/logistic.js';
import { matrix, type LinearAlgebra } from '../../core/stats/matrix.js';
import { accuracy } from '../../core/stats/metrics.js';
import { stratifiedSubset } from '../../core/stats/split.js';
import { embedImages, train, untrainedWeights, type EmbedOptions, type ImageEncoder, type State } from '../../core/train/index.js';
import { applyPreset } from '../pretrain/command.js';
import { encoderSpec } from '../pretrain/images.js';
import { standardizeAll, withAlgebra } from '../probe/common.js';
import { divide, labelledRows, labelsOf, type Labelled } from '../probe/data.js';
import { fineTune, numberedImages, type Tunable } from '../probe/finetune.js';
import type { Distilled } from './distilled.js';
import {
  DISTILLATIONS, distilled, distillOptions, distillPreset, distillPresets, readSource, settled, sourceOptions, type Distillation,
} from './options.js';
import { regression } from './regress.js';

const options = {
  methods: texts({ placeholder: 'method', default: ['random', 'k-center', 'dm', 'krr-st'], help: `sets to compare, of ${DISTILLATIONS.join(', ')}` }),
  encoders: texts({ placeholder: 'name:width', help: 'networks to pretrain on each set; that of --encoder and --width where left out' }),
  on: texts({ placeholder: 'file', local: true, help: 'data sets with labels to transfer to; the data themselves where left out' }),
  seeds: integer({ default: 3, min: 2, help: 'times that everything is done, from the making of the sets on; intervals are over these' }),
  evaluate: texts({ placeholder: 'kind', default: ['probe'], help: 'probe (logistic regression on frozen features), finetune (all weights), or both' }),
  labels: integer({ min: 1, help: 'labelled examples to transfer with, drawn for each seed; all of the training part where left out' }),
  ...sourceOptions, ...distillOptions,
  pretrainSteps: integer({ default: 1000, min: 1, help: 'steps of pretraining on each set' }),
  pretrainBatch: integer({ default: 256, min: 2, help: 'its batch; the whole set where that has fewer images' }),
  pretrainLr: number({ default: 0.1, positive: true, help: 'its learning rate' }),
  tuneSteps: integer({ default: 200, min: 1, help: 'steps of --evaluate finetune' }),
  tuneBatch: integer({ default: 32, min: 2, help: 'its batch' }),
  tuneLrs: numbers({ placeholder: 'lr', default: [1e-3, 3e-3], help: 'its learning rates, of which the best on validation is taken' }),
  testFraction: number({ default: 0.2, min: 0.01, max: 0.9, help: 'share to test on where a data set marks no test part' }),
  level: number({ default: 0.95, min: 0.5, max: 0.9999, help: 'level of the confidence intervals' }),
  ...computeOptions, ...seedOption, ...jsonOption,
} as const;
type Options = Values<typeof options>;
type Compute = EmbedOptions & { readonly algebra: LinearAlgebra };

/** A data set to transfer to. */
type Destination = Pick<Tunable, 'images' | 'table'> & { readonly name: string };

const SCRATCH = 'from scratch';
const EVALUATIONS = ['probe', 'finetune'] as const;

export const compare = defineCommand({
  name: 'dataset-distill compare',
  summary: 'how well networks transfer that were pretrained on synthetic sets of several kinds',
  description: 'Makes a synthetic set by every method, pretrains every network on it alone, and measures what that is worth on labelled '
    + 'data, all of it once per seed. All sets have the teacher\'s targets and the same size, so that only their images differ. '
    + 'The gain is over the random subset, paired by seed; the row "from scratch" is the network with random weights. The method "all" '
    + 'takes every image of the data with its target: where that is no better than a random subset, no other set has anything to gain.',
  paper: 'D. B. Lee, S. Lee et al., Self-Supervised Dataset Distillation for Transfer Learning, 2024, arXiv 2310.06511',
  examples: [
    ['byo dataset-distill compare photos.st --target target.st --size 50 --encoders distillnet3:32,resnet10:16,alexnet:16', 'three networks'],
    ['byo dataset-distill compare photos.st --target target.st --on birds.st,cars.st --labels 200 --evaluate finetune', 'on other data, fine-tuned'],
    ['byo dataset-distill compare photos.st --target target.st --methods random,krr-st --seeds 5 --json', 'one JSON object a line'],
  ],
  arguments: [{ name: 'data', optional: true, help: 'data set of images to distil; standard input where left out' }],
  options,
  presets: distillPresets,
  run: async (context, [path = '-'], given) => withAlgebra(given, async (algebra) => {
    const methods = given.methods.map((name) => checked(name, DISTILLATIONS, '--methods'));
    const evaluations = given.evaluate.map((name) => checked(name, EVALUATIONS, '--evaluate'));
    const { source, classes } = await readSource(path, given);
    const table = { options, presets: distillPresets as Readonly<Record<string, Partial<Options>>> };
    const o = applyPreset(table, context, given, () => distillPreset(source.set.examples));
    const settings = settled(o, source, classes);
    const encoders = (o.encoders ?? [`${o.encoder}:${o.width}`]).map((name) => encoderNamed(name, o));
    const destinations = await Promise.all((o.on ?? [path]).map(readDestination));
    const compute = { device: parseDevice(o.device), threads: o.threads, algebra };

    const learning = methods.reduce((steps, method) =>
      steps + (method === 'dsa' ? o.dsaSteps ?? o.steps : method === 'krr-st' || method === 'dm' ? o.steps : 0), 0);
    const perSeed = learning + methods.length * encoders.length * o.pretrainSteps;
    const progress = await context.terminal.progress('dataset-distill compare', o.seeds * perSeed, 'steps');
    let done = 0;
    const onStep = () => progress.update(++done);
    const rows = destinations.flatMap((to) => evaluations.flatMap((by) => encoders.flatMap((encoder) =>
      [SCRATCH, ...methods].map((method) => ({ method, encoder, to, by, accuracies: [] as number[] })))));
    for (let seed = o.seed; seed < o.seed + o.seeds; seed++) {
      for (const method of [SCRATCH, ...methods]) {
        const set = method === SCRATCH ? undefined
          : await distilled(method as Distillation, source, settings, seed, compute, onStep);
        for (const encoder of encoders) {
          const model: ImageEncoder = { encoder, input: source.input };
          const weights = set && await pretrained(set, encoder, o, seed, compute, onStep);
          for (const row of rows.filter((one) => one.method === method && one.encoder === encoder)) {
            row.accuracies.push(await transfer(row.by, model, weights, row.to, o, seed, compute));
          }
        }
      }
    }
    progress.stop();

    const base = methods.includes('random') ? 'random' : methods[0]!;
    const results = rows.map(({ method, encoder, to, by, accuracies }) => {
      const { accuracies: reference } = rows.find((row) =>
        row.method === base && row.encoder === encoder && row.to === to && row.by === by)!;
      return {
        method, encoder: `${encoder.name}:${encoder.width}`, on: to.name, evaluate: by, accuracy: seedInterval(accuracies, o.level), accuracies,
        gain: seedInterval(accuracies.map((value, s) => value - reference[s]!), o.level),
      };
    });
    if (o.json) {
      const { size } = settings;
      for (const row of results) context.terminal.print(JSON.stringify({ ...row, size, base, level: o.level }));
      return;
    }
    const level = `${Math.round(o.level * 1000) / 10}%`;
    const range = ({ low, high }: { low: number; high: number }) => `${low.toFixed(3)} .. ${high.toFixed(3)}`;
    context.terminal.print(formatTable(
      ['on', 'by', 'encoder', 'set', 'accuracy', `${level} interval`, `gain over ${base}`, `${level} interval`],
      results.map(({ on, evaluate, encoder, method, accuracy: of, gain }) => [
        on, evaluate, encoder, method, of.estimate.toFixed(3), range(of),
        ...(method === base ? ['', ''] : [gain.estimate.toFixed(3), range(gain)]),
      ])));
  }),
});

function checked<T extends string>(name: string, known: readonly T[], option: string): T {
  if ((known as readonly string[]).includes(name)) return name as T;
  throw new UsageError(`${option} takes of ${known.join(', ')}, but '${name}' was given`);
}

/** `resnet10:16`: an encoder and its width, with the other options that the command was given. */
function encoderNamed(word: string, o: Options): EncoderSpec {
  const [name = '', width = String(o.width)] = word.split(':');
  const channels = Number(width);
  if (!Number.isInteger(channels) || channels < 1) {
    throw new UsageError(`--encoders takes name:width with a whole number from 1, but '${word}' was given`);
  }
  return encoderSpec({ ...o, encoder: checked<EncoderName>(name, ENCODERS, '--encoders'), width: channels });
}

async function readDestination(path: string): Promise<Destination> {
  const data = await readArtifact(path, { kind: EXAMPLE_KINDS });
  return { ...numberedImages(data, nameOf(path), [asInput('data', data, path)]), name: basename(nameOf(path)) };
}

/** The encoder's weights after training on a set. */
async function pretrained(
  set: Distilled, encoder: EncoderSpec, o: Options, seed: number, compute: Compute, onStep: () => void,
): Promise<State> {
  const settings = { encoder, lr: o.pretrainLr, momentum: 0.9, weightDecay: 1e-3, steps: o.pretrainSteps, epochs: 0 };
  const job = regression(set, { ...settings, batch: Math.min(o.pretrainBatch, set.images.shape[0]!) }, seed);
  const { state } = await train({ ...job, remedy: 'try a smaller --pretrain-lr' }, { ...compute, seed, onStep });
  return new Map([...state].filter(([name]) => name.startsWith('encoder.')));
}

/** Accuracy on the test part of a data set of an encoder with these weights, or with random ones. */
async function transfer(
  by: (typeof EVALUATIONS)[number], encoder: ImageEncoder, weights: State | undefined, { images, table }: Destination,
  o: Options, seed: number, compute: Compute,
): Promise<number> {
  const { labels, classes } = labelsOf(table);
  const parts = divide(table, { ...o, valFraction: 0.1, test: undefined, unit: undefined, model: undefined }, labels);
  const pool = by === 'probe' ? parts.fit : parts.train;
  const share = Math.min(1, (o.labels ?? Infinity) / pool.length);
  const own = Array.from(pool, (i) => labels[i]!);
  const chosen = share < 1 ? Array.from(stratifiedSubset(own, share, o.seed, seed), (i) => pool[i]!) : Array.from(pool);
  if (by === 'finetune') {
    const part = (rows: ArrayLike<number>): Labelled => labelledRows(table.x, labels, rows);
    const test = part(parts.test);
    const { predicted } = await fineTune({ encoder, weights: weights ?? new Map(), images, table },
      { support: part(chosen), validation: part(parts.validation), test },
      {
        lrs: o.tuneLrs, ratesOption: '--tune-lrs', steps: o.tuneSteps, batch: o.tuneBatch, flips: 'horizontal', untrained: !weights, classes: classes.length, seed,
      }, compute);
    return accuracy(test.labels, predicted);
  }
  const used = weights ?? await untrainedWeights(encoder, images, seed, compute);
  const { shape, data } = await embedImages(encoder, used, images, compute);
  const x = matrix(shape[0]!, shape[1]!, data);
  const [support, query] = [labelledRows(x, labels, chosen), labelledRows(x, labels, parts.test)];
  const [fit, test] = standardizeAll(support.x, query.x);
  const classifier = fitLogistic(fit!, support.labels, classes.length, { C: 0.1, tolerance: 1e-3, algebra: compute.algebra });
  return accuracy(query.labels, predict(applyLinear(classifier, test!, compute.algebra)));
}
