import { describe, expect, it } from 'vitest';
import { stream } from '../../../src/core/random.js';
import { javascript, type Matrix } from '../../../src/core/stats/matrix.js';
import { pearson } from '../../../src/core/stats/metrics.js';
import {
  drawResamples, exactInFloat32, multiBootstrap, multiReport, plugIn, varianceParts, type MultiBootstrapInput, type Resample,
} from '../../../src/core/stats/multibootstrap.js';
import { expectClose, fromRows } from './helpers.js';

/** The sheet's worked example: two seeds, three examples; rows 0-1 are the base, 2-3 the experiment. */
const worked = (paired: boolean): MultiBootstrapInput => ({
  values: fromRows([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1]]), metric: 'mean', paired,
  base: { seeds: ['0', '1'], runs: [[0], [1]] }, experiment: { seeds: ['0', '1'], runs: [[2], [3]] },
});

/** Every list of `length` numbers below `n`. */
const lists = (n: number, length: number): number[][] =>
  (length === 0 ? [[]] : lists(n, length - 1).flatMap((list) => Array.from({ length: n }, (_, i) => [...list, i])));

/** Every resample of a design, each as likely as any other. */
function enumerate(input: MultiBootstrapInput, axes: { seeds: boolean; examples: boolean }): Resample[] {
  const [seeds, examples] = [input.base.seeds.length, input.values.cols];
  const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const seedLists = axes.seeds ? lists(seeds, seeds) : [all(seeds)];
  const exampleLists = axes.examples ? lists(examples, examples) : [all(examples)];
  return seedLists.flatMap((base) => (input.paired ? [base] : seedLists).flatMap((experiment) => exampleLists.map((list) => ({
    base: Int32Array.from(base), experiment: Int32Array.from(experiment), examples: Int32Array.from(list),
  }))));
}

function effects(input: MultiBootstrapInput, resamples: readonly Resample[]) {
  const { base, experiment } = multiBootstrap(input, resamples.length, (b) => resamples[b]!);
  const values = [...base].map((value, b) => experiment[b]! - value);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance, notAbove: values.filter((value) => value <= 1e-12).length };
}

describe('by full enumeration', () => {
  it.each([
    { paired: true, axes: { seeds: true, examples: true }, count: 108, variance: 1 / 24, notAbove: 51 },
    { paired: true, axes: { seeds: true, examples: false }, count: 4, variance: 1 / 72, notAbove: 1 },
    { paired: true, axes: { seeds: false, examples: true }, count: 27, variance: 1 / 54, notAbove: 8 },
    { paired: false, axes: { seeds: true, examples: true }, count: 432, variance: 0.1064815, notAbove: 187 },
    { paired: false, axes: { seeds: true, examples: false }, count: 16, variance: 0.0694444, notAbove: 6 },
  ])('has the oracle of paired $paired, $axes', ({ paired, axes, count, variance, notAbove }) => {
    const input = worked(paired);
    const resamples = enumerate(input, axes);
    const found = effects(input, resamples);
    expect([resamples.length, found.notAbove]).toEqual([count, notAbove]);
    expect(found.mean).toBeCloseTo(1 / 6, 12);
    expect(found.variance).toBeCloseTo(variance, 7);
  });

  it.each([[true, [0, 2 / 3]], [false, [-0.3708333, 0.8708333]]])('has the quantiles of paired %s', (paired, quantiles) => {
    const input = worked(paired as boolean);
    const resamples = enumerate(input, { seeds: true, examples: true });
    const { effect } = multiReport(multiBootstrap(input, resamples.length, (b) => resamples[b]!));
    expectClose([effect.low, effect.high], quantiles as number[], 1e-7);
  });

  it.each([true, false])('has the variance that its parts add up to, paired %s', (paired) => {
    const other = fromRows([[0.3, 1, -2], [0.1, 0.7, 5], [2, 1.5, 0], [-1, 0.25, 3]]);
    for (const input of [worked(paired), { ...worked(paired), values: other }]) {
      const { seeds, examples, interaction } = varianceParts(input);
      const { variance } = effects(input, enumerate(input, { seeds: true, examples: true }));
      expect(seeds + examples + interaction).toBeCloseTo(variance, 12);
    }
  });
});

describe('reports', () => {
  const samples = { base: Float64Array.of(0.5, 0.55, 0.6, 0.45), experiment: Float64Array.of(0.6, 0.55, 0.7, 0.65) };

  it('are those of the reference on its oracle', () => {
    const { base, experiment, effect } = multiReport(samples);
    expectClose([base.mean, base.low, base.high], [0.525, 0.45375, 0.59625], 1e-12);
    expectClose([experiment.mean, experiment.low, experiment.high], [0.625, 0.55375, 0.69625], 1e-12);
    expectClose([effect.mean, effect.low, effect.high, effect.p], [0.1, 0.0075, 0.1925, 0.25], 1e-12);
    expect(effect.pTwoSided).toBe(0.5);
    expect(multiReport(samples, 0.95, 'lower').effect.p).toBe(1);
  });

  it('have a smallest p of 1 / B, and refuse many undefined resamples', () => {
    const { effect } = multiReport({ base: new Float64Array(40), experiment: new Float64Array(40).fill(1) });
    expect([effect.p, effect.pTwoSided]).toEqual([1 / 40, 2 / 40]);
    const holed = Float64Array.from({ length: 40 }, (_, i) => (i < 2 ? NaN : i));
    expect(multiReport({ base: holed, experiment: holed }).undefinedResamples).toBe(2);
    const mostly = holed.map((value, i) => (i < 3 ? NaN : value));
    expect(() => multiReport({ base: mostly, experiment: mostly })).toThrow('undefined on 3 of 40 resamples');
  });
});

