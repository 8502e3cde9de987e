import { float32, type NdArray } from '../../src/core/array.js';
import { latestTime, sample, timeGrid, timesFeeds, timesInputs, signal, type DenoiserSpec } from '../../src/core/diffusion/index.js';
import type { Executable } from '../../src/core/engine/index.js';
import { input } from '../../src/core/graph/index.js';
import { stepProgram } from '../../src/core/nn/index.js';
import { gaussian, workload, type Sizes } from './workload.js';

/** The network of W4, which predicts the noise. */
export const denoiserOf = ({ width, size }: Sizes<'width' | 'size'>): DenoiserSpec => ({
  network: {
    name: 'unet', channels: width, multipliers: [1, 2, 2], blocks: 1, attention: [], heads: 1, groups: 8, dropout: 0,
    modulation: 'shift',
  },
  shape: [3, size, size], schedule: 'linear', predict: 'eps',
});

/** Images [batch, 3, size, size] from noise, as byo sample draws them. */
export function drawn(executable: Executable, { shape, data }: NdArray, evaluations: number): Promise<Float32Array> {
  const call = async (x: Float32Array, t: number): Promise<Float32Array> => {
    const times = timesFeeds('x', 'linear', Array<number>(shape[0]!).fill(t));
    const { examples } = await executable.run({ x: float32(shape, x), ...times });
    return examples!.data as Float32Array;
  };
  const times = timeGrid(latestTime('linear'), evaluations);
  return sample(call, data as Float32Array, { sampler: 'ddim', schedule: 'linear', times });
}

/** DDIM (Song et al. 2021) with the U-Net of W4: all steps from noise to images. Its loss is their mean square. */
export const ddim = workload({
  name: 'ddim',
  title: 'DDIM, 25 steps of the U-Net of W4 on 32 x 3x32x32',
  peer: 'ddim_sampling.py',
  defaults: { batch: 32, width: 64, size: 32, evaluations: 25 },
  evaluated: true,
  tiny: { batch: 4, width: 8, size: 8, evaluations: 5 },
  steps: 3,

  program: ({ batch, width, size }) => stepProgram('ddim', (root) =>
    ({ examples: signal(denoiserOf({ width, size }), root, input('x', [batch, 3, size, size]), timesInputs('x', batch)) }),
  { training: false }),

  inputs: ({ batch, size }, random) => ({ noise: gaussian(random('noise'), [batch, 3, size, size]) }),

  step: async (executable, { noise }, { evaluations }) => {
    const images = await drawn(executable, noise!, evaluations);
    return images.reduce((sum, value) => sum + value * value, 0) / images.length;
  },
});
