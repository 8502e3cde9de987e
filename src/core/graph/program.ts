import type { Tensor } from './tensor.js';

/** A named tensor that lives from one run of a program to the next: weights, moments, running statistics. */
export interface StateSlot {
  readonly name: string;
  /** The value at the start of a run (an `input` node). */
  readonly tensor: Tensor;
  /** The value after the run; undefined where the program only reads it. */
  readonly next: Tensor | undefined;
}

/** What an executor runs: everything computed by one call, as one graph. */
export interface Program {
  readonly name: string;
  /** Fed at every run, by the `name` attribute of their nodes. */
  readonly inputs: readonly Tensor[];
  readonly state: readonly StateSlot[];
  /** Returned by every run. */
  readonly outputs: ReadonlyMap<string, Tensor>;
}

export const inputName = (tensor: Tensor): string => tensor.attrs.name as string;

/** What a node's value is computed from: of a value with its own gradient, the others only receive gradients. */
export const valueInputs = ({ op, inputs }: Tensor): readonly Tensor[] => (op === 'withGradient' ? inputs.slice(0, 1) : inputs);

/** What a run leaves behind: outputs and next values of the state. */
export const writtenTensors = ({ outputs, state }: Program): Tensor[] =>
  [...outputs.values(), ...state.flatMap(({ next }) => next ?? [])];

/** The nodes that the outputs and the next state need, in topological order. */
export function liveNodes(program: Program): Tensor[] {
  const live = new Set<Tensor>();
  const pending = writtenTensors(program);
  for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
    if (live.has(tensor)) continue;
    live.add(tensor);
    pending.push(...valueInputs(tensor));
  }
  return [...live].sort((a, b) => a.id - b.id);
}

