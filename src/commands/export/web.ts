import { InputError } from '../../core/errors.js';
import type { OnnxModel, OnnxNode } from '../../core/engine/onnx/proto.js';

/**
 * Operators that onnxruntime-web's WebAssembly and WebGPU backends have, and that mean the same in opsets 17 and 21 as they are
 * written here, with the inputs that are constant int64 vectors: shapes, axes and the like, which is all that may be int64.
 */
const OPERATORS: Readonly<Record<string, readonly number[]>> = {
  Add: [], Sub: [], Mul: [], Div: [], Neg: [], Abs: [], Exp: [], Log: [], Sqrt: [], Reciprocal: [],
  Tanh: [], Sigmoid: [], Relu: [], Erf: [], Clip: [], Identity: [],
  Conv: [], MatMul: [], Gemm: [], BatchNormalization: [], LayerNormalization: [], Softmax: [],
  MaxPool: [], AveragePool: [], Transpose: [], Concat: [],
  Reshape: [1], Expand: [1], ReduceSum: [1], Slice: [1, 2, 3, 4], Pad: [1], ReduceMax: [1], ReduceMean: [1],
};

/** Reductions whose axes are an attribute until opset 18. */
const AXES_ATTRIBUTE = new Set(['ReduceMax', 'ReduceMean']);

/**
 * The same model in opset 17, for onnxruntime-web from 1.12 on: float32 values, int64 only as constant shapes and axes. Throws
 * InputError where it has an operator or a value that not every backend of browsers takes.
 */
export function forBrowsers(model: OnnxModel): OnnxModel {
  const nodes = model.nodes.map((node): OnnxNode => {
    const whole = OPERATORS[node.type];
    if (!whole) throw new InputError(`this network needs ${node.type}, which not every browser's runtime has; export it as onnx`);
    const strange = node.inputs.find((name, i) => model.initializers.has(name)
      && model.initializers.get(name)!.dtype !== (whole.includes(i) ? 'int64' : 'float32'));
    if (strange) {
      const { dtype } = model.initializers.get(strange)!;
      throw new InputError(`this network computes with ${dtype} in ${node.name}, which not every browser's runtime does; export it as onnx`);
    }
    if (!AXES_ATTRIBUTE.has(node.type)) return node;
    const [x, axes] = node.inputs;
    const constant = model.initializers.get(axes!)!.data as BigInt64Array;
    return { ...node, inputs: [x!], attributes: { ...node.attributes, axes: Array.from(constant, Number) } };
  });
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return { ...model, opset: 17, nodes, initializers: new Map([...model.initializers].filter(([name]) => used.has(name))) };
}
