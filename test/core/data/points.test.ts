import { describe, expect, it } from 'vitest';
import { float32, int32, ndarray, type NdArray } from '../../../src/core/array.js';
import { pointsArtifact, pointSetOf, pointsWithoutTest } from '../../../src/core/data/points.js';
import { decodeArtifact, encodeArtifact, type Artifact } from '../../../src/core/files/artifact.js';

const set = {
  points: float32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), labels: Int32Array.of(0, 1, 0, 1), split: Uint8Array.of(2, 0, 1, 2),
};
const of = (tensors: Record<string, NdArray>): Artifact => ({ kind: 'dataset', schema: 1, meta: {}, tensors: new Map(Object.entries(tensors)) });

describe('point sets', () => {
  it('come back from their artifact', () => {
    const read = decodeArtifact(Buffer.concat(encodeArtifact(pointsArtifact(set))), 'points.st', { kind: 'dataset' });
    expect(read.meta).toEqual({ modality: 'points' });
    expect(pointSetOf(read, 'points.st')).toEqual(set);
    expect(pointSetOf(of({ points: ndarray('float64', [1, 1], Float64Array.of(2)) }), 'x')).toEqual({ points: float32([1, 1], [2]) });
  });

  it('leave the test part out', () => {
    expect(pointsWithoutTest(set)).toEqual({
      points: float32([2, 2], [3, 4, 5, 6]), labels: Int32Array.of(1, 0), split: Uint8Array.of(0, 1),
    });
    const untested = { points: set.points };
    expect(pointsWithoutTest(untested)).toBe(untested);
  });

  it('say what is wrong', () => {
    expect(() => pointSetOf(of({}), 'a.st')).toThrow("a.st has no tensor 'points'; byo synth density makes");
    expect(() => pointSetOf(of({ points: int32([2, 2]) }), 'a.st')).toThrow('points are int32 [2,2], but float32 [N, D] is expected');
    expect(() => pointSetOf(of({ points: float32([4]) }), 'a.st')).toThrow('float32 [N, D] is expected');
    expect(() => pointSetOf(of({ points: float32([0, 2]) }), 'a.st')).toThrow('holds no points');
    expect(() => pointSetOf(of({ points: float32([2, 2], [1, 2, 3, NaN]) }), 'a.st')).toThrow('coordinate 1 of point 1 is NaN');
    expect(() => pointSetOf(of({ points: set.points, labels: int32([3]) }), 'a.st')).toThrow('labels is [3], but one for each of 4');
  });
});
