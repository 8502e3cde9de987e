import { float32, type NdArray } from '../array.js';
import { InputError } from '../errors.js';
import {
  currentTrace, formatShape, input, inputName, sameShape, trace, TraceError, type Program, type Shape, type Tensor,
} from '../graph/index.js';
import { stream } from '../random.js';
import type { Initializer } from './init.js';

/** A named tensor that a program keeps: a parameter (trained), a buffer or an optimiser's slot. */
export interface Variable {
  readonly name: string;
  readonly tensor: Tensor;
  readonly trainable: boolean;
  /** How its first value is made: drawn, or copied from another variable. */
  readonly initial: Initializer | { readonly copyOf: string };
  /** Its value after the step; undefined as long as nothing was assigned. */
  next: Tensor | undefined;
}

/** A random tensor that is drawn on the host for every step. */
export interface Draw {
  readonly name: string;
  readonly tensor: Tensor;
  readonly distribution: 'uniform' | 'normal';
}

/** A program whose state and random inputs have names, initial values and distributions. */
export interface StepProgram extends Program {
  readonly variables: ReadonlyMap<string, Variable>;
  readonly draws: readonly Draw[];
}

/**
 * A place in the tree of variables, written as dotted names (`online.encoder.conv1.weight`). A layer is a function that
 * asks its scope for parameters by name; asking twice gives the same variable, so a network applied to two views shares
 * its weights, and variables exist as soon as the step that uses them has been traced.
 */
export class Scope {
  private constructor(
    private readonly program: { variables: Map<string, Variable>; draws: Draw[] },
    readonly path: string,
    /** Batch statistics and dropout are in use. */
    readonly training: boolean,
    /** New variables copy the first value of the same name under this path. */
    private readonly source: string | undefined,
    private readonly replaced: ReadonlyMap<string, Tensor>,
  ) {}

  static root(training: boolean, program: { variables: Map<string, Variable>; draws: Draw[] }): Scope {
    return new Scope(program, '', training, undefined, new Map());
  }

  /** The scope below this one. */
  at(name: string | number): Scope {
    const source = this.source === undefined ? undefined : join(this.source, name);
    return new Scope(this.program, join(this.path, name), this.training, source, this.replaced);
  }

  /** The same place with other settings: `training` off for evaluation. */
  mode({ training }: { training: boolean }): Scope {
    return new Scope(this.program, this.path, training, this.source, this.replaced);
  }

  /** The same place, where variables that do not exist yet start as copies of those of `other`. */
  startingFrom(other: Scope): Scope {
    return new Scope(this.program, this.path, this.training, other.path, this.replaced);
  }

  /** The same place with some parameters replaced by other tensors (inner loops of meta-learning). */
  replacing(values: ReadonlyMap<Variable, Tensor>): Scope {
    const replaced = new Map([...this.replaced, ...[...values].map(([v, t]) => [v.name, t] as const)]);
    return new Scope(this.program, this.path, this.training, this.source, replaced);
  }

  /** A trained parameter. */
  param(name: string, shape: Shape, init: Initializer): Tensor {
    const variable = this.variable(name, shape, init, true);
    return this.replaced.get(variable.name) ?? variable.tensor;
  }

  /** State that no gradient trains; reads see what this step assigned before. */
  buffer(name: string, shape: Shape, init: Initializer): Tensor {
    const variable = this.variable(name, shape, init, false);
    return variable.next ?? variable.tensor;
  }

  /** Sets a variable's value after the step. */
  assign(name: string, value: Tensor): void {
    const variable = this.program.variables.get(join(this.path, name));
    if (!variable) throw new TraceError('assign', `there is no variable ${join(this.path, name)}`);
    assign(variable, value);
  }

  /** A random tensor, drawn on the host for every step from (seed, name, step): uniform in [0, 1) or standard normal. */
  draw(name: string, shape: Shape, distribution: Draw['distribution']): Tensor {
    const taken = (candidate: string) => this.program.draws.some((draw) => draw.name === candidate);
    const base = join(this.path, name);
    let unique = base;
    for (let i = 1; taken(unique); i++) unique = `${base}#${i}`;
    const tensor = input(`draw ${unique}`, shape);
    this.program.draws.push({ name: unique, tensor, distribution });
    return tensor;
  }

