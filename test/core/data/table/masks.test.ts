import { describe, expect, it } from 'vitest';
import { drawMasks, drawSizes, maskLengths, maskSizes, type MaskOptions } from '../../../../src/core/data/table/masks.js';
import { stream } from '../../../../src/core/random.js';

const OPTIONS: MaskOptions = { columns: 8, reg: 1, mode: 'always', context: [0.136, 0.368], target: [0.156, 0.622], targets: 3 };
const SIZES = { context: 3, target: 4 };
const BATCH = 40;
const draw = (o: Partial<MaskOptions> = {}, seed = 1) => drawMasks({ ...OPTIONS, ...o }, SIZES, BATCH, stream(seed, 'masks'));
const rowsOf = (data: Int32Array, length: number, used: number): number[][] =>
  Array.from({ length: data.length / length }, (_, row) => [...data.subarray(row * length, row * length + used)]);

describe('sizes of masks', () => {
  it('are rounded shares of the columns', () => {
    expect(maskSizes(OPTIONS)).toEqual({ context: [1, 3], target: [1, 5] });
    expect(maskLengths(OPTIONS)).toEqual({ context: 4, target: 5 });
    expect(maskLengths({ ...OPTIONS, mode: 'upstream' })).toEqual({ context: 3, target: 5 });
    // Halves go to the even number, as in Python: 0.3125 * 8 = 2.5, 0.4375 * 8 = 3.5.
    expect(maskSizes({ columns: 8, context: [0.3125, 0.4375], target: [0.1, 0.1] })).toEqual({ context: [2, 4], target: [1, 1] });
  });

  it('have at least one column, and never more than fit beside each other', () => {
    expect(maskSizes({ columns: 3, context: [0, 0.1], target: [0, 0.1] })).toEqual({ context: [1, 1], target: [1, 1] });
    expect(maskSizes({ columns: 4, context: [0.25, 1], target: [0.5, 1] })).toEqual({ context: [1, 2], target: [2, 3] });
    expect(() => maskSizes({ columns: 1, context: [0, 1], target: [0, 1] })).toThrow('do not fit into 1; lower --ctx-share');
    expect(() => maskSizes({ columns: 8, context: [0.6, 0.6], target: [0.6, 0.6] })).toThrow('a context of 5 and a target of 5 columns do not fit into 8');
    expect(() => maskSizes({ columns: 8, context: [0.4, 0.2], target: [0.1, 0.2] })).toThrow('--ctx-share takes a smallest and a largest share');
  });

  it('are drawn between their bounds, the ends half as often, until they fit', () => {
    const random = stream(2, 'sizes');
    const counts = new Map<string, number>();
    for (let k = 0; k < 4000; k++) {
      const { context, target } = drawSizes(maskSizes(OPTIONS), 8, random);
      expect(context + target).toBeLessThanOrEqual(8);
      counts.set(`${context}`, (counts.get(`${context}`) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['1', '2', '3']);
    // Rounding of [0, 2]: a quarter, a half, a quarter; five standard deviations.
    for (const [size, share] of [['1', 0.25], ['2', 0.5], ['3', 0.25]] as const) {
      expect(Math.abs(counts.get(size)! - 4000 * share)).toBeLessThan(5 * Math.sqrt(4000 * share * (1 - share)));
    }
  });
});

describe('masks', () => {
  it('of always have [REG] in every context, columns besides, and other columns as targets', () => {
    const { context, contextUsed, targets, targetUsed } = draw({ reg: 2 });
    expect([context.shape, targets.shape]).toEqual([[BATCH, 5], [3, BATCH, 5]]);
    expect([[...contextUsed.data], [...targetUsed.data]]).toEqual([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]);
    const seen = rowsOf(context.data, 5, 5);
    const asked = rowsOf(targets.data, 5, 4);
    for (const [row, tokens] of seen.entries()) {
      expect(tokens.slice(0, 2)).toEqual([0, 1]);
      for (let mask = 0; mask < 3; mask++) {
        const all = [...tokens, ...asked[mask * BATCH + row]!];
        expect(new Set(all).size, 'disjoint, without repetition').toBe(9);
        expect(Math.min(...asked[mask * BATCH + row]!)).toBeGreaterThanOrEqual(2);
        expect(Math.max(...all)).toBeLessThanOrEqual(9);
      }
    }
    // Targets of a row are drawn on their own, so they overlap.
    expect(asked[0]).not.toEqual(asked[BATCH]);
  });

  it('of upstream take numbers of columns for numbers of tokens: [REG] is masked, the last column never', () => {
    const { context, targets, contextUsed } = draw({ mode: 'upstream' });
    const tokens = [...rowsOf(context.data, 3, 3), ...rowsOf(targets.data, 5, 4)].flat();
    expect(contextUsed.data).toHaveLength(3);
    expect(new Set(tokens)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
    expect(draw({ mode: 'upstream' }).context.data).toEqual(draw({ mode: 'none', reg: 0 }).context.data);
  });

  it.each(['always', 'upstream'] as const)('of %s show every token as often as any other', (mode) => {
    const shown = new Map<number, number>();
    const asked = new Map<number, number>();
    const count = (map: Map<number, number>, tokens: number[]) => {
      for (const token of tokens) map.set(token, (map.get(token) ?? 0) + 1);
    };
    for (let k = 0; k < 100; k++) {
      const { context, targets } = drawMasks({ ...OPTIONS, mode }, SIZES, BATCH, stream(3, 'masks', k));
      const reg = mode === 'always' ? 1 : 0;
      count(shown, rowsOf(context.data, 3 + reg, 3 + reg).flatMap((tokens) => tokens.slice(reg)));
      count(asked, rowsOf(targets.data, 5, 4).slice(0, BATCH).flat());
    }
    expect([shown.size, asked.size]).toEqual([8, 8]);
    for (const n of shown.values()) expect(Math.abs(n - 4000 * (3 / 8))).toBeLessThan(5 * Math.sqrt(4000 * (3 / 8) * (5 / 8)));
    for (const n of asked.values()) expect(Math.abs(n - 4000 * (4 / 8))).toBeLessThan(5 * Math.sqrt(4000 * 0.25));
  });

  it('are the same for a seed, and others for another', () => {
    expect(draw()).toEqual(draw());
    expect(draw({}, 2).context).not.toEqual(draw().context);
  });
});
