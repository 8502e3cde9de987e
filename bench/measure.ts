import type { NdArray } from '../src/core/array.js';
import { compile, type CompileOptions, type Executable } from '../src/core/engine/index.js';
import type { StepProgram } from '../src/core/nn/index.js';
import { quantile } from '../src/core/stats/order.js';

export interface Measurement {
  /** Of every step, those of the warm-up included. */
  readonly losses: readonly number[];
  /** Of every step after the warm-up. */
  readonly stepsMs: readonly number[];
  readonly compileMs: number;
  /** What `device: auto` chose. */
  readonly device: string;
}

/** A step of a compiled program; its loss. */
export type Step = (executable: Executable, inputs: Readonly<Record<string, NdArray>>) => Promise<number>;

interface Steps {
  readonly steps: number;
  readonly warmup: number;
  readonly step?: Step;
  /** The state is constant. */
  readonly evaluated?: boolean;
}

const oneRun: Step = async (executable, inputs) => {
  const { loss } = await executable.run(inputs);
  return Number(loss!.data[0]);
};

/** Runs `warmup` and then `steps` steps on the same inputs; a step is one run of the program where nothing else is said. */
export async function measure(
  program: StepProgram, state: ReadonlyMap<string, NdArray>, inputs: Readonly<Record<string, NdArray>>,
  { steps, warmup, step = oneRun, evaluated, ...options }: CompileOptions & Steps,
): Promise<Measurement> {
  const [executable, compileMs] = timed(() => compile(program, evaluated ? { ...options, constants: state } : options));
  try {
    if (!evaluated) executable.setState(state);
    const losses: number[] = [];
    const milliseconds: number[] = [];
    for (let done = 0; done < warmup + steps; done++) {
      const before = performance.now();
      const loss = await step(executable, inputs);
      milliseconds.push(performance.now() - before);
      losses.push(loss);
    }
    return { losses, stepsMs: milliseconds.slice(warmup), compileMs, device: executable.device };
  } finally {
    executable.dispose();
  }
}

/** A result and the milliseconds that it took. */
export function timed<T>(make: () => T): [result: T, ms: number] {
  const before = performance.now();
  const result = make();
  return [result, performance.now() - before];
}

export const median = (values: readonly number[]): number => quantile([...values].sort((a, b) => a - b), 0.5);

/** Most memory that this process has held so far. */
export const peakRssMb = (): number => Math.floor(process.resourceUsage().maxRSS / 1024);
