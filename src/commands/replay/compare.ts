import { toFloat32, type NdArray } from '../../core/array.js';
import type { Artifact, Recipe } from '../../core/files/artifact.js';
import { canonicalJson } from '../../core/files/json.js';

/**
 * What differs between an artifact and the one made again, as the end of a sentence: the first tensor whose elements are more
 * than `tolerance` apart, with their largest difference; tensors that only one has; or, without a tolerance, a recipe or meta
 * that differ. undefined where nothing does.
 */
export function difference(original: Artifact, again: Artifact, tolerance: number | undefined): string | undefined {
  for (const [name, array] of original.tensors) {
    const other = again.tensors.get(name);
    if (!other) return `tensor ${name} is missing`;
    if (other.dtype !== array.dtype || other.shape.join() !== array.shape.join()) {
      return `tensor ${name} was ${array.dtype} [${array.shape.join(', ')}], and now is ${other.dtype} [${other.shape.join(', ')}]`;
    }
    const { largest, at, count } = elementDifference(array, other);
    if (!(largest <= (tolerance ?? 0))) {
      const values = `${array.data[at]} and ${other.data[at]} at ${place(at, array.shape)}`;
      return `tensor ${name} differs in ${count} of ${array.data.length} elements, by up to ${largest} (${values})`;
    }
  }
  const added = [...again.tensors.keys()].find((name) => !original.tensors.has(name));
  if (added !== undefined) return `tensor ${added} is new`;
  if (tolerance !== undefined || original.digest === again.digest) return undefined;
  const changed = original.recipe && again.recipe ? recipeDifference(original.recipe, again.recipe) : 'the meta data differ';
  return `every tensor is the same, but ${changed ?? 'the meta data differ'}`;
}

interface ElementDifference {
  readonly largest: number;
  /** Index of the largest, in row-major order. */
  readonly at: number;
  /** Elements that differ at all. */
  readonly count: number;
}

function elementDifference(a: NdArray, b: NdArray): ElementDifference {
  const half = a.dtype === 'float16' || a.dtype === 'bfloat16';
  const [x, y] = half ? [toFloat32(a).data, toFloat32(b).data] : [a.data, b.data];
  let [largest, at, count] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue;
    const apart = Math.abs(Number(x[i]) - Number(y[i]));
    count++;
    // A NaN against a number is as different as can be.
    const size = Number.isNaN(apart) ? Infinity : apart;
    if (size > largest) [largest, at] = [size, i];
  }
  return { largest, at, count };
}

/** Row-major position as an index per axis. */
function place(position: number, shape: readonly number[]): string {
  const index: number[] = [];
  for (let axis = shape.length - 1, rest = position; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return `[${index.join(', ')}]`;
}

function recipeDifference(then: Recipe, now: Recipe): string | undefined {
  if (then.version !== now.version) return `it was made by version ${then.version}, and this is ${now.version}`;
  for (const key of new Set([...Object.keys(then.options), ...Object.keys(now.options)])) {
    const [before, after] = [then, now].map(({ options }) => canonicalJson(options[key] ?? null));
    if (before !== after) return `the recipe's ${key} was ${before}, and now is ${after}`;
  }
  const moved = then.inputs.find(({ digest, name }, i) => digest !== now.inputs[i]?.digest || name !== now.inputs[i]?.name);
  return moved && `its input '${moved.role}' is another file`;
}
