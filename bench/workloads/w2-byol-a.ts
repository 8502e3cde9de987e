import { byolAStep } from '../../src/commands/pretrain/byol-a.js';
import { input } from '../../src/core/graph/index.js';
import { stepProgram } from '../../src/core/nn/index.js';
import { gaussian, workload } from './workload.js';

/** The step of byo pretrain byol-a with the first version's encoder, on two views that are there already. */
export const w2 = workload({
  name: 'w2',
  title: 'BYOL-A on 1x64x96',
  peer: 'w2_byol_a.py',
  defaults: { batch: 64, width: 64, mels: 64, frames: 96, dim: 512, hidden: 4096, projection: 256 },
  tiny: { batch: 8, width: 4, mels: 16, frames: 16, dim: 16, hidden: 16, projection: 8 },

  program: ({ batch, width, mels, frames, dim, hidden, projection }) => stepProgram('w2', (root) => {
    const view = (name: string) => input(name, [batch, 1, mels, frames]);
    return byolAStep(root, [view('view1'), view('view2')], { name: 'audiontt2020', channels: width, dim, dropout: 0 },
      { projHidden: hidden, projOut: projection, predHidden: hidden, tau: 0.99, lr: 3e-4 });
  }),

  inputs: ({ batch, mels, frames }, random) => {
    const view = (name: string) => gaussian(random(name), [batch, 1, mels, frames]);
    return { view1: view('view1'), view2: view('view2') };
  },
});
