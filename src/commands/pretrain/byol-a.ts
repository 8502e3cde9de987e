import { choice, flag, integer, number, numbers, type Values } from '../../cli/options.js';
import { float32, ndarray, type NdArray } from '../../core/array.js';
import { Batches } from '../../core/data/batches.js';
import { defaultLogMel, type LogMelSpec } from '../../core/data/sound/log-mel.js';
import { MEL_BANKS } from '../../core/data/sound/mel.js';
import { PADS, Segments } from '../../core/data/sound/segments.js';
import { clipCount, type SoundSet } from '../../core/data/sound/set.js';
import {
  declareSoundPlan, InputMemory, normalizeTogether, planSoundView, remember, soundPlanInputs, soundView, type SoundView,
} from '../../core/data/sound/views.js';
import { compile } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { concat, input, type Operand, split, type Tensor } from '../../core/graph/index.js';
import { byolLoss, featureStd } from '../../core/losses/index.js';
import { drawInputs, init, initialState, mlpHead, SOUND_ENCODERS, soundFeatures, stepProgram, type Scope, type SoundEncoderSpec } from '../../core/nn/index.js';
import { adam, emaUpdate, updatesOf } from '../../core/optim/index.js';
import { stream } from '../../core/random.js';
import type { SoundEncoder } from '../../core/train/index.js';
import { networks } from '../training.js';
import type { PretrainMethod, Pretraining } from './method.js';
import { soundReader, type SoundData } from './sound-data.js';
import { voiceAugmentation, voiceOptions } from './voice-options.js';

const options = {
  preset: choice({ choices: ['auto', 'v1', 'v2', 'tiny'], default: 'auto', help: 'v2 (auto): Niizumi et al. 2023; v1: Niizumi et al. 2021; tiny: for two cores' }),
  encoder: choice({ choices: SOUND_ENCODERS, default: 'audiontt2022', help: 'network on spectrograms: that of v1 or of v2' }),
  channels: integer({ default: 64, min: 1, help: 'channels of its convolutions' }),
  dim: integer({ default: 3072, min: 1, help: 'width of the features: 512, 1024 or 2048 (v1), 3072 (v2), of which the convolutions make 1024' }),
  dropout: number({ default: 0.3, min: 0, max: 0.9, help: 'share of hidden units of its MLP that are dropped, in the target too' }),
  mels: integer({ default: 64, min: 8, help: 'bands of the mel scale' }),
  fmin: number({ default: 60, min: 0, help: 'lowest frequency in Hz' }),
  fmax: number({ positive: true, help: 'highest frequency in Hz; 7800 at 16 kHz and in proportion below where left out' }),
  window: number({ default: 64, positive: true, help: 'milliseconds of a window, brought to a power of two of samples: 1024 at 16 kHz' }),
  hop: number({ default: 10, positive: true, help: 'milliseconds from one window to the next: 160 samples at 16 kHz' }),
  melBank: choice({ choices: MEL_BANKS, default: 'slaney', help: "mel scale and bands: htk as torchaudio's (v1), slaney as librosa's and nnAudio's (v2)" }),
  seconds: number({ default: 0.95, positive: true, help: 'length of the segment of a sound that both views are of' }),
  pad: choice({ choices: PADS, default: 'end', help: 'where silence fills up shorter sounds: both ends (v1) or the end (v2)' }),
  prenorm: flag({ default: true, help: 'leave spectrograms as they are, without normalising them by mean and deviation of the data set' }),
  statsClips: integer({ default: 10_000, min: 1, help: 'sounds at most that mean and deviation are measured on' }),
  mixup: flag({ default: true, help: 'no mixing with earlier sounds' }),
  mixupAlpha: number({ default: 0.2, min: 0, max: 1, help: 'largest share of the earlier sound: 0.4 (v1), 0.2 (v2)' }),
  memory: integer({ default: 2048, min: 1, help: 'earlier inputs that are mixed in, two a sound; part of the checkpoint' }),
  rrc: flag({ default: true, help: 'no random resize crop' }),
  rrcFreq: numbers({ placeholder: 'share', default: [0.6, 1.5], help: 'smallest and largest share of the mels that a crop has' }),
  rrcTime: numbers({ placeholder: 'share', default: [0.6, 1.5], help: 'smallest and largest share of the frames' }),
  canvas: numbers({ placeholder: 'times', default: [1, 1.5], help: 'mels and frames of the canvas that crops are taken from, as multiples' }),
  fader: flag({ default: true, help: 'no random linear fader' }),
  faderGain: number({ default: 1, min: 0, help: 'how much the fader raises or lowers the ends, in deviations: 0 (v1), 1 (v2)' }),
  postnorm: flag({ default: true, help: 'do not normalise each batch of both views' }),
  augment: choice({ choices: ['plain', 'voice'], default: 'plain', help: 'voice: what Klapsas et al. 2022 add for speakers: other pitch, tempo and background, '
    + 'drawn for each view, and normal noise' }),
  ...voiceOptions,
  projHidden: integer({ default: 4096, min: 1, help: 'hidden units of the projector' }),
  projOut: integer({ default: 256, min: 1, help: 'outputs of projector and predictor' }),
  predHidden: integer({ default: 4096, min: 1, help: 'hidden units of the predictor' }),
  epochs: number({ default: 100, positive: true, help: 'passes over the data' }),
  steps: integer({ min: 1, help: 'steps instead of epochs' }),
  batch: integer({ default: 256, min: 2, help: 'sounds a step' }),
  lr: number({ default: 1e-4, positive: true, help: 'learning rate of Adam, the same throughout: 3e-4 (v1), 1e-4 (v2)' }),
  tau: number({ default: 0.99, min: 0, max: 1, help: "decay of the target's moving average, the same throughout" }),
} as const;
type Options = Values<typeof options>;

