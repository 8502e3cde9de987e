import { describe, expect, it } from 'vitest';
import { centroid, direction, distance2, rotated, rotation, turnBond, type Vector } from '../../../src/core/chem/geometry.js';
import { stream } from '../../../src/core/random.js';

const draw = stream(1, 'test geometry');
const uniforms = (): [number, number, number] => [draw.next(), draw.next(), draw.next()];
const minus = (a: ArrayLike<number>, i: number, j: number): number[] => [0, 1, 2].map((k) => a[3 * i + k]! - a[3 * j + k]!);
const cross = ([a, b, c]: number[], [d, e, f]: number[]): number[] => [b! * f! - c! * e!, c! * d! - a! * f!, a! * e! - b! * d!];
/** All pairs of five points are as far apart in both lists. */
const expectSameShape = (a: Float64Array, b: Float64Array): void => {
  for (let i = 0; i < 5; i++) for (let j = 0; j < i; j++) expect(distance2(a, i, a, j)).toBeCloseTo(distance2(b, i, b, j), 10);
};
const dot = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
/** Dihedral angle of four points by the IUPAC's sign. */
function dihedral(p: ArrayLike<number>, [a, b, c, d]: [number, number, number, number]): number {
  const [u, v, w] = [minus(p, b, a), minus(p, c, b), minus(p, d, c)];
  return Math.atan2(Math.sqrt(dot(v, v)) * dot(u, cross(v, w)), dot(cross(u, v), cross(v, w)));
}

describe('rotation', () => {
  it('is orthonormal, turns without reflection and is uniform', () => {
    const mean = Array<number>(9).fill(0);
    const squares = Array<number>(9).fill(0);
    let worst = 0;
    for (let k = 0; k < 4000; k++) {
      const r = rotation(...uniforms());
      r.forEach((value, i) => { mean[i] += value / 4000; squares[i] += value ** 2 / 4000; });
      const rows = [0, 3, 6].map((at) => r.slice(at, at + 3));
      const products = rows.flatMap((row, i) => rows.map((other, j) => dot(row, other) - (i === j ? 1 : 0)));
      worst = Math.max(worst, ...[...products, dot(cross(rows[0]!, rows[1]!), rows[2]!) - 1].map(Math.abs));
    }
    expect(worst).toBeLessThan(1e-12);
    // Entries have mean 0 and variance 1/3 under Haar measure; four standard errors.
    for (const value of mean) expect(Math.abs(value)).toBeLessThan(4 * Math.sqrt(1 / 3 / 4000));
    for (const value of squares) expect(Math.abs(value - 1 / 3)).toBeLessThan(4 * Math.sqrt(4 / 45 / 4000));
  });

  it('directions are unit vectors all around', () => {
    const mean = [0, 0, 0];
    for (let k = 0; k < 4000; k++) {
      const way = direction(draw.next(), draw.next());
      expect(Math.hypot(...way)).toBeCloseTo(1, 12);
      way.forEach((value, axis) => { mean[axis] += value / 4000; });
    }
    for (const value of mean) expect(Math.abs(value)).toBeLessThan(4 * Math.sqrt(1 / 3 / 4000));
  });
});

describe('moves', () => {
  const chain = Float64Array.from({ length: 15 }, (_, i) => 1.5 * Math.floor(i / 3) + 2 * draw.next());

  it('rotated keeps distances and puts one point where it is told', () => {
    const [from, to] = [centroid(chain), [3, -2, 7] as Vector];
    const moved = rotated(chain, rotation(...uniforms()), from, to);
    centroid(moved).forEach((value, axis) => expect(value).toBeCloseTo(to[axis]!, 12));
    expectSameShape(moved, chain);
    const inPlace = chain.slice();
    const turn = rotation(0.1, 0.2, 0.3);
    expect(rotated(inPlace, turn, from, to, inPlace)).toBe(inPlace);
    expect(inPlace).toEqual(rotated(chain, turn, from, to));
  });

  it('turnBond changes its dihedral by minus the angle, and no bond length or angle', () => {
    const turned = chain.slice();
    turnBond(turned, { u: 1, v: 2, moved: [2, 3, 4] }, 0.7);
    const change = dihedral(turned, [0, 1, 2, 3]) - dihedral(chain, [0, 1, 2, 3]);
    expect(Math.cos(change + 0.7)).toBeCloseTo(1, 12);
    expect(dihedral(turned, [1, 2, 3, 4])).toBeCloseTo(dihedral(chain, [1, 2, 3, 4]), 12);
    expect([...turned.subarray(0, 9)].every((value, i) => Math.abs(value - chain[i]!) < 1e-12)).toBe(true);
    for (const [i, j] of [[2, 3], [3, 4], [2, 4], [1, 3]] as const) {
      expect(distance2(turned, i, turned, j)).toBeCloseTo(distance2(chain, i, chain, j), 10);
    }
    // The same turn told from the other end moves the other side; shapes agree.
    const other = chain.slice();
    turnBond(other, { u: 2, v: 1, moved: [0, 1] }, 0.7);
    expectSameShape(other, turned);
    turnBond(turned, { u: 1, v: 2, moved: [2, 3, 4] }, -0.7);
    turned.forEach((value, i) => expect(value).toBeCloseTo(chain[i]!, 12));
  });
});
