import { ndarray } from '../../array.js';
import type { Tensor } from '../../graph/index.js';
import type { OnnxBuilder } from './builder.js';
import { ONNX_TYPE } from './proto.js';

/**
 * Ridge regression in float64, whose operators the CPU provider has; where a GPU's provider lacks them, the runtime moves these
 * nodes to the CPU. The factor of one kernel is shared by the value and its gradients.
 */
const float64 = (b: OnnxBuilder, x: string): string => b.op('Cast', [x], { to: ONNX_TYPE.float64! });
const float32 = (b: OnnxBuilder, x: string): string => b.op('Cast', [x], { to: ONNX_TYPE.float32! });
const scalar64 = (b: OnnxBuilder, value: number): string =>
  b.once(`scalar64 ${value}`, () => b.array(ndarray('float64', [1, 1], Float64Array.of(value))));

const product = (b: OnnxBuilder, x: string, y: string, { ta = false, tb = false } = {}): string =>
  b.op('Gemm', [x, y], { transA: Number(ta), transB: Number(tb) });

/** Features in float64, and A^-1 X for A = F F^T + ridge tr(F F^T) I. */
function kernel(t: Tensor, features: string, b: OnnxBuilder) {
  const ridge = t.attrs.ridge as number;
  return b.once(`ridge ${features} ${ridge}`, () => {
    const f = float64(b, features);
    const trace = b.op('ReduceSum', [b.op('Mul', [f, f]), b.ints([0, 1])], { keepdims: 1 });
    const lambda = b.op('Mul', [trace, scalar64(b, ridge)]);
    const gram = product(b, f, f, { tb: true });
    const regularised = b.op('Add', [gram, b.op('Mul', [b.op('EyeLike', [gram]), lambda])]);
    const inverse = whereRegular(b, inverseCholesky(b, regularised, t.inputs[0]!.shape[0]!), trace);
    return { f, solve: (x: string) => product(b, inverse, product(b, inverse, x), { ta: true }) };
  });
}

/** W = F^T A^-1 Y, and alpha = A^-1 Y. */
function weights(t: Tensor, features: string, targets: string, b: OnnxBuilder) {
  const { f, solve } = kernel(t, features, b);
  return b.once(`ridge ${features} ${targets} ${t.attrs.ridge}`, () => {
    const alpha = solve(float64(b, targets));
    return { alpha, w: product(b, f, alpha, { ta: true }) };
  });
}

/** B = A^-1 F G. */
function dual(t: Tensor, features: string, gradient: string, b: OnnxBuilder) {
  const { f, solve } = kernel(t, features, b);
  return b.once(`ridge dual ${features} ${gradient} ${t.attrs.ridge}`, () => {
    const g = float64(b, gradient);
    return { g, dual: solve(product(b, f, g)) };
  });
}

export const emitRidgeWeights = (t: Tensor, [features, targets]: readonly string[], b: OnnxBuilder): string =>
  float32(b, weights(t, features!, targets!, b).w);

export const emitRidgeTargetsGrad = (t: Tensor, [features, gradient]: readonly string[], b: OnnxBuilder): string =>
  float32(b, dual(t, features!, gradient!, b).dual);

/** alpha (G - F^T B)^T - B W^T. */
export function emitRidgeFeaturesGrad(t: Tensor, [features, targets, gradient]: readonly string[], b: OnnxBuilder): string {
  const { f } = kernel(t, features!, b);
  const { alpha, w } = weights(t, features!, targets!, b);
  const { g, dual: beta } = dual(t, features!, gradient!, b);
  const rest = b.op('Sub', [g, product(b, f, beta, { ta: true })]);
  return float32(b, b.op('Sub', [product(b, alpha, rest, { tb: true }), product(b, beta, w, { tb: true })]));
}

/** L^-1, or NaN throughout where a pivot is no larger than its own rounding error: such a kernel is singular. */
function whereRegular(b: OnnxBuilder, inverse: string, trace: string): string {
  const root = b.op('ReduceMax', [b.op('Mul', [inverse, b.op('EyeLike', [inverse])]), b.ints([0, 1])], { keepdims: 1 });
  const share = b.op('Mul', [b.op('Mul', [root, root]), b.op('Mul', [trace, scalar64(b, Number.EPSILON)])]);
  return b.op('Where', [b.op('Less', [share, scalar64(b, 1)]), inverse, scalar64(b, NaN)]);
}

/** Rows that are eliminated one by one; larger matrices are halved. */
const ELIMINATED = 32;

/**
 * L^-1 of the Cholesky factor of a symmetric positive definite A [n, n]. By halves, so that nearly all of the work is products:
 * with P = L1^-1, M = A21 P^T and Q that of A22 - M M^T, L^-1 = [[P, 0], [-Q M P, Q]].
 */
function inverseCholesky(b: OnnxBuilder, a: string, n: number): string {
  if (n <= ELIMINATED) return eliminate(b, a, n);
  const half = ELIMINATED * Math.ceil(n / (2 * ELIMINATED));
  const rest = n - half;
  const [upper, lower] = b.multi('Split', [a, b.ints([half, rest])], { axis: 0 }, 2) as [string, string];
  const a11 = b.slice(upper, [0], [half], [1]);
  const [a21, a22] = b.multi('Split', [lower, b.ints([half, rest])], { axis: 1 }, 2) as [string, string];
  const p = inverseCholesky(b, a11, half);
  const m = product(b, a21, p, { tb: true });
  const q = inverseCholesky(b, b.op('Sub', [a22, product(b, m, m, { tb: true })]), rest);
  const corner = b.op('Neg', [product(b, q, product(b, m, p))]);
  const zero = b.op('Expand', [scalar64(b, 0), b.ints([half, rest])]);
  return b.op('Concat', [b.op('Concat', [p, zero], { axis: 1 }), b.op('Concat', [corner, q], { axis: 1 })], { axis: 0 });
}

/** The same by Gaussian elimination of [A, I], each pivot's row divided by the root of the pivot: it becomes [L^T, L^-1]. */
function eliminate(b: OnnxBuilder, a: string, n: number): string {
  let rows = b.op('Concat', [a, b.op('EyeLike', [a])], { axis: 1 });
  const done: string[] = [];
  for (let j = 0; j < n; j++) {
    const last = j === n - 1;
    const [first, rest] = last ? [rows] : b.multi('Split', [rows, b.ints([1, n - j - 1])], { axis: 0 }, 2);
    const root = b.op('Sqrt', [b.slice(first!, [j], [j + 1], [1])]);
    const row = b.op('Div', [first!, root]);
    done.push(b.slice(row, [n], [2 * n], [1]));
    if (last) break;
    const factors = b.op('Div', [b.slice(rest!, [j], [j + 1], [1]), root]);
    rows = b.op('Sub', [rest!, b.op('Mul', [factors, row])]);
  }
  return n === 1 ? done[0]! : b.op('Concat', done, { axis: 0 });
}
