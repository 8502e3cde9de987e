import type { TopLevelSpec } from 'vega-lite';
import { trainingOptions, type computeOptions, type outputOptions, type seedOption } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { kebab, type Values } from '../../cli/options.js';
import { imageSetOf } from '../../core/data/dataset.js';
import { imagesAt, SPLIT, type ImageSet } from '../../core/data/images.js';
import { parseDevice, type CompileOptions } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, writeArtifact, type RecipeInput } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { chart } from '../../core/plot/vega.js';
import type { LinearAlgebra } from '../../core/stats/matrix.js';
import { splitRows } from '../../core/stats/split.js';
import { classCount } from '../../core/stats/labels.js';
import { train, type ImageEncoder, type LabelledImages, type State } from '../../core/train/index.js';
import { encoderOf, encoderWeights } from '../embed.js';
import { checkPicture, writePicture } from '../plot/common.js';
import { applyPreset } from '../pretrain/command.js';
import { withAlgebra } from '../probe/common.js';
import { landscape } from './landscape.js';
import { locality } from './locality.js';
import { lottery } from './lottery.js';
import { randomTeacher, type Options } from './random-teacher.js';
import { tensorsOf, textOf, type Row } from './table.js';

/** A student with its teacher. */
export interface Distilled {
  readonly encoder: ImageEncoder;
  /** `encoder.*` of both. */
  readonly student: State;
  readonly teacher: State;
}

/** What an experiment is given. */
export interface Laboratory {
  readonly options: Options;
  /** Seeds of the repetitions. */
  readonly seeds: readonly number[];
  readonly data: ImageSet;
  readonly training: LabelledImages;
  readonly test: LabelledImages;
  readonly compute: CompileOptions & { readonly algebra: LinearAlgebra };
  /** Distils with other options than those given; `run` sees the first state and every step's reports. */
  distil(seed: number, changes?: Partial<Options>, watch?: Watch): Promise<Distilled>;
  /** The student that --model names, or one distilled for the seed. */
  student(seed: number): Promise<Distilled>;
  /** Notes that a part of the work is done, of `parts` in all. */
  advance(parts: number): void;
  readonly context: Context;
}

export interface Watch {
  start?(start: Distilled): Promise<void>;
  step?(metrics: Readonly<Record<string, number>>, done: number, steps: number, stepsPerEpoch: number): void;
}

/** What an experiment found. */
export interface Findings {
  /** Every number. */
  readonly points: readonly Row[];
  /** What a person reads. */
  readonly summary: readonly Row[];
  readonly chart: TopLevelSpec;
}

const STUDIES = { locality, lottery, landscape };

type Given = Options & Values<typeof outputOptions & typeof computeOptions & typeof seedOption & typeof trainingOptions>
  & { readonly preview: string | undefined };

/** `byo distill random-teacher --study`: a table on standard output, its numbers in the output file, a picture. */
export async function runStudy(context: Context, [source = '-', ...more]: readonly string[], given: Given): Promise<void> {
  checkStudy(context, more, given);
  const { output, force, plot } = given;
  const picture = plot === undefined ? undefined : { output: plot, force, theme: 'light' as const };
  if (output !== '-') await checkOutput(output, { force });
  if (picture) await checkPicture(picture);

  const data = await readArtifact(source, { kind: 'dataset' });
  const set = imageSetOf(data, nameOf(source));
  const model = given.model === undefined ? undefined : await readArtifact(given.model, { kind: 'model' });
  const inputs: RecipeInput[] = [asInput('data', data, source), ...(model ? [asInput('model', model, given.model)] : [])];
  const options = applyPreset(randomTeacher, context, given, () => randomTeacher.choosePreset([3, 0, 0])) as Given;
  const ready = model && given.model !== undefined
    ? {
      encoder: encoderOf(model, given.model),
      student: encoderWeights(model, false, given.model), teacher: encoderWeights(model, true, given.model),
    }
    : undefined;

  await withAlgebra(given, async (algebra) => {
    const laboratory = await furnish(context, set, nameOf(source), options, ready, algebra);
    const findings = await STUDIES[given.study!](laboratory);
    laboratory.finished();
    if (given.json) {
      for (const table of ['points', 'summary'] as const) {
        for (const row of findings[table]) context.terminal.print(JSON.stringify({ table, ...row }));
      }
    } else {
      context.terminal.print(textOf(findings.summary));
    }
    if (output !== '-') {
      const { tensors, words } = tensorsOf(findings.points);
      const recorded = Object.fromEntries(Object.keys(context.recorded).map((key) => [key, options[key as keyof Given]]));
      await writeArtifact(output, {
        kind: 'table', schema: 1, tensors, meta: { study: given.study, words },
        recipe: { command: context.command, options: recorded, seed: given.seed, version: context.version, inputs },
      }, { force });
    }
    if (picture) await writePicture(await chart(findings.chart, picture.theme), picture);
  });
}

