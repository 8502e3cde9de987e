import { float32, int32, type NdArray } from '../../array.js';
import { add, concat, exp, gather, input, log, maximum, mul, sqrt, square, sub, where, type Tensor } from '../../graph/index.js';
import type { Stream } from '../../random.js';
import { writeInterpolation } from '../augment/resample.js';
import { EPSILON } from './log-mel.js';

/** How a view of normalised log-mel spectrograms is made (Niizumi et al. 2021, section III); what is left out does not happen. */
export interface SoundView {
  /** Log-mixup-exp with an earlier input: its share is drawn from U(0, alpha), the input from the last `memory` ones. */
  readonly mixup?: { readonly alpha: number; readonly memory: number };
  /** The same with normal noise of deviation `std` in place of an input. */
  readonly noise?: { readonly alpha: number; readonly std: number };
  /**
   * Random resize crop: of a share of mels and frames, between these, from a canvas of `canvas` times the mels and frames with
   * the spectrogram in the middle of zeros.
   */
  readonly crop?: { readonly mels: Range; readonly frames: Range; readonly canvas: Range };
  /** Random linear fader: both ends are raised or lowered by up to so much. */
  readonly fader?: number;
}
type Range = readonly [number, number];

/** A batch of spectrograms [batch, 1, mels, frames]. */
export interface SoundDims {
  readonly batch: number;
  readonly mels: number;
  readonly frames: number;
}

/** What a program that makes views is fed, by name (see `soundPlanSpecs`). */
export type SoundPlan = Readonly<Record<string, NdArray>>;
export type SoundPlanTensors = Readonly<Record<string, Tensor>>;

/** Shapes of a view's plan: `other`, a row of the pool of inputs, is int32, everything else float32. */
function soundPlanSpecs({ mixup, noise, crop, fader }: SoundView, { batch, mels, frames }: SoundDims): Record<string, number[]> {
  const one = [batch, 1, 1, 1];
  return {
    ...(mixup && { share: one, other: [batch], mixed: one }),
    ...(noise && { noiseShare: one }),
    ...(crop && { rows: [batch, 1, mels, mels], columns: [batch, 1, frames, frames] }),
    ...(fader !== undefined && { fader: [batch, 1, 1, frames] }),
  };
}

/** The plan of a view as inputs of the program under construction, named `prefix.share` and so on. */
export const declareSoundPlan = (prefix: string, view: SoundView, dims: SoundDims): SoundPlanTensors =>
  Object.fromEntries(Object.entries(soundPlanSpecs(view, dims)).map(([name, shape]) =>
    [name, input(`${prefix}.${name}`, shape, name === 'other' ? 'int32' : 'float32')]));

/**
 * One view of every spectrogram x [B, 1, mels, frames]. `pool` [rows, 1, mels, frames] holds the inputs that are mixed in, which
 * the plan names by row; `noise` [B, 1, mels, frames] is standard normal.
 */
export function soundView(
  x: Tensor, plan: SoundPlanTensors, { noise: level }: SoundView,
  { pool, noise }: { readonly pool?: Tensor; readonly noise?: Tensor } = {},
): Tensor {
  const { share, other, mixed, noiseShare, rows, columns, fader } = plan;
  if (share) x = where(mixed!, logMixupExp(x, gather(pool!, other!), share), x);
  if (noiseShare) x = logMixupExp(x, noise!.mul(level!.std), noiseShare);
  if (rows) x = rows.matmul(x.matmul(columns!));
  return fader ? x.add(fader) : x;
}

/** ln((1 - share) e^x + share e^y + 2^-23): spectrograms mixed as powers are (section III-B). */
export const logMixupExp = (x: Tensor, y: Tensor, share: Tensor): Tensor =>
  log(add(mul(exp(x), sub(1, share)), mul(exp(y), share)).add(EPSILON));

/** Post-normalisation: mean 0 and deviation 1 (over n - 1, at least 2^-23) of all values of a batch together. */
export function normalizeTogether(x: Tensor): Tensor {
  const centred = x.sub(x.mean());
  const variance = square(centred).sum().mul(1 / (x.size - 1));
  return centred.div(maximum(sqrt(variance), EPSILON));
}

/**
 * Earlier inputs that views are mixed with: every clip is remembered once for each of its two views, first come, first
 * forgotten, before it is mixed itself, so that the second view of a clip may meet the clip. All that was remembered of `views`
 * inputs a clip (1 where both views start from the same) lies in blocks of one batch.
 */
export class InputMemory {
  /** Blocks that are kept from step to step. */
  readonly blocks: number;
  /** Rows of a block. */
  readonly stride: number;

