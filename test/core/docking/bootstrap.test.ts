import { beforeAll, describe, expect, test } from 'vitest';
import { scorePrograms } from '../../../src/commands/dock-bootstrap/common.js';
import { int32 } from '../../../src/core/array.js';
import { learnFeeds } from '../../../src/core/diffusion/index.js';
import { ConfidenceBootstrap, oracleConfidence, type RolloutReport } from '../../../src/core/docking/bootstrap.js';
import { Buckets, sizeOfComplex } from '../../../src/core/docking/buckets.js';
import type { Complex } from '../../../src/core/docking/complexes.js';
import { poseError } from '../../../src/core/docking/judging.js';
import { noisedLigand, scoreLossFeeds, type NoisedLigand } from '../../../src/core/docking/learn.js';
import { PoseSampler } from '../../../src/core/docking/posing.js';
import { plainSampling } from '../../../src/core/docking/sampler.js';
import { initialState } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { ByShape } from '../../../src/core/train/by-shape.js';
import type { State } from '../../../src/core/train/index.js';
import { toyComplex, toyNetwork } from '../../support/docking.js';

const network = toyNetwork({ layers: 1, receptorLayers: 1, neighbours: 4 });
const noise = { tr: { min: 0.3, max: 10 }, rot: { min: 0.1, max: 3.1 }, tor: { min: 0.1, max: 3.1 } };
const SITES = [-8, 8];

/** Two rings of beads of different types, and a ligand of three atoms that lies in the middle of one of them. */
function twoPockets(): Complex {
  const base = toyComplex('two pockets', { atoms: 3, nodes: 10 });
  const fifth = (2 * Math.PI) / 5;
  const beads = SITES.flatMap((x) => Array.from({ length: 5 }, (_, k) => [x, 4 * Math.cos(fifth * k), 4 * Math.sin(fifth * k)]));
  const poseAt = (x: number): Float32Array =>
    Float32Array.from(base.ligand.molecule.positions, (value, i) => value + (i % 3 === 0 ? x : 0));
  const types = Int32Array.from({ length: 10 }, (_, i) => (i < 5 ? 1 : 2));
  return {
    ...base, receptor: { ...base.receptor, positions: Float32Array.from(beads.flat()), types },
    // What the model is trained on: nine times out of ten the wrong pocket.
    poses: Array.from({ length: 10 }, (_, i) => poseAt(SITES[i === 0 ? 0 : 1])),
  };
}
const taught = twoPockets();
const target = { ...taught, poses: taught.poses.slice(0, 1) };
const options = { steps: 300, lr: 5e-3, lrSchedule: 'constant', warmup: 10, clip: 5, ema: 0.98, weightDecay: 0 } as const;
const programs = scorePrograms(network, { tr: 1, rot: 0, tor: 0 }, options);
const buckets = new Buckets([sizeOfComplex(taught)], 1, 4);

let trained: State;
let sampler: PoseSampler;

beforeAll(async () => {
  const shape = { ...buckets.sizes[0], graphs: 1, poses: 32, visible: 10 };
  const learner = new ByShape(programs.for, { threads: 1 });
  learner.setState(initialState(programs.of(shape), 1));
  for (let k = 0; k < options.steps; k++) {
    const random = stream(1, 'noise', k);
    const times = Array.from({ length: 32 }, () => random.next());
    // One of the ten poses for each time.
    const items = times.map((t) => noisedLigand(taught, noise, [t], random));
    const joined: NoisedLigand = {
      complex: taught, times, noised: items.flatMap(({ noised }) => noised), poses: items.flatMap(({ poses }) => poses),
      reach: items.flatMap(({ reach }) => reach),
    };
    await learner.run({ ...scoreLossFeeds(network, shape, [joined]), ...learnFeeds(k, options) });
  }
  trained = learner.getState();
  learner.dispose();
  const weights = new Map([...trained].filter(([name]) => name.startsWith('ema.')).map(([name, value]) => [name.slice(4), value]));
  sampler = new PoseSampler({ spec: network, noise, weights, visible: 10 }, { complexes: [target], batch: 64, threads: 1 });
});

const ROLLOUTS = 16;
const UPDATES = 15;

/** Of each rollout the share of poses that are in the right pocket. */
async function preferences(judge: (rmsd: number) => number): Promise<number[]> {
  const reports: RolloutReport[] = [];
  const shares: number[] = [];
  const learning = { ...options, lr: 2e-3, warmup: 0, ema: 0.9 };
  const bootstrap = new ConfidenceBootstrap({
    targets: [target], pairs: ['a'], real: [], network, noise, buckets, visible: 10, average: 'ema',
    learner: new ByShape(scorePrograms(network, { tr: 1, rot: 0, tor: 0 }, learning).for, { threads: 1 }),
    draw: (weights, samples, name) => {
      sampler.setWeights(weights);
      return sampler.sample({ samples, seed: 1, stream: name, sampling: plainSampling(noise, 10) });
    },
    judge: async ([poses]) => {
      const rmsds = poses.map((pose) => poseError(target, pose).rmsd);
      // The pockets are 16 Å apart.
      shares.push(rmsds.filter((rmsd) => rmsd < 8).length / rmsds.length);
      return [rmsds.map(judge)];
    },
    onRollout: (report) => reports.push(report),
  }, {
    seed: 1, updates: UPDATES, samples: 48, initialRounds: 1, rounds: 1, cutoff: -4, perPair: 64, decay: 0, reset: false,
    inverseTemperature: 1, bufferDraws: 40, realDraws: 0, batch: 8, poses: 1, bufferTimes: { a: 2, b: 1 }, tMin: 0, tMax: 1,
    realTimes: { a: 1, b: 1 },
  });
  bootstrap.setState(trained);
  for (let k = 0; k < ROLLOUTS * UPDATES; k++) await bootstrap.run({ update: int32([], [k]), ...learnFeeds(k, learning) });
  bootstrap.dispose();
  expect(reports.map(({ rollout, drawn }) => [rollout, drawn])).toEqual(Array.from({ length: ROLLOUTS }, (_, i) => [i + 1, 48]));
  return shares;
}

/** Over the last three rollouts. */
const late = (shares: readonly number[]): number => shares.slice(-3).reduce((a, b) => a + b) / 3;

describe('confidence bootstrapping from a model that prefers the wrong pocket', () => {
  test('turns the preference around if the judge knows the truth', async () => {
    const shares = await preferences(oracleConfidence);
    expect(shares[0]).toBeLessThan(0.25);
    expect(late(shares)).toBeGreaterThan(0.75);
  });

  test('does not if the judge knows nothing', async () => {
    expect(late(await preferences(() => 0))).toBeLessThan(0.45);
  });
});
