import koffi from 'koffi';
import { STORAGE, sizeOf, type NdArray, type TypedArray } from '../array.js';
import { ByoError } from '../errors.js';
import { inputName, type Program, type Tensor } from '../graph/index.js';
import { encodeModel, onnxType } from './onnx/proto.js';
import { lower, valueName } from './onnx/lower.js';
import type { Provider } from './onnx/builder.js';
import { hasGraphicsDriver, physicalCores, PROVIDER_NAME, type Device, type Processor } from './device.js';
import { fill } from './fill.js';
import { nativeOperators } from './native.js';
import { OrtError, runtime, type Pointer, type Runtime } from './ort.js';
import { TensorFlowExecutable } from './tensorflow/executable.js';

export interface CompileOptions {
  readonly device?: Device;
  /** Threads of one operator; physical cores where left out. TensorFlow.js in pure JavaScript has one. */
  readonly threads?: number;
  /** Use byo's own operators where their library is there (the CPU; yes where left out). */
  readonly native?: boolean;
  /** Fail where a node would leave the device (used by tests of GPU providers). */
  readonly strictDevice?: boolean;
  /** Prefix of the profile that ONNX Runtime writes when the executable is disposed. */
  readonly profile?: string;
  /**
   * Values of state that no run changes, by name: weights of a network that is only evaluated. On the CPU they are made a part of
   * the graph, whose convolutions the runtime then lays out in blocks of channels (NCHWc), up to twice as fast; `setState` does
   * not change them any more. Elsewhere, and beyond 1 GiB, they are state.
   */
  readonly constants?: ReadonlyMap<string, NdArray>;
}

/** A program ready to run. State stays on the device from one run to the next. */
export interface Executable {
  readonly device: Processor;
  /**
   * Runs once: feeds `inputs` by name, advances the state, returns the outputs (arrays reused by the next run). The JavaScript
   * thread is free meanwhile; where runs take less than a millisecond it is during one every 20 milliseconds.
   */
  run(inputs: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>>;
  /** The same on the JavaScript thread, for solvers that have nothing else to do meanwhile. */
  runSync(inputs: Readonly<Record<string, NdArray>>): Record<string, NdArray>;
  /** Sets state by name; names that the program does not have are ignored. Throws InputError for a wrong shape. */
  setState(values: ReadonlyMap<string, NdArray>): void;
  /** A copy of the state, or of the tensors of it that are named. */
  getState(names?: readonly string[]): Map<string, NdArray>;
  dispose(): void;
}

/** Compiles for a device; `auto` is the first that works of ONNX Runtime's, a GPU before the CPU. */
export function compile(program: Program, options: CompileOptions = {}): Executable {
  const device = options.device ?? 'cpu';
  if (device === 'tensorflow') return new TensorFlowExecutable(program, options);
  if (device !== 'auto') return new OrtExecutable(program, device, options);
  for (const provider of ['cuda', 'webgpu'] as const) {
    if (!runtime().providers.includes(PROVIDER_NAME[provider])) continue;
    try {
      return new OrtExecutable(program, provider, options);
    } catch (error) {
      if (!(error instanceof ByoError)) throw error;
    }
  }
  return new OrtExecutable(program, 'cpu', options);
}

/** An array bound to a value of the graph. The typed array is held here: the library only knows its address. */
interface Bound {
  readonly array: NdArray;
  readonly value: Pointer;
}

interface StateBuffers {
  /** Read and written in turn; one buffer where the program only reads the slot. On the device, or the hosts' own on the CPU. */
  readonly values: readonly Pointer[];
  /** Where values come from and go to as arrays. */
  readonly hosts: readonly Bound[];
}

/** What a session has to know of how its graph was written. */
interface HowLowered {
  readonly optimized: boolean;
  /** The library of byo's own operators, where it uses them. */
  readonly native: string | undefined;
}

/**
 * Milliseconds of a run on the CPU that is too short for another thread, the way to which and back takes 0.04; and how long such
 * runs keep the JavaScript thread from everything else.
 */
const [SHORT_RUN, LONGEST_TURN] = [1, 20];

class OrtExecutable implements Executable {
  private readonly ort: Runtime = runtime();
  private readonly session: Pointer;
  private readonly runOptions: Pointer;
  /** One binding per direction of the ping-pong: never one buffer as input and output of the same run. */
  private readonly bindings: Pointer[] = [];
  private readonly inputs = new Map<string, Bound>();
  /** The inputs that the graph reads, by the name of their value. */
  private readonly fed: { readonly name: string; readonly value: Pointer }[] = [];
  private readonly outputs = new Map<string, Bound>();
  private readonly state = new Map<string, StateBuffers>();
  private readonly owned: (() => void)[] = [];
  private readonly cpuMemory: Pointer;
  private turn = 0;
  private running = false;
  /** Milliseconds that the last run took, and when one was last on another thread. */
  private lastRun = Infinity;
  private lastAway = -Infinity;

