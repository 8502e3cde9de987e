import { grad, input, type Tensor } from '../../src/core/graph/index.js';
import { kernelRidgeLoss, meanSquaredError } from '../../src/core/losses/index.js';
import { distillnet, linear, stepProgram, type Scope } from '../../src/core/nn/index.js';
import { adamw, sgd } from '../../src/core/optim/index.js';
import { gaussian, updatesOf, workload } from './workload.js';

/** A step of KRR-ST's outer loop with the step of the pool behind it, as one program on one model of the pool. */
export const krrst = workload({
  name: 'krrst',
  title: 'KRR-ST, ConvNet of three blocks, 100 + 256 images of 3x32x32',
  peer: 'krrst_step.py',
  defaults: { batch: 256, size: 32, width: 64, synthetic: 100, dimension: 128, ridge: 1e-6 },
  tiny: { batch: 12, size: 8, width: 2, synthetic: 5, dimension: 3, ridge: 0.01 },

  program: ({ batch, size, width, synthetic, dimension, ridge }) => stepProgram('krrst', (root) => {
    const encode = (s: Scope, x: Tensor) => distillnet(s.at('encoder'), x, { depth: 3, width });
    const start = (values: number) => () => new Float32Array(values);
    const pairs = root.at('synthetic');
    const images = pairs.param('images', [synthetic, 3, size, size], start(synthetic * 3 * size * size));
    const targets = pairs.param('targets', [synthetic, dimension], start(synthetic * dimension));

    const frozen = root.mode({ training: false });
    const real = { features: encode(frozen, input('images', [batch, 3, size, size])), targets: input('targets', [batch, dimension]) };
    const { loss } = kernelRidgeLoss({ features: encode(frozen, images), targets }, real, ridge);
    const learned = pairs.variables;
    const gradients = grad(loss, [images, targets]);
    adamw(root.at('optimizer.synthetic'), learned.map((variable, i) => [variable, gradients[i]!]), { lr: 1e-4 });

    const [nextImages, nextTargets] = learned.map(({ next }) => next!.stopGradient()) as [Tensor, Tensor];
    const inner = meanSquaredError(linear(root.at('head'), encode(root, nextImages), dimension), nextTargets);
    const weights = [...root.at('encoder').parameters, ...root.at('head').parameters];
    sgd(root.at('optimizer.model'), updatesOf(inner, weights), { lr: 0.1, momentum: 0.9, weightDecay: 1e-3 });
    return { loss };
  }),

  inputs: ({ batch, size, dimension }, random) => ({
    images: gaussian(random('images'), [batch, 3, size, size]), targets: gaussian(random('targets'), [batch, dimension]),
  }),
});
