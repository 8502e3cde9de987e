import { ndarray } from '../../array.js';
import { InputError } from '../../errors.js';
import type { OnnxModel, OnnxNode } from './proto.js';

/**
 * Programs have static shapes. To make a model that takes any batch, its program is traced for a batch of this extent, a prime
 * that nothing else in a network has, and every place where it shows is then replaced. Nothing of that size is ever computed.
 */
export const BATCH_MARKER = 7919;

const isMarked = (extent: number): boolean => extent !== 0 && extent % BATCH_MARKER === 0;

/**
 * The model of a program traced for BATCH_MARKER images, for any number of them: inputs and outputs have the symbolic extent
 * `batch`, and the one extent of each Reshape that depends on it is left for the runtime to work out. Throws InputError where a
 * constant depends on the batch in another way.
 */
export function withDynamicBatch(model: OnnxModel): OnnxModel {
  const initializers = new Map(model.initializers);
  const nodes = model.nodes.map((node): OnnxNode => {
    const [x, shape] = node.inputs;
    const constant = shape === undefined ? undefined : model.initializers.get(shape);
    if (node.type !== 'Reshape' || constant?.dtype !== 'int64') return node;
    const extents = Array.from(constant.data as BigInt64Array, Number);
    if (!extents.some(isMarked)) return node;
    const open = extents.map((extent) => (isMarked(extent) ? -1 : extent));
    if (open.filter((extent) => extent === -1).length > 1) throw fixed(node);
    const name = `shape ${open}`;
    initializers.set(name, ndarray('int64', [open.length], BigInt64Array.from(open, BigInt)));
    return { ...node, inputs: [x!, name] };
  });

  const used = new Map(nodes.flatMap((node) => node.inputs.map((name) => [name, node])));
  for (const [name, { dtype, shape, data }] of initializers) {
    const node = used.get(name);
    if (!node) initializers.delete(name);
    else if (shape.some(isMarked) || (dtype === 'int64' && Array.from(data as BigInt64Array, Number).some(isMarked))) throw fixed(node);
  }
  const symbolic = (values: OnnxModel['inputs']): OnnxModel['inputs'] => values.map((value) => ({
    ...value, shape: value.shape.map((extent) => (extent === BATCH_MARKER ? 'batch' : extent)),
  }));
  return { ...model, nodes, initializers, inputs: symbolic(model.inputs), outputs: symbolic(model.outputs) };
}

const fixed = ({ name }: OnnxNode): InputError =>
  new InputError(`this network fixes its batch size (in ${name}), so it cannot be exported for any batch`);
