import type { Context } from '../../cli/context.js';
import type { OptionTable, Values } from '../../cli/options.js';
import type { NdArray } from '../../core/array.js';
import type { ImageStream, TrainingImages } from '../../core/data/source.js';
import type { CompileOptions } from '../../core/engine/index.js';
import type { Artifact, RecipeInput } from '../../core/files/artifact.js';
import type { Job, State } from '../../core/train/index.js';

export type Result = Pick<Artifact, 'meta' | 'tensors'> & Partial<Pick<Artifact, 'kind'>>;

/** A training run with what the command line shows of it. */
export interface Run extends Job {
  /** Steps of one pass over the data; a stream has none. */
  readonly stepsPerEpoch?: number;
  /** Examples that one step sees, for throughput. */
  readonly examplesPerStep: number;
  /** The stream that its data come from, if they do. */
  readonly stream?: ImageStream;
  /** The result's tensors and meta; its kind is `model` where left out. */
  model(state: State): Result | Promise<Result>;
  /** What is wrong with the run as its first step's reports show, in a sentence. */
  warning?(metrics: Readonly<Record<string, number>>): string | undefined;
  /** What the encoder knows at this moment; asked after every epoch. */
  monitor?(state: State, compute: CompileOptions): Promise<Record<string, number>>;
}

/** A pretraining run that a method has set up. */
export interface Pretraining extends Run {
  model(state: State): Result;
  /** Augmented views of the first batch, one set of images per view, for a look at what the method sees. */
  preview?(compute: CompileOptions): Promise<NdArray<Uint8Array>[]>;
}

/** What a run learns from, before all of its options are known. */
export interface TrainingData<D, O> {
  /** How it enters the recipe. */
  readonly inputs: readonly RecipeInput[];
  /** Of one example, which a preset is chosen by. */
  shape(options: O): readonly number[];
  /** The data themselves, once a preset has filled in the options. */
  load(options: O, seed: number): D;
}

/** How a method reads what it learns from: D, with option values O. */
export interface DataReader<D, O> {
  /** What the help says of the argument. */
  readonly help: string;
  /** Reads the files that the arguments name, or finds them; throws UsageError and InputError. */
  open(sources: readonly string[], context: Context, given: O, seed: number): Promise<TrainingData<D, O>>;
}

/**
 * A pretraining method: its options, and how it sets up a run on its data, which are images where it brings no reader of its own.
 * Nothing about files, progress or devices; those are the command's.
 */
export interface PretrainMethod<T extends OptionTable, D = TrainingImages> {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly paper: string;
  readonly examples: readonly (readonly [command: string, does: string])[];
  readonly options: T;
  /** Sets of option values by name; what the user gives goes before a preset, a preset before the defaults. */
  readonly presets: Readonly<Record<string, Partial<Values<T>>>>;
  /** Reads the method's data; images, or a stream of them, where left out. */
  readonly data?: DataReader<D, Values<T>>;
  /** The preset where the user names none, from the shape of one example. */
  choosePreset(shape: readonly number[]): string;
  setup(data: D, options: Values<T>, seed: number): Pretraining;
}
