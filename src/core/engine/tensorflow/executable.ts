import { setImmediate } from 'node:timers/promises';
import { STORAGE, sizeOf, type NdArray, type TypedArray } from '../../array.js';
import { inputName, liveNodes, valueInputs, writtenTensors, type Program, type Tensor } from '../../graph/index.js';
import type { CompileOptions, Executable } from '../executable.js';
import { fill } from '../fill.js';
import { kernels, type Kernel } from './kernels.js';
import { loadTensorFlow, type TensorFlow, type Value } from './load.js';

/** One primitive to compute, and the values that nobody reads after it. */
interface Step {
  readonly tensor: Tensor;
  readonly kernel: Kernel;
  readonly inputs: readonly Tensor[];
  readonly done: readonly Tensor[];
}

const isConstant = ({ op }: Tensor): boolean => op === 'scalar' || op === 'constant';

/** The program's primitives in order; what is read from outside (inputs, state, constants) is nobody's to free. */
function plan(program: Program): Step[] {
  const computed = liveNodes(program).filter((tensor) => tensor.op !== 'input' && !isConstant(tensor));
  const needed = new Set(writtenTensors(program));
  const lastReader = new Map<Tensor, Tensor>();
  for (const tensor of computed) {
    lastReader.set(tensor, tensor);
    for (const input of valueInputs(tensor)) if (lastReader.has(input)) lastReader.set(input, tensor);
  }
  const done = new Map<Tensor, Tensor[]>(computed.map((tensor) => [tensor, []]));
  for (const [tensor, reader] of lastReader) if (!needed.has(tensor)) done.get(reader)!.push(tensor);
  return computed.map((tensor) => {
    const kernel = kernels[tensor.op];
    if (!kernel) throw new Error(`no TensorFlow.js kernel for ${tensor.op}`);
    return { tensor, kernel, inputs: valueInputs(tensor), done: done.get(tensor)! };
  });
}

/**
 * A program computed primitive by primitive on TensorFlow.js: natively where tfjs-node-gpu or tfjs-node is installed, in plain
 * JavaScript on the calling thread otherwise. State stays on the backend between runs; every other value is freed after its last
 * reader.
 */
export class TensorFlowExecutable implements Executable {
  readonly device = 'tensorflow';
  private readonly tf: TensorFlow;
  private readonly steps: readonly Step[];
  private readonly constants = new Map<Tensor, Value>();
  private readonly state = new Map<string, Value>();
  private readonly outputs = new Map<string, NdArray>();
  private running = false;

  /** Throws ByoError where no TensorFlow.js is installed. */
  constructor(
    private readonly program: Program, { threads, constants }: Pick<CompileOptions, 'threads' | 'constants'> = {},
  ) {
    const { tf } = loadTensorFlow(threads);
    this.tf = tf;
    this.steps = plan(program);
    for (const tensor of liveNodes(program).filter(isConstant)) this.constants.set(tensor, kernels[tensor.op]!(tensor, [], tf));
    for (const { name, tensor } of program.state) this.state.set(name, tf.zeros([...tensor.shape], tensor.dtype));
    for (const [name, tensor] of program.outputs) this.outputs.set(name, hostArray(tensor));
    if (constants) this.setState(constants);
  }

  async run(inputs: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    const fed = this.feed(inputs);
    this.running = true;
    try {
      await setImmediate(); // the step holds this thread: signals and timers get their turn between steps
      return this.step(fed);
    } finally {
      this.running = false;
      this.tf.dispose(fed);
    }
  }

  runSync(inputs: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
    const fed = this.feed(inputs);
    try {
      return this.step(fed);
    } finally {
      this.tf.dispose(fed);
    }
  }

  private feed(inputs: Readonly<Record<string, NdArray>>): Value[] {
    if (this.running) throw new Error('an executable runs one step at a time; await the previous run');
    const arrays = this.program.inputs.map((tensor) => {
      const name = inputName(tensor);
      const value = inputs[name];
      if (!value) throw new Error(`input ${name} was not given`);
      return copyOf(tensor, value, `input ${name}`);
    });
    return arrays.map((array) => this.upload(array));
  }

  /** The backend may keep the array itself, so it has to be nobody else's. */
  private upload({ data, shape, dtype }: NdArray): Value {
    return this.tf.tensor(data as Float32Array, [...shape], dtype as 'float32' | 'int32');
  }

  private step(fed: readonly Value[]): Record<string, NdArray> {
    const { tf, program } = this;
    tf.tidy(() => {
      const values = new Map(this.constants);
      program.inputs.forEach((tensor, i) => values.set(tensor, fed[i]!));
      for (const { name, tensor } of program.state) values.set(tensor, this.state.get(name)!);
      for (const { tensor, kernel, inputs, done } of this.steps) {
        values.set(tensor, tf.tidy(() => kernel(tensor, inputs.map((input) => values.get(input)!), tf)));
        for (const value of done) {
          values.get(value)!.dispose();
          values.delete(value);
        }
      }
      for (const [name, tensor] of program.outputs) this.outputs.get(name)!.data.set(values.get(tensor)!.dataSync() as never);
      const written = program.state.flatMap(({ name, next }) => (next ? [{ name, value: tf.clone(values.get(next)!) }] : []));
      for (const { name, value } of written) {
        this.state.get(name)!.dispose();
        this.state.set(name, tf.keep(value));
      }
    });
    return Object.fromEntries(this.outputs);
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    for (const { name, tensor } of this.program.state) {
      const value = values.get(name);
      if (!value) continue;
      const array = copyOf(tensor, value, name);
      this.state.get(name)!.dispose();
      this.state.set(name, this.upload(array));
    }
  }

  getState(names: readonly string[] = [...this.state.keys()]): Map<string, NdArray> {
    return new Map(names.map((name) => {
      const value = this.state.get(name)!;
      const [dtype, data] = [value.dtype as 'float32' | 'int32', value.dataSync().slice() as TypedArray];
      return [name, { dtype, shape: [...value.shape], data }];
    }));
  }

  dispose(): void {
    this.tf.dispose([...this.constants.values(), ...this.state.values()]);
  }
}

const hostArray = ({ dtype, shape }: Tensor): NdArray => ({ dtype, shape, data: new STORAGE[dtype](sizeOf(shape)) });

/** `value` in a new array of the tensor's dtype; throws InputError for a wrong shape. */
function copyOf(tensor: Tensor, value: NdArray, name: string): NdArray {
  const array = hostArray(tensor);
  fill(array, value, name);
  return array;
}
