import { defineGradient, unbroadcast } from './grad.js';
import { float32 } from '../array.js';
import { eq } from './elementwise.js';
import { broadcastShapes, constant, formatShape, node, sameShape, type Tensor, TraceError } from './tensor.js';
import { reshape, transpose } from './shape.js';

/** Which operands of a matrix product are transposed (their last two axes). */
export interface MatmulFlags {
  readonly ta?: boolean;
  readonly tb?: boolean;
}

/**
 * Matrix product over the last two axes, [..., M, K] x [..., K, N] -> [..., M, N]; leading axes broadcast. `ta` and `tb`
 * read an operand transposed, so that gradients never need an explicit transpose.
 */
export function matmul(a: Tensor, b: Tensor, { ta = false, tb = false }: MatmulFlags = {}): Tensor {
  const complain = (problem: string) => new TraceError('matmul',
    `${problem}: ${formatShape(a.shape)}${ta ? ' transposed' : ''} times ${formatShape(b.shape)}${tb ? ' transposed' : ''}`);
  if (a.rank < 2 || b.rank < 2) throw complain('both operands need rank 2 or more');
  const [m, k] = matrix(a, ta);
  const [inner, n] = matrix(b, tb);
  if (k !== inner) throw complain(`inner extents ${k} and ${inner} differ`);
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  // [..., M, K] x [K, N] is one tall product.
  if (b.rank === 2 && a.rank > 2 && !ta) {
    return reshape(matmul(reshape(a, [-1, k]), b, { tb }), [...batch, m, n]);
  }
  return node('matmul', [a, b], { ta, tb }, [...batch, m, n]);
}

const matrix = (x: Tensor, transposed: boolean): [number, number] => {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
};

/** The last two axes exchanged. */
export const matrixTranspose = (x: Tensor): Tensor =>
  transpose(x, [...x.shape.keys()].map((i) => (i < x.rank - 2 ? i : 2 * x.rank - 3 - i)));

/** The identity matrix [n, n], computed on the device rather than stored in the program. */
export function eye(n: number): Tensor {
  const numbers = Float32Array.from({ length: n }, (_, i) => i);
  return eq(constant(float32([n, 1], numbers)), constant(float32([1, n], numbers)));
}

defineGradient('matmul', ({ inputs, attrs }, g, needs) => {
  const [a, b] = inputs as [Tensor, Tensor];
  const { ta, tb } = attrs as { ta: boolean; tb: boolean };
  const da = () => (ta ? matmul(b, g, { ta: tb, tb: true }) : matmul(g, b, { tb: !tb }));
  const db = () => (tb ? matmul(g, a, { ta: true, tb: ta }) : matmul(a, g, { ta: !ta }));
  return [
    needs[0] ? unbroadcast(da(), a.shape) : undefined,
    needs[1] ? (sharedMatrixGradient(a, b, g, ta, tb) ?? unbroadcast(db(), b.shape)) : undefined,
  ];
});

/** One matrix shared by a batch: its gradient sums over the batch inside one product instead of after many. */
function sharedMatrixGradient(a: Tensor, b: Tensor, g: Tensor, ta: boolean, tb: boolean): Tensor | undefined {
  if (b.rank !== 2 || a.rank === 2 || ta || !sameShape(a.shape.slice(0, -2), g.shape.slice(0, -2))) return undefined;
  const rows = reshape(a, [-1, a.shape.at(-1)!]);
  const gradients = reshape(g, [-1, g.shape.at(-1)!]);
  return tb ? matmul(gradients, rows, { ta: true }) : matmul(rows, gradients, { ta: true });
}