function setup(data: SoundData, o: Options, seed: number): Pretraining {
  const { set } = data;
  const spec = logMelSpec(set, o);
  const unit = Math.round(o.seconds * set.rate);
  const segments = new Segments(set, spec, unit, o.pad);
  const { mean, std } = o.prenorm ? segments.statistics(seed, o.statsClips) : { mean: 0, std: 1 };
  const model: SoundEncoder = {
    encoder: { name: o.encoder, channels: o.channels, dim: o.dim, dropout: o.dropout },
    input: { modality: 'sound', ...spec, unit, pad: o.pad, normalized: o.prenorm, mean, std },
  };
  const view = viewOf(o);
  const batches = new Batches(clipCount(set), o.batch, seed);
  const dims = { batch: o.batch, mels: o.mels, frames: segments.frames };
  const shape = [o.batch, 1, o.mels, segments.frames];
  const voice = o.augment === 'voice' ? voiceAugmentation(data, o) : undefined;
  // With waveforms that differ from view to view each of them has a spectrogram of its own.
  const inputs = voice ? VIEWS : (['sounds'] as const);
  const memory = view.mixup && new InputMemory(view.mixup.memory, o.batch, inputs.length as 1 | 2);
  const steps = o.steps ?? Math.max(1, Math.round(o.epochs * batches.stepsPerEpoch));

  /** Both views, from one segment of each sound: normalised, mixed with earlier ones, cropped, faded, normalised together. */
  const viewsOf = (root: Scope): [Tensor, Tensor] => {
    const xs = inputs.map((name) => input(name, shape).sub(mean).mul(1 / std));
    let pool: Tensor | undefined;
    if (memory) {
      const kept = root.at('memory');
      const { pool: all, next } = remember(kept.buffer('inputs', [memory.rows, ...shape.slice(1)], init.zeros), xs);
      kept.assign('inputs', next);
      pool = all;
    }
    const views = VIEWS.map((name, v) => soundView(xs[v] ?? xs[0]!, declareSoundPlan(name, view, dims), view, {
      ...(pool && { pool }), ...(view.noise && { noise: root.draw(`${name} noise`, shape, 'normal') }),
    }));
    const both = concat(views, 0);
    return split(o.postnorm ? normalizeTogether(both) : both, 2) as [Tensor, Tensor];
  };

  const program = stepProgram('byol-a', (root) => byolAStep(root, viewsOf(root), model.encoder, { ...o, lr: input('lr', []) }));
  const feeds = (step: number, clips: ArrayLike<number>): Record<string, NdArray> => ({
    ...(voice ? segments.voices(clips, VIEWS, voice, (name) => stream(seed, name, step))
      : { sounds: segments.batch(clips, stream(seed, 'segment', step)) }),
    ...Object.assign({}, ...VIEWS.map((name, v) => {
      const random = stream(seed, `augment ${name}`, step);
      const plan = planSoundView(view, dims, random, (row) => memory?.draw(step, row, v as 0 | 1, random));
      return soundPlanInputs(name, plan);
    })),
  });
  return {
    program, steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: o.batch,
    feeds: (step) => ({ ...feeds(step, batches.indices(step)), lr: float32([], [o.lr]) }),
    model: (state) => ({
      meta: { method: 'byol-a', ...model, ...(set.classes && { classes: set.classes }) }, tensors: networks(state),
    }),
    preview: async (compute) => {
      const shown = stepProgram('preview', (root) => {
        const [first, second] = viewsOf(root);
        return { first, second };
      });
      const executable = compile(shown, compute);
      try {
        executable.setState(initialState(shown, seed));
        const { first, second } = await executable.run({ ...feeds(0, batches.indices(0)), ...drawInputs(shown, seed, 0) });
        return [first!, second!].map(asImages);
      } finally {
        executable.dispose();
      }
    },
  };
}

