import { input } from '../../src/core/graph/index.js';
import { simsiamLoss } from '../../src/core/losses/index.js';
import { resnet, simsiamPredictor, simsiamProjector, stepProgram } from '../../src/core/nn/index.js';
import { sgd } from '../../src/core/optim/index.js';
import { gaussian, updatesOf, workload } from './workload.js';

/** SimSiam step of a CIFAR-style ResNet-18, SGD with momentum; the peer has lightly's heads and loss. */
export const w7 = workload({
  name: 'w7',
  title: 'SimSiam, ResNet-18 on 3x32x32',
  peer: 'w7_simsiam.py',
  defaults: { batch: 64, size: 32, width: 64, hidden: 2048, projection: 2048, bottleneck: 512 },
  tiny: { batch: 8, size: 16, width: 4, hidden: 16, projection: 16, bottleneck: 8 },
  steps: 5,

  program: ({ batch, size, width, hidden, projection, bottleneck }) => stepProgram('w7', (root) => {
    const [z1, z2] = ['view1', 'view2'].map((name) => {
      const features = resnet(root.at('encoder'), input(name, [batch, 3, size, size]), { depth: 18, stem: 'cifar', width });
      return simsiamProjector(root.at('projector'), features, { hidden, out: projection });
    });
    const [p1, p2] = [z1!, z2!].map((z) => simsiamPredictor(root.at('predictor'), z, { hidden: bottleneck, out: projection }));
    const loss = simsiamLoss(p1!, z1!.stopGradient(), p2!, z2!.stopGradient());
    sgd(root.at('optimizer'), updatesOf(loss, root.parameters), { lr: 0.05, momentum: 0.9 });
    return { loss: loss.add(1) };
  }),

  inputs: ({ batch, size }, random) => {
    const view = (name: string) => gaussian(random(name), [batch, 3, size, size]);
    return { view1: view('view1'), view2: view('view2') };
  },
});
