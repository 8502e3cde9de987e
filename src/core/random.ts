import { createHash } from 'node:crypto';
import { InputError } from './errors.js';

/**
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): encrypts a 128-bit counter
 * `[c0, c1, c2, c3]` under a 64-bit key `[k0, k1]` into four random words, least significant words first. Writes
 * them to `out[0..3]`; `out` may be a new array or one that is used again.
 */
export function philox4x32(
  c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, out: Uint32Array,
): Uint32Array {
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd251, 0x1f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e, 0x8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** The upper 32 bits of a 32 x 32 bit product, in 16-bit digits: no partial sum exceeds 32 bits. */
function mulHigh(aHigh: number, aLow: number, b: number): number {
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = ((Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const carry = ((Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/**
 * A stream of random draws that depends only on (seed, name, step) and on how many 32-bit words were drawn from it
 * before. Every name is a stream of its own, so adding a draw to one never shifts another; and as a training step's
 * number is part of the counter, a resumed run needs no generator state.
 *
 * Key: the first 8 bytes (little-endian) of SHA-256 of the name in UTF-8, exclusive-or the seed.
 * Counter: word 0-1 the block of four words (from 0), word 2-3 the step.
 */
export class Stream {
  private readonly key0: number;
  private readonly key1: number;
  private readonly stepLow: number;
  private readonly stepHigh: number;
  private readonly block = new Uint32Array(4);
  private blocks = 0;
  private used = 4;

  /** Throws InputError where seed or step is not a whole number from 0 to 2^53 - 1. */
  constructor(seed: number, name: string, step = 0) {
    checkCount('the seed', seed);
    checkCount('the step of a random stream', step);
    const hash = createHash('sha256').update(name, 'utf8').digest();
    this.key0 = hash.readInt32LE(0) ^ lowWord(seed);
    this.key1 = hash.readInt32LE(4) ^ highWord(seed);
    this.stepLow = lowWord(step);
    this.stepHigh = highWord(step);
  }

  private word(): number {
    if (this.used === 4) {
      const { blocks } = this;
      philox4x32(
        lowWord(blocks), highWord(blocks), this.stepLow, this.stepHigh, this.key0, this.key1, this.block,
      );
      this.blocks++;
      this.used = 0;
    }
    return this.block[this.used++];
  }

  /** `n` random 32-bit words; one word each. */
  uint32(n: number): Uint32Array {
    const out = new Uint32Array(n);
    for (let i = 0; i < n; i++) out[i] = this.word();
    return out;
  }

  /** One float64 in [0, 1) of 53 random bits; two words. */
  next(): number {
    const high = this.word() >>> 5;
    return (high * 2 ** 26 + (this.word() >>> 6)) * 2 ** -53;
  }

  /** One float64 in [lo, hi), from `next`. */
  between(lo: number, hi: number): number {
    return lo + (hi - lo) * this.next();
  }

  /**
   * One unbiased whole number in [0, hi), 1 <= hi <= 2^32. Words of the last, incomplete multiple of hi are drawn
   * again. Throws InputError for another hi.
   */
  int(hi: number): number {
    if (!Number.isInteger(hi) || hi < 1 || hi > 2 ** 32) {
      throw new InputError(`random integers need a bound between 1 and 2^32, but it is ${hi}`);
    }
    const accepted = 2 ** 32 - (2 ** 32 % hi);
    let word = this.word();
    while (word >= accepted) word = this.word();
    return word % hi;
  }

  /** float32 in [lo, hi) of 24 random bits (rounding to float32 may give hi itself if lo is not 0); one word each. */
  uniform(target: number | Float32Array, lo = 0, hi = 1): Float32Array {
    const out = outputOf(target);
    const scale = (hi - lo) * 2 ** -24;
    for (let i = 0; i < out.length; i++) out[i] = lo + scale * (this.word() >>> 8);
    return out;
  }

  /**
   * float32 from N(mean, std^2) by Box and Muller: two words make two values, so an odd number of values leaves one
   * unused. 32-bit uniforms reach out to 6.66 standard deviations.
   */
  normal(target: number | Float32Array, mean = 0, std = 1): Float32Array {
    const out = outputOf(target);
    for (let i = 0; i < out.length; i += 2) {
      const radius = this.radius();
      const angle = this.angle();
      out[i] = mean + std * radius * Math.cos(angle);
      if (i + 1 < out.length) out[i + 1] = mean + std * radius * Math.sin(angle);
    }
    return out;
  }

  /** float32 from N(mean, std^2) within mean - 2 std and mean + 2 std: normal draws outside are drawn again. */
  truncatedNormal(target: number | Float32Array, mean = 0, std = 1): Float32Array {
    const out = outputOf(target);
    for (let i = 0; i < out.length;) {
      const z = this.radius() * Math.cos(this.angle());
      if (Math.abs(z) <= 2) out[i++] = mean + std * z;
    }
    return out;
  }

  /** `n` unbiased int32 in [0, hi), 1 <= hi <= 2^31. */
  integers(n: number, hi: number): Int32Array {
    if (hi > 2 ** 31) throw new InputError(`random int32 values need a bound of at most 2^31, but it is ${hi}`);
    const out = new Int32Array(n);
    if (n > 0) out[0] = this.int(hi);
    // As `int`, with its bounds computed once: bootstraps draw tens of millions.
    const [bound, accepted] = [hi >>> 0, 2 ** 32 - (2 ** 32 % hi)];
    for (let i = 1; i < n; i++) {
      let word = this.word();
      while (word >= accepted) word = this.word();
      out[i] = (word >>> 0) % bound;
    }
    return out;
  }

  /** A uniformly random order of 0 .. n-1 (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const out = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = out[i];
      out[i] = out[j];
      out[j] = held;
    }
    return out;
  }

  /** `n` values that are 1 with probability p, otherwise 0; one word each. */
  bernoulli(n: number, p: number): Uint8Array {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i++) out[i] = this.word() < p * 2 ** 32 ? 1 : 0;
    return out;
  }

  /** Box and Muller's radius, from a uniform in (0, 1] so that its logarithm is finite. */
  private radius(): number {
    return Math.sqrt(-2 * Math.log((this.word() + 1) * 2 ** -32));
  }

  private angle(): number {
    return 2 * Math.PI * 2 ** -32 * this.word();
  }
}

/** The stream of draws of one purpose (`name`, such as `init` or `augment/crop`) at one step of one seed. */
export const stream = (seed: number, name: string, step = 0): Stream => new Stream(seed, name, step);

const lowWord = (value: number): number => value | 0;
const highWord = (value: number): number => Math.floor(value / 2 ** 32);
const outputOf = (target: number | Float32Array): Float32Array =>
  typeof target === 'number' ? new Float32Array(target) : target;

function checkCount(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InputError(`${what} must be a whole number from 0 to 2^53 - 1, but is ${value}`);
  }
}