const VIEWS = ['view1', 'view2'] as const;

/**
 * Niizumi et al. 2021, section III: BYOL's two networks on both views. Each view goes through the online network by itself, so
 * that batch statistics are per view; the target runs in training mode too, and only its parameters are averaged.
 */
export function byolAStep(
  root: Scope, views: readonly [Tensor, Tensor], encoder: SoundEncoderSpec,
  o: Pick<Options, 'projHidden' | 'projOut' | 'predHidden' | 'tau'> & { readonly lr: Operand },
): Record<string, Tensor> {
  const project = (s: Scope, x: Tensor) =>
    mlpHead(s.at('projector'), soundFeatures(s.at('encoder'), x, encoder), { hidden: o.projHidden, out: o.projOut, bias: true });
  const predict = (s: Scope, z: Tensor) => mlpHead(s.at('predictor'), z, { hidden: o.predHidden, out: o.projOut, bias: true });

  const online = root.at('online');
  const target = root.at('target').startingFrom(online);
  const [z1, z2] = views.map((x) => project(online, x)) as [Tensor, Tensor];
  const [t1, t2] = views.map((x) => project(target, x)) as [Tensor, Tensor];
  const loss = byolLoss(predict(online, z1), t2).add(byolLoss(predict(online, z2), t1));
  adam(root.at('optimizer'), updatesOf(loss, online.parameters), { lr: o.lr });
  emaUpdate(target, online, o.tau);
  return { loss, featureStd: featureStd(z1) };
}

function viewOf(o: Options): SoundView {
  const pair = (option: string, values: readonly number[], least: number): readonly [number, number] => {
    const [low, high] = values;
    if (values.length === 2 && low! >= least && (option === 'canvas' || low! <= high!) && high! >= least) return [low!, high!];
    throw new UsageError(`--${option} takes two numbers from ${least}, such as ${option === 'canvas' ? '1,1.5' : '0.6,1.5'}, but ${values.join()} was given`);
  };
  return {
    ...(o.mixup && { mixup: { alpha: o.mixupAlpha, memory: o.memory } }),
    ...(o.rrc && {
      crop: { mels: pair('rrc-freq', o.rrcFreq, 0.01), frames: pair('rrc-time', o.rrcTime, 0.01), canvas: pair('canvas', o.canvas, 1) },
    }),
    ...(o.augment === 'voice' && o.gauss > 0 && { noise: { alpha: o.mixupAlpha, std: o.gauss } }),
    ...(o.fader && o.faderGain > 0 && { fader: o.faderGain }),
  };
}