  /** The trained parameters at and below this place that exist so far, in order of creation. */
  get parameters(): Variable[] {
    return this.variables.filter(({ trainable }) => trainable);
  }

  /** All variables at and below this place that exist so far. */
  get variables(): Variable[] {
    return [...this.program.variables.values()].filter(({ name }) => this.path === '' || name.startsWith(`${this.path}.`));
  }

  /** The variable of the same name below another scope. */
  counterpart(variable: Variable, other: Scope): Variable {
    const name = join(other.path, variable.name.slice(this.path.length + (this.path ? 1 : 0)));
    const found = this.program.variables.get(name);
    if (!found) throw new TraceError('scope', `${variable.name} has no counterpart ${name}`);
    return found;
  }

  private variable(name: string, shape: Shape, init: Initializer, trainable: boolean): Variable {
    const full = join(this.path, name);
    const existing = this.program.variables.get(full);
    if (existing) {
      if (sameShape(existing.tensor.shape, shape)) return existing;
      throw new TraceError('param', `${full} is ${formatShape(existing.tensor.shape)} elsewhere, but ${formatShape(shape)} here`);
    }
    const initial = this.source === undefined ? init : { copyOf: join(this.source, name) };
    const variable: Variable = { name: full, tensor: input(full, shape), trainable, initial, next: undefined };
    this.program.variables.set(full, variable);
    return variable;
  }
}

const join = (path: string, name: string | number): string => (path === '' ? String(name) : `${path}.${name}`);

/** Sets a variable's value after the step; throws where the shape differs. */
export function assign(variable: Variable, value: Tensor): void {
  if (!sameShape(variable.tensor.shape, value.shape)) {
    throw new TraceError('assign', `${variable.name} is ${formatShape(variable.tensor.shape)}, but was assigned ${formatShape(value.shape)}`);
  }
  variable.next = value;
}

/** Traces one step: `build` describes it with the root scope and returns the tensors to report. */
export function stepProgram(
  name: string, build: (scope: Scope) => Record<string, Tensor>, { training = true } = {},
): StepProgram {
  return trace(() => {
    const store = { variables: new Map<string, Variable>(), draws: [] as Draw[] };
    const outputs = build(Scope.root(training, store));
    const state = [...store.variables.values()];
    const tensors = new Set(state.map(({ tensor }) => tensor));
    return {
      name,
      inputs: currentTrace().nodes.filter((node) => node.op === 'input' && !tensors.has(node)),
      state,
      outputs: new Map(Object.entries(outputs)),
      ...store,
    };
  });
}

/**
 * Throws InputError where `weights` lack a variable of the program, or have it in another shape; `network` is what messages call
 * it.
 */
export function requireWeights({ variables }: StepProgram, weights: ReadonlyMap<string, NdArray>, network: string): void {
  for (const [name, { tensor }] of variables) {
    const value = weights.get(name);
    if (!value) throw new InputError(`the model has no tensor ${name}, which a ${network} needs`);
    if (value.shape.join() !== tensor.shape.join()) {
      throw new InputError(`the model's ${name} is [${value.shape}], but this ${network} needs [${tensor.shape}]`);
    }
  }
}

/** First values of a program's variables; each is drawn from its own stream, so order and neighbours do not matter. */
export function initialState(program: StepProgram, seed: number): Map<string, NdArray> {
  const values = new Map<string, NdArray>();
  const resolve = ({ name, tensor, initial }: Variable): NdArray => {
    const known = values.get(name);
    if (known) return known;
    let value: NdArray;
    if (typeof initial === 'function') {
      value = float32(tensor.shape, initial(tensor.shape, stream(seed, `init ${name}`)));
    } else {
      const source = program.variables.get(initial.copyOf);
      if (!source) throw new Error(`${name} starts as a copy of ${initial.copyOf}, which does not exist`);
      value = resolve(source);
    }
    values.set(name, value);
    return value;
  };
  for (const variable of program.variables.values()) resolve(variable);
  return values;
}

/** The random inputs of one step, by input name. */
export function drawInputs(program: StepProgram, seed: number, step: number): Record<string, NdArray> {
  return Object.fromEntries(program.draws.map(({ name, tensor, distribution }) => {
    const random = stream(seed, `draw ${name}`, step);
    return [inputName(tensor), float32(tensor.shape, random[distribution](tensor.size))];
  }));
}
