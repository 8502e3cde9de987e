import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import { ByoError } from '../errors.js';
import { loadLibrary } from './library.js';

/**
 * ONNX Runtime through its C API. The shared library is the one inside the onnxruntime-node package; its own JavaScript
 * binding is not used because it copies every output and blocks the event loop while it runs.
 *
 * OrtApi is a versioned, append-only struct of function pointers: a function is its position in it. These positions are
 * those of API version 24 and hold for every later version.
 */
const API_VERSION = 24;
const FUNCTIONS = {
  GetErrorMessage: [2, 'const char *', 'void *'],
  CreateEnv: [3, 'void *', 'int, const char *, _Out_ void **'],
  CreateSessionFromArray: [8, 'void *', 'void *, const uint8_t *, size_t, void *, _Out_ void **'],
  CreateSessionOptions: [10, 'void *', '_Out_ void **'],
  DisableMemPattern: [17, 'void *', 'void *'],
  SetSessionGraphOptimizationLevel: [23, 'void *', 'void *, int'],
  SetIntraOpNumThreads: [24, 'void *', 'void *, int'],
  EnableProfiling: [14, 'void *', 'void *, const char *'],
  CreateRunOptions: [39, 'void *', '_Out_ void **'],
  CreateTensorAsOrtValue: [48, 'void *', 'void *, const int64_t *, size_t, int, _Out_ void **'],
  CreateTensorWithDataAsOrtValue: [49, 'void *', 'void *, void *, size_t, const int64_t *, size_t, int, _Out_ void **'],
  CreateMemoryInfo: [68, 'void *', 'const char *, int, int, int, _Out_ void **'],
  CreateCpuMemoryInfo: [69, 'void *', 'int, int, _Out_ void **'],
  GetAllocatorWithDefaultOptions: [78, 'void *', '_Out_ void **'],
  ReleaseStatus: [93, 'void', 'void *'],
  ReleaseMemoryInfo: [94, 'void', 'void *'],
  ReleaseSession: [95, 'void', 'void *'],
  ReleaseValue: [96, 'void', 'void *'],
  ReleaseRunOptions: [97, 'void', 'void *'],
  ReleaseSessionOptions: [100, 'void', 'void *'],
  SessionEndProfiling: [111, 'void *', 'void *, void *, _Out_ void **'],
  GetAvailableProviders: [125, 'void *', '_Out_ void **, _Out_ int *'],
  ReleaseAvailableProviders: [126, 'void *', 'void *, int'],
  AddSessionConfigEntry: [130, 'void *', 'void *, const char *, const char *'],
  CreateAllocator: [131, 'void *', 'void *, void *, _Out_ void **'],
  ReleaseAllocator: [132, 'void', 'void *'],
  RunWithBinding: [133, 'void *', 'void *, void *, void *'],
  CreateIoBinding: [134, 'void *', 'void *, _Out_ void **'],
  ReleaseIoBinding: [135, 'void', 'void *'],
  BindInput: [136, 'void *', 'void *, const char *, void *'],
  BindOutput: [137, 'void *', 'void *, const char *, void *'],
  SynchronizeBoundOutputs: [203, 'void *', 'void *'],
  SessionOptionsAppendExecutionProvider: [216, 'void *', 'void *, const char *, void *, void *, size_t'],
  RegisterCustomOpsLibrary_V2: [228, 'void *', 'void *, const char *'],
  CopyTensors: [386, 'void *', 'void *, void **, void **, void *, size_t'],
} as const;

/** An address in the library's memory. */
export type Pointer = bigint;
type Native = { (...args: unknown[]): unknown; async(...args: unknown[]): void };
type Api = Record<keyof typeof FUNCTIONS, Native>;

