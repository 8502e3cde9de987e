import { float32, ndarray, type NdArray } from '../array.js';
import { framesOf, logMel, type LogMelSpec } from '../data/sound/log-mel.js';
import { filledUp, Segments, type Pad } from '../data/sound/segments.js';
import { clipCount, clipLength, clipOf, type SoundSet } from '../data/sound/set.js';
import { compile } from '../engine/index.js';
import { InputError } from '../errors.js';
import { input } from '../graph/index.js';
import {
  drawInputs, initialState, pooledFrames, poolFrames, requireWeights, soundFrames, stepProgram, type SoundEncoderSpec,
  type StepProgram,
} from '../nn/index.js';
import { stream } from '../random.js';
import type { EmbedOptions } from './embed.js';
import type { State } from './train.js';

/** What a trained encoder of sounds expects and is; the `meta` of model files. */
export interface SoundEncoder {
  readonly encoder: SoundEncoderSpec;
  readonly input: SoundInput;
}

export interface SoundInput extends LogMelSpec {
  readonly modality: 'sound';
  /** Samples of a segment that the encoder was trained on. */
  readonly unit: number;
  /** Where the silence goes behind which a shorter sound ends. */
  readonly pad: Pad;
  /** Whether spectrograms are normalised; where they are not, mean and deviation are 0 and 1. */
  readonly normalized: boolean;
  /** Of all values of the training spectrograms, subtracted and divided by. */
  readonly mean: number;
  readonly std: number;
}

export interface EmbedSoundOptions extends EmbedOptions {
  /** Mean and deviation that spectrograms are normalised by; the model's where left out. */
  readonly statistics?: { readonly mean: number; readonly std: number };
  /** Features of every frame instead of every sound. */
  readonly frames?: boolean;
}

export interface SoundFeatures {
  /** [rows, D] */
  readonly features: NdArray<Float32Array>;
  /** The sound that each row is of, and the frame within it; left out where a row is a sound. */
  readonly places?: { readonly sound: Int32Array; readonly frame: Int32Array };
}

/**
 * Features of sounds in evaluation mode: the largest plus the mean over time, or those of every frame that holds a part of the
 * sound. A sound is filled up with silence to the model's segment, a longer one to its multiples by powers of the square root of
 * 2, so that a sound's features depend on nothing but the sound. Throws InputError where the rates differ.
 */
export async function embedSounds(
  model: SoundEncoder, weights: State, set: SoundSet, options: EmbedSoundOptions = {},
): Promise<SoundFeatures> {
  const { statistics = model.input, frames = false } = options;
  checkRate(model.input, set);
  const extract = logMel(model.input);
  const { mels, hop, unit, pad } = model.input;
  const rows = Array<Float32Array>(clipCount(set));
  let [width, done] = [0, 0];
  for (const [length, clips] of byLength(set, unit, hop)) {
    const time = framesOf(length, hop);
    const batch = Math.max(1, Math.min(options.batch ?? 64, clips.length, Math.floor(MAX_FRAMES / time)));
    const program = soundProgram(model, [batch, 1, mels, time], { frames, training: false });
    requireWeights(program, weights, model.encoder.name);
    const executable = compile(program, { ...options, constants: weights });
    try {
      for (let start = 0; start < clips.length; start += batch) {
        const chosen = clips.slice(start, start + batch);
        // The last batch is filled up with zeros; those rows are not read.
        const sounds = float32([batch, 1, mels, time]);
        chosen.forEach((i, b) => sounds.data.set(extract(filledUp(clipOf(set, i), length, pad)), b * mels * time));
        const { features } = await executable.run({ sounds, ...scalars(statistics) });
        const data = features!.data as Float32Array;
        width = features!.shape.at(-1)!;
        const size = data.length / batch;
        chosen.forEach((i, b) => {
          const [first, end] = frames ? heldFrames(model, clipLength(set, i), length) : [0, 1];
          rows[i] = data.slice(b * size + first * width, b * size + Math.min(end * width, size));
        });
        done += chosen.length;
        options.onProgress?.(done);
      }
    } finally {
      executable.dispose();
    }
  }
  const counts = rows.map(({ length }) => length / width);
  const total = counts.reduce((sum, n) => sum + n, 0);
  const out = new Float32Array(total * width);
  const [sound, frame] = [new Int32Array(total), new Int32Array(total)];
  let at = 0;
  rows.forEach((row, i) => {
    out.set(row, at * width);
    for (let k = 0; k < counts[i]!; k++, at++) [sound[at], frame[at]] = [i, k];
  });
  return { features: ndarray('float32', [total, width], out), ...(frames && { places: { sound, frame } }) };
}

