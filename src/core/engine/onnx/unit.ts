import type { Tensor } from '../../graph/index.js';

/** The steps' operations, in the order of `native/steps.h`. */
export const OPERATIONS = ['Product', 'Expression', 'Arrangement'] as const;

/** What a step computes, which is float32. */
export interface Step {
  readonly operation: (typeof OPERATIONS)[number];
  /** Those of the operation. */
  readonly numbers: readonly number[];
  /** Vectors of floats that it computes, about. */
  readonly work: number;
  /**
   * Whether it can be computed in so many equal blocks of its result, as they follow one another in memory, and which inputs are
   * then needed only in the same block. Undefined where it cannot.
   */
  blocks?(count: number): readonly boolean[] | undefined;
}

/** A node of the graph, or several that are written as one, as a step. */
export interface Unit {
  readonly result: Tensor;
  readonly inputs: readonly Tensor[];
  readonly step: Step;
}

/** Floats of a vector, on most processors. */
export const LANES = 16;

/** Primitives that leave every element where it is in memory. */
export const RESHAPED: ReadonlySet<string> = new Set(['reshape', 'stopGradient', 'withGradient']);

/** The tensor whose elements a tensor has in their order, perhaps in another shape. */
export const elementsOf = (t: Tensor): Tensor => (RESHAPED.has(t.op) ? elementsOf(t.inputs[0]!) : t);