export interface Runtime {
  readonly version: string;
  readonly env: Pointer;
  /** Names such as CPUExecutionProvider. */
  readonly providers: readonly string[];
  /** Calls a function that returns a status; throws OrtError where that is an error. */
  call(name: keyof typeof FUNCTIONS, ...args: unknown[]): void;
  /** The same for functions whose last argument receives a pointer, which is returned. */
  create(name: keyof typeof FUNCTIONS, ...args: unknown[]): Pointer;
  /** The same off the JavaScript thread. */
  callAsync(name: keyof typeof FUNCTIONS, ...args: unknown[]): Promise<void>;
  /** Adds the CUDA provider to session options: the generic call does not know it, the library exports one of its own. */
  appendCuda(options: Pointer): void;
  /** Functions without a status. */
  release(name: keyof typeof FUNCTIONS, pointer: Pointer): void;
}

/** A message of ONNX Runtime itself: a defect of byo, unless it is about a device or memory. */
export class OrtError extends ByoError {
  override name = 'OrtError';
}

let loaded: Runtime | undefined;

/** The runtime, loaded once per process. Throws ByoError where the library is missing or too old. */
export function runtime(): Runtime {
  loaded ??= load();
  return loaded;
}

function libraryPath(): string {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const names = { linux: 'libonnxruntime.so.1', darwin: 'libonnxruntime.1.dylib', win32: 'onnxruntime.dll' };
  const name = names[process.platform as keyof typeof names];
  const path = name && join(root, 'bin', 'napi-v6', process.platform, process.arch, name);
  if (!path || !existsSync(path)) {
    throw new ByoError(`onnxruntime-node has no library for ${process.platform}-${process.arch}; ` +
      'byo runs on linux x64/arm64, macOS and Windows');
  }
  return path;
}

function load(): Runtime {
  const library = loadLibrary(libraryPath());
  const base = library.func('OrtGetApiBase', 'void *', [])() as Pointer;
  const member = (struct: Pointer, index: number, name: string, result: string, args: string): Native =>
    koffi.decode(koffi.decode(struct, index * 8, 'void *'), koffi.proto(`${result} Ort${name}(${args})`)) as Native;

  const version = member(base, 1, 'GetVersionString', 'const char *', '')() as string;
  const table = member(base, 0, 'GetApi', 'void *', 'uint32_t')(API_VERSION) as Pointer | null;
  if (!table) {
    throw new ByoError(`ONNX Runtime ${version} does not offer C API version ${API_VERSION}; install onnxruntime-node 1.24 or later`);
  }
  const api = Object.fromEntries(Object.entries(FUNCTIONS).map(([name, [index, result, args]]) =>
    [name, member(table, index, name, result, args)])) as Api;

  const check = (status: unknown) => {
    if (!status) return;
    const message = api.GetErrorMessage(status) as string;
    api.ReleaseStatus(status);
    throw new OrtError(message.replace(/\s+/g, ' ').trim());
  };
  const call: Runtime['call'] = (name, ...args) => check(api[name](...args));
  const create: Runtime['create'] = (name, ...args) => {
    const out: [Pointer | null] = [null];
    check(api[name](...args, out));
    return out[0]!;
  };
  const callAsync: Runtime['callAsync'] = (name, ...args) => new Promise((resolve, reject) => {
    api[name].async(...args, (error: Error | null, status: unknown) => {
      try {
        if (error) throw error;
        resolve(check(status));
      } catch (caught) {
        reject(caught);
      }
    });
  });
  const appendCuda: Runtime['appendCuda'] = (options) => {
    const FIRST_DEVICE = 0;
    check(library.func('OrtSessionOptionsAppendExecutionProvider_CUDA', 'void *', ['void *', 'int'])(options, FIRST_DEVICE));
  };
  const release: Runtime['release'] = (name, pointer) => void api[name](pointer);

  const LOG_FATAL = 4; // errors come back as statuses; nothing is printed
  const env = create('CreateEnv', LOG_FATAL, 'byo');
  return { version, env, providers: availableProviders(api, check), call, create, callAsync, appendCuda, release };
}

function availableProviders(api: Api, check: (status: unknown) => void): string[] {
  const list: [Pointer | null] = [null];
  const count: [number] = [0];
  check(api.GetAvailableProviders(list, count));
  const names = Array.from({ length: count[0] }, (_, i) => koffi.decode(list[0]!, i * 8, 'const char *') as string);
  check(api.ReleaseAvailableProviders(list[0], count[0]));
  return names;
}
