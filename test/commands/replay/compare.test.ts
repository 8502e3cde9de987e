import { describe, expect, it } from 'vitest';
import { difference } from '../../../src/commands/replay/compare.js';
import { float32, int32, type NdArray } from '../../../src/core/array.js';
import type { Artifact } from '../../../src/core/files/artifact.js';

const artifact = (tensors: Record<string, NdArray>, version = '1.0.0'): Artifact => ({
  kind: 'model', schema: 1, meta: {}, tensors: new Map(Object.entries(tensors)), digest: `sha256:${version}`,
  recipe: { command: 'pretrain byol', options: { lr: 0.1 }, version, inputs: [] },
});
const original = artifact({ a: int32([2], [1, 2]), w: float32([2, 3], [0, 1, 2, 3, 4, 5]) });
const changed = float32([2, 3], [0, 1.25, 2, 3, 4.5, 5]);

describe('what differs between two artifacts', () => {
  it('is nothing for equal ones', () => {
    expect(difference(original, original, undefined)).toBeUndefined();
  });

  it('is the first differing tensor with its largest difference', () => {
    expect(difference(original, artifact({ a: int32([2], [1, 2]), w: changed }), undefined))
      .toBe('tensor w differs in 2 of 6 elements, by up to 0.5 (4 and 4.5 at [1, 1])');
  });

  it('may be within a tolerance', () => {
    const again = artifact({ a: int32([2], [1, 2]), w: changed });
    expect(difference(original, again, 0.5)).toBeUndefined();
    expect(difference(original, again, 0.49)).toContain('by up to 0.5');
  });

  it('counts a NaN as different, but not from itself', () => {
    const [one, nan] = [artifact({ w: float32([1], [1]) }), artifact({ w: float32([1], [NaN]) })];
    expect(difference(one, nan, 100)).toContain('by up to Infinity (1 and NaN at [0])');
    expect(difference(nan, nan, undefined)).toBeUndefined();
  });

  it('is a tensor that only one has, or another shape', () => {
    expect(difference(original, artifact({ a: int32([2], [1, 2]) }), 1)).toBe('tensor w is missing');
    expect(difference(artifact({}), original, 1)).toBe('tensor a is new');
    expect(difference(original, artifact({ a: int32([1], [1]) }), 1)).toBe('tensor a was int32 [2], and now is int32 [1]');
  });

  it('is the recipe where all tensors are the same', () => {
    const later = artifact({ ...Object.fromEntries(original.tensors) }, '2.0.0');
    expect(difference(original, later, undefined)).toBe('every tensor is the same, but it was made by version 1.0.0, and this is 2.0.0');
    expect(difference(original, later, 0)).toBeUndefined();
  });
});
