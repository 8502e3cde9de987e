import { describe, expect, test } from 'vitest';
import { judgingReport, poseError } from '../../../src/core/docking/judging.js';
import { labelledLigand, pickPose, poolOf, type PooledPose } from '../../../src/core/docking/pool.js';
import { stream } from '../../../src/core/random.js';
import { toyComplex, TOY_NOISE } from '../../support/docking.js';

const complex = toyComplex('judged', { atoms: 9, nodes: 20, poses: 2 });
const shifted = (pose: ArrayLike<number>, by: number): Float32Array =>
  Float32Array.from(pose, (value, i) => value + (i % 3 === 0 ? by : 0));

describe('errors of poses', () => {
  test('are those from the nearest true pose, atom by atom', () => {
    const { rmsd, atoms } = poseError(complex, shifted(complex.poses[1], 1.5));
    expect(rmsd).toBeCloseTo(1.5, 5);
    expect([...atoms].map((error) => Math.round(100 * error) / 100)).toEqual(Array(9).fill(1.5));
    const bent = Float32Array.from(complex.poses[0]);
    bent[0] += 9;
    const error = poseError(complex, bent);
    expect(error.rmsd).toBeCloseTo(3, 5);
    expect(error.atoms[0]).toBeCloseTo(9, 5);
    expect(Math.max(...error.atoms.subarray(1))).toBeLessThan(1e-5);
  });
});

describe('poses to learn from', () => {
  const at = (rmsd: number): PooledPose =>
    ({ positions: shifted(complex.poses[0], rmsd), error: { rmsd, atoms: new Float32Array(9).fill(rmsd) } });
  const labelling = { near: 2, far: 4, balance: true };
  const picked = (pool: readonly PooledPose[], more: Partial<typeof labelling> = {}) => {
    const random = stream(1, 'picks');
    return Array.from({ length: 400 }, () => pickPose(complex, pool, { ...labelling, ...more }, random));
  };
  const shares = (poses: ReturnType<typeof picked>) => poses.filter(({ right }) => right).length / poses.length;

  test('are right half of the time, and never in between', () => {
    const poses = picked([at(1), at(3), at(6), at(7), at(8), at(9), at(10)]);
    expect(Math.abs(shares(poses) - 0.5)).toBeLessThan(0.08);
    expect(poses.filter(({ error }) => error.rmsd === 3)).toEqual([]);
    for (const { right, error } of poses) expect(right).toBe(error.rmsd < 2);
    expect(new Set(poses.map(({ error }) => error.rmsd)).size).toBe(6);
  });

  test('are the true one where no other is right, and right ones where none is wrong', () => {
    const alone = picked([at(6), at(3)]);
    expect(Math.abs(shares(alone) - 0.5)).toBeLessThan(0.08);
    expect(new Set(alone.map(({ error }) => error.rmsd))).toEqual(new Set([0, 6]));
    // The published code calls such poses wrong.
    expect(shares(picked([at(1)]))).toBe(1);
  });

  test('are as they come, if asked', () => {
    const poses = picked([at(1), at(3), at(6), at(8)], { balance: false });
    expect(Math.abs(shares(poses) - 0.25)).toBeLessThan(0.07);
    expect(new Set(poses.map(({ error }) => error.rmsd)).size).toBe(4);
  });

  test('have labels of poses and of atoms, at time 0', () => {
    const item = labelledLigand(complex, [at(1), at(6)], TOY_NOISE, 5, labelling, stream(2, 'items'));
    expect([item.poses.length, item.times, item.reach[0]]).toEqual([5, [0, 0, 0, 0, 0], expect.closeTo(20.3, 6)]);
    item.labels.forEach(({ pose, atoms }) => expect([...Array.from(atoms)]).toEqual(Array(9).fill(pose)));
  });

  test('are drawn ones and true ones with a little noise', () => {
    const noise = { nearNative: 40, nearTime: 0.2 };
    const pool = poolOf(complex, [shifted(complex.poses[0], 7)], TOY_NOISE, noise, stream(3, 'pool'));
    expect(pool).toHaveLength(41);
    expect(pool[0].error.rmsd).toBeCloseTo(7, 4);
    const rest = pool.slice(1).map(({ error }) => error.rmsd);
    expect(Math.max(...rest)).toBeLessThan(3);
    expect(Math.min(...rest)).toBeGreaterThan(0.01);
    expect(new Set(rest).size).toBe(40);
  });
});

test('a report of logits says how well they tell right from wrong, and whom they rank first', () => {
  const report = judgingReport([[3, -3], [2, -2], [0, 1]], [[1, 5], [1.9, 8], [1, 9]]);
  expect(report).toMatchObject({ complexes: 3, poses: 6, near: 0.5, top1: 2 / 3, best: 1 });
  // Of 9 pairs of a right and a wrong pose one is in the wrong order.
  expect(report.auroc).toBeCloseTo(8 / 9, 12);
  expect(report.ece).toBeGreaterThan(0.05);
  expect(judgingReport([[1], [2]], [[9], [9]]).auroc).toBeNaN();
});
