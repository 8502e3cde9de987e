import { float32, type NdArray } from '../array.js';
import type { Executable } from '../engine/index.js';
import { ByoError } from '../errors.js';
import { stream, type Stream } from '../random.js';
import { quantile } from '../stats/order.js';
import type { Feeds, State } from '../train/index.js';
import { PoseBuffer, type BufferOptions } from './buffer.js';
import { sizeOfComplex, type Buckets } from './buckets.js';
import type { Complex } from './complexes.js';
import { NEAR, poseError } from './judging.js';
import { noisedLigand, scoreLossFeeds, withNoise, type NoisedLigand } from './learn.js';
import type { NetworkSpec } from './network.js';
import type { NoiseRanges } from './noise.js';
import { drawTime, type TimeLaw } from './times.js';

export interface BootstrapOptions extends Omit<BufferOptions, 'pairs'> {
  readonly seed: number;
  /** Updates between two rollouts. */
  readonly updates: number;
  /** Poses of each complex in a round, and rounds in the first rollout and in the others. */
  readonly samples: number;
  readonly initialRounds: number;
  readonly rounds: number;
  /** What a pose's logit is multiplied with, in the exponent of its weight. */
  readonly inverseTemperature: number;
  /** Items of an epoch: poses of the buffer, and real complexes. */
  readonly bufferDraws: number;
  readonly realDraws: number;
  /** Items of an update, and noisy versions of each. */
  readonly batch: number;
  readonly poses: number;
  /** Times of poses of the buffer, as a share of the way from `tMin` to `tMax`, and those of real complexes. */
  readonly bufferTimes: TimeLaw;
  readonly tMin: number;
  readonly tMax: number;
  readonly realTimes: TimeLaw;
}

/** What confidence bootstrapping works on and with. */
export interface BootstrapTask {
  /** Complexes of one cluster; their true poses are only looked at for reports. */
  readonly targets: readonly Complex[];
  /** Of each target, the pair whose poses share their places in the buffer. */
  readonly pairs: readonly string[];
  /** Complexes with true poses that keep the late steps right; there may be none. */
  readonly real: readonly Complex[];
  readonly network: NetworkSpec;
  readonly noise: NoiseRanges;
  readonly buckets: Buckets;
  /** Residues that a ligand sees at most. */
  readonly visible: number;
  /** Steps of denoising score matching; its state has the weights below `average`. */
  readonly learner: Executable;
  /** Where the state has the weights that poses are drawn with. */
  readonly average: string;
  /** Poses [n, 3] of every target, drawn with these weights. */
  draw(weights: State, samples: number, streamName: string): Promise<Float64Array[][]>;
  /** Logits of poses of every target. */
  judge(poses: readonly (readonly Float64Array[])[], streamName: string): Promise<ArrayLike<number>[]>;
  onRollout?(report: RolloutReport): void;
  /** Frees what `draw` and `judge` need. */
  dispose?(): void;
}

export interface RolloutReport {
  /** From 1. */
  readonly rollout: number;
  readonly drawn: number;
  /** Poses in the buffer. */
  readonly buffer: number;
  /** Share of the drawn poses above the cutoff. */
  readonly kept: number;
  readonly meanConfidence: number;
  readonly medianConfidence: number;
  /** Share of drawn poses near the true one, and of targets whose best pose by logit is; left out where no truth is known. */
  readonly near?: number;
  readonly top1?: number;
}

/**
 * Confidence bootstrapping (Corso et al. 2024) as an executable whose step is one update: every `updates` steps poses are drawn
 * with the averaged weights, judged, and the good ones kept; the steps between learn from poses of the buffer, at early times
 * above all, and from real complexes. Its state is the learner's and the buffer. It is fed `update`, the number of the step, and
 * what the learner is fed besides data.
 */
export class ConfidenceBootstrap implements Executable {
  private readonly buffer: PoseBuffer;
  private items: { readonly key: string; readonly list: readonly Item[] } = { key: '', list: [] };

  constructor(private readonly task: BootstrapTask, private readonly options: BootstrapOptions) {
    this.buffer = new PoseBuffer({ ...options, pairs: task.pairs });
  }

  get device() {
    return this.task.learner.device;
  }

  async run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<string, NdArray>> {
    const { updates, seed } = this.options;
    const { update, ...others } = feeds;
    const step = Number(update.data[0]);
    const [rollout, within] = [Math.floor(step / updates), step % updates];
    const report = within === 0 ? await this.rollOut(rollout) : undefined;
    const items = this.itemsOf(rollout, within);
    const outputs = await this.task.learner.run({ ...this.batchFeeds(items, stream(seed, 'noise', step)), ...others });
    return { ...outputs, ...report };
  }

  runSync(): never {
    throw new Error('a rollout takes many runs of other programs; use run');
  }

  setState(values: ReadonlyMap<string, NdArray>): void {
    this.task.learner.setState(values);
    this.buffer.restore(values);
  }

  getState(names?: readonly string[]): State {
    const state = this.task.learner.getState(names);
    if (!names) for (const [name, value] of this.buffer.toTensors()) state.set(name, value);
    return state;
  }

  dispose(): void {
    this.task.learner.dispose();
    this.task.dispose?.();
  }

