import { float32, int32 } from '../../src/core/array.js';
import {
  cast, concat, constant, cos, gather, input, mul, silu, sin, sqrt, sub, unsqueeze, type Tensor,
} from '../../src/core/graph/index.js';
import { linear, stepProgram, unet, type Scope } from '../../src/core/nn/index.js';
import { adam } from '../../src/core/optim/index.js';
import { gaussian, meanSquaredError, uniform, updatesOf, workload } from './workload.js';

const TIMESTEPS = 1000;
const BETAS = [1e-4, 0.02] as const;

/** Share of the signal's variance that is left at each timestep: products of 1 - beta, betas on a line. */
function keptSignal(): Tensor {
  const kept = new Float32Array(TIMESTEPS);
  for (let t = 0, product = 1; t < TIMESTEPS; t++) {
    product *= 1 - (BETAS[0] + ((BETAS[1] - BETAS[0]) * t) / (TIMESTEPS - 1));
    kept[t] = product;
  }
  return constant(float32([TIMESTEPS], kept));
}

/** Sine and cosine of the timesteps [B] at `width`/2 frequencies from 1 down to 1e-4: [B, width]. */
function timestepCode(timesteps: Tensor, width: number): Tensor {
  const half = width / 2;
  const frequencies = constant(float32([half], Float32Array.from({ length: half }, (_, i) => 10000 ** (-i / half))));
  const angles = unsqueeze(cast(timesteps, 'float32'), 1).mul(frequencies);
  return concat([sin(angles), cos(angles)], 1);
}

/** Noisy images [B, 3, size, size] and timesteps int32 [B] -> the predicted noise. */
function denoise(scope: Scope, images: Tensor, timesteps: Tensor, channels: number): Tensor {
  const hidden = silu(linear(scope.at('time.0'), timestepCode(timesteps, channels), 4 * channels));
  return unet(scope, images, { embedding: linear(scope.at('time.2'), hidden, 4 * channels) }, {
    channels, multipliers: [1, 2, 2], blocks: 1, attention: [], heads: 1, groups: 8, dropout: 0, modulation: 'shift',
  });
}

/** DDPM step of a U-Net: the squared error of the predicted noise (Ho et al. 2020, equation 14), Adam. */
export const w4 = workload({
  name: 'w4',
  title: 'DDPM, U-Net on 3x32x32',
  peer: 'w4_ddpm_unet.py',
  defaults: { batch: 32, width: 64, size: 32 },
  tiny: { batch: 4, width: 8, size: 8 },

  program: ({ batch, width, size }) => stepProgram('w4', (root) => {
    const images = input('images', [batch, 3, size, size]);
    const noise = input('noise', images.shape);
    const timesteps = input('timesteps', [batch], 'int32');
    const kept = gather(keptSignal(), timesteps).reshape([batch, 1, 1, 1]);
    const noisy = mul(sqrt(kept), images).add(mul(sqrt(sub(1, kept)), noise));
    const loss = meanSquaredError(denoise(root, noisy, timesteps, width), noise);
    adam(root.at('optimizer'), updatesOf(loss, root.parameters), { lr: 2e-4 });
    return { loss };
  }),

  inputs: ({ batch, size }, random) => ({
    images: uniform(random('images'), [batch, 3, size, size], -1, 1),
    noise: gaussian(random('noise'), [batch, 3, size, size]),
    timesteps: int32([batch], random('timesteps').integers(batch, TIMESTEPS)),
  }),
});
