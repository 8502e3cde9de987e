import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { int32, ndarray, type NdArray } from '../../src/core/array.js';
import { coverageStudy } from '../../src/commands/interval/coverage.js';
import { readArtifact, writeArtifact } from '../../src/core/files/artifact.js';
import { stream } from '../../src/core/random.js';
import { expectClose } from '../core/stats/helpers.js';
import { runCommand, runJson } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'byo-interval-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
const text = (name: string, content: string): string => {
  writeFileSync(path(name), content);
  return path(name);
};
const tensors = (name: string, values: Record<string, NdArray>): Promise<void> =>
  writeArtifact(path(name), { kind: 'tensors', schema: 1, meta: {}, tensors: new Map(Object.entries(values)) }, { force: true });

const n = 60;
const [x1, x2, noise] = ['x1', 'x2', 'noise'].map((name) => stream(1, name).normal(n)) as [Float32Array, Float32Array, Float32Array];
const y = x1.map((value, i) => 2 * value - x2[i]! + 0.3 * noise[i]!);

beforeAll(() => {
  const lines = Array.from({ length: n }, (_, i) => [x1[i], x2[i], y[i], y[i]! > 0 ? 1 : 0, Math.floor(i / 5)].join(','));
  text('data.csv', ['x1,x2,y,positive,unit', ...lines].join('\n'));
});

