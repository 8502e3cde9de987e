import type { NdArray } from '../../array.js';
import { describeSite, inputName, liveNodes, valueInputs, writtenTensors, type Program, type Tensor } from '../../graph/index.js';
import { OnnxBuilder, type Lowering, type Provider } from './builder.js';
import { emitters } from './emit.js';
import { fusions } from './fuse.js';
import type { OnnxModel, OnnxValue } from './proto.js';

export interface Lowered {
  readonly model: OnnxModel;
  /** Program inputs and state slots that the graph really reads (an executor binds no others). */
  readonly reads: ReadonlySet<string>;
}

/** Names of a program's values in the ONNX graph: apart from each other, and from the nodes' own. */
export const valueName = {
  input: (name: string): string => `in/${name}`,
  state: (name: string): string => `state/${name}`,
  next: (name: string): string => `next/${name}`,
  output: (name: string): string => `out/${name}`,
};

const label = ({ op, site }: Tensor): string => (site ? `${op}@${describeSite(site)}` : op);

/** State with a value in `constants` becomes a part of the graph. */
export interface LowerOptions extends Lowering {
  readonly constants?: ReadonlyMap<string, NdArray>;
}

/** A program as one ONNX graph for a provider. */
export function lower(program: Program, provider: Provider, { constants, ...how }: LowerOptions = {}): Lowered {
  const b = new OnnxBuilder(provider, how);
  const values = new Map<Tensor, string>();
  for (const tensor of program.inputs) values.set(tensor, valueName.input(inputName(tensor)));
  for (const { name, tensor } of program.state) {
    const constant = constants?.get(name);
    values.set(tensor, constant ? b.array(constant) : valueName.state(name));
  }

  const nodesInOrder = liveNodes(program);
  const fused = fusions(nodesInOrder, new Set(writtenTensors(program)), b);
  const inside = new Set([...fused.values()].flatMap((fusion) => fusion.inside));
  for (const tensor of nodesInOrder) {
    if (values.has(tensor) || inside.has(tensor)) continue;
    const fusion = fused.get(tensor);
    if (fusion) {
      b.for(label(fusion.named));
      values.set(tensor, fusion.emit(fusion.inputs.map((t) => values.get(t)!), b));
      continue;
    }
    const emit = emitters[tensor.op];
    if (!emit) throw new Error(`no ONNX lowering for ${tensor.op}`);
    b.for(label(tensor));
    values.set(tensor, emit(tensor, valueInputs(tensor).map((t) => values.get(t)!), b));
  }

  const outputs: OnnxValue[] = [];
  const publish = (name: string, tensor: Tensor) => {
    b.nodes.push({ type: 'Identity', name, inputs: [values.get(tensor)!], outputs: [name], attributes: {} });
    outputs.push({ name, dtype: tensor.dtype, shape: tensor.shape });
  };
  for (const [name, tensor] of program.outputs) publish(valueName.output(name), tensor);
  for (const { name, next } of program.state) if (next) publish(valueName.next(name), next);

  const reads = new Set(b.nodes.flatMap((node) => node.inputs).filter((name) => !b.initializers.has(name)));
  const inputs = [...values]
    .filter(([tensor, name]) => tensor.op === 'input' && reads.has(name))
    .map(([{ dtype, shape }, name]) => ({ name, dtype, shape }));
  const nodes = renameResults(b, outputs);
  const kept = new Set(nodes.flatMap((node) => node.outputs));
  const between = b.values.filter(({ name }) => kept.has(name));
  return { model: { name: program.name, nodes, initializers: b.initializers, inputs, outputs, values: between }, reads };
}

/**
 * Drops the Identity node behind an output where the value is made by a node and published once: the node then writes
 * into the bound buffer itself.
 */
function renameResults(b: OnnxBuilder, outputs: readonly OnnxValue[]): OnnxModel['nodes'] {
  const published = new Set(outputs.map(({ name }) => name));
  const produced = new Set(b.nodes.flatMap((node) => (published.has(node.outputs[0]!) ? [] : node.outputs)));
  const renamed = new Map<string, string>();
  const kept = b.nodes.filter((node) => {
    const [value] = node.inputs;
    const [name] = node.outputs;
    if (node.type !== 'Identity' || !published.has(name!) || !produced.has(value!) || renamed.has(value!)) return true;
    renamed.set(value!, name!);
    return false;
  });
  const rename = (value: string) => renamed.get(value) ?? value;
  return kept.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
}
