import { float32, int32, type NdArray } from '../../array.js';
import { UsageError } from '../../errors.js';
import type { Stream } from '../../random.js';

/**
 * Which tokens T-JEPA's masks are drawn from. always: columns, with every [REG] token in the context and none to be predicted, as
 * the paper says. upstream: the first D of all tokens, as in the published code, which draws columns and takes their numbers for
 * tokens: [REG] is hidden and predicted like a column, and the last column is never seen nor predicted. none: there is no [REG].
 */
export const REG_MODES = ['always', 'upstream', 'none'] as const;
export type RegMode = (typeof REG_MODES)[number];

/** A smallest and a largest share of the columns, or the numbers that they make. */
export type Bounds = readonly [least: number, most: number];

export interface MaskOptions {
  readonly columns: number;
  /** [REG] tokens, which come first. */
  readonly reg: number;
  readonly mode: RegMode;
  readonly context: Bounds;
  readonly target: Bounds;
  /** Target masks of a row. */
  readonly targets: number;
}

/** Sizes that masks can have, and how long sequences of them are at most. */
export interface MaskSizes {
  /** Columns of a context. */
  readonly context: Bounds;
  /** Columns of a target. */
  readonly target: Bounds;
}

/** Half to even, as Python rounds. */
function roundEven(x: number): number {
  const rounded = Math.round(x);
  return x % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/**
 * The sizes that shares of `columns` make, at least one column each, as far as a context and a target fit beside each other.
 * Throws UsageError where shares are out of order, or the smallest context and target do not fit.
 */
export function maskSizes({ columns, context, target }: Pick<MaskOptions, 'columns' | 'context' | 'target'>): MaskSizes {
  const bounds = ([least, most]: Bounds, option: string): Bounds => {
    if (!(least >= 0 && least <= most && most <= 1)) {
      throw new UsageError(`--${option} takes a smallest and a largest share of the columns, as in 0.13,0.37, but ${[least, most].join()} was given`);
    }
    return [Math.max(1, roundEven(least * columns)), Math.max(1, roundEven(most * columns))];
  };
  const [seen, asked] = [bounds(context, 'ctx-share'), bounds(target, 'tgt-share')];
  if (seen[0] + asked[0] > columns) {
    throw new UsageError(`a context of ${seen[0]} and a target of ${asked[0]} columns do not fit into ${columns}; lower --ctx-share or --tgt-share`);
  }
  return { context: [seen[0], Math.min(seen[1], columns - asked[0])], target: [asked[0], Math.min(asked[1], columns - seen[0])] };
}

/** Sizes for one batch, uniform within their bounds but for rounding, drawn until both fit into the columns. */
export function drawSizes({ context, target }: MaskSizes, columns: number, random: Stream): { context: number; target: number } {
  const draw = ([least, most]: Bounds): number => least + roundEven((most - least) * random.next());
  for (;;) {
    const sizes = { context: draw(context), target: draw(target) };
    if (sizes.context + sizes.target <= columns) return sizes;
  }
}

/** How long the sequences of tokens are that a program takes: those of the largest masks. */
export const maskLengths = ({ reg, mode, ...o }: MaskOptions): { context: number; target: number } => {
  const { context, target } = maskSizes(o);
  return { context: context[1] + (mode === 'always' ? reg : 0), target: target[1] };
};

/** Token numbers of a batch's masks, with what follows the sizes drawn being filler. */
export interface Masks {
  /** int32 [B, longest context] */
  readonly context: NdArray<Int32Array>;
  /** float32 [longest context]: 1 for tokens, 0 for filler. */
  readonly contextUsed: NdArray<Float32Array>;
  /** int32 [targets, B, longest target] */
  readonly targets: NdArray<Int32Array>;
  readonly targetUsed: NdArray<Float32Array>;
}

/**
 * Masks of a batch: of every row a context of `sizes.context` columns, and `targets` times `sizes.target` of the others, all
 * drawn evenly and without repetition within a mask. Sizes are common to the batch, as in the published code.
 */
export function drawMasks(o: MaskOptions, sizes: { context: number; target: number }, batch: number, random: Stream): Masks {
  const longest = maskLengths(o);
  const always = o.mode === 'always' ? o.reg : 0;
  // Upstream takes a number of a column for the number of a token.
  const first = o.mode === 'upstream' ? 0 : o.reg;
  const context = int32([batch, longest.context]);
  const targets = int32([o.targets, batch, longest.target]);
  for (let row = 0; row < batch; row++) {
    const order = random.permutation(o.columns);
    const seen = context.data.subarray(row * longest.context);
    for (let i = 0; i < always; i++) seen[i] = i;
    for (let i = 0; i < sizes.context; i++) seen[always + i] = first + order[i]!;
    const rest = order.subarray(sizes.context);
    for (let target = 0; target < o.targets; target++) {
      const at = (target * batch + row) * longest.target;
      // The start of a shuffle in place: it does not matter in what order the rest was.
      for (let i = 0; i < sizes.target; i++) {
        const j = i + random.int(rest.length - i);
        [rest[i], rest[j]] = [rest[j]!, rest[i]!];
        targets.data[at + i] = first + rest[i]!;
      }
    }
  }
  const used = (length: number, count: number) => float32([length], new Float32Array(length).fill(1, 0, count));
  return {
    context, contextUsed: used(longest.context, always + sizes.context),
    targets, targetUsed: used(longest.target, sizes.target),
  };
}