describe('byo interval cheap', () => {
  it('has the oracle, from refits that are given', async () => {
    const refits = text('refits.txt', '5\n4.666666666666667\n5.5\n5\n');
    const [{ values, t, resamples }] = await runJson('interval cheap', [refits, '--refits', '--compare']);
    expectClose([values.value.S, values.value.low, values.value.high, t], [0.3469443, 3.8958683, 6.1041317, 3.182446], 1e-6);
    expect(resamples).toBe(3);
    const { percentile, basic, se } = values.value.methods;
    expectClose([percentile.low + basic.high, percentile.high + basic.low], [10, 10], 1e-12);
    const deviation = Math.sqrt([14 / 3, 5.5, 5].reduce((sum, value) => sum + (value - 15.1666666667 / 3) ** 2, 0) / 2);
    expect(se.high - se.low).toBeCloseTo(2 * 1.959964 * deviation, 5);
  });

  it('is legal from B = 1, and gives refit b the same draws whatever B', async () => {
    const run = async (B: number) => (await runJson('interval cheap', [path('data.csv'), '--column', 'y', '-b', String(B)]))[0]!.values.y;
    const [one, five] = [await run(1), await run(5)];
    expect(one.refits).toEqual(five.refits.slice(0, 1));
    expect((one.high - one.low) / 2).toBeCloseTo(12.706205 * Math.abs(one.refits[0] - one.estimate), 5);
  });

  it.each([
    ['regression', ['--target', 'y', '--column', 'x1,x2'], { x1: 2, x2: -1 }],
    ['ridge', ['--target', 'y', '--column', 'x1,x2', '--alpha', '0.001'], { x1: 2, x2: -1 }],
  ])('estimates coefficients by %s', async (statistic, args, expected) => {
    const [{ values }] = await runJson('interval cheap', [path('data.csv'), '--statistic', statistic, ...args]);
    for (const [name, truth] of Object.entries(expected)) {
      expect(values[name].low < truth && truth < values[name].high).toBe(true);
      expect(values[name].high - values[name].low).toBeLessThan(0.6);
    }
  });

  it('measures scores, quantiles and correlations', async () => {
    const value = async (...args: string[]) => {
      const [{ values }] = await runJson('interval percentile', [path('data.csv'), ...args, '-b', '50']);
      return Object.values(values)[0] as { estimate: number; low: number; high: number };
    };
    const correlation = await value('--statistic', 'correlation', '--column', 'x1,y');
    expect(correlation.estimate).toBeGreaterThan(0.8);
    expect(correlation.low < correlation.estimate && correlation.estimate < correlation.high).toBe(true);
    const sorted = [...y].sort((a, b) => a - b);
    expect((await value('--statistic', 'median', '--column', 'y')).estimate).toBeCloseTo((sorted[29]! + sorted[30]!) / 2, 6);
    expect((await value('--statistic', 'auroc', '--target', 'positive', '--column', 'x1')).estimate).toBeGreaterThan(0.85);
    expect((await value('--statistic', 'logistic', '--target', 'positive', '--column', 'x1')).estimate).toBeGreaterThan(1);
  });

  it('resamples whole units', async () => {
    const [{ values }] = await runJson('interval cheap', [path('data.csv'), '--column', 'unit', '--unit', 'unit', '-b', '20']);
    // Means of 12 whole units of equal size are multiples of 1 / 12.
    for (const refit of values.unit.refits) expect(Math.abs(refit * 12 - Math.round(refit * 12))).toBeLessThan(1e-9);
  });

  it('scales for resamples of fewer rows', async () => {
    const common = [path('data.csv'), '--column', 'y', '-b', '2000'];
    const run = async (...args: string[]) => (await runJson('interval cheap', [...common, ...args]))[0]!.values.y;
    const [full, half] = [await run(), await run('--m', '15')];
    expect(half.S / full.S).toBeGreaterThan(1.8);
    expect(Math.abs((half.high - half.low) / (full.high - full.low) - 1)).toBeLessThan(0.1);
  });

  it('runs any command on resamples, in parallel, as the built-in statistic', async () => {
    const program = text('mean.mjs', `import { readFileSync } from 'node:fs';
const rows = readFileSync(process.argv[2], 'utf8').trim().split('\\n').slice(1).map((line) => Number(line.split(',')[2]));
console.log('some words first');
console.log(JSON.stringify({ y: rows.reduce((a, b) => a + b, 0) / rows.length, name: 'ignored' }));`);
    const cmd = `${process.execPath} ${program} {resample}`;
    const [outside] = await runJson('interval cheap', [path('data.csv'), '--cmd', cmd, '-b', '3', '--jobs', '2']);
    const [inside] = await runJson('interval cheap', [path('data.csv'), '--column', 'y', '-b', '3']);
    expectClose(outside!.values.y.refits, inside!.values.y.refits, 1e-12);
    expect(outside!.values.y.low).toBeCloseTo(inside!.values.y.low, 12);
  });

  it('writes resampled tensors that pair up', async () => {
    await tensors('pairs.st', {
      a: int32([50], Array.from({ length: 50 }, (_, i) => i)),
      b: ndarray('float32', [50, 2], Float32Array.from({ length: 100 }, (_, i) => i)),
    });
    const copied = path('copied.st');
    await runJson('interval cheap', [path('pairs.st'), '--cmd', `cp {resample} ${copied}; echo {b}`, '-b', '1', '--jobs', '1']);
    const found = (await readArtifact(copied)).tensors;
    const a = [...found.get('a')!.data as Int32Array];
    expect(new Set(a).size).toBeLessThan(50);
    expect([...found.get('b')!.data as Float32Array]).toEqual(a.flatMap((i) => [2 * i, 2 * i + 1]));
  });

  it('explains what is wrong', async () => {
    const run = (...args: string[]) => runCommand('interval cheap', [path('data.csv'), ...args]);
    await expect(run()).rejects.toThrow('name the columns by --column');
    await expect(run('--column', 'z')).rejects.toThrow("no column 'z'; it has x1, x2, y");
    await expect(run('--cmd', 'cat')).rejects.toThrow("needs '{resample}'");
    await expect(run('--cmd', 'echo {resample} words')).rejects.toThrow('has to print a number');
    await expect(run('--cmd', 'cat {resample} >&2; exit 3')).rejects.toThrow('--cmd failed on');
    await expect(run('--statistic', 'regression')).rejects.toThrow('by --target');
    const columnA = (name: string, content: string) => runCommand('interval cheap', [text(name, content), '--column', 'a']);
    await expect(columnA('bad.csv', 'a\n1\nx\n')).rejects.toThrow("bad.csv, line 3, a: 'x' is not a finite number");
    await expect(columnA('ragged.csv', 'a,b\n1\n')).rejects.toThrow('not a table of comma-separated values');
    const wide = ['y', ...Array.from({ length: 8 }, (_, j) => `x${j}`)];
    const random = stream(9, 'wide').normal(9 * 10);
    const rows = Array.from({ length: 10 }, (_, i) => [...random.subarray(9 * i, 9 * i + 9)].join(','));
    const table = text('wide.csv', [wide.join(','), ...rows].join('\n'));
    await expect(runCommand('interval cheap', [table, '--statistic', 'regression', '--target', 'y', '-b', '20']))
      .rejects.toThrow('least squares has no single solution');
    expect((await columnA('same.csv', 'a\n2\n2\n')).warnings[0]).toContain('has no width');
  });
});

