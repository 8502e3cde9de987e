import { describe, expect, test } from 'vitest';
import { symmetricRmsd } from '../../../src/core/chem/symmetry.js';
import { rotatableBonds } from '../../../src/core/chem/torsions.js';
import { sigmasAt, type NoiseRanges } from '../../../src/core/docking/noise.js';
import { centroid } from '../../../src/core/chem/geometry.js';
import { moveLigand, type Move } from '../../../src/core/docking/rigid.js';
import { plainSampling, startWalker, walk, type Sampling } from '../../../src/core/docking/sampler.js';
import { igso3Score } from '../../../src/core/docking/so3.js';
import { wrapAngle, wrappedNormalScore } from '../../../src/core/docking/torus.js';
import { stream } from '../../../src/core/random.js';
import { dihedralsOf, rotationBetween, zigzag } from '../../support/docking.js';

const RANGES: NoiseRanges = { tr: { min: 0.1, max: 19 }, rot: { min: 0.03, max: 1.55 }, tor: { min: 0.0314, max: 3.14 } };
const known = zigzag(9);
const torsions = rotatableBonds(known).slice(0, 4);
const truth = Float64Array.from(known.positions, (value, i) => value + [3, -2, 5][i % 3]);

/** The score of the forward process from one pose: all of the data there is. */
function scoreOf(pose: Float64Array, t: number): Move {
  const sigma = sigmasAt(RANGES, t);
  const [here, there] = [centroid(pose), centroid(truth)];
  const [turned, straight] = [pose, truth].map((points) => dihedralsOf(known, torsions, points));
  // A torsion's angle changes its dihedral by minus as much.
  const angles = turned.map((value, k) => wrapAngle(straight[k] - value));
  const bent = moveLigand(truth, torsions, { translation: [0, 0, 0], rotation: [0, 0, 0], torsions: angles });
  const rotation = rotationBetween(bent, pose);
  const angle = Math.hypot(...rotation);
  return {
    translation: there.map((value, axis) => (value - here[axis]) / sigma.tr ** 2),
    rotation: rotation.map((value) => (angle > 0 ? (igso3Score(angle, sigma.rot) * value) / angle : 0)),
    torsions: angles.map((value) => wrappedNormalScore(value, sigma.tor)),
  };
}

async function deviations(count: number, more: Partial<Sampling>): Promise<number[]> {
  const sampling = { ...plainSampling(RANGES, 20), ...more };
  const walkers = Array.from({ length: count }, (_, i) => startWalker(known.positions, torsions, stream(6, 'walkers', i), 19));
  await walk(walkers, RANGES, sampling, async (poses, t) => poses.map((pose) => scoreOf(pose, t)));
  return walkers.map(({ positions }) => symmetricRmsd(known, positions, truth).rmsd).sort((a, b) => a - b);
}

describe('sampling with the true score', () => {
  // Those of DiffDock-L.
  const cold = {
    temperature: { tr: 1.17, rot: 2.064, tor: 7.044 }, psi: { tr: 0.727, rot: 0.902, tor: 0.595 },
    spread: { tr: 0.93, rot: 0.746, tor: 0.694 },
  };

  test.each<[string, Partial<Sampling>, number]>([
    ['the SDE', {}, 0.35], ['the SDE with noise to the end', { finalNoise: true }, 0.45],
    ['the ODE in more steps', { ode: true, steps: 100 }, 0.45], ['a low temperature', cold, 0.2],
  ])('along %s ends at the pose', async (_, sampling, limit) => {
    const found = await deviations(24, sampling);
    expect(found[12]).toBeLessThan(0.8 * limit);
    expect(found[22]).toBeLessThan(limit);
    expect(found[0]).toBeGreaterThan(0.01);
  });

  test('starts anywhere, at random, and keeps bond lengths on the way', async () => {
    const sampling = plainSampling(RANGES, 20);
    const start = (k: number) => startWalker(known.positions, torsions, stream(1, 'start', k), sampling.start);
    const means = Array.from({ length: 400 }, (_, k) => [...centroid(start(k).positions)]).flat();
    const spread = Math.sqrt(means.reduce((sum, value) => sum + value ** 2, 0) / means.length);
    expect(Math.abs(spread / 19 - 1)).toBeLessThan(0.08);
    expect([...start(3).positions]).toEqual([...start(3).positions]);
    const far = startWalker(known.positions, torsions, stream(1, 'start', 3), 0, [7, 8, 9]);
    centroid(far.positions).forEach((value, axis) => expect(value).toBeCloseTo([7, 8, 9][axis], 6));
    const walkers = [start(0)];
    const move = { translation: [1, 0, 0], rotation: [0, 1, 0], torsions: [1, 1, 1, 1] };
    await walk(walkers, RANGES, sampling, async (poses) => poses.map(() => move));
    for (const { a, b } of known.bonds) {
      const [now, before] = [walkers[0].positions, known.positions].map((points) =>
        Math.hypot(...[0, 1, 2].map((axis) => points[3 * a + axis] - points[3 * b + axis])));
      expect(now).toBeCloseTo(before, 9);
    }
  });

  test('leaves out steps at the end', async () => {
    const times: number[] = [];
    const sampling = { ...plainSampling(RANGES, 5), skipped: 2 };
    const walkers = [startWalker(known.positions, torsions, stream(1, 'start'), 19)];
    await walk(walkers, RANGES, sampling, async (poses, t) => {
      times.push(t);
      return poses.map((pose) => scoreOf(pose, t));
    });
    expect(times).toEqual([1, 0.8, 0.6].map((t) => expect.closeTo(t, 12)));
  });
});
