import { grad, input } from '../../src/core/graph/index.js';
import { byolLoss } from '../../src/core/losses/index.js';
import { mlpHead, resnet, stepProgram, type Scope, type StepProgram } from '../../src/core/nn/index.js';
import { emaUpdate, sgd } from '../../src/core/optim/index.js';

export interface W1Options {
  readonly batch: number;
  readonly size: number;
  readonly width: number;
  readonly hidden: number;
  readonly projection: number;
}

export const W1_DEFAULTS: W1Options = { batch: 64, size: 32, width: 64, hidden: 1024, projection: 256 };

/** BYOL step of a CIFAR-style ResNet-18; the same step as bench/peers/w1_byol_resnet18.py. */
export function w1({ batch, size, width, hidden, projection }: W1Options): StepProgram {
  return stepProgram('w1', (root) => {
    const views = ['view1', 'view2'].map((name) => input(name, [batch, 3, size, size]));
    const project = (s: Scope, view: typeof views[0]) => {
      const y = resnet(s.at('encoder'), view, { depth: 18, stem: 'cifar', width });
      return mlpHead(s.at('projector'), y, { hidden, out: projection });
    };
    const online = root.at('online');
    const target = root.at('target').startingFrom(online);
    const predictions = views.map((view) => mlpHead(online.at('predictor'), project(online, view), { hidden, out: projection }));
    const targets = views.map((view) => project(target, view).stopGradient());
    const loss = byolLoss(predictions[0]!, targets[1]!).add(byolLoss(predictions[1]!, targets[0]!));
    const parameters = online.parameters;
    const gradients = grad(loss, parameters.map(({ tensor }) => tensor));
    sgd(root.at('optimizer'), parameters.map((p, i) => [p, gradients[i]!]), { lr: 0.05, momentum: 0.9 });
    emaUpdate(target, online, 0.996);
    return { loss };
  });
}
