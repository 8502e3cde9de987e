import { InputError } from '../errors.js';
import { add, concat, max, maxPool2d, mean, relu, type Tensor } from '../graph/index.js';
import { torchDefault } from './init.js';
import { batchNorm, conv2d, dropout, linear } from './layers.js';
import type { Scope } from './scope.js';

/** Encoders of log-mel spectrograms: those of the two versions of BYOL-A. */
export const SOUND_ENCODERS = ['audiontt2020', 'audiontt2022'] as const;

/** All that is needed to build an encoder of sounds again; stored with every model of them. */
export interface SoundEncoderSpec {
  readonly name: (typeof SOUND_ENCODERS)[number];
  /** Channels of the convolutions. */
  readonly channels: number;
  /** Width of the features; of an audiontt2022 those of the convolutions are a part. */
  readonly dim: number;
  /** Share of hidden units of the MLP that are dropped in training. */
  readonly dropout: number;
}

/** Blocks of convolution and pooling; each halves mels and frames. */
const BLOCKS: Readonly<Record<SoundEncoderSpec['name'], number>> = { audiontt2020: 3, audiontt2022: 2 };

/** Frames of a spectrogram that make one frame of features. */
export const pooledFrames = ({ name }: Pick<SoundEncoderSpec, 'name'>): number => 2 ** BLOCKS[name];

/** Modules of a block in the official torch.nn.Sequential: convolution, normalisation, ReLU, pooling. */
const BLOCK_MODULES = 4;

/**
 * Log-mel spectrograms [B, 1, mels, frames] -> features of every pooled frame [B, frames / 8 or 4, dim], as BYOL-A's encoders
 * have them: convolutions of 3x3 with batch norm, ReLU and 2x2 max-pooling, then on each frame an MLP (Niizumi et al. 2021,
 * 2023). The one of 2022 has two blocks instead of three, and puts the convolutions' features before those of the MLP. Names of
 * the official code: `features.0`, …, `fc.0`, `fc.3`. Throws InputError where a spectrogram or `dim` is too small.
 */
export function soundFrames(scope: Scope, spectrogram: Tensor, spec: SoundEncoderSpec): Tensor {
  const { name, channels, dim, dropout: rate } = spec;
  const [batch, , mels, frames] = spectrogram.shape as [number, number, number, number];
  const least = 2 ** BLOCKS[name];
  if (Math.min(mels, frames) < least) {
    throw new InputError(`a ${name} takes spectrograms of ${least}x${least} or more, but these have ${mels} mels and ${frames} frames`);
  }
  let x = spectrogram;
  for (let block = 0; block < BLOCKS[name]; block++) {
    const [conv, norm] = [0, 1].map((module) => scope.at('features').at(BLOCK_MODULES * block + module)) as [Scope, Scope];
    x = conv2d(conv, x, channels, 3, { padding: 1, bias: true, init: torchDefault });
    x = maxPool2d(relu(batchNorm(norm, x)), { size: 2 });
  }
  const [, , high, long] = x.shape as [number, number, number, number];
  const width = high * channels;
  // Feature mel * channels + channel of every frame.
  const local = x.transpose([0, 3, 2, 1]).reshape([batch, long, width]);
  const units = name === 'audiontt2020' ? dim : dim - width;
  if (units < 1) {
    throw new InputError(`an audiontt2022 puts ${width} features of its convolutions before those of its MLP, so it needs more than ${width} in all, `
      + `but has ${dim}`);
  }
  const hidden = dropout(scope.at('fc'), relu(linear(scope.at('fc.0'), local, units)), rate);
  const global = relu(linear(scope.at('fc.3'), hidden, units));
  return name === 'audiontt2020' ? global : concat([local, global], 2);
}

/** Features of frames [B, T, D] as one of the whole: the largest over time plus the mean, [B, D]. */
export const poolFrames = (frames: Tensor): Tensor => add(max(frames, 1), mean(frames, 1));

/** Log-mel spectrograms [B, 1, mels, frames] -> features [B, dim]. */
export const soundFeatures = (scope: Scope, spectrogram: Tensor, spec: SoundEncoderSpec): Tensor =>
  poolFrames(soundFrames(scope, spectrogram, spec));
