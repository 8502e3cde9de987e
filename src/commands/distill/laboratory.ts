import type { TopLevelSpec } from 'vega-lite';
import type { Context } from '../../cli/context.js';
import { imagesAt, SPLIT, type ImageSet } from '../../core/data/images.js';
import { parseDevice, type CompileOptions } from '../../core/engine/index.js';
import { InputError } from '../../core/errors.js';
import type { Artifact } from '../../core/files/artifact.js';
import { classCount } from '../../core/stats/labels.js';
import type { LinearAlgebra } from '../../core/stats/matrix.js';
import { splitRows } from '../../core/stats/split.js';
import { train, type ImageEncoder, type LabelledImages, type State } from '../../core/train/index.js';
import { encoderOf, encoderWeights } from '../features.js';
import { randomTeacher, type Options } from './random-teacher.js';
import type { Row } from './table.js';

/** A student with its teacher. */
export interface Distilled {
  readonly encoder: ImageEncoder;
  /** `encoder.*` of both. */
  readonly student: State;
  readonly teacher: State;
  /** Every tensor of the model, heads too: the student's by their names, the teacher's below `target.`. */
  readonly all: State;
}

/** Images to train on, and others to test on. */
export interface Divided {
  readonly training: LabelledImages;
  readonly test: LabelledImages;
}

/** What an experiment is given. */
export interface Laboratory {
  readonly options: Options;
  /** Seeds of the repetitions. */
  readonly seeds: readonly number[];
  /** The set that students are distilled on. */
  readonly own: Divided;
  /** Another one, that encoders are probed on too. */
  readonly transfer: Divided | undefined;
  readonly compute: CompileOptions & { readonly algebra: LinearAlgebra };
  /** Distils on the training images, or on some of them, with some other options than those given. */
  distil(seed: number, changes?: Partial<Options>, watch?: Watch): Promise<Distilled>;
  /** The student that --model names, or one distilled for the seed. */
  student(seed: number): Promise<Distilled>;
  readonly context: Context;
  /** Notes that a part of the work is done, of `total` in all. */
  advance(total: number): void;
  /** Notes that all of it is. */
  finished(): void;
}

/** Sees a distillation's first state, and what every step reports. */
export interface Watch {
  /** Of the training images those to distil on; all where left out. */
  readonly only?: readonly number[];
  start?(start: Distilled): Promise<void>;
  step?(step: Step): void | Promise<void>;
}

/** A step of a distillation that is done. */
export interface Step {
  readonly metrics: Readonly<Record<string, number>>;
  readonly done: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** The networks as they are now. */
  now(): Distilled;
}

/** What an experiment found. */
export interface Findings {
  /** Every number. */
  readonly points: readonly Row[];
  /** What a person reads. */
  readonly summary: readonly Row[];
  readonly chart: TopLevelSpec;
}

/** Images, and where they come from, for messages. */
export interface NamedSet {
  readonly set: ImageSet;
  readonly source: string;
}

export interface Furniture extends NamedSet {
  readonly transfer: NamedSet | undefined;
  readonly options: Options & { readonly seed: number; readonly device: string; readonly threads: number | undefined };
  /** A student that is there. */
  readonly ready: Distilled | undefined;
  readonly algebra: LinearAlgebra;
}

/** Divides the data and sets up what experiments do with them; throws InputError where there are no labels. */
export async function furnish(context: Context, furniture: Furniture): Promise<Laboratory> {
  const { set, source, transfer, options, ready, algebra } = furniture;
  const compute = { device: parseDevice(options.device), threads: options.threads, algebra };
  const own = divided({ set, source }, options.seed);
  const { rows } = own.training;
  const distil: Laboratory['distil'] = async (seed, changes = {}, watch = {}) => {
    const chosen = watch.only ? watch.only.map((i) => rows[i]!) : Array.from(rows);
    // Labels stay out of what is distilled from.
    const unlabelled: ImageSet = { images: imagesAt(set.images, chosen), skipped: [] };
    const job = randomTeacher.setup(unlabelled, { ...options, monitor: 'none', ...changes }, seed);
    const distilled = (state: State): Distilled => networksOf(job.model(state));
    await watch.start?.(distilled(job.initial!()));
    const { state } = await train(job, {
      seed, ...compute,
      onStep: ({ metrics, done, state: current }) =>
        watch.step?.({ metrics, done, steps: job.steps, stepsPerEpoch: job.stepsPerEpoch!, now: () => distilled(current()) }),
    });
    return distilled(state);
  };
  const progress = await context.terminal.progress(`study ${options.study}`, 0, 'parts');
  let parts = 0;
  return {
    context, options, compute, distil, own, transfer: transfer && divided(transfer, options.seed),
    seeds: Array.from({ length: options.repeats }, (_, i) => options.seed + i),
    student: async (seed) => ready ?? distil(seed),
    advance: (total) => progress.update(++parts, {}, total),
    finished: () => progress.stop(),
  };
}

/** Student and teacher of a model; throws InputError where it lacks one of them. */
export function networksOf(model: Pick<Artifact, 'meta' | 'tensors'>, name = 'the student'): Distilled {
  const artifact = { ...model, kind: 'model', schema: 1 };
  return {
    encoder: encoderOf(artifact, name),
    student: encoderWeights(artifact, false, name), teacher: encoderWeights(artifact, true, name), all: model.tensors,
  };
}

/** Images to train on and to test on: as the data mark them, else a fifth of every class. Throws InputError without labels. */
function divided({ set: { images, labels, classes, split }, source }: NamedSet, seed: number): Divided {
  if (!labels) throw new InputError(`${source} has no labels, which a study probes with; convert the data with class folders or labels`);
  const part = (rows: readonly number[]): LabelledImages =>
    ({ images, rows, labels: rows.map((i) => labels[i]!), classes: classes?.length ?? classCount(labels) });
  const all = Array.from({ length: images.shape[0]! }, (_, i) => i);
  if (split?.includes(SPLIT.test)) {
    return { training: part(all.filter((i) => split[i] !== SPLIT.test)), test: part(all.filter((i) => split[i] === SPLIT.test)) };
  }
  const { train: fit, test } = splitRows(all.length, { validation: 0, test: 0.2 }, { seed, labels });
  return { training: part(Array.from(fit)), test: part(Array.from(test)) };
}
