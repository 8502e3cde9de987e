import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { float32 } from '../../../src/core/array.js';
import { encodeReceptors, ligandInputs, receptorInputs, scores, confidence } from '../../../src/core/docking/network.js';
import { PoseJudge, PoseSampler, type PosingModel } from '../../../src/core/docking/posing.js';
import { plainSampling } from '../../../src/core/docking/sampler.js';
import { initialState, stepProgram } from '../../../src/core/nn/index.js';
import { numbersOf } from '../../support/steps.js';
import { toyComplexes, toyNetwork, TOY_NOISE } from '../../support/docking.js';

const spec = toyNetwork();
const { complexes } = toyComplexes([[9, 30], [6, 33], [9, 80], [1, 31]].map(([atoms, nodes]) => ({ atoms, nodes })));
const weights = initialState(stepProgram('both', (root) => {
  const shape = { graphs: 1, poses: 1, atoms: 2, torsions: 1, nodes: 3, visible: 3 };
  const receptor = encodeReceptors(spec, root.at('receptor'), receptorInputs(spec, 1, 3));
  const ligand = ligandInputs(spec, shape);
  return { ...scores(spec, root, receptor, ligand), ...confidence(spec, root, receptor, ligand) };
}), 1);
const model = (visible: number): PosingModel => ({ spec, noise: TOY_NOISE, weights, visible });
const asked = { samples: 3, seed: 1, stream: 'test', sampling: plainSampling(TOY_NOISE, 4) };
const largest = (a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number =>
  Math.max(...a.flatMap((values, i) => Array.from(values, (value, k) => Math.abs(value - b[i][k]))));

let drawn: Float64Array[][];
beforeAll(async () => {
  const sampler = new PoseSampler(model(100), { complexes, batch: 6, threads: 1 });
  drawn = await sampler.sample(asked);
  sampler.dispose();
});

describe('a sampler', () => {
  test('draws as many poses of every complex as asked, each its own', () => {
    const atoms = drawn.map((poses) => poses.map(({ length }) => length / 3));
    expect(atoms).toEqual([9, 6, 9, 1].map((count) => [count, count, count]));
    expect(new Set(drawn.flat().map((pose) => pose[0])).size).toBe(12);
  });

  test('draws the same pose whatever is drawn with it', async () => {
    const alone = new PoseSampler(model(100), { complexes: complexes.slice(1, 2), batch: 2, threads: 1 });
    const [poses] = await alone.sample({ ...asked, samples: 5 });
    alone.dispose();
    expect(largest(poses.slice(0, 3), drawn[1])).toBeLessThan(1e-3);
  });

  test('sees a large receptor in part, pose by pose', async () => {
    const limited = new PoseSampler(model(40), { complexes, batch: 6, threads: 1 });
    const poses = await limited.sample(asked);
    // With other weights nothing of the receptors is kept.
    const types = weights.get('receptor.types.weight')!;
    const negative = float32(types.shape, numbersOf(types).map((value) => -value));
    limited.setWeights(new Map([...weights, ['receptor.types.weight', negative]]));
    const others = await limited.sample(asked);
    limited.dispose();
    expect(largest(poses[0], drawn[0])).toBeLessThan(1e-3);
    expect(largest(poses[2], drawn[2])).toBeGreaterThan(1e-2);
    expect(largest(others[0], drawn[0])).toBeGreaterThan(1e-2);
  });
});

describe('a judge', () => {
  let judge: PoseJudge;
  beforeAll(() => { judge = new PoseJudge(model(100), { complexes, batch: 4, threads: 1 }); });
  afterAll(() => judge.dispose());

  test('has a logit for every pose, however many there are of each complex', async () => {
    const all = await judge.judge(drawn);
    const some = await judge.judge([drawn[0].slice(1, 2), [], drawn[2].slice(0, 2), drawn[3]]);
    expect(all.map(({ length }) => length)).toEqual([3, 3, 3, 3]);
    expect(some.map(({ length }) => length)).toEqual([1, 0, 2, 3]);
    expect(some[0][0]).toBeCloseTo(all[0][1], 4);
    expect(some[2][1]).toBeCloseTo(all[2][1], 4);
    expect(Math.abs(all[0][0] - all[0][1])).toBeGreaterThan(1e-6);
  });
});