describe('resampling', () => {
  const [seeds, examples] = [6, 40];
  const draws = stream(4, 'scores').normal(2 * seeds * examples);
  const input = (paired: boolean, extra: Partial<MultiBootstrapInput> = {}): MultiBootstrapInput => {
    const names = Array.from({ length: seeds }, (_, s) => String(s));
    const data = Float64Array.from(draws, (value, at) => value + (at >= seeds * examples ? 0.3 : 0));
    return {
      values: { rows: 2 * seeds, cols: examples, data }, metric: 'mean', paired, base: { seeds: names, runs: names.map((_, s) => [s]) },
      experiment: { seeds: names, runs: names.map((_, s) => [seeds + s]) }, ...extra,
    };
  };

  it.each([true, false])('has the exact variance, paired %s', (paired) => {
    const design = input(paired);
    const B = 4000;
    const { base, experiment } = multiBootstrap(design, B, drawResamples(design));
    const values = base.map((value, b) => experiment[b]! - value);
    const mean = values.reduce((a, b) => a + b, 0) / B;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / B;
    const { seeds: s, examples: x, interaction: g } = varianceParts(design);
    expect(Math.abs(variance / (s + x + g) - 1)).toBeLessThan(4 * Math.sqrt(2 / B));
    const whole = plugIn(design);
    expect(Math.abs(mean - (whole.experiment - whole.base))).toBeLessThan(4 * Math.sqrt((s + x + g) / B));
  });

  it('scores means as any other metric', () => {
    const design = input(false);
    const mean = (_: ArrayLike<number>, values: ArrayLike<number>): number =>
      Array.from(values).reduce((a, b) => a + b, 0) / values.length;
    const fast = multiBootstrap(design, 70, drawResamples(design, { seed: 5 }));
    const slow = { ...design, metric: mean, labels: new Float64Array(examples) };
    const general = multiBootstrap(slow, 70, drawResamples(design, { seed: 5 }));
    expectClose(fast.base, general.base, 1e-12);
    expectClose(fast.experiment, general.experiment, 1e-12);
  });

  it('counts hits in float32 as in float64', () => {
    const design = input(true);
    const hits = { ...design.values, data: design.values.data.map((value) => (value > 0 ? 1 : 0)) };
    const of = { ...design, values: hits };
    expect([exactInFloat32(of), exactInFloat32(design)]).toEqual([true, false]);
    const large = { ...of, values: { ...hits, cols: 2 ** 25 } };
    expect(exactInFloat32(large)).toBe(false);
    const single = {
      ...javascript,
      multiplyTransposed: (a: Matrix, b: Matrix): Matrix => {
        const { data, ...shape } = javascript.multiplyTransposed(a, b);
        return { ...shape, data: Float32Array.from(data) };
      },
    };
    const draws = drawResamples(of);
    expect(multiBootstrap(of, 100, draws, single)).toEqual(multiBootstrap(of, 100, draws));
  });

  it('computes correlations on resampled lists, and averages runs of a seed', () => {
    const labels = Float64Array.from({ length: examples }, (_, x) => draws[x]! + 0.2 * draws[examples + x]!);
    const design = input(true, { metric: pearson, labels });
    const [resample] = [drawResamples(design)(0)];
    const { base } = multiBootstrap(design, 1, () => resample!);
    const expected = [...resample!.base].map((s) => pearson(
      [...resample!.examples].map((x) => labels[x]!), [...resample!.examples].map((x) => design.values.data[s * examples + x]!)));
    expect(base[0]).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / seeds, 12);
    const doubled = { ...design.base, runs: design.base.runs.map((runs) => [...runs, ...runs]) };
    expect(multiBootstrap({ ...design, base: doubled }, 1, () => resample!).base[0]).toBeCloseTo(base[0]!, 12);
  });

  it('finds no effect of the same matrix and an exact one of a constant', () => {
    const design = input(true);
    const same = { ...design, experiment: design.base };
    const { base, experiment } = multiBootstrap(same, 50, drawResamples(same));
    expect([...experiment]).toEqual([...base]);
    expect(multiReport({ base, experiment }).effect.p).toBe(1);
    const turned = { ...design, base: design.experiment, experiment: design.base };
    const swapped = multiReport(multiBootstrap(turned, 200, drawResamples(design)));
    const straight = multiReport(multiBootstrap(design, 200, drawResamples(design)));
    expectClose([swapped.effect.low, swapped.effect.high], [-straight.effect.high, -straight.effect.low], 1e-12);
  });

  it('refuses designs that do not fit', () => {
    const design = input(true);
    const run = (extra: Partial<MultiBootstrapInput>) => () => multiBootstrap({ ...design, ...extra }, 1, drawResamples(design));
    expect(run({ experiment: { seeds: ['9'], runs: [[0]] } })).toThrow('a paired design needs the same seeds');
    expect(run({ experiment: { seeds: [], runs: [] } })).toThrow('the experiment side has no seed');
    expect(run({ metric: pearson })).toThrow('there are 0 labels for 40 examples');
  });
});
