import type { NdArray } from '../src/core/array.js';
import { compile, type CompileOptions } from '../src/core/engine/index.js';
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

/** Runs `warmup` and then `steps` steps on the same inputs. */
export async function measure(
  program: StepProgram, state: ReadonlyMap<string, NdArray>, inputs: Readonly<Record<string, NdArray>>,
  { steps, warmup, ...options }: CompileOptions & { readonly steps: number; readonly warmup: number },
): Promise<Measurement> {
  const [executable, compileMs] = timed(() => compile(program, options));
  try {
    executable.setState(state);
    const losses: number[] = [];
    const milliseconds: number[] = [];
    for (let step = 0; step < warmup + steps; step++) {
      const before = performance.now();
      const { loss } = await executable.run(inputs);
      milliseconds.push(performance.now() - before);
      losses.push(Number(loss!.data[0]));
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
