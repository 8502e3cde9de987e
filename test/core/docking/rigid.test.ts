import { describe, expect, test } from 'vitest';
import { centroid, rotationMatrix } from '../../../src/core/chem/geometry.js';
import { rotatableBonds, type Torsion } from '../../../src/core/chem/torsions.js';
import { addNoise, sigmaAt, diffusionAt, scoreScales } from '../../../src/core/docking/noise.js';
import { alignTo, moveLigand, moveRigidly, turnTorsions } from '../../../src/core/docking/rigid.js';
import { wrapAngle } from '../../../src/core/docking/torus.js';
import { stream } from '../../../src/core/random.js';
import { crossed, dihedralsOf, dotted, minus, zigzag } from '../../support/docking.js';

const known = zigzag(9);
const start = known.positions;
const torsions = rotatableBonds(known);
const random = stream(1, 'rigid');
const angles = random.uniform(torsions.length, -2, 2);
const at = (points: ArrayLike<number>, i: number): number[] => [points[3 * i], points[3 * i + 1], points[3 * i + 2]];
const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
const distance = (points: ArrayLike<number>, i: number, j: number): number => Math.hypot(...minus(at(points, i), at(points, j)));
const STILL = { translation: [0, 0, 0], rotation: [0, 0, 0] };

/** The same bond from its other end: the other side moves. */
const otherWay = ({ u, v, moved }: Torsion): Torsion =>
  ({ u: v, v: u, moved: [...known.elements.keys()].filter((atom) => !moved.includes(atom)) });