/** The front end for the data's rate; throws InputError where it does not fit. */
function logMelSpec({ rate }: SoundSet, o: Options): LogMelSpec {
  const usual = defaultLogMel(rate, { window: o.window / 1000, hop: o.hop / 1000 });
  const spec = { ...usual, mels: o.mels, fmin: o.fmin, fmax: o.fmax ?? usual.fmax, bank: o.melBank };
  if (spec.fmax > rate / 2) {
    throw new InputError(`--fmax ${spec.fmax} is more than sounds of ${rate} Hz have, which end at ${rate / 2} Hz; give a lower --fmax, or byo convert --rate`);
  }
  return spec;
}

/** Normalised spectrograms [B, 1, mels, frames] as grey images, low frequencies at the bottom: black is -2, white 3. */
function asImages({ shape, data }: NdArray): NdArray<Uint8Array> {
  const [count, , mels, frames] = shape as [number, number, number, number];
  const pixels = new Uint8Array(data.length);
  for (let row = 0; row < count * mels; row++) {
    const flipped = row - (row % mels) + (mels - 1 - (row % mels));
    for (let t = 0; t < frames; t++) {
      pixels[flipped * frames + t] = Math.max(0, Math.min(255, Math.round((Number(data[row * frames + t]) + 2) * 51)));
    }
  }
  return ndarray('uint8', shape, pixels);
}

export const byolA: PretrainMethod<typeof options, SoundData> = {
  name: 'byol-a',
  summary: 'learn an encoder of sounds without labels, by predicting a slow copy of itself (BYOL-A)',
  description: 'Two views of one segment of a sound, as log-mel spectrograms, differ in their background (mixed with an earlier sound), in '
    + 'pitch and time (random resize crop) and in loudness (random linear fader). The online network predicts for one what the target '
    + 'network, its slow copy, makes of the other. The result is a model file; byo embed makes features of sounds or of their frames.',
  paper: 'D. Niizumi et al., BYOL for Audio: Self-Supervised Learning for General-Purpose Audio Representation, 2021, arXiv 2103.06695; '
    + 'D. Niizumi et al., BYOL for Audio: Exploring Pre-trained General-purpose Audio Representations, 2023, arXiv 2204.07402',
  examples: [
    ['byo convert sounds/ --rate 16000 -o sounds.st && byo pretrain byol-a sounds.st -o encoder.st', 'the second version (v2)'],
    ['byo pretrain byol-a sounds.st --preset v1 --dim 512 -o encoder.st', 'the first version, with features of 512 dimensions'],
    ['byo pretrain byol-a words.st --preset tiny -o encoder.st', 'a small one, in minutes on two cores'],
    ['byo embed --model encoder.st words.st | byo probe linear --labels speaker', 'what it knows of speakers'],
    ['byo pretrain byol-a speech.st --preset v1 --augment voice --noise-set background.st -o voices.st', 'for speakers: voices that do not depend on pitch, pace and noise'],
    ['byo pretrain byol-a words.st --preset tiny --no-mixup -o encoder.st', 'an ablation: without mixing'],
  ],
  options,
  presets: {
    v1: { encoder: 'audiontt2020', dim: 2048, melBank: 'htk', pad: 'both', mixupAlpha: 0.4, faderGain: 0, lr: 3e-4 },
    v2: { encoder: 'audiontt2022', dim: 3072, melBank: 'slaney', pad: 'end', mixupAlpha: 0.2, faderGain: 1, lr: 1e-4 },
    tiny: {
      encoder: 'audiontt2020', channels: 16, dim: 128, mels: 32, hop: 20, melBank: 'htk', pad: 'both', mixupAlpha: 0.4, memory: 1024,
      faderGain: 1, projHidden: 256, projOut: 64, predHidden: 256, batch: 64, epochs: 25, lr: 1e-3,
    },
  },
  data: soundReader,
  choosePreset: () => 'v2',
  setup,
};