  constructor(private readonly size: number, private readonly batch: number, private readonly views: 1 | 2) {
    this.blocks = Math.ceil(size / (2 * batch));
    this.stride = views * batch;
  }

  get rows(): number {
    return this.blocks * this.stride;
  }

  /**
   * The row, in the kept blocks with this step's block behind them, of what clip `row` of a step meets in its first (0) or second
   * (1) view; undefined where nothing has been remembered yet.
   */
  draw(step: number, row: number, view: 0 | 1, random: Stream): number | undefined {
    const remembered = 2 * (step * this.batch + row) + view;
    const held = Math.min(remembered, this.size);
    if (held === 0) return undefined;
    const entry = remembered - 1 - random.int(held);
    const clip = Math.floor(entry / 2);
    const block = Math.floor(clip / this.batch) - step + this.blocks;
    return block * this.stride + (this.views === 2 ? (entry % 2) * this.batch : 0) + (clip % this.batch);
  }
}

/** The pool of a step: what is remembered, with this step's inputs behind it; and what is remembered next. */
export function remember(memory: Tensor, inputs: readonly Tensor[]): { readonly pool: Tensor; readonly next: Tensor } {
  const pool = concat([memory, ...inputs], 0);
  return { pool, next: pool.slice([[pool.shape[0]! - memory.shape[0]!, pool.shape[0]!], null, null, null]) };
}

/** Draws a view's plan: one stream per view and step. */
export function planSoundView(
  { mixup, noise, crop, fader }: SoundView, dims: SoundDims, random: Stream,
  other: (row: number) => number | undefined = () => undefined,
): SoundPlan {
  const { batch, mels, frames } = dims;
  const plan: Record<string, NdArray> = {};
  const column = () => float32([batch, 1, 1, 1]);
  if (mixup) {
    const [share, mixed] = [column(), column()];
    const rows = int32([batch]);
    for (let b = 0; b < batch; b++) {
      share.data[b] = random.between(0, mixup.alpha);
      const met = other(b);
      [rows.data[b], mixed.data[b]] = [met ?? 0, Number(met !== undefined)];
    }
    Object.assign(plan, { share, mixed, other: rows });
  }
  if (noise) {
    const noiseShare = column();
    for (let b = 0; b < batch; b++) noiseShare.data[b] = random.between(0, noise.alpha);
    plan.noiseShare = noiseShare;
  }
  if (crop) {
    const [rows, columns] = [float32([batch, 1, mels, mels]), float32([batch, 1, frames, frames])];
    for (let b = 0; b < batch; b++) {
      const { top, left, height, width } = drawSoundCrop(crop, dims, random);
      const row = { out: rows.data, offset: b * mels ** 2, outputStride: mels, inputStride: 1 };
      const column = { out: columns.data, offset: b * frames ** 2, outputStride: 1, inputStride: frames };
      writeInterpolation(row, top, height, mels, mels);
      writeInterpolation(column, left, width, frames, frames);
    }
    Object.assign(plan, { rows, columns });
  }
  if (fader !== undefined) {
    const added = float32([batch, 1, 1, frames]);
    for (let b = 0; b < batch; b++) {
      const [first, last] = [random.between(-fader, fader), random.between(-fader, fader)];
      for (let t = 0; t < frames; t++) added.data[b * frames + t] = first + ((last - first) * t) / Math.max(1, frames - 1);
    }
    plan.fader = added;
  }
  return plan;
}

/** A random part of the canvas, in mels and frames of the spectrogram, which may begin before it and end behind it. */
export function drawSoundCrop(
  { mels: high, frames: long, canvas }: NonNullable<SoundView['crop']>, { mels, frames }: Pick<SoundDims, 'mels' | 'frames'>,
  random: Stream,
): { readonly top: number; readonly left: number; readonly height: number; readonly width: number } {
  const [tall, wide] = [Math.floor(canvas[0] * mels), Math.floor(canvas[1] * frames)];
  const within = (extent: number, share: Range, limit: number) =>
    Math.max(1, Math.min(limit, Math.floor(random.between(...share) * extent)));
  const height = within(mels, high, tall);
  const width = within(frames, long, wide);
  return {
    height, width,
    top: random.int(tall - height + 1) - Math.floor((tall - mels) / 2),
    left: random.int(wide - width + 1) - Math.floor((wide - frames) / 2),
  };
}

/** A plan under the names of its inputs. */
export const soundPlanInputs = (prefix: string, plan: SoundPlan): Record<string, NdArray> =>
  Object.fromEntries(Object.entries(plan).map(([name, array]) => [`${prefix}.${name}`, array]));

