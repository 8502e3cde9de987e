import { byol } from '../../src/commands/pretrain/byol.js';
import type { Pretraining } from '../../src/commands/pretrain/method.js';
import type { NdArray } from '../../src/core/array.js';
import { synthImages } from '../../src/core/data/synth/images.js';
import { drawInputs } from '../../src/core/nn/index.js';

type Options = Parameters<typeof byol.setup>[1];

/** The smallest BYOL run worth the name: a 3-block ConvNet on drawn images of 16x16 pixels, without batch statistics. */
const SMALL: Partial<Options> = {
  encoder: 'convnet3', width: 8, norm: 'group', headNorm: 'group', groups: 4, batch: 8, optimizer: 'sgd', lr: 2,
  projHidden: 16, projOut: 8, predHidden: 16, steps: 5, warmupEpochs: 0,
};

/** A BYOL run on drawn images, from the method's own defaults. */
export function smallByol(options: Partial<Options> = {}, seed = 3): Pretraining {
  const defaults = Object.fromEntries(Object.entries(byol.options).map(([key, spec]) =>
    [key, 'default' in spec ? spec.default : spec.kind === 'flag' ? false : undefined])) as unknown as Options;
  return byol.setup(synthImages({ count: 16, size: 16, classes: 2, seed: 1 }), { ...defaults, ...SMALL, ...options }, seed);
}

/** All that step k of a run is fed. */
export const feedsOf = async ({ program, feeds }: Pretraining, step: number, seed = 3): Promise<Record<string, NdArray>> =>
  ({ ...await feeds(step), ...drawInputs(program, seed, step) });
