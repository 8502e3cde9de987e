import { float32, type NdArray } from '../../src/core/array.js';
import { compile, type CompileOptions } from '../../src/core/engine/index.js';
import { input, trace, type GraphDtype, type Tensor } from '../../src/core/graph/index.js';
import { stream } from '../../src/core/random.js';

/** Runs a graph function once on arrays and returns its results. */
export async function evaluate(
  build: (...inputs: Tensor[]) => Tensor | Tensor[], arrays: readonly NdArray[], options: CompileOptions = {},
): Promise<NdArray[]> {
  const program = trace(() => {
    const inputs = arrays.map((a, i) => input(`x${i}`, a.shape, a.dtype as GraphDtype));
    const results = [build(...inputs)].flat();
    return { name: 'test', inputs, state: [], outputs: new Map(results.map((t, i) => [`y${i}`, t])) };
  });
  const executable = compile(program, { threads: 1, ...options });
  try {
    const outputs = await executable.run(Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])));
    return program.outputs.size ? [...program.outputs.keys()].map((name) => outputs[name]!) : [];
  } finally {
    executable.dispose();
  }
}

/** Standard normal values, the same for the same name. */
export const gaussian = (name: string, shape: readonly number[], scale = 1): NdArray<Float32Array> =>
  float32(shape, stream(7, name).normal(shape.reduce((a, b) => a * b, 1), 0, scale));

/** Largest difference relative to the larger array's largest element (1 where both are tiny). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 1e-30;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
  }
  return worst / Math.max(scale, 1e-3);
}