describe('byo interval coverage', () => {
  it('has the exact law of the mean of two Gaussian numbers', () => {
    // B = 1, n = 2: 0.475 by enumeration of the resamples (no width in half of them).
    const reps = 4000;
    const [cell] = coverageStudy('mean', { n: 2, p: 1, reps, Bs: [1], level: 0.95, seed: 3 });
    expect(Math.abs(cell!.coverage - 0.475)).toBeLessThan(3.5 * Math.sqrt(0.475 * 0.525 / reps));
  });

  it('shows that few resamples do for the cheap bootstrap alone', () => {
    const cells = coverageStudy('linear', { n: 60, p: 4, reps: 300, Bs: [1, 5, 10], level: 0.95, seed: 0 });
    const of = (method: string, B: number) => cells.find((cell) => cell.method === method && cell.B === B)!;
    for (const B of [1, 5, 10]) expect(of('cheap', B).coverage).toBeGreaterThan(0.9);
    expect(of('percentile', 5).coverage).toBeLessThan(0.75);
    expect(Math.abs(of('percentile', 10).coverage - of('percentile', 10).limit)).toBeLessThan(0.1);
    const ratio = of('cheap', 1).meanWidth / of('cheap', 10).meanWidth;
    expect(Math.abs(ratio / (10.1381 / 2.1732) - 1)).toBeLessThan(0.25);
    expectClose([of('se', 5).limit, of('se', 10).limit, of('basic', 5).limit], [0.8784, 0.9184, 0.6667], 5e-5);
  });

  it('writes a table to draw', async () => {
    const study = ['--study', 'ellipsoid', '--n', '30', '--p', '2,6', '--reps', '20', '--resamples', '2'];
    await runCommand('interval coverage', [...study, '-o', path('coverage.csv')]);
    const lines = readFileSync(path('coverage.csv'), 'utf8').trim().split('\n');
    expect(lines[0]).toBe('study,n,p,B,method,coverage,limit,meanWidth,medianWidth');
    expect(lines.length).toBe(1 + 2 * 4);
    await expect(runCommand('interval coverage', ['--n', '50', '--p', '40'])).rejects.toThrow('at most 0.6 n dimensions');
  });
});

