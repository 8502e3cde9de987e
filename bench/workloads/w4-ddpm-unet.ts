import { float32, int32 } from '../../src/core/array.js';
import {
  cast, concat, constant, cos, gather, input, matmul, mul, silu, sin, softmax, split, sqrt, sub, unsqueeze, upsample, type Tensor,
} from '../../src/core/graph/index.js';
import { conv2d, groupNorm, init, linear, stepProgram, type Scope } from '../../src/core/nn/index.js';
import { adam } from '../../src/core/optim/index.js';
import { gaussian, meanSquaredError, uniform, updatesOf, workload } from './workload.js';

const GROUPS = 8;
const TIMESTEPS = 1000;
const MULTIPLIERS = [1, 2, 2];
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

/** A convolution with bias that keeps the resolution (or halves it), as PyTorch initialises it. */
const conv = (scope: Scope, x: Tensor, channels: number, kernel = 3, stride = 1): Tensor =>
  conv2d(scope, x, channels, kernel, { stride, padding: (kernel - 1) / 2, bias: true, init: init.torchDefault });

const norm = (scope: Scope, x: Tensor): Tensor => groupNorm(scope, x, GROUPS);

/** Sine and cosine of the timesteps [B] at `width`/2 frequencies from 1 down to 1e-4: [B, width]. */
function timestepCode(timesteps: Tensor, width: number): Tensor {
  const half = width / 2;
  const frequencies = constant(float32([half], Float32Array.from({ length: half }, (_, i) => 10000 ** (-i / half))));
  const angles = unsqueeze(cast(timesteps, 'float32'), 1).mul(frequencies);
  return concat([sin(angles), cos(angles)], 1);
}

function residualBlock(scope: Scope, x: Tensor, channels: number, time: Tensor): Tensor {
  let y = conv(scope.at('conv1'), silu(norm(scope.at('norm1'), x)), channels);
  const shift = linear(scope.at('time'), silu(time), channels);
  y = y.add(shift.reshape([...shift.shape, 1, 1]));
  y = conv(scope.at('conv2'), silu(norm(scope.at('norm2'), y)), channels);
  return y.add(x.shape[1] === channels ? x : conv(scope.at('shortcut'), x, channels, 1));
}

/** Self-attention over the positions of a map, one head, with a residual connection. */
function attention(scope: Scope, x: Tensor): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const tokens = norm(scope.at('norm'), x).reshape([batch, channels, -1]).transpose([0, 2, 1]);
  const [query, key, value] = split(linear(scope.at('qkv'), tokens, 3 * channels), 3, 2) as [Tensor, Tensor, Tensor];
  const weights = softmax(matmul(query, key, { tb: true }).mul(1 / Math.sqrt(channels)));
  const attended = linear(scope.at('project'), matmul(weights, value), channels);
  return x.add(attended.transpose([0, 2, 1]).reshape(x.shape));
}

/** Noisy images [B, 3, size, size] and timesteps int32 [B] -> the predicted noise. */
function unet(scope: Scope, images: Tensor, timesteps: Tensor, channels: number): Tensor {
  const widths = MULTIPLIERS.map((multiplier) => channels * multiplier);
  const lowest = widths.length - 1;
  const hidden = silu(linear(scope.at('time.0'), timestepCode(timesteps, channels), 4 * channels));
  const time = linear(scope.at('time.2'), hidden, 4 * channels);

  let x = conv(scope.at('conv_in'), images, channels);
  const skips: Tensor[] = [];
  for (const [level, width] of widths.entries()) {
    x = residualBlock(scope.at('down').at(level), x, width, time);
    skips.push(x);
    if (level < lowest) x = conv(scope.at('downsample').at(level), x, width, 3, 2);
  }
  const mid = scope.at('mid');
  x = residualBlock(mid.at(0), x, widths[lowest]!, time);
  x = attention(mid.at(1), x);
  x = residualBlock(mid.at(2), x, widths[lowest]!, time);
  for (const [level, width] of widths.toReversed().entries()) {
    x = residualBlock(scope.at('up').at(level), concat([x, skips.pop()!], 1), width, time);
    if (level < lowest) x = conv(scope.at('upsample').at(level), upsample(x, 2), width);
  }
  return conv(scope.at('conv_out'), silu(norm(scope.at('norm_out'), x)), 3);
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
    const loss = meanSquaredError(unet(root, noisy, timesteps, width), noise);
    adam(root.at('optimizer'), updatesOf(loss, root.parameters), { lr: 2e-4 });
    return { loss };
  }),

  inputs: ({ batch, size }, random) => ({
    images: uniform(random('images'), [batch, 3, size, size], -1, 1),
    noise: gaussian(random('noise'), [batch, 3, size, size]),
    timesteps: int32([batch], random('timesteps').integers(batch, TIMESTEPS)),
  }),
});
