import { readFileSync } from 'node:fs';
import { byolA } from '../../src/commands/pretrain/byol-a.js';
import type { Pretraining } from '../../src/commands/pretrain/method.js';
import { clipsAt, type SoundSet } from '../../src/core/data/sound/set.js';
import { synthSounds } from '../../src/core/data/synth/sounds.js';
import type { GoldenTensor } from './golden.js';

type Options = Parameters<typeof byolA.setup>[1];
type Name = 'audiontt2020' | 'audiontt2022';
type State = Readonly<Record<string, GoldenTensor>>;

/** test/golden/byol-a.json, which test/golden/byol-a.py describes. */
export const golden = JSON.parse(readFileSync(new URL('../golden/byol-a.json', import.meta.url), 'utf8')) as {
  parameters: { name: Name; dim: number; count: number }[];
  encoders: {
    name: Name; channels: number; dim: number; input: GoldenTensor; state: State; evaluated: GoldenTensor; trained: GoldenTensor;
    frames: GoldenTensor;
  }[];
  crops: { top: number; left: number; height: number; width: number; input: GoldenTensor; output: GoldenTensor }[];
  together: { input: GoldenTensor; output: GoldenTensor }[];
  steps: {
    encoder: Name; channels: number; dim: number; hidden: number; out: number; lr: number; views: GoldenTensor[]; state: State;
    loss: number; grads: State; after: State;
  }[];
};

const words = synthSounds({ kind: 'words', count: 24, rate: 4000, classes: 3, speakers: 2, seed: 1 });

/** Up to 24 words at 4 kHz. */
export const drawnWords = (count = 24): SoundSet => clipsAt(words, [...Array(count).keys()]);

/** The smallest BYOL-A run worth the name: a few channels, 16 bands, words at 4 kHz. */
const SMALL: Partial<Options> = {
  encoder: 'audiontt2020', channels: 2, dim: 6, mels: 16, hop: 40, seconds: 0.64, memory: 20, batch: 8, projHidden: 8,
  projOut: 4, predHidden: 8, lr: 1e-3, steps: 4,
};

/** A BYOL-A run on drawn words, from the method's own defaults. */
export function smallByolA(options: Partial<Options> = {}, seed = 3, set = drawnWords()): Pretraining {
  const defaults = Object.fromEntries(Object.entries(byolA.options).map(([key, spec]) =>
    [key, 'default' in spec ? spec.default : undefined])) as unknown as Options;
  return byolA.setup({ set }, { ...defaults, ...SMALL, ...options }, seed);
}
