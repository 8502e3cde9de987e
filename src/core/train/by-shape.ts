import type { NdArray } from '../array.js';
import { compile, type CompileOptions, type Executable } from '../engine/index.js';
import type { StepProgram } from '../nn/index.js';

/**
 * One program for every shape of its inputs, with one state: a program is traced and compiled when its shape is first run, and
 * the state moves along. For batches that are padded to a few sizes.
 */
export class ByShape implements Executable {
  private readonly known = new Map<string, Executable>();
  private current: Executable | undefined;
  /** What was set before anything ran. */
  private pending: ReadonlyMap<string, NdArray> = new Map();

  /** `programFor` traces the program for the shapes of a run's inputs; it is asked once for each. */
  constructor(
    private readonly programFor: (inputs: Readonly<Record<string, NdArray>>) => StepProgram,
    private readonly options: CompileOptions,
  ) {}

  get device() {
    return this.current?.device ?? 'cpu';
  }

  run(inputs: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    return this.executableFor(inputs).run(inputs);
  }

  runSync(inputs: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
    return this.executableFor(inputs).runSync(inputs);
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    if (this.current) this.current.setState(values);
    else this.pending = new Map([...this.pending, ...values]);
  }

  getState(names?: readonly string[]): Map<string, NdArray> {
    if (this.current) return this.current.getState(names);
    return new Map([...this.pending].filter(([name]) => names?.includes(name) ?? true));
  }

  dispose(): void {
    for (const executable of this.known.values()) executable.dispose();
    this.known.clear();
    this.current = undefined;
  }

  private executableFor(inputs: Readonly<Record<string, NdArray>>): Executable {
    const key = Object.keys(inputs).sort().map((name) => `${name}[${inputs[name].shape}]`).join();
    let executable = this.known.get(key);
    if (!executable) {
      executable = compile(this.programFor(inputs), this.options);
      this.known.set(key, executable);
    }
    if (executable !== this.current) {
      executable.setState(this.current?.getState() ?? this.pending);
      this.current = executable;
    }
    return executable;
  }
}
