import { mlpHead, resnet, stepProgram, type NormOptions } from '../../src/core/nn/index.js';
import { emaUpdate, sgd } from '../../src/core/optim/index.js';
import { byol } from './byol.js';
import { gaussian, updatesOf, workload } from './workload.js';

/** BYOL step without batch statistics: group normalisation everywhere, and weight standardisation in the encoder. */
export const w9 = workload({
  name: 'w9',
  title: 'BYOL with group norm and weight standardisation, ResNet-18 on 3x32x32',
  peer: 'w9_byol_group.py',
  defaults: { batch: 64, size: 32, width: 64, hidden: 1024, projection: 256, groups: 16 },
  tiny: { batch: 8, size: 16, width: 4, hidden: 16, projection: 8, groups: 2 },
  steps: 5,

  program: ({ batch, size, width, hidden, projection, groups }) => stepProgram('w9', (root) => {
    const norm: NormOptions = { norm: 'group', groups };
    const { online, target, loss } = byol(root, {
      view: [batch, 3, size, size],
      encoder: (s, images) => resnet(s, images, { depth: 18, stem: 'cifar', width, ...norm, weightStandardization: true }),
      projector: (s, features) => mlpHead(s, features, { hidden, out: projection, ...norm }),
      predictor: (s, z) => mlpHead(s, z, { hidden, out: projection, ...norm }),
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