  constructor(program: Program, readonly device: Provider, options: CompileOptions) {
    const { ort } = this;
    const constants = device === 'cpu' ? constantsOf(program, options.constants) : undefined;
    const optimized = constants !== undefined;
    const threads = options.threads ?? physicalCores();
    const native = device === 'cpu' && options.native !== false ? nativeOperators().path : undefined;
    const { model, reads } = lower(program, device, { constants, optimized, native: native !== undefined, threads });
    try {
      this.session = this.createSession(encodeModel(model), threads, options, { optimized, native });
      this.runOptions = this.own('ReleaseRunOptions', ort.create('CreateRunOptions'));
      const [ARENA_ALLOCATOR, MEMORY_DEFAULT] = [1, 0];
      this.cpuMemory = this.own('ReleaseMemoryInfo', ort.create('CreateCpuMemoryInfo', ARENA_ALLOCATOR, MEMORY_DEFAULT));
      this.bindings = [0, 1].map(() => this.own('ReleaseIoBinding', ort.create('CreateIoBinding', this.session)));
      this.bind(constants ? program.state.filter(({ name }) => !constants.has(name)) : program.state, program, reads);
      if (options.constants) this.setState(options.constants);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  private createSession(
    model: Uint8Array, threads: number, { strictDevice, profile }: CompileOptions, { optimized, native }: HowLowered,
  ): Pointer {
    const { ort, device } = this;
    const options = ort.create('CreateSessionOptions');
    try {
      // The graph arrives simplified, and optimising it costs more than it gains, unless its weights are constants.
      const [OPTIMIZATION_DISABLED, OPTIMIZATION_ALL] = [0, 99];
      ort.call('SetSessionGraphOptimizationLevel', options, optimized ? OPTIMIZATION_ALL : OPTIMIZATION_DISABLED);
      ort.call('DisableMemPattern', options); // the planner takes 40 % more memory and is no faster
      ort.call('SetIntraOpNumThreads', options, threads);
      ort.call('AddSessionConfigEntry', options, 'session.force_spinning_stop', '1'); // idle sessions leave the cores alone
      if (native) ort.call('RegisterCustomOpsLibrary_V2', options, native);
      if (strictDevice) ort.call('AddSessionConfigEntry', options, 'session.disable_cpu_ep_fallback', '1');
      if (profile) ort.call('EnableProfiling', options, profile);
      if (device !== 'cpu') this.appendProvider(options);
      const session = ort.create('CreateSessionFromArray', ort.env, model, model.length, options);
      this.owned.push(() => {
        if (profile) ort.create('SessionEndProfiling', session, ort.create('GetAllocatorWithDefaultOptions'));
        ort.release('ReleaseSession', session);
      });
      return session;
    } catch (error) {
      throw error instanceof OrtError && /webgpu adapter|no supported adapters/i.test(error.message) ? noAdapter() : error;
    } finally {
      ort.release('ReleaseSessionOptions', options);
    }
  }

  private appendProvider(options: Pointer): void {
    const { ort, device } = this;
    const missing = new ByoError(device === 'cuda'
      ? `device cuda: this ONNX Runtime (${ort.version}) has no CUDA provider; the manual says how to add it, or use --device webgpu`
      : `device ${device}: this ONNX Runtime (${ort.version}) was built without it; use --device cpu`);
    if (!ort.providers.includes(PROVIDER_NAME[device])) throw missing;
    if (device === 'webgpu' && !hasGraphicsDriver()) throw noAdapter();
    try {
      if (device === 'cuda') ort.appendCuda(options);
      else ort.call('SessionOptionsAppendExecutionProvider', options, 'WebGPU', null, null, 0);
    } catch (error) {
      // The library lists CUDA even where the file that holds the provider, or the driver, is missing.
      if (device === 'cuda' && error instanceof OrtError) throw missing;
      throw error;
    }
  }

  private bind(state: Program['state'], program: Program, reads: ReadonlySet<string>): void {
    const { ort } = this;
    for (const tensor of program.inputs) {
      const name = valueName.input(inputName(tensor));
      const bound = this.hostTensor(tensor);
      this.inputs.set(inputName(tensor), bound);
      if (reads.has(name)) this.fed.push({ name, value: bound.value });
    }
    if (this.device === 'cpu') for (const binding of this.bindings) this.bindFed(binding);
    for (const [name, tensor] of program.outputs) {
      const bound = this.hostTensor(tensor);
      this.outputs.set(name, bound);
      for (const binding of this.bindings) ort.call('BindOutput', binding, valueName.output(name), bound.value);
    }
    const allocator = this.device === 'cpu' || state.length === 0 ? undefined : this.deviceAllocator();
    for (const slot of state) {
      const copies = slot.next ? 2 : 1;
      const hosts = Array.from({ length: copies }, () => this.hostTensor(slot.tensor));
      const values = hosts.map(({ value }) => (allocator ? this.deviceTensor(slot.tensor, allocator) : value));
      this.state.set(slot.name, { values, hosts });
      this.bindings.forEach((binding, turn) => {
        if (reads.has(valueName.state(slot.name))) ort.call('BindInput', binding, valueName.state(slot.name), values[turn % copies]);
        if (slot.next) ort.call('BindOutput', binding, valueName.next(slot.name), values[(turn + 1) % copies]);
      });
    }
  }

  /** On the CPU the graph reads the bound arrays themselves; elsewhere binding is what copies them to the device. */
  private bindFed(binding: Pointer): void {
    for (const { name, value } of this.fed) this.ort.call('BindInput', binding, name, value);
  }

  /** A host array that the graph reads from or writes to. */
  private hostTensor({ dtype, shape }: Tensor): Bound {
    const array: NdArray = { dtype, shape, data: new STORAGE[dtype](sizeOf(shape)) };
    return { array, value: this.wrap(array) };
  }

  private wrap(array: NdArray): Pointer {
    // An empty array has no address; the runtime wants one all the same.
    const data = array.data.length ? array.data : new STORAGE[array.dtype](1);
    const value = this.ort.create('CreateTensorWithDataAsOrtValue', this.cpuMemory, data, array.data.byteLength,
      BigInt64Array.from(array.shape, BigInt), array.shape.length, onnxType(array.dtype));
    this.owned.push(() => {
      this.ort.release('ReleaseValue', value);
      void data; // referenced until here
    });
    return value;
  }

  private deviceTensor(tensor: Tensor, allocator: Pointer): Pointer {
    return this.own('ReleaseValue', this.ort.create('CreateTensorAsOrtValue', allocator,
      BigInt64Array.from(tensor.shape, BigInt), tensor.rank, onnxType(tensor.dtype)));
  }

  private deviceAllocator(): Pointer {
    const [DEVICE_ALLOCATOR, DEVICE_ID, MEMORY_DEFAULT] = [0, 0, 0];
    const name = this.device === 'cuda' ? 'Cuda' : 'WebGPU_Buffer';
    const info = this.own('ReleaseMemoryInfo',
      this.ort.create('CreateMemoryInfo', name, DEVICE_ALLOCATOR, DEVICE_ID, MEMORY_DEFAULT));
    return this.own('ReleaseAllocator', this.ort.create('CreateAllocator', this.session, info));
  }

  async run(inputs: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    const start = performance.now();
    if (this.lastRun < SHORT_RUN && start - this.lastAway < LONGEST_TURN) {
      const outputs = this.runSync(inputs);
      this.lastRun = performance.now() - start;
      return outputs;
    }
    this.feed(inputs);
    this.running = true;
    try {
      await this.ort.callAsync('RunWithBinding', this.session, this.runOptions, this.bindings[this.turn]);
    } finally {
      this.running = false;
    }
    this.lastAway = performance.now();
    this.lastRun = this.device === 'cpu' ? this.lastAway - start : Infinity;
    return this.finish();
  }

  runSync(inputs: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
    this.feed(inputs);
    this.ort.call('RunWithBinding', this.session, this.runOptions, this.bindings[this.turn]);
    return this.finish();
  }

  private feed(inputs: Readonly<Record<string, NdArray>>): void {
    if (this.running) throw new Error('an executable runs one step at a time; await the previous run');
    for (const [name, bound] of this.inputs) {
      const value = inputs[name];
      if (!value) throw new Error(`input ${name} was not given`);
      fill(bound.array, value, `input ${name}`);
    }
    if (this.device !== 'cpu') this.bindFed(this.bindings[this.turn]!);
  }

  private finish(): Record<string, NdArray> {
    if (this.device !== 'cpu') this.ort.call('SynchronizeBoundOutputs', this.bindings[this.turn]);
    this.turn = 1 - this.turn;
    return Object.fromEntries([...this.outputs].map(([name, { array }]) => [name, array]));
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    for (const [name, { hosts, values: tensors }] of this.state) {
      const value = values.get(name);
      if (!value) continue;
      const current = this.turn % tensors.length;
      fill(hosts[current]!.array, value, name);
      if (this.device !== 'cpu') this.copy(hosts[current]!.value, tensors[current]!);
    }
  }

  getState(names: readonly string[] = [...this.state.keys()]): Map<string, NdArray> {
    return new Map(names.map((name) => {
      const { hosts, values } = this.state.get(name)!;
      const current = this.turn % values.length;
      if (this.device !== 'cpu') this.copy(values[current]!, hosts[current]!.value);
      const { dtype, shape, data } = hosts[current]!.array;
      return [name, { dtype, shape, data: data.slice() as TypedArray }];
    }));
  }

  private copy(from: Pointer, to: Pointer): void {
    this.ort.call('CopyTensors', this.ort.env, koffi.as([from], 'void **'), koffi.as([to], 'void **'), null, 1);
  }

  private own(release: Parameters<Runtime['release']>[0], pointer: Pointer): Pointer {
    this.owned.push(() => this.ort.release(release, pointer));
    return pointer;
  }

  dispose(): void {
    for (const free of this.owned.splice(0).reverse()) free();
  }
}

/** A model with more bytes of weights than this cannot be one message, whose limit is 2 GiB. */
const MAX_CONSTANT_BYTES = 2 ** 30;

/** The values that become part of the graph; undefined where there are none, or too many. Throws InputError for a wrong shape. */
function constantsOf(program: Program, values: CompileOptions['constants']): ReadonlyMap<string, NdArray> | undefined {
  if (!values) return undefined;
  const constants = new Map<string, NdArray>();
  let bytes = 0;
  for (const { name, tensor, next } of program.state) {
    const value = values.get(name);
    if (!value || next) continue;
    const constant: NdArray = { dtype: tensor.dtype, shape: tensor.shape, data: new STORAGE[tensor.dtype](sizeOf(tensor.shape)) };
    fill(constant, value, name);
    constants.set(name, constant);
    bytes += constant.data.byteLength;
  }
  return bytes <= MAX_CONSTANT_BYTES ? constants : undefined;
}

const noAdapter = (): ByoError =>
  new ByoError('device webgpu: no GPU adapter was found; install a Vulkan driver, or use --device cpu');
