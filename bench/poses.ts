import { networkSpec, scorePrograms } from '../src/commands/dock-bootstrap/common.js';
import { below } from '../src/commands/training.js';
import { synthPockets } from '../src/core/data/synth/pockets.js';
import { PoseSampler } from '../src/core/docking/posing.js';
import { plainSampling } from '../src/core/docking/sampler.js';
import { initialState } from '../src/core/nn/index.js';
import { count, parseOptions, runMain, text } from './command-line.js';
import { median, peakRssMb } from './measure.js';

/**
 * Poses a second of docking's sampler, all of it (noise, network, moves), on synthetic pockets:
 *
 *     node .build/bench/poses.js --samples 8 --steps 20 --threads 2
 *
 * Its peer measures the network alone: bench/peers/docking_step.py --evaluations 20 --batch 8 --poses 8.
 */
async function main(args: readonly string[]): Promise<void> {
  const given = parseOptions(args, {
    complexes: text(48), samples: text(8), steps: text(20), threads: text(2), rounds: text(5),
  });
  const number = (key: keyof typeof given): number => count(key, given[key]);
  const perFamily = 4;
  const families = Math.ceil(number('complexes') / perFamily);
  const set = synthPockets({ seed: 0, families, perFamily, heldOut: 0, perHeldOut: 1, poses: 0 });
  const spec = networkSpec(set, {
    parity: 'se3', scalars: 32, vectors: 12, layers: 4, receptorLayers: 2, neighbours: 12, radial: 24, maxNodes: 400,
  });
  const noise = { tr: { min: 0.1, max: 10 }, rot: { min: 0.06, max: 3.1 }, tor: { min: 0.0314, max: 3.14 } };
  const sizes = { graphs: 1, poses: 1, atoms: 9, torsions: 3, nodes: 75, visible: 75 };
  const learning = { steps: 1, lr: 1e-3, lrSchedule: 'constant', warmup: 0, clip: 5, ema: 0.999, weightDecay: 0 } as const;
  const state = initialState(scorePrograms(spec, { tr: 1, rot: 1, tor: 1 }, learning).of(sizes), 0);
  const weights = below(state, 'online');
  const drawing = { complexes: set.complexes, batch: 64, threads: number('threads') };
  const sampler = new PoseSampler({ spec, noise, weights, visible: 400 }, drawing);
  const draw = async (): Promise<number> => {
    const before = performance.now();
    await sampler.sample({ samples: number('samples'), seed: 1, stream: 'poses', sampling: plainSampling(noise, number('steps')) });
    return performance.now() - before;
  };
  await draw();
  const times: number[] = [];
  for (let round = 0; round < number('rounds'); round++) times.push(await draw());
  const poses = set.complexes.length * number('samples');
  console.log(JSON.stringify({
    poses, poses_per_second: (1000 * poses) / median(times), times_ms: times.map(Math.round), max_rss_mb: peakRssMb(),
  }));
}

await runMain(main);