/** Throws UsageError for options that a study has no use for. */
function checkStudy({ origins }: Context, more: readonly string[], o: Given): void {
  if (more.length > 0) throw new UsageError(`a study reads one data set, but ${more.length + 1} files were given`);
  if (o.stream) throw new UsageError('a study tests on images that it has not learnt from, which a stream does not set apart; leave --stream out');
  if (o.study === 'locality' && o.model !== undefined) throw new UsageError('--study locality distils students of its own; leave --model out');
  const stray = ['preview', ...Object.keys(trainingOptions)].find((key) => origins[key] === 'command line');
  if (stray !== undefined) throw new UsageError(`--${kebab(stray)} is for a single run, and a study makes many; leave it out`);
}

async function furnish(
  context: Context, set: ImageSet, source: string, options: Given, ready: Distilled | undefined, algebra: LinearAlgebra,
): Promise<Laboratory & { finished(): void }> {
  const { labels } = set;
  if (!labels) throw new InputError(`${source} has no labels, which a study probes with; convert the data with class folders or labels`);
  const classes = set.classes?.length ?? classCount(labels);
  const compute = { device: parseDevice(options.device), threads: options.threads, algebra };
  const rows = divide(set, options.seed);
  const part = (which: readonly number[]): LabelledImages =>
    ({ images: set.images, rows: which, labels: which.map((i) => labels[i]!), classes });
  // Labels stay out of what is distilled from.
  const data: ImageSet = { images: imagesAt(set.images, rows.train), skipped: [] };
  const progress = await context.terminal.progress(`study ${options.study}`, 0, 'parts');
  let parts = 0;
  const distil: Laboratory['distil'] = async (seed, changes = {}, watch = {}) => {
    const job = randomTeacher.setup(data, { ...options, ...changes }, seed);
    const distilled = (state: State): Distilled => {
      const model = job.model(state);
      const named = (prefix: RegExp) => new Map([...model.tensors].filter(([name]) => prefix.test(name))
        .map(([name, value]) => [name.replace(/^target\./, ''), value]));
      return { encoder: encoderOf({ ...model, kind: 'model', schema: 1 }, 'the student'), student: named(/^encoder\./),
        teacher: named(/^target\.encoder\./) };
    };
    await watch.start?.(distilled(job.initial!()));
    const { state } = await train(job, {
      seed, ...compute, onStep: ({ metrics, done }) => watch.step?.(metrics, done, job.steps, job.stepsPerEpoch!),
    });
    return distilled(state);
  };
  return {
    context, options, data, compute, distil, training: part(rows.train), test: part(rows.test),
    seeds: Array.from({ length: options.repeats }, (_, i) => options.seed + i),
    student: async (seed) => ready ?? distil(seed),
    advance: (total) => progress.update(++parts, {}, total),
    finished: () => progress.stop(),
  };
}

/** Rows to train on and to test on: as the data mark them, else a fifth of every class. */
function divide({ images, labels, split }: ImageSet, seed: number): { train: number[]; test: number[] } {
  const all = Array.from({ length: images.shape[0]! }, (_, i) => i);
  if (split?.includes(SPLIT.test)) {
    return { train: all.filter((i) => split[i] !== SPLIT.test), test: all.filter((i) => split[i] === SPLIT.test) };
  }
  const { train: fit, test } = splitRows(all.length, { validation: 0, test: 0.2 }, { seed, labels: labels! });
  return { train: Array.from(fit), test: Array.from(test) };
}
