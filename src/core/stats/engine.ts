import { float32, type NdArray } from '../array.js';
import { compile, type CompileOptions, type Executable } from '../engine/index.js';
import {
  input, logSumExp, matmul, mul, sigmoid, softmax, softplus, sub, sum, trace, type MatmulFlags, type Tensor,
} from '../graph/index.js';
import type { BoundLoss, LinearTargets } from './linear.js';
import { javascript, type LinearAlgebra, type Matrix } from './matrix.js';

/** Below this many multiplications plain JavaScript is done before a program is compiled, and in float64. */
const SMALL = 2e7;

/** Programs kept: the shapes of full blocks and of the last, shorter ones. */
const KEPT = 8;

/** The solvers' products in float32 on the compute engine, where they are large enough to gain from it. */
export interface EngineAlgebra extends LinearAlgebra {
  dispose(): void;
}

export function engineAlgebra(options: CompileOptions = {}): EngineAlgebra {
  const programs = new Map<string, Executable>();
  const multiply = (a: Matrix, b: Matrix, flags: MatmulFlags, rows: number, cols: number): Matrix => {
    const key = [a.rows, a.cols, b.rows, b.cols, flags.ta].join();
    let program = programs.get(key);
    if (!program) {
      program = compile(productProgram(a, b, flags), options);
      if (programs.size === KEPT) {
        const [oldest, executable] = programs.entries().next().value!;
        executable.dispose();
        programs.delete(oldest);
      }
      programs.set(key, program);
    }
    const { product } = program.runSync({ a: arrayOf(a), b: arrayOf(b) });
    return { rows, cols, data: product!.data as Float32Array };
  };
  return {
    multiplyTransposed: (a, b) => (a.cols !== b.cols || a.rows * b.rows * a.cols < SMALL
      ? javascript.multiplyTransposed(a, b)
      : multiply(a, b, { tb: true }, a.rows, b.rows)),
    transposeMultiply: (a, b) => (a.rows !== b.rows || a.rows * a.cols * b.cols < SMALL
      ? javascript.transposeMultiply(a, b)
      : multiply(a, b, { ta: true }, a.cols, b.cols)),
    bindLoss: (x, targets) => (x.rows * x.cols * targets.values.cols < SMALL ? undefined : bindLoss(x, targets, options)),
    dispose: () => programs.forEach((program) => program.dispose()),
  };
}

const productProgram = (a: Matrix, b: Matrix, flags: MatmulFlags) => trace(() => {
  const inputs = [input('a', [a.rows, a.cols]), input('b', [b.rows, b.cols])] as const;
  return { name: 'product', inputs, state: [], outputs: new Map([['product', matmul(...inputs, flags)]]) };
});

/**
 * The loss and its gradient as one program that holds the data: a run reads the model and nothing else. Losses come back
 * by row and are added up in float64, so that line searches see differences far below a float32 sum's rounding.
 */
function bindLoss(x: Matrix, { link, values, weights }: LinearTargets, options: CompileOptions): BoundLoss {
  const [rows, outputs] = [values.rows, values.cols];
  const program = trace(() => {
    const data = { x: input('x', [rows, x.cols]), targets: input('targets', [rows, outputs]), rowWeights: input('rowWeights', [rows, 1]) };
    const [w, b] = [input('weights', [outputs, x.cols]), input('bias', [outputs])];
    const scores = matmul(data.x, w, { tb: true }).add(b);
    const [normalizer, probabilities] = link === 'softmax'
      ? [logSumExp(scores), softmax(scores)]
      : [sum(softplus(scores), 1), sigmoid(scores)];
    const residuals = mul(sub(probabilities, data.targets), data.rowWeights);
    const outputsByName: [string, Tensor][] = [
      ['losses', sub(normalizer, sum(mul(scores, data.targets), 1))],
      ['weightGradient', matmul(residuals, data.x, { ta: true })],
      ['biasGradient', sum(residuals, 0)],
    ];
    const state = Object.entries(data).map(([name, tensor]) => ({ name, tensor, next: undefined }));
    return { name: 'loss', inputs: [w, b], state, outputs: new Map(outputsByName) };
  });
  const executable = compile(program, options);
  executable.setState(new Map([
    ['x', arrayOf(x)], ['targets', arrayOf(values)], ['rowWeights', arrayOf({ rows, cols: 1, data: weights })],
  ]));
  return {
    evaluate: (model, gradient) => {
      const { losses, weightGradient, biasGradient } = executable.runSync({
        weights: arrayOf(model.weights), bias: float32([outputs], model.bias),
      });
      addTo(gradient, weightGradient!, 0);
      addTo(gradient, biasGradient!, outputs * x.cols);
      let loss = 0;
      for (let i = 0; i < rows; i++) loss += weights[i]! * Number(losses!.data[i]);
      return loss;
    },
    dispose: () => executable.dispose(),
  };
}

const arrayOf = ({ rows, cols, data }: Matrix): NdArray =>
  ({ dtype: data instanceof Float32Array ? 'float32' : 'float64', shape: [rows, cols], data });

function addTo(target: Float64Array, { data }: NdArray, offset: number): void {
  for (let i = 0; i < data.length; i++) target[offset + i]! += Number(data[i]);
}
