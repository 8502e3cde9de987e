import { InputError } from '../errors.js';
import type { Matrix } from '../stats/matrix.js';
import { pca, type Planar } from './project.js';

export interface TsneOptions {
  /** Effective number of neighbours; below a third of the points. */
  readonly perplexity: number;
  readonly onProgress?: (done: number) => void;
}

/** All pairs are held and visited in every iteration. */
export const MAX_POINTS = 5000;
export const TSNE_ITERATIONS = 750;
const EXAGGERATION = 12;
const EXAGGERATED = 250;

/**
 * Exact t-SNE (van der Maaten & Hinton 2008) of features [n, d], n <= 5000. It starts from the first two principal components
 * (Kobak & Berens 2019), so nothing is random; learning rate n / 12 (Belkina et al. 2019), early exaggeration 12 for 250
 * iterations, momentum 0.5 and then 0.8 with the gains of the authors' code.
 */
export function tsne(features: Matrix, { perplexity, onProgress }: TsneOptions): Planar {
  const n = features.rows;
  if (n > MAX_POINTS) {
    throw new InputError(`t-SNE compares all pairs and takes at most ${MAX_POINTS} points, but there are ${n}; lower --max`);
  }
  if (!(3 * perplexity < n - 1)) {
    throw new InputError(`a perplexity of ${perplexity} needs over ${Math.ceil(3 * perplexity + 1)} points, but there are ${n}; lower --perplexity`);
  }
  const p = affinities(features, perplexity);
  const start = pca(features);
  const deviation = Math.sqrt(start.x.reduce((sum, value) => sum + value * value, 0) / n) || 1;
  const y = new Float64Array(2 * n);
  for (let i = 0; i < n; i++) [y[2 * i], y[2 * i + 1]] = [1e-4 * start.x[i]! / deviation, 1e-4 * start.y[i]! / deviation];

  const rate = Math.max(n / EXAGGERATION, 50);
  const [velocity, gains, gradient] = [new Float64Array(2 * n), new Float64Array(2 * n).fill(1), new Float64Array(2 * n)];
  for (let k = 0; k < TSNE_ITERATIONS; k++) {
    pull(p, y, gradient, k < EXAGGERATED ? EXAGGERATION : 1);
    const momentum = k < EXAGGERATED ? 0.5 : 0.8;
    for (let i = 0; i < 2 * n; i++) {
      gains[i] = gradient[i]! * velocity[i]! > 0 ? Math.max(0.01, gains[i]! * 0.8) : gains[i]! + 0.2;
      velocity[i] = momentum * velocity[i]! - rate * gains[i]! * gradient[i]!;
      y[i]! += velocity[i]!;
    }
    onProgress?.(k + 1);
  }
  const coordinate = (axis: 0 | 1) => Float64Array.from({ length: n }, (_, i) => y[2 * i + axis]!);
  return { x: coordinate(0), y: coordinate(1) };
}

/** Gradient of KL(P || Q) with P scaled by `exaggeration`: 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2). */
function pull(p: Float32Array, y: Float64Array, gradient: Float64Array, exaggeration: number): void {
  const n = y.length / 2;
  let total = 0;
  const repulsion = new Float64Array(2 * n);
  gradient.fill(0);
  for (let i = 0; i < n; i++) {
    const [a, b] = [y[2 * i]!, y[2 * i + 1]!];
    for (let j = 0; j < i; j++) {
      const [dx, dy] = [a - y[2 * j]!, b - y[2 * j + 1]!];
      const q = 1 / (1 + dx * dx + dy * dy);
      total += 2 * q;
      const attract = 4 * exaggeration * p[i * n + j]! * q;
      const repel = 4 * q * q;
      gradient[2 * i]! += attract * dx;
      gradient[2 * i + 1]! += attract * dy;
      gradient[2 * j]! -= attract * dx;
      gradient[2 * j + 1]! -= attract * dy;
      repulsion[2 * i]! += repel * dx;
      repulsion[2 * i + 1]! += repel * dy;
      repulsion[2 * j]! -= repel * dx;
      repulsion[2 * j + 1]! -= repel * dy;
    }
  }
  for (let i = 0; i < 2 * n; i++) gradient[i]! -= repulsion[i]! / total;
}

/** Symmetric probabilities p_ij [n, n] whose conditional forms have the perplexity. */
export function affinities(features: Matrix, perplexity: number): Float32Array {
  const { rows: n, cols, data } = features;
  const distances = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = 0; k < cols; k++) sum += (data[i * cols + k]! - data[j * cols + k]!) ** 2;
      distances[i * n + j] = distances[j * n + i] = sum;
    }
  }
  const conditional = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const [from, to] = [i * n, (i + 1) * n];
    fitRow(distances.subarray(from, to), i, Math.log(perplexity), conditional.subarray(from, to));
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const mean = (conditional[i * n + j]! + conditional[j * n + i]!) / (2 * n);
      conditional[i * n + j] = conditional[j * n + i] = mean;
    }
  }
  return conditional;
}

/** p_j ~ exp(-beta d_j) over j != i, beta found by bisection so that the entropy is `entropy`. */
function fitRow(distances: Float32Array, i: number, entropy: number, out: Float32Array): void {
  const nearest = distances.reduce((least, d, j) => (j === i ? least : Math.min(least, d)), Infinity);
  let [beta, low, high] = [1, 0, Infinity];
  for (let round = 0; round < 64; round++) {
    let [sum, weighted] = [0, 0];
    for (let j = 0; j < distances.length; j++) {
      const d = distances[j]! - nearest;
      out[j] = j === i ? 0 : Math.exp(-beta * d);
      sum += out[j]!;
      weighted += out[j]! * d;
    }
    const found = Math.log(sum) + (beta * weighted) / sum;
    for (let j = 0; j < distances.length; j++) out[j]! /= sum;
    if (Math.abs(found - entropy) < 1e-5) return;
    if (found > entropy) [low, beta] = [beta, high === Infinity ? beta * 2 : (beta + high) / 2];
    else [high, beta] = [beta, (beta + low) / 2];
  }
}
