import { expect, test } from 'vitest';
import { scorePrograms } from '../../../src/commands/dock-bootstrap/common.js';
import { learnFeeds } from '../../../src/core/diffusion/index.js';
import { sizeOfComplex } from '../../../src/core/docking/buckets.js';
import { noisedLigand, scoreLossFeeds } from '../../../src/core/docking/learn.js';
import { FACTORS } from '../../../src/core/docking/noise.js';
import { initialState } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { ByShape } from '../../../src/core/train/by-shape.js';
import { TOY_NOISE, toyComplex, toyNetwork } from '../../support/docking.js';

// At one strength of noise the way back of one complex is all there is to learn: a read-out that cannot carry a factor, or a
// target that turns otherwise than forces and torques do, would stay at the loss of saying nothing.
test('a network learns the way back of translation, rotation and torsions by heart', async () => {
  const complex = toyComplex('learnt', { atoms: 9, nodes: 24 });
  const network = toyNetwork({ scalars: 16, vectors: 8 });
  const { atoms, torsions, nodes } = sizeOfComplex(complex);
  const shape = { graphs: 1, poses: 16, atoms, torsions, nodes, visible: nodes };
  const steps = 160;
  const learning = { lr: 5e-3, lrSchedule: 'constant', warmup: 10, clip: 5, ema: 0, weightDecay: 0, steps } as const;
  const programs = scorePrograms(network, { tr: 0.33, rot: 0.33, tor: 0.33 }, learning);
  const executable = new ByShape(programs.for, { threads: 1 });
  executable.setState(initialState(programs.of(shape), 0));
  const late: Record<string, number> = {};
  for (let step = 0; step < steps; step++) {
    const random = stream(3, 'overfit', step);
    const item = noisedLigand(complex, TOY_NOISE, Array<number>(16).fill(0.5), random);
    const losses = await executable.run({ ...scoreLossFeeds(network, shape, [item]), ...learnFeeds(step, learning) });
    if (step < steps - 40) continue;
    for (const [name, value] of Object.entries(losses)) late[name] = (late[name] ?? 0) + Number(value.data[0]) / 40;
  }
  executable.dispose();
  const remaining = FACTORS.map((factor) => late[factor] / late[`base${factor[0].toUpperCase()}${factor.slice(1)}`]);
  // Torsions take longest.
  [0.2, 0.5, 0.75].forEach((limit, i) => expect(remaining[i], FACTORS[i]).toBeLessThan(limit));
}, 600_000);
