/** Where in `out` the weight of input pixel i for output pixel o stands: offset + o * outputStride + i * inputStride. */
export interface MatrixPlace {
  readonly out: Float32Array;
  readonly offset: number;
  readonly outputStride: number;
  readonly inputStride: number;
}

/** Keys' cubic convolution kernel with a = -0.5 (Keys 1981), support 2: PIL's bicubic. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/**
 * Writes the weights that resample `inputs` pixels, from pixel `start` on, to `outputs` pixels; all others stay as they
 * are (0). As in PIL and torchvision: the kernel widens with the scale when shrinking (antialiasing), sees nothing
 * outside the crop, and its weights are normalised to sum to 1.
 */
export function writeResampling(
  { out, offset, outputStride, inputStride }: MatrixPlace, start: number, inputs: number, outputs: number,
): void {
  const ratio = inputs / outputs;
  const scale = Math.max(ratio, 1);
  for (let o = 0; o < outputs; o++) {
    const centre = (o + 0.5) * ratio;
    const first = Math.max(0, Math.floor(centre - 2 * scale + 0.5));
    const end = Math.min(inputs, Math.floor(centre + 2 * scale + 0.5));
    let total = 0;
    for (let i = first; i < end; i++) total += cubic((i + 0.5 - centre) / scale);
    const row = offset + o * outputStride + start * inputStride;
    for (let i = first; i < end; i++) out[row + i * inputStride] = cubic((i + 0.5 - centre) / scale) / total;
  }
}

/** Keys' kernel with a = -0.75: PyTorch's bicubic. */
function torchCubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.25 * t - 2.25) * t * t + 1;
  return t < 2 ? ((-0.75 * t + 3.75) * t - 6) * t + 3 : 0;
}

/**
 * Writes the weights that interpolate positions `start` to `start + inputs - 1` at `outputs` points, the first and the last of
 * which are the first and the last position: torch.nn.functional.interpolate with mode bicubic and align_corners, where the edge
 * goes on outside. What `place` does not hold (positions below 0 or from `extent` on) is left out, as zeros would be.
 */
export function writeInterpolation(
  { out, offset, outputStride, inputStride }: MatrixPlace, start: number, inputs: number, outputs: number, extent: number,
): void {
  for (let o = 0; o < outputs; o++) {
    const at = outputs === 1 ? 0 : (o * (inputs - 1)) / (outputs - 1);
    const base = Math.floor(at);
    for (let tap = base - 1; tap <= base + 2; tap++) {
      const position = start + Math.max(0, Math.min(inputs - 1, tap));
      if (position < 0 || position >= extent) continue;
      out[offset + o * outputStride + position * inputStride] += torchCubic(at - tap);
    }
  }
}

/** Pixels to either side that a blur of a size x size image sees: 11 at 224, as in BYOL; 0 (no blur) below 20. */
export const blurRadius = (size: number): number => Math.floor(size / 20);

/**
 * Writes the [size, size] matrix, row-major at `offset`, that blurs a line with a Gaussian of 2 * blurRadius(size) + 1
 * taps, reflected at the edges without repeating the edge pixel; its rows sum to 1.
 */
export function writeBlur(out: Float32Array, offset: number, size: number, sigma: number): void {
  const radius = blurRadius(size);
  const taps = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  for (let o = 0; o < size; o++) {
    for (let i = o - radius; i <= o + radius; i++) {
      const reflected = i < 0 ? -i : i < size ? i : 2 * (size - 1) - i;
      out[offset + o * size + reflected] += taps[i - o + radius] / total;
    }
  }
}

/** Writes the [size, size] matrix that changes nothing. */
export function writeIdentity(out: Float32Array, offset: number, size: number): void {
  for (let i = 0; i < size; i++) out[offset + i * (size + 1)] = 1;
}
