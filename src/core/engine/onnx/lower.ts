import type { NdArray } from '../../array.js';
import { describeSite, inputName, liveNodes, valueInputs, writtenTensors, type Program, type Tensor } from '../../graph/index.js';
import { OnnxBuilder, type Lowering, type Provider } from './builder.js';
import { emitters } from './emit.js';
import { fusions, readersOf, type Fusion } from './fuse.js';
import type { OnnxModel, OnnxValue } from './proto.js';
import { emitSteps, isSmall, stepOf } from './steps.js';
import { elementsOf, type Unit } from './unit.js';

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
  writeNodes(program, values, b);

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

/** Writes what a program computes; `values`, which has those of its inputs and state, gets those of all that it leaves behind. */
function writeNodes(program: Program, values: Map<Tensor, string>, b: OnnxBuilder): void {
  const nodes = liveNodes(program).filter((tensor) => !values.has(tensor));
  const written = writtenTensors(program);
  const fused = fusions(nodes, new Set(written), b);
  const inside = new Set([...fused.values()].flatMap((fusion) => fusion.inside));
  const inputsOf = (tensor: Tensor) => fused.get(tensor)?.inputs ?? valueInputs(tensor);
  // Constants and other shapes of values are written where they are needed first.
  const computed = nodes.filter((tensor) => !inside.has(tensor) && inputsOf(tensor).length > 0 && elementsOf(tensor) === tensor);
  const readers = readersOf(computed, (tensor) => inputsOf(tensor).map(elementsOf));
  const left = new Set(written.map(elementsOf));

  /** Steps of which nothing but steps has needed a result yet. */
  const waiting = new Map<Tensor, Unit>();
  const valueOf = (tensor: Tensor): string => {
    if (!values.has(tensor)) write(tensor);
    return values.get(tensor)!;
  };
  /** Writes those that wait and that some tensors are made of: with others they would tie together what is computed apart. */
  const writeWaiting = (needed: readonly Tensor[]) => {
    const within = new Set<Tensor>();
    const pending = needed.map(elementsOf);
    for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
      if (!waiting.has(tensor) || within.has(tensor)) continue;
      within.add(tensor);
      pending.push(...waiting.get(tensor)!.inputs.map(elementsOf));
    }
    if (within.size === 0) return;
    const units = [...waiting.values()].filter(({ result }) => within.has(result));
    for (const tensor of within) waiting.delete(tensor);
    const isRead = (tensor: Tensor) => left.has(tensor) || readers.get(tensor)!.some((reader) => !within.has(reader));
    if (units.length === 1) write(units[0]!.result);
    else writeSteps(units, isRead, 'steps');
  };
  const writeSteps = (units: readonly Unit[], isRead: (tensor: Tensor) => boolean, name: string) => {
    for (const [tensor, value] of emitSteps(units, valueOf, isRead, name, b)) values.set(tensor, value);
  };
  const write = (tensor: Tensor) => {
    const inputs = inputsOf(tensor);
    writeWaiting(inputs);
    const fusion = fused.get(tensor);
    const name = label(fusion?.named ?? tensor);
    if (typeof fusion?.as === 'object') return writeSteps([{ result: tensor, inputs, step: fusion.as }], () => true, name);
    const emit = fusion?.as ?? emitters[tensor.op]?.bind(undefined, tensor);
    if (!emit) throw new Error(`no ONNX lowering for ${tensor.op}`);
    const names = inputs.map(valueOf);
    values.set(tensor, emit(names, b.for(name)));
  };
  for (const tensor of computed) {
    const unit = isSmall(tensor, inputsOf(tensor)) ? unitOf(tensor, fused.get(tensor), b) : undefined;
    if (unit) waiting.set(tensor, unit);
    else write(tensor);
  }
  writeWaiting(written);
  for (const tensor of written) valueOf(tensor);
}

/** A node as a step, alone or with those that are written with it; undefined for what is none. */
function unitOf(result: Tensor, fusion: Fusion | undefined, b: OnnxBuilder): Unit | undefined {
  if (!b.how.native) return undefined;
  if (!fusion) return stepOf(result);
  return typeof fusion.as === 'object' ? { result, inputs: fusion.inputs, step: fusion.as } : undefined;
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