/** Frames of a batch that are worth their memory: 64 sounds of 0.95 s have 6144. */
const MAX_FRAMES = 2 ** 14;

/** Clips by the length that they are filled up to: the unit, or so many samples times a power of the square root of 2. */
function byLength(set: SoundSet, unit: number, hop: number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < clipCount(set); i++) {
    const steps = Math.max(0, Math.ceil(2 * Math.log2(clipLength(set, i) / unit)));
    const length = steps === 0 ? unit : hop * Math.ceil((unit * 2 ** (steps / 2)) / hop);
    groups.set(length, [...groups.get(length) ?? [], i]);
  }
  return new Map([...groups].sort(([a], [b]) => a - b));
}

/** The first pooled frame that holds a part of a sound which is filled up to `length`, and the one behind the last. */
function heldFrames({ encoder, input }: SoundEncoder, samples: number, length: number): readonly [first: number, end: number] {
  const before = input.pad === 'both' ? Math.floor((length - samples) / 2) : 0;
  const step = pooledFrames(encoder) * input.hop;
  return [Math.floor(before / step), Math.ceil((before + samples) / step)];
}

/**
 * Weights of the same encoder before any training, with running statistics measured on random segments of the sounds: the
 * baseline that a trained encoder has to beat.
 */
export async function untrainedSoundWeights(
  model: SoundEncoder, set: SoundSet, seed: number, { statistics = model.input, ...options }: EmbedSoundOptions = {},
): Promise<State> {
  checkRate(model.input, set);
  const segments = new Segments(set, model.input, model.input.unit, model.input.pad);
  const count = clipCount(set);
  const batch = Math.min(options.batch ?? 64, count);
  const program = soundProgram(model, [batch, 1, model.input.mels, segments.frames], { frames: false, training: true });
  const executable = compile(program, options);
  try {
    executable.setState(initialState(program, seed));
    const PASSES = 50; // at a momentum of 0.1 the start has a weight of 0.5 % left
    for (let k = 0; k < PASSES; k++) {
      const clips = Array.from({ length: batch }, (_, i) => (k * batch + i) % count);
      const sounds = segments.batch(clips, stream(seed, 'measured segments', k));
      await executable.run({ sounds, ...scalars(statistics), ...drawInputs(program, seed, k) });
    }
    return executable.getState();
  } finally {
    executable.dispose();
  }
}

function soundProgram(
  { encoder }: SoundEncoder, shape: readonly number[],
  { frames, training }: { readonly frames: boolean; readonly training: boolean },
): StepProgram {
  return stepProgram('embed sounds', (root) => {
    const normalized = input('sounds', shape).sub(input('mean', [])).div(input('std', []));
    const features = soundFrames(root.at('encoder'), normalized, encoder);
    return { features: frames ? features : poolFrames(features) };
  }, { training });
}

const scalars = ({ mean, std }: { readonly mean: number; readonly std: number }) =>
  ({ mean: float32([], [mean]), std: float32([], [std]) });

function checkRate({ rate }: SoundInput, set: SoundSet): void {
  if (set.rate === rate) return;
  throw new InputError(`the model was trained on sounds of ${rate} Hz, but these have ${set.rate}; byo convert --rate ${rate} makes them fit`);
}