  /** Draws, judges and keeps poses; what there is to report, as scalars. */
  private async rollOut(rollout: number): Promise<Record<string, NdArray>> {
    const { task, options } = this;
    const rounds = rollout === 0 ? options.initialRounds : options.rounds;
    const prefix = `${task.average}.`;
    const weights: State = new Map([...task.learner.getState()].filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]));
    const logits: number[] = [];
    const rmsds: number[] = [];
    const best = task.targets.map(() => ({ logit: -Infinity, rmsd: NaN }));
    let kept = 0;
    for (let round = 0; round < rounds; round++) {
      const name = `rollout ${rollout} round ${round}`;
      const poses = await task.draw(weights, options.samples, name);
      // Not a number is as bad as can be, as in the published code.
      const finite = (logit: number): number => (Number.isNaN(logit) ? -1000 : logit);
      const said = (await task.judge(poses, name)).map((list) => Array.from(list, finite));
      kept += this.buffer.add(poses.flatMap((list, complex) =>
        list.map((pose, k) => ({ complex, positions: Float32Array.from(pose), logit: said[complex][k] }))));
      poses.forEach((list, complex) => list.forEach((pose, k) => {
        const logit = said[complex][k];
        const known = task.targets[complex].poses.length > 0;
        const rmsd = known ? poseError(task.targets[complex], pose).rmsd : NaN;
        logits.push(logit);
        if (known) rmsds.push(rmsd);
        if (logit > best[complex].logit) best[complex] = { logit, rmsd };
      }));
    }
    const known = best.filter(({ rmsd }) => !Number.isNaN(rmsd));
    const report: RolloutReport = {
      rollout: rollout + 1, drawn: logits.length, buffer: this.buffer.size, kept: kept / logits.length,
      meanConfidence: logits.reduce((a, b) => a + b, 0) / logits.length,
      medianConfidence: quantile([...logits].sort((a, b) => a - b), 0.5),
      ...(known.length > 0 && { near: share(rmsds), top1: share(known.map(({ rmsd }) => rmsd)) }),
    };
    task.onRollout?.(report);
    if (this.buffer.size === 0 && (task.real.length === 0 || options.realDraws === 0)) {
      const most = Math.max(...logits);
      throw new ByoError(`none of ${logits.length} poses has a confidence above ${options.cutoff} (the best has ${most.toFixed(2)}), `
        + 'and there are no real complexes, so there is nothing to learn from; give a lower --cutoff');
    }
    return Object.fromEntries(Object.entries(report).map(([name, value]) => [name, float32([], [value])]));
  }

  /** The items of an update: epochs begin anew after every rollout. */
  private itemsOf(rollout: number, within: number): readonly Item[] {
    const { seed, batch, bufferDraws, realDraws, inverseTemperature } = this.options;
    const { real, targets } = this.task;
    const count = (this.buffer.size > 0 ? bufferDraws : 0) + (real.length > 0 ? realDraws : 0);
    const perEpoch = Math.ceil(count / batch);
    const epoch = Math.floor(within / perEpoch);
    const key = `${rollout} ${epoch}`;
    if (this.items.key !== key) {
      const random = stream(seed, `epoch ${epoch}`, rollout);
      const own = this.buffer.size > 0 ? this.buffer.draw(bufferDraws, inverseTemperature, random) : [];
      const list: Item[] = [
        ...own.map(({ complex, positions }): Item => ({ complex: targets[complex], pose: positions })),
        ...distinct(real, real.length > 0 ? realDraws : 0, random).map((complex): Item => ({ complex })),
      ];
      this.items = { key, list: Array.from(random.permutation(list.length), (i) => list[i]) };
    }
    const start = (within % perEpoch) * batch;
    return this.items.list.slice(start, start + batch);
  }

  private batchFeeds(items: readonly Item[], random: Stream): Feeds {
    const { network, noise, buckets, visible } = this.task;
    const { batch, poses, bufferTimes, realTimes, tMin, tMax } = this.options;
    const size = buckets.sizes[buckets.bucketOf(items.map(({ complex }) => sizeOfComplex(complex)))];
    const shape = { ...size, graphs: batch, poses, visible: Math.min(size.nodes, visible) };
    const times = (of: () => number): number[] => Array.from({ length: poses }, of);
    return scoreLossFeeds(network, shape, items.map(({ complex, pose }): NoisedLigand => (pose
      ? withNoise(complex, pose, noise, times(() => tMin + (tMax - tMin) * drawTime(bufferTimes, random)), random)
      : noisedLigand(complex, noise, times(() => drawTime(realTimes, random)), random))));
  }
}

/** A pose of a target to learn from as if it were true, or a real complex. */
interface Item {
  readonly complex: Complex;
  readonly pose?: Float32Array;
}

const share = (rmsds: readonly number[]): number => rmsds.filter((rmsd) => rmsd < NEAR).length / rmsds.length;

/** `count` elements in random order, none twice before all have come once. */
function distinct<T>(elements: readonly T[], count: number, random: Stream): T[] {
  const chosen: T[] = [];
  while (chosen.length < count) {
    for (const i of random.permutation(elements.length)) if (chosen.length < count) chosen.push(elements[i]);
  }
  return chosen;
}

/** The published code's stand-in for a confidence that knows the truth: from 3.9 at an RMSD of 0 to -4 far away. */
export const oracleConfidence = (rmsd: number): number => -4 * Math.tanh((2 * rmsd) / 3 - 2);
