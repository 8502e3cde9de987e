import { sizeOf } from '../array.js';
import type { Shape } from '../graph/index.js';
import type { Stream } from '../random.js';

/** Draws the first value of a variable. */
export type Initializer = (shape: Shape, random: Stream) => Float32Array;

export const constantInit = (value: number): Initializer => (shape) => new Float32Array(sizeOf(shape)).fill(value);
export const zeros = constantInit(0);
export const ones = constantInit(1);

export const uniform = (bound: number): Initializer => (shape, random) => random.uniform(sizeOf(shape), -bound, bound);
export const normal = (std: number): Initializer => (shape, random) => random.normal(sizeOf(shape), 0, std);
/** Normal, redrawn outside two standard deviations. */
export const truncatedNormal = (std: number): Initializer => (shape, random) =>
  random.truncatedNormal(sizeOf(shape), 0, std);

/** Inputs of one output unit of a weight [out, in, ...kernel]. */
export const fanIn = (shape: Shape): number => sizeOf(shape.slice(1));
/** Outputs of one input unit of a weight [out, in, ...kernel]. */
export const fanOut = (shape: Shape): number => shape[0]! * sizeOf(shape.slice(2));

/** U(+-1/sqrt(fan)): PyTorch's default for linear and convolution weights (Kaiming uniform with a = sqrt 5). */
export const torchDefault: Initializer = (shape, random) => uniform(1 / Math.sqrt(fanIn(shape)))(shape, random);
/** N(0, 2/fan_out), for a ReLU after the layer (He et al. 2015): torchvision's ResNets. */
export const kaimingNormal: Initializer = (shape, random) => normal(Math.sqrt(2 / fanOut(shape)))(shape, random);
/** U(+-sqrt(6/(fan_in + fan_out))) (Glorot & Bengio 2010). */
export const xavierUniform: Initializer = (shape, random) =>
  uniform(Math.sqrt(6 / (fanIn(shape) + fanOut(shape))))(shape, random);
/** Rows of length 1 in directions drawn evenly. */
export const unitRows: Initializer = (shape, random) => {
  const rows = random.normal(sizeOf(shape));
  const width = shape.at(-1)!;
  for (let start = 0; start < rows.length; start += width) {
    const row = rows.subarray(start, start + width);
    const length = Math.hypot(...row);
    row.forEach((v, i) => { row[i] = v / length; });
  }
  return rows;
};