describe('moves of a ligand', () => {
  test('rotations are proper, by the angle, about the axis', () => {
    const axis = [0.3, -1.1, 0.7];
    const rotation = rotationMatrix(axis);
    const angle = Math.hypot(...axis);
    const times = (v: number[]): number[] => [0, 1, 2].map((row) => dotted([...rotation.subarray(3 * row, 3 * row + 3)], v));
    expect(largest(times(axis), axis)).toBeLessThan(1e-15);
    expect(rotation[0] + rotation[4] + rotation[8]).toBeCloseTo(1 + 2 * Math.cos(angle), 14);
    // Right-handed: about z it takes x towards y.
    expect(rotationMatrix([0, 0, 0.1])[3]).toBeCloseTo(Math.sin(0.1), 15);
    expect([...rotationMatrix([0, 0, 0])]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  test('torsions keep bond lengths and angles, and change their own dihedral only, by minus the angle', () => {
    const turned = turnTorsions(start, torsions, angles);
    const bonded = known.bonds.map(({ a, b }) => [a, b]);
    const second = bonded.flatMap(([a, b]) => bonded.filter(([c]) => c === b).map(([, d]) => [a, d]));
    for (const [i, j] of [...bonded, ...second]) expect(distance(turned, i, j)).toBeCloseTo(distance(start, i, j), 10);
    expect(torsions.length).toBeGreaterThan(3);
    const [before, after] = [start, turned].map((points) => dihedralsOf(known, torsions, points));
    after.forEach((value, k) => expect(wrapAngle(value - before[k] + angles[k])).toBeCloseTo(0, 10));
    expect(largest(turned, start)).toBeGreaterThan(1);
  });

  test('aligned torsions have neither momentum, whatever side moves', () => {
    const moved = moveLigand(start, torsions, { ...STILL, torsions: angles });
    const mean = [...centroid(start)];
    const sum = [0, 0, 0];
    const spin = [0, 0, 0];
    for (let i = 0; i < 9; i++) {
      const change = minus(at(moved, i), at(start, i));
      crossed(minus(at(start, i), mean), change).forEach((value, k) => { spin[k] += value; sum[k] += change[k]; });
    }
    for (const value of [...sum, ...spin]) expect(Math.abs(value)).toBeLessThan(1e-12);
    const other = moveLigand(start, torsions.map(otherWay), { ...STILL, torsions: angles });
    expect(largest(moved, other)).toBeLessThan(1e-12);
  });

  test('torsions back and forth, and whole turns, are nothing', () => {
    const there = turnTorsions(start, torsions, angles);
    const back = turnTorsions(there, [...torsions].reverse(), [...angles].reverse().map((a) => -a));
    expect(largest(back, start)).toBeLessThan(1e-12);
    expect(largest(turnTorsions(start, torsions, torsions.map(() => 2 * Math.PI)), start)).toBeLessThan(1e-12);
    const one = torsions.slice(0, 1);
    const aligned = moveLigand(start, one, { ...STILL, torsions: [0.7] });
    expect(largest(moveLigand(aligned, one, { ...STILL, torsions: [-0.7] }), start)).toBeLessThan(1e-12);
  });

  test('rigid parts turn about the mean and shift it', () => {
    const [rotation, translation] = [[0.2, 0.5, -0.3], [4, 5, 6]];
    const moved = moveLigand(start, torsions, { rotation, translation, torsions: angles });
    expect(largest(centroid(moved), [...centroid(start)].map((value, k) => value + translation[k]))).toBeLessThan(1e-12);
    const rigid = moveRigidly(start, rotation, translation);
    expect(largest(alignTo(start, rigid), rigid)).toBeLessThan(1e-12);
  });

  test('alignment never reflects, and leaves what has no best rotation unturned', () => {
    const mirrored = Float64Array.from(start, (value, i) => (i % 3 === 2 ? -value : value));
    const aligned = alignTo(start, mirrored);
    expect(largest(aligned, mirrored)).toBeGreaterThan(0.1);
    for (let i = 1; i < 9; i++) expect(distance(aligned, i, i - 1)).toBeCloseTo(distance(start, i, i - 1), 10);
    expect([...alignTo([0, 0, 0, 1, 0, 0, 2, 0, 0], [0, 3, 0, 1, 3, 0, 2, 3, 0])]).toEqual([0, 3, 0, 1, 3, 0, 2, 3, 0]);
    expect([...alignTo([1, 2, 3], [4, 5, 6])]).toEqual([4, 5, 6]);
  });
});

describe('the forward process', () => {
  const ranges = { tr: { min: 0.1, max: 19 }, rot: { min: 0.03, max: 1.55 }, tor: { min: 0.0314, max: 3.14 } };

  test('variances grow as the diffusion coefficient says', () => {
    for (const range of Object.values(ranges)) {
      expect([sigmaAt(range, 0), sigmaAt(range, 1)]).toEqual([range.min, range.max]);
      const slope = (sigmaAt(range, 0.4 + 1e-6) ** 2 - sigmaAt(range, 0.4 - 1e-6) ** 2) / 2e-6;
      expect(diffusionAt(range, 0.4) ** 2 / slope).toBeCloseTo(1, 7);
    }
  });

  test.each([0.1, 0.5, 0.9])('targets at t = %f have unit mean squares, and point back to the clean pose', (t) => {
    const count = 1000;
    const squares = { tr: 0, rot: 0, tor: 0 };
    const draws = stream(9, `noise ${t}`);
    for (let i = 0; i < count; i++) {
      const { targets } = addNoise(start, torsions, ranges, t, draws);
      squares.tr += targets.tr.reduce((sum, value) => sum + value ** 2, 0) / (3 * count);
      squares.rot += targets.rot.reduce((sum, value) => sum + value ** 2, 0) / count;
      squares.tor += targets.tor.reduce((sum, value) => sum + value ** 2, 0) / (torsions.length * count);
    }
    for (const mean of Object.values(squares)) expect(Math.abs(mean - 1)).toBeLessThan(0.1);
    const { positions, targets } = addNoise(start, torsions, ranges, t, draws);
    const sigma = sigmaAt(ranges.tr, t);
    const clean = centroid(positions).map((value, k) => value + targets.tr[k] * sigma);
    expect(largest(clean, centroid(start))).toBeLessThan(1e-5);
    expect(scoreScales(ranges, t).tr).toBe(1 / sigma);
  });

  test('a single atom has no orientation', () => {
    expect([...addNoise([1, 2, 3], [], ranges, 0.5, random).targets.rot].map(Math.abs)).toEqual([0, 0, 0]);
  });
});