describe('byo interval multi', () => {
  /** Runs of two groups; the experiment is better by 0.2. */
  const [seeds, examples] = [5, 80];
  const draws = stream(8, 'runs').uniform(2 * seeds * examples);
  const scores = Float32Array.from(draws, (value, at) => (value < (at < seeds * examples ? 0.5 : 0.7) ? 1 : 0));
  const rowsOf = (group: string, from: number): string[] => Array.from({ length: seeds }, (_, s) =>
    [s, group, ...scores.subarray((from + s) * examples, (from + s + 1) * examples)].join(','));
  const wide = ['seed,group', ...Array.from({ length: examples }, (_, x) => `e${x}`)].join(',');

  it('reads the same runs from a wide table, a long one, tensors, a folder of groups and one named as byo sweep names runs', async () => {
    text('wide-runs.csv', [wide, ...rowsOf('base', 0), ...rowsOf('new', seeds)].join('\n'));
    const long = Array.from(scores, (score, at) => {
      const run = Math.floor(at / examples);
      return [run % seeds, run < seeds ? 'base' : 'new', `e${at % examples}`, score, 1].join(',');
    });
    text('long-runs.csv', ['seed,group,example,prediction,label', ...long.reverse()].join('\n'));
    await tensors('runs.st', {
      scores: ndarray('float32', [2 * seeds, examples], scores),
      seed: int32([2 * seeds], Array.from({ length: 2 * seeds }, (_, r) => r % seeds)),
      group: int32([2 * seeds], Array.from({ length: 2 * seeds }, (_, r) => (r < seeds ? 0 : 1))),
    });
    for (const [g, group] of ['base', 'new'].entries()) {
      for (const folder of [`runs/${group}`, 'swept']) mkdirSync(path(folder), { recursive: true });
      for (let s = 0; s < seeds; s++) {
        const start = (g * seeds + s) * examples;
        const correct = Uint8Array.from(scores.subarray(start, start + examples));
        for (const name of [`runs/${group}/seed-${s}`, `swept/kind=${group}_seed=${s}`]) {
          await tensors(`${name}.st`, { correct: ndarray('uint8', [examples], correct) });
        }
      }
    }
    const args = ['--resamples', '100', '--paired'];
    const [first] = await runJson('interval multi', [path('wide-runs.csv'), ...args]);
    expect(first!.plugIn.effect).toBeGreaterThan(0.1);
    expect(first!.n).toEqual({ base: seeds, experiment: seeds, examples });
    const others = [
      await runJson('interval multi', [path('runs.st'), ...args]), await runJson('interval multi', [path('runs'), ...args]),
      await runJson('interval multi', [path('long-runs.csv'), ...args, '--metric', 'accuracy']),
      await runJson('interval multi', [path('swept'), ...args, '--base', 'kind=base', '--experiment', 'kind=new']),
    ];
    // The long table lists its examples in another order, so its draws mean other examples.
    expectClose(others.map(([other]) => other!.plugIn.effect), [0, 1, 2, 3].map(() => first!.plugIn.effect), 1e-12);
    expect(others[3]![0]!.effect).toEqual(first!.effect);
    expect(others[0]![0]!.effect).toEqual(first!.effect);
    expect(others[1]![0]!.effect).toEqual(first!.effect);
    expectClose([others[2]![0]!.variance.seeds], [first!.variance.seeds], 1e-12);
  });

  it('shows what each axis adds, and draws that others made', async () => {
    const run = (...args: string[]) => runJson('interval multi', [path('runs.st'), ...args]);
    const [{ ablations, effect, variance }] = await run('--ablate', '--resamples', '800');
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(width(ablations['seeds only'])).toBeLessThan(width(effect));
    expect(width(ablations['examples only'])).toBeLessThan(width(effect));
    const deviation = Math.sqrt(variance.seeds + variance.examples + variance.interaction);
    expect(Math.abs(width(effect) / (2 * 1.96 * deviation) - 1)).toBeLessThan(0.15);
    await tensors('draws.st', {
      base: int32([2, seeds], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]), experiment: int32([2, seeds], [4, 4, 4, 4, 4, 2, 2, 2, 2, 2]),
      examples: int32([2, examples], Array.from({ length: 2 * examples }, (_, at) => (at < examples ? 3 : 7))),
    });
    await run('--draws', path('draws.st'), '--samples', path('samples.st'));
    const samples = (await readArtifact(path('samples.st'))).tensors;
    expect([...samples.get('base')!.data as Float64Array]).toEqual([scores[3], scores[examples + 7]]);
    expect([...samples.get('experiment')!.data as Float64Array]).toEqual([scores[9 * examples + 3], scores[7 * examples + 7]]);
  });

  it('averages runs of one seed, and takes one group alone', async () => {
    const table = ['seed,a,b', '1,1,0', '1,0,0', '2,1,1'];
    const [{ base, plugIn, n: counts }] = await runJson('interval multi', [text('one.csv', table.join('\n')), '--resamples', '50']);
    expect(plugIn.base).toBeCloseTo((0.25 + 1) / 2, 12);
    expect(counts.base).toBe(2);
    expect(base.low).toBeGreaterThanOrEqual(0);
  });

  it('explains what is wrong', async () => {
    const run = (content: string, ...args: string[]) => runCommand('interval multi', [text('wrong.csv', content), ...args]);
    await expect(run('a,b\n1,2\n')).rejects.toThrow("no column 'seed'; its columns are a, b");
    await expect(run('seed,example,score\n1,p,1\n1,q,1\n2,p,1\n')).rejects.toThrow('seed 2 of group all has no example q');
    await expect(run('seed,example,score\n1,p,1\n1,p,1\n')).rejects.toThrow('seed 1 has example p twice');
    await expect(run('seed,group,e\n1,a,1\n1,b,1\n1,c,1\n')).rejects.toThrow('name two of them by --base and --experiment');
    await expect(run('seed,group,e\n1,a,1\n2,b,1\n', '--paired')).rejects.toThrow('--paired: no seed is in both groups');
    await expect(run('seed,group,e\n1,a,1\n2,b,1\n', '--base', 'z')).rejects.toThrow("no group 'z'; it has a, b");
    await expect(run('seed,e\n1,1\n', '--metric', 'auroc')).rejects.toThrow('has no labels');
    await expect(run('seed,e\n1,high\n')).rejects.toThrow("line 2, e: 'high' is not a finite number");
    const { warnings } = await run('seed,group,e\n1,a,1\n2,a,0\n2,b,1\n3,b,1\n', '--paired', '--resamples', '5');
    expect(warnings).toEqual(['2 seeds are in one group only and are left out of the pairs']);
  });
});
