import { add, max, maxPool2d, mean, relu, type Tensor } from '../../src/core/graph/index.js';
import { batchNorm, conv2d, linear, stepProgram, type Scope } from '../../src/core/nn/index.js';
import { adam, emaUpdate } from '../../src/core/optim/index.js';
import { byol } from './byol.js';
import { gaussian, updatesOf, workload } from './workload.js';

const BLOCKS = 3;
/** Modules of a block in the peer's torch.nn.Sequential: convolution, normalisation, ReLU, pooling. */
const BLOCK_MODULES = 4;

/**
 * AudioNTT2020 (Niizumi et al. 2021): log-mel [B, 1, mels, frames] -> features [B, dim], the sum of maximum and mean over time
 * of an MLP on every frame of the convolved spectrogram.
 */
function audioEncoder(scope: Scope, spectrogram: Tensor, channels: number, dim: number): Tensor {
  let x = spectrogram;
  for (let block = 0; block < BLOCKS; block++) {
    const [conv, norm] = [0, 1].map((module) => scope.at('features').at(BLOCK_MODULES * block + module)) as [Scope, Scope];
    x = relu(batchNorm(norm, conv2d(conv, x, channels, 3, { padding: 1, bias: true })));
    x = maxPool2d(x, { size: 2 });
  }
  const [batch, , mels, time] = x.shape as [number, number, number, number];
  const frames = x.transpose([0, 3, 2, 1]).reshape([batch, time, mels * channels]);
  const hidden = relu(linear(scope.at('fc.0'), frames, dim));
  const y = relu(linear(scope.at('fc.3'), hidden, dim));
  return add(max(y, 1), mean(y, 1));
}

/** Linear, BatchNorm, ReLU, Linear: BYOL-A's heads keep the last bias. */
function head(scope: Scope, x: Tensor, hidden: number, out: number): Tensor {
  return linear(scope.at(3), relu(batchNorm(scope.at(1), linear(scope.at(0), x, hidden))), out);
}

/** BYOL-A step of the first version's audio encoder, Adam. */
export const w2 = workload({
  name: 'w2',
  title: 'BYOL-A on 1x64x96',
  peer: 'w2_byol_a.py',
  defaults: { batch: 64, width: 64, mels: 64, frames: 96, dim: 512, hidden: 4096, projection: 256 },
  tiny: { batch: 8, width: 4, mels: 16, frames: 16, dim: 16, hidden: 16, projection: 8 },

  program: ({ batch, width, mels, frames, dim, hidden, projection }) => stepProgram('w2', (root) => {
    const { online, target, loss } = byol(root, {
      view: [batch, 1, mels, frames],
      encoder: (s, spectrogram) => audioEncoder(s, spectrogram, width, dim),
      projector: (s, features) => head(s, features, hidden, projection),
      predictor: (s, z) => head(s, z, hidden, projection),
    });
    adam(root.at('optimizer'), updatesOf(loss, online.parameters), { lr: 3e-4 });
    emaUpdate(target, online, 0.99);
    return { loss };
  }),

  inputs: ({ batch, mels, frames }, random) => {
    const view = (name: string) => gaussian(random(name), [batch, 1, mels, frames]);
    return { view1: view('view1'), view2: view('view2') };
  },
});
