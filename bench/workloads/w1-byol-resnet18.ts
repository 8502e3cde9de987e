import { mlpHead, resnet, stepProgram } from '../../src/core/nn/index.js';
import { emaUpdate, sgd } from '../../src/core/optim/index.js';
import { byol } from './byol.js';
import { gaussian, updatesOf, workload } from './workload.js';

/** BYOL step of a CIFAR-style ResNet-18, SGD with momentum. */
export const w1 = workload({
  name: 'w1',
  title: 'BYOL, ResNet-18 on 3x32x32',
  peer: 'w1_byol_resnet18.py',
  defaults: { batch: 64, size: 32, width: 64, hidden: 1024, projection: 256 },
  tiny: { batch: 8, size: 16, width: 4, hidden: 16, projection: 8 },
  steps: 5,

  rematerialises: true,
  program: ({ batch, size, width, hidden, projection }, { remat = false } = {}) => stepProgram('w1', (root) => {
    const { online, target, loss } = byol(root, {
      view: [batch, 3, size, size],
      encoder: (s, images) => resnet(s, images, { depth: 18, stem: 'cifar', width, remat }),
      projector: (s, features) => mlpHead(s, features, { hidden, out: projection }),
      predictor: (s, z) => mlpHead(s, z, { hidden, out: projection }),
    });
    sgd(root.at('optimizer'), updatesOf(loss, online.parameters), { lr: 0.05, momentum: 0.9 });
    emaUpdate(target, online, 0.996);
    return { loss };
  }),

  inputs: ({ batch, size }, random) => {
    const view = (name: string) => gaussian(random(name), [batch, 3, size, size]);
    return { view1: view('view1'), view2: view('view2') };
  },
});
