import { createRequire } from 'node:module';
import type * as tfjs from '@tensorflow/tfjs-core';
import { ByoError } from '../../errors.js';
import { physicalCores } from '../device.js';

export type TensorFlow = typeof tfjs;
/** A tensor on TensorFlow.js's backend. */
export type Value = tfjs.Tensor;

export interface LoadedTensorFlow {
  readonly tf: TensorFlow;
  /** The package that was found, and its version. */
  readonly source: string;
}

const require = createRequire(import.meta.url);

/** What can compute, best first; of each, the API comes first and then what registers a backend with it. */
const PACKAGES: readonly (readonly [api: string, ...backends: string[]])[] = [
  ['@tensorflow/tfjs-node-gpu'],
  ['@tensorflow/tfjs-node'],
  ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'],
  ['@tensorflow/tfjs'],
];

let loaded: LoadedTensorFlow | undefined;

/**
 * TensorFlow.js, loaded the first time somebody asks: the native package for NVIDIA GPUs, else the native one for CPUs, else pure
 * JavaScript. `threads` counts for a native package, and only at the first call: TensorFlow has one pool of threads in a process.
 * Throws ByoError where no package is installed, or one is that does not load.
 */
export function loadTensorFlow(threads = physicalCores()): LoadedTensorFlow {
  loaded ??= load(threads);
  return loaded;
}

function load(threads: number): LoadedTensorFlow {
  const found = PACKAGES.find((names) => names.every(isInstalled));
  if (!found) {
    throw new ByoError('device tensorflow: TensorFlow.js is not installed; npm install @tensorflow/tfjs-node@4.22.0 (native), or '
      + '@tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0 (pure JavaScript)');
  }
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    const [tf] = found.map((name) => require(name) as TensorFlow) as [TensorFlow];
    tf.enableProdMode(); // no advice to install another package on standard error
    return { tf, source: `${found.at(-1)} ${tf.version_core}` };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new ByoError(`device tensorflow: ${found[0]} is installed, but does not load (${reason}); `
      + `npm rebuild ${found[0]} --ignore-scripts=false fetches its library, or remove it`);
  }
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}
