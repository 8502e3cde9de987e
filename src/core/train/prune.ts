import { float32, type NdArray } from '../array.js';
import type { State } from './train.js';

/** 1 where an entry of a parameter is kept and 0 where it is pruned, by the parameter's name. */
export type Masks = ReadonlyMap<string, NdArray<Float32Array>>;

/** Masks that keep everything of the named parameters. */
export const fullMasks = (state: State, names: Iterable<string>): Masks =>
  new Map([...names].map((name) => {
    const { shape, data } = state.get(name)!;
    return [name, float32(shape, new Float32Array(data.length).fill(1))];
  }));

/** Number of entries that masks keep. */
export const keptEntries = (masks: Masks): number =>
  [...masks.values()].reduce((total, { data }) => total + data.reduce((kept, one) => kept + one, 0), 0);

/**
 * Global magnitude pruning (Frankle & Carbin 2019): of the entries that are still kept, over all parameters together, the share
 * `rate` (rounded down) of smallest magnitude goes; of equal ones the first. The masks that come back are nested in those given.
 */
export function pruneByMagnitude(state: State, masks: Masks, rate: number): Masks {
  const kept = [...masks].map(([name, mask]) => ({ name, mask, values: state.get(name)!.data as Float32Array }));
  const magnitudes = new Float32Array(keptEntries(masks));
  let at = 0;
  for (const { mask, values } of kept) values.forEach((value, i) => { if (mask.data[i]) magnitudes[at++] = Math.abs(value); });
  magnitudes.sort();
  const count = Math.floor(rate * magnitudes.length);
  const threshold = magnitudes[count] ?? Infinity;
  // Entries below the threshold go, and as many of those equal to it as are still to go.
  let equals = count - magnitudes.findIndex((value) => value === threshold);
  return new Map(kept.map(({ name, mask, values }) => [name, float32(mask.shape, mask.data.map((one, i) => {
    const magnitude = Math.abs(values[i]!);
    const pruned = magnitude < threshold || (magnitude === threshold && one === 1 && equals-- > 0);
    return pruned ? 0 : one;
  }))]));
}

/** The state with the pruned entries 0, and the masks themselves as `mask.NAME`. */
export const withMasks = (state: State, masks: Masks): State => new Map([
  ...state,
  ...[...masks].map(([name, mask]): [string, NdArray] => {
    const { shape, data } = state.get(name)!;
    return [name, float32(shape, (data as Float32Array).map((value, i) => value * mask.data[i]!))];
  }),
  ...[...masks].map(([name, mask]): [string, NdArray] => [`mask.${name}`, mask]),
]);
