import type { Tensor } from '../../graph/index.js';
import { arrangement } from './arrange.js';
import type { OnnxBuilder } from './builder.js';
import { expression, isElementwise, SAME_ELEMENTS, sumLayout } from './expression.js';
import { product } from './product.js';
import { INPUT, memoryFor, OUTPUT, stagesOf } from './stages.js';
import { elementsOf, OPERATIONS, type Unit } from './unit.js';

/**
 * Parts of the graph that byo's own operators compute step by step (`native/steps.h`), so that the runtime does not come between
 * them: it takes 1 to 3 microseconds for each node, longer than much of what small networks compute.
 */

/** Elements of the largest tensor of a step that waits for others; with larger ones the runtime's share is small. */
const SMALL = 1 << 17;

/** Whether what makes one tensor of others is too small for a node of its own. */
export const isSmall = (result: Tensor, inputs: readonly Tensor[]): boolean =>
  [result, ...inputs].every(({ size }) => size <= SMALL);

/** A single primitive as a step, if it can be one. */
export function stepOf(t: Tensor): Unit | undefined {
  if (sumLayout(t) || (isElementwise(t) && !SAME_ELEMENTS.has(t.op))) return expression(t);
  return product(t) ?? arrangement(t);
}

/**
 * Writes steps as one node of a name. `valueOf` is for what they take from outside, `isResult` tells what is read there. Returns
 * the values of the results.
 */
export function emitSteps(
  units: readonly Unit[], valueOf: (t: Tensor) => string, isResult: (t: Tensor) => boolean, name: string, b: OnnxBuilder,
): Map<Tensor, string> {
  const stages = stagesOf(units, b.how.threads ?? 1);
  const computed = new Set(units.map(({ result }) => result));
  const inputs = [...new Set(units.flatMap((unit) => unit.inputs.map(elementsOf)).filter((t) => !computed.has(t)))];
  const results = units.map(({ result }) => result).filter(isResult);
  const memory = memoryFor(stages, new Set(results));
  const { places } = memory;
  inputs.forEach((t, i) => places.set(t, [INPUT, i, 0]));
  results.forEach((t, i) => places.set(t, [OUTPUT, i, 0]));
  const place = (t: Tensor) => places.get(elementsOf(t))!;
  const numbers = [
    results.length, ...results.flatMap(({ rank, shape }) => [rank, ...shape]),
    memory.shared, memory.floats, stages.length, ...stages.flatMap((stage, i) => [
      stage.blocks, stage.tasks, memory.own[i]!, stage.units.length,
      ...stage.units.flatMap(({ result, inputs: operands, step }) =>
        [...place(result), operands.length, ...operands.flatMap(place), OPERATIONS.indexOf(step.operation), ...step.numbers]),
    ]),
  ];
  const counts = OPERATIONS.map((operation) => units.filter(({ step }) => step.operation === operation).length);
  const [type, label] = units.length === 1 ? [units[0]!.step.operation, name]
    : ['Steps', `${name} ${OPERATIONS.flatMap((operation, i) => (counts[i] ? `${counts[i]} ${operation}` : [])).join(', ')}`];
  const outside = inputs.map(valueOf);
  const values = b.for(label).nativeMulti(type, outside, results.map(({ shape }) => shape), numbers);
  return new Map(results.map((t, i) => [t, values[i]!]));
}
