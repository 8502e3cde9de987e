import { float32, sizeOf, type NdArray } from '../../src/core/array.js';
import type { Executable } from '../../src/core/engine/index.js';
import type { StepProgram } from '../../src/core/nn/index.js';
import type { Stream } from '../../src/core/random.js';

export { meanSquaredError } from '../../src/core/losses/index.js';
export { updatesOf } from '../../src/core/optim/index.js';

/** Sizes of a workload, by the names of its peer's options: `feedForward` is --feed-forward. */
export type Sizes<K extends string = string> = Readonly<Record<K, number>>;

export interface ProgramOptions {
  /** Blocks are computed again for the backward pass. */
  readonly remat?: boolean;
}

/**
 * One training step, or one draw of a sampler, measured in byo and in PyTorch. The peer's script documents the mathematics, the
 * names of the state and those of the inputs; both sides share them, so that either can start from what the other wrote.
 */
export interface Workload<K extends string = string> {
  readonly name: string;
  /** What it is, in the table of results. */
  readonly title: string;
  /** The PyTorch script in bench/peers. */
  readonly peer: string;
  readonly defaults: Sizes<K>;
  /** Sizes at which a step takes no time, to see whether everything runs. */
  readonly tiny: Partial<Sizes<K>>;
  /** Timed steps and those before them; 10 and 2 where left out. */
  readonly steps?: number;
  readonly warmup?: number;
  /** The network is only evaluated: its state is constant. */
  readonly evaluated?: true;
  program(sizes: Sizes<K>, options?: ProgramOptions): StepProgram;
  /** Whether its encoder knows rematerialisation. */
  readonly rematerialises?: boolean;
  /** Inputs as the peer draws them, each from the stream of its name. */
  inputs(sizes: Sizes<K>, random: (name: string) => Stream): Record<string, NdArray>;
  /** What a step does where that is not one run of the program on the inputs; its loss. */
  readonly step?: (executable: Executable, inputs: Readonly<Record<string, NdArray>>, sizes: Sizes<K>) => Promise<number>;
}

/** A workload whose sizes are checked against its defaults. */
export const workload = <K extends string>(definition: Workload<K>): Workload => definition as Workload;

/** A standard normal input. */
export const gaussian = (random: Stream, shape: readonly number[]): NdArray =>
  float32(shape, random.normal(sizeOf(shape)));

/** A uniform input. */
export const uniform = (random: Stream, shape: readonly number[], low: number, high: number): NdArray =>
  float32(shape, random.uniform(sizeOf(shape), low, high));
