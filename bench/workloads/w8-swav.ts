import { concat, input, l2Normalize, type Tensor } from '../../src/core/graph/index.js';
import { swavLoss } from '../../src/core/losses/index.js';
import { assign, linear, resnet, simsiamPredictor, stepProgram } from '../../src/core/nn/index.js';
import { sgd } from '../../src/core/optim/index.js';
import { gaussian, updatesOf, workload } from './workload.js';

/** SwAV step of a CIFAR-style ResNet-18 with multi-crop, SGD with momentum; the peer has lightly's head, prototypes and loss. */
export const w8 = workload({
  name: 'w8',
  title: 'SwAV, ResNet-18, crops 2x32 and 4x16',
  peer: 'w8_swav.py',
  defaults: { batch: 64, size: 32, small: 16, crops: 4, width: 64, hidden: 2048, projection: 128, prototypes: 512 },
  tiny: { batch: 8, size: 16, small: 8, crops: 2, width: 4, hidden: 16, projection: 8, prototypes: 6 },
  steps: 5,

  program: ({ batch, size, small, crops, width, hidden, projection, prototypes }) => stepProgram('w8', (root) => {
    const embed = (images: Tensor) => {
      const features = resnet(root.at('encoder'), images, { depth: 18, stem: 'cifar', width });
      // lightly's head for SwAV has the layers of SimSiam's predictor.
      return l2Normalize(simsiamPredictor(root.at('projector'), features, { hidden, out: projection }));
    };
    const z = concat([
      embed(input('large', [2 * batch, 3, size, size])), embed(input('small', [crops * batch, 3, small, small])),
    ]);
    const scores = linear(root.at('prototypes'), z, prototypes, { bias: false });
    const loss = swavLoss(scores, { crops: 2 + crops, temperature: 0.1, epsilon: 0.05, iterations: 3 });
    sgd(root.at('optimizer'), updatesOf(loss, root.parameters), { lr: 0.05, momentum: 0.9 });
    for (const rows of root.at('prototypes').parameters) assign(rows, l2Normalize(rows.next!));
    return { loss };
  }),

  inputs: ({ batch, size, small, crops }, random) => ({
    large: gaussian(random('large'), [2 * batch, 3, size, size]),
    small: gaussian(random('small'), [crops * batch, 3, small, small]),
  }),
});
