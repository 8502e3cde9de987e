import { float32, int32, type NdArray } from '../array.js';
import { pack } from '../data/ragged.js';
import type { Stream } from '../random.js';
import { argsortDescending } from '../stats/order.js';

/** A pose that a model drew, and what the confidence model says of it. */
export interface JudgedPose {
  /** Number of its complex. */
  readonly complex: number;
  /** Å: [n, 3]. */
  readonly positions: Float32Array;
  readonly logit: number;
}

interface Kept extends JudgedPose {
  /** Number of the rollout that it came from. */
  readonly stamp: number;
}

export interface BufferOptions {
  /** Poses below or at this logit are not kept. */
  readonly cutoff: number;
  /** Poses that are kept for each pair of a receptor and a ligand. */
  readonly perPair: number;
  /** What newer poses are favoured by, per rollout, where there are too many. */
  readonly decay: number;
  /** Only the newest rollout's poses are kept. */
  readonly reset: boolean;
  /** The pair that each complex is of. */
  readonly pairs: readonly string[];
}

/** The poses that a score model learns from in confidence bootstrapping (Corso et al. 2024, section 4). */
export class PoseBuffer {
  private poses: Kept[] = [];
  /** Rollouts so far. */
  private rollouts = 0;

  constructor(private readonly options: BufferOptions) {}

  get size(): number {
    return this.poses.length;
  }

  /**
   * Takes the poses of one rollout whose logit is above the cutoff, and leaves for every pair the best by
   * logit + decay * stamp; of equals the newer, then the first. Returns how many poses were above the cutoff.
   */
  add(judged: readonly JudgedPose[]): number {
    const { cutoff, perPair, decay, reset, pairs } = this.options;
    // As checkpoints hold them, so that a run that was interrupted draws the same.
    const good = judged.map((pose): Kept => ({ ...pose, logit: Math.fround(pose.logit), stamp: this.rollouts }))
      .filter(({ logit }) => logit > cutoff);
    this.rollouts++;
    const all = [...good, ...(reset ? [] : this.poses)];
    const order = argsortDescending(all.map(({ logit, stamp }) => logit + decay * stamp));
    const taken = new Map<string, number>();
    const kept = Array.from(order, (i) => all[i]).filter(({ complex }) => {
      const count = (taken.get(pairs[complex]) ?? 0) + 1;
      taken.set(pairs[complex], count);
      return count <= perPair;
    });
    this.poses = kept;
    return good.length;
  }

  /** The probability of each pose to be drawn: softmax of logit times `inverseTemperature`. */
  weights(inverseTemperature: number): Float64Array {
    const most = this.poses.reduce((largest, { logit }) => Math.max(largest, logit), -Infinity);
    const shares = Float64Array.from(this.poses, ({ logit }) => Math.exp(inverseTemperature * (logit - most)));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return shares.map((share) => share / total);
  }

  /** Poses drawn with replacement. */
  draw(count: number, inverseTemperature: number, random: Stream): JudgedPose[] {
    const cumulative = this.weights(inverseTemperature);
    for (let i = 1; i < cumulative.length; i++) cumulative[i] += cumulative[i - 1];
    return Array.from({ length: count }, () => {
      const u = random.next();
      const found = cumulative.findIndex((sum) => u < sum);
      return this.poses[found < 0 ? this.poses.length - 1 : found];
    });
  }

  /** Logits of all poses. */
  get logits(): number[] {
    return this.poses.map(({ logit }) => logit);
  }

  /** Everything as tensors, for checkpoints. */
  toTensors(): [string, NdArray][] {
    const count = this.poses.length;
    const whole = (name: string, of: (pose: Kept) => number): [string, NdArray] => [name, int32([count], this.poses.map(of))];
    return [
      ...pack('buffer.poses', 'float32', [3], this.poses.map(({ positions }) => positions)),
      whole('buffer.complexes', ({ complex }) => complex), whole('buffer.stamps', ({ stamp }) => stamp),
      ['buffer.logits', float32([count], this.poses.map(({ logit }) => logit))],
      ['buffer.rollouts', int32([], [this.rollouts])],
    ];
  }

  /** Takes everything from what `toTensors` gave, if it is there. */
  restore(tensors: ReadonlyMap<string, NdArray>): void {
    const rollouts = tensors.get('buffer.rollouts');
    if (!rollouts) return;
    const of = (name: string): number[] => Array.from(tensors.get(`buffer.${name}`)!.data, Number);
    const [complexes, stamps, logits, offsets] = ['complexes', 'stamps', 'logits', 'poses.offsets'].map(of);
    const positions = tensors.get('buffer.poses')!.data as Float32Array;
    this.rollouts = Number(rollouts.data[0]);
    this.poses = complexes.map((complex, i) => ({
      complex, stamp: stamps[i], logit: logits[i], positions: positions.slice(3 * offsets[i], 3 * offsets[i + 1]),
    }));
  }
}
