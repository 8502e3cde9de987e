import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { int32, ndarray, type NdArray } from '../../src/core/array.js';
import { readArtifact, writeArtifact } from '../../src/core/files/artifact.js';
import { stream } from '../../src/core/random.js';
import { runCommand, runJson } from '../support/command.js';
import { expectClose, toy } from '../core/stats/helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'byo-probe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const write = (name: string, tensors: Record<string, NdArray>, meta = {}): Promise<void> =>
  writeArtifact(path(name), { kind: 'embeddings', schema: 1, meta, tensors: new Map(Object.entries(tensors)) }, { force: true });
const float64 = (shape: number[], values: ArrayLike<number>): NdArray => ndarray('float64', shape, Float64Array.from(values));

/** Three Gaussian classes of 60 rows in 6 dimensions, of which two tell them apart; 12 units of 15 rows. */
const [rows, width] = [180, 6];
const noise = stream(2, 'noise').normal(rows * width);
const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);
const features = noise.map((value, at) => value + (at % width === labels[Math.floor(at / width)] ? 2.5 : 0));
const tagged = Uint8Array.from({ length: rows * 3 }, (_, at) => (labels[Math.floor(at / 3)] === at % 3 ? 1 : 0));
const targets = Float32Array.from({ length: rows }, (_, i) => 3 * features[i * width] - features[i * width + 4] + 0.5 * noise[i]);

beforeAll(async () => {
  const test = Uint8Array.from({ length: 30 }, (_, i) => (i < 20 ? 0 : 2));
  await write('toy.st', { features: float64([30, 4], toy.x.data), labels: int32([30], toy.y), split: ndarray('uint8', [30], test) });
  await write('blobs.st', {
    features: ndarray('float32', [rows, width], features), labels: int32([rows], labels),
    targets: ndarray('float32', [rows], targets), tags: ndarray('uint8', [rows, 3], tagged),
    unit: int32([rows], Int32Array.from({ length: rows }, (_, i) => Math.floor(i / 15))),
  }, { classes: ['red', 'green', 'blue'] });
});

describe('on the toy data of the oracles', () => {
  const fixed = ['--c-min', '1', '--c-count', '1', '--scale', 'none', '--tolerance', '1e-9'];

  it('byo probe logistic has every score, and its calibration', async () => {
    const [{ value, balancedAccuracy, macroF1, calibration, n, interval }] = await runJson('probe logistic', [path('toy.st'), ...fixed, '--calibration']);
    expectClose([value, balancedAccuracy, macroF1], [0.3, 0.333333, 0.261905], 1e-6);
    expectClose([calibration.ece, calibration.nll, calibration.brier], [0.338644, 1.277904, 0.809423], 1e-5);
    expect(n).toEqual({ train: 18, val: 2, test: 10 });
    expect(interval.method).toBe('wilson');
    const bins = calibration.reliability as { n: number; confidence: number; accuracy: number }[];
    expect(bins.reduce((sum, bin) => sum + bin.n, 0)).toBe(10);
    const gaps = bins.filter((bin) => bin.n > 0).map((bin) => (bin.n / 10) * Math.abs(bin.accuracy - bin.confidence));
    expect(gaps.reduce((a, b) => a + b, 0)).toBeCloseTo(calibration.ece, 12);
  });

  it.each(['3', '5', '20'])('byo probe knn has the accuracy of k = %s', async (k) => {
    expect((await runJson('probe knn', [path('toy.st'), '--k', k]))[0]!.value).toBe(0.2);
  });

  it('byo probe retrieval has every score', async () => {
    const [{ value, mapAtR, at }] = await runJson('probe retrieval', [path('toy.st'), '--k', '1,5']);
    expectClose([value, mapAtR, at[0].recall, at[1].recall, at[1].precision], [0.45979, 0.245431, 0.3, 0.8, 0.34], 1e-6);
  });

  it('byo probe diagnose has every measure', async () => {
    await write('rolled.st', { features: float64([30, 4], toy.x.data.map((_, at) => toy.x.data[(at + 12) % 120])) });
    await write('cosines.st', { features: float64([30, 3], Array.from({ length: 90 }, (_, at) => Math.cos(Math.floor(at / 3) * (at % 3 + 1)))) });
    const [found] = await runJson('probe diagnose', [path('toy.st'), '--positives', path('rolled.st'), '--against', path('cosines.st')]);
    expectClose([found!.rankMe, found!.effectiveRank, found!.participationRatio, found!.stableRank, found!.alphaReQ],
      [3.9736, 3.863823, 3.724879, 2.861343, 0.474147], 1e-6);
    expectClose([found!.uniformity, found!.alignment, found!.collapseStd, found!.cka, found!.ckaUnbiased],
      [-2.369902, 1.600586, 0.494089, 0.029466, -0.080373], 1e-6);
    expectClose(found!.spectrum, [0.80501, 0.529109, 0.462406, 0.417873], 1e-6);
  });
});

describe('on classes that can be told apart', () => {
  it.each([
    ['linear', []], ['logistic', ['--class-weight', 'balanced']], ['knn', ['--k', '5,10']], ['ridge', []],
    ['linear', ['--solver', 'sgd', '--epochs', '20']], ['mlp', ['--hidden', '16', '--epochs', '15']],
  ])('byo probe %s %s finds them, the same at every run', async (kind, args) => {
    const [first, second] = await Promise.all([1, 2].map(() => runCommand(`probe ${kind}`, [path('blobs.st'), '--json', ...args])));
    expect(first!.lines).toEqual(second!.lines);
    const { value, interval, baselines, sweep, chosen } = JSON.parse(first!.lines[0]!);
    expect(value).toBeGreaterThan(0.8);
    expect(interval.low).toBeGreaterThan(baselines.majority + 0.2);
    // What was chosen is what was best on the validation part.
    const best = Math.max(...sweep.map((one: { accuracy: number }) => one.accuracy));
    const [name] = Object.keys(chosen);
    expect(sweep.find((one: Record<string, number>) => one[name!] === chosen[name!]).accuracy).toBe(best);
  });

  it('SGD trains all rates at once as it trains each alone', async () => {
    const run = async (lrs: string) => (await runJson('probe linear', [path('blobs.st'), '--solver', 'sgd', '--epochs', '5', '--lrs', lrs]))[0]!.sweep;
    const [both, low, high] = [await run('0.001,0.3'), await run('0.001'), await run('0.3')];
    expect(both).toEqual([...low, ...high]);
    expect(low[0].accuracy).not.toBe(high[0].accuracy);
  });

  it('has intervals of every method', async () => {
    const width = async (...args: string[]): Promise<number> => {
      const [{ interval, value }] = await runJson('probe knn', [path('blobs.st'), ...args]);
      expect(interval.low <= value && value <= interval.high).toBe(true);
      return interval.high - interval.low;
    };
    const [wilson, percentile] = [await width(), await width('--interval', 'percentile')];
    expect(Math.abs(percentile / wilson - 1)).toBeLessThan(0.25);
    expect(await width('--interval', 'bca', '--level', '0.8')).toBeLessThan(percentile);
    const [{ refits, value, interval }] = await runJson('probe linear', [path('blobs.st'), '--interval', 'cheap', '--resamples', '3']);
    const S = Math.sqrt(refits.reduce((sum: number, score: number) => sum + (score - value) ** 2, 0) / 3);
    expect((interval.high - interval.low) / 2).toBeCloseTo(3.182446 * S, 5);
    expect(S).toBeGreaterThan(0);
  });

  it('keeps the rows of a unit together, and reports groups', async () => {
    const [{ groups, n }] = await runJson('probe knn', [path('blobs.st'), '--unit', 'unit', '--group', 'unit', '--interval', 'percentile']);
    expect(groups.groups.map((group: { n: number }) => group.n)).toEqual(groups.groups.map(() => 15));
    expect(n.test).toBe(15 * groups.groups.length);
    const accuracies = groups.groups.map((group: { accuracy: number }) => group.accuracy);
    expect(groups.worst).toBe(Math.min(...accuracies));
    expect(groups.groups.every((group: { few: boolean }) => group.few)).toBe(true);
    await expect(runCommand('probe knn', [path('blobs.st'), '--unit', 'unit'])).rejects.toThrow('use percentile with --unit');
  });

  it('writes predictions that make the score', async () => {
    const [{ value }] = await runJson('probe linear', [path('blobs.st'), '--predictions', path('predictions.st')]);
    const { tensors } = await readArtifact(path('predictions.st'), { kind: 'predictions' });
    const hits = [...tensors.get('correct')!.data as Uint8Array];
    expect(hits.reduce((a, b) => a + b, 0) / hits.length).toBe(value);
    expect(tensors.get('scores')!.shape).toEqual([hits.length, 3]);
  });

  it('turns a score into an exit status', async () => {
    await expect(runCommand('probe knn', [path('blobs.st'), '--min', '0.5'])).resolves.toBeDefined();
    await expect(runCommand('probe knn', [path('blobs.st'), '--min', '1'])).rejects.toThrow(/accuracy 0\.\d{4} is below --min 1/);
  });

  it('finds numbers and labels', async () => {
    const [regression] = await runJson('probe regression', [path('blobs.st'), '--interval', 'bca', '--resamples', '200']);
    expect(regression!.value).toBeGreaterThan(0.95);
    expect(regression!.pearson ** 2).toBeCloseTo(regression!.value, 1);
    const [multilabel] = await runJson('probe multilabel', [path('blobs.st'), '--target', 'tags', '--interval', 'cheap']);
    expect(multilabel!.value).toBeGreaterThan(0.9);
    const precisions: number[] = multilabel!.labels.map((label: { ap: number }) => label.ap);
    expect(precisions.reduce((a, b) => a + b) / 3).toBeCloseTo(multilabel!.value, 12);
  });

  it('needs few examples', async () => {
    const shots = await runJson('probe fewshot', [path('blobs.st'), '--shots', '1,8', '--draws', '30']);
    expect(shots.map(({ n }) => n.train)).toEqual([3, 24]);
    expect(shots[1]!.value).toBeGreaterThan(shots[0]!.value + 0.05);
    const [counts] = await runJson('probe fewshot', [path('blobs.st'), '--counts', '30', '--classifier', 'logistic', '--draws', '5']);
    expect(counts!.n.train).toBe(30);
    const [episodes] = await runJson('probe fewshot', [path('blobs.st'), '--ways', '2', '--shots', '5', '--draws', '40']);
    expect(episodes!.n).toEqual({ train: 10, test: 30, draws: 40 });
    expect(episodes!.value).toBeGreaterThan(0.85);
  });

  it('clusters them', async () => {
    const [found] = await runJson('probe cluster', [path('blobs.st'), '--scale', 'none']);
    expect(found!.accuracy).toBeGreaterThan(0.75);
    expect(found!.chosen.k).toBe(3);
  });

  it('tests on a file of its own', async () => {
    await write('more.st', { features: ndarray('float32', [6, width], features.slice(0, 6 * width)), labels: int32([6], labels.slice(0, 6)) });
    const [{ n }] = await runJson('probe knn', [path('blobs.st'), '--test', path('more.st')]);
    expect(n).toEqual({ train: 162, val: 18, test: 6 });
  });
});

describe('bad input', () => {
  const bad = async (name: string, tensors: Record<string, NdArray>, kind = 'linear', args: string[] = []): Promise<void> => {
    await write(name, tensors);
    await runCommand(`probe ${kind}`, [path(name), ...args]);
  };
  const x = (values: ArrayLike<number> = features.slice(0, 20 * width)): NdArray => ndarray('float32', [20, width], Float32Array.from(values));
  const y = (value: (i: number) => number = (i) => i % 3): NdArray => int32([20], Array.from({ length: 20 }, (_, i) => value(i)));

  it('is explained', async () => {
    const holed = features.slice(0, 20 * width);
    holed[3 * width + 2] = NaN;
    await expect(bad('nan.st', { features: x(holed), labels: y() })).rejects.toThrow(/nan\.st: feature 2 of row 3 is NaN; values have to be finite/);
    await expect(bad('one.st', { features: x(), labels: y(() => 1) })).rejects.toThrow('one class only');
    await expect(bad('none.st', { features: x() })).rejects.toThrow('has no labels, which this probe needs');
    await expect(bad('same.st', { features: x(new Float32Array(20 * width).fill(3)), labels: y() })).rejects.toThrow('all 20 rows of features are equal');
    await expect(bad('k.st', { features: x(), labels: y() }, 'knn', ['--k', '40'])).rejects.toThrow('--k 40 does not fit 16 training examples');
    await expect(bad('short.st', { features: x(), labels: int32([3], [0, 1, 2]) })).rejects.toThrow('one for each of 20 examples is expected');
    await expect(bad('flat.st', { features: x(), targets: ndarray('float32', [20], new Float32Array(20)) }, 'regression'))
      .rejects.toThrow('column 0 of targets is 0 in every row; there is nothing to predict');
    await expect(bad('tags.st', { features: x(), targets: y() }, 'multilabel')).rejects.toThrow('have to be 0 or 1');
    await expect(bad('no-target.st', { features: x(), labels: y() }, 'regression')).rejects.toThrow("no tensor 'targets'; it has labels");
    await expect(bad('shots.st', { features: x(), labels: y() }, 'fewshot', ['--shots', '9'])).rejects.toThrow('too few for 9 shots');
    await expect(bad('ways.st', { features: x(), labels: y() }, 'fewshot', ['--ways', '2'])).rejects.toThrow('use fewer --ways, --shots or --queries');
  });

  it('of two files that do not belong together is explained', async () => {
    await write('narrow.st', { features: ndarray('float32', [4, 2], new Float32Array(8)), labels: int32([4], [0, 1, 2, 0]) });
    await expect(runCommand('probe linear', [path('blobs.st'), '--test', path('narrow.st')])).rejects.toThrow('features of 2 dimensions');
    await expect(runCommand('probe diagnose', [path('blobs.st'), '--against', path('narrow.st')])).rejects.toThrow('has 4 rows');
    await write('shuffled.st', { features: ndarray('float32', [rows, width], features), labels: int32([rows], labels.map((l) => (l + 1) % 3)) });
    await expect(runCommand('probe diagnose', [path('blobs.st'), '--against', path('shuffled.st')])).rejects.toThrow('labels of row 0 are 0');
  });
});

describe("the probes of Random Teachers are Good Teachers", () => {
  /** Other units for every feature, and one that says nothing. */
  const affine = (seed: number) => {
    const [scale, shift] = [stream(seed, 'scale').uniform(width, 0.1, 10), stream(seed, 'shift').normal(width, 0, 5)];
    return ndarray('float32', [rows, width + 1], Float32Array.from({ length: rows * (width + 1) }, (_, at) => {
      const [i, j] = [Math.floor(at / (width + 1)), at % (width + 1)];
      return j === width ? 3 : features[i * width + j] * scale[j]! + shift[j]!;
    }));
  };
  const split = ndarray('uint8', [rows], Uint8Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? 2 : 0)));
  const common = { labels: int32([rows], labels), split };

  beforeAll(async () => {
    await write('same.st', { features: affine(0), ...common });
    await write('scaled.st', { features: affine(1), ...common });
  });

  it('AdamW learns at a constant rate from a start that is drawn, the same in any units of the features', async () => {
    const probe = (file: string, ...more: string[]) => runJson('probe linear', [path(file), '--solver', 'sgd', '--protocol', 'random-teacher', ...more]);
    const [[a], [b]] = [await probe('same.st', '--epochs', '300', '--predictions', path('a.st')),
      await probe('scaled.st', '--epochs', '300', '--predictions', path('b.st'))];
    expect(a!.value).toBeGreaterThan(0.7); // chance is a third
    expect(b!.value).toBe(a!.value);
    const scores = await Promise.all(['a.st', 'b.st'].map(async (file) => (await readArtifact(path(file))).tensors.get('scores')!));
    expectClose(scores[0]!.data as Float32Array, scores[1]!.data as Float32Array, 1e-3);
    // Ten epochs of one batch at 1e-3 are a beginning.
    expect((await probe('same.st'))[0]).toMatchObject({ chosen: { lr: 0.001, epochs: 10 } });
  });

  it('nearest neighbours in standardised features, each with one vote; every row is its own nearest', async () => {
    const knn = (file: string, ...more: string[]) =>
      runJson('probe knn', [path(file), '--metric', 'euclidean', '--weights', 'none', ...more]);
    const [[a], [b]] = [await knn('same.st', '--scale', 'standard'), await knn('scaled.st', '--scale', 'standard')];
    expect(a!.value).toBeGreaterThan(0.8);
    expect(b!.value).toBe(a!.value);
    expect((await knn('scaled.st'))[0]!.value).not.toBe(b!.value);
    expect((await knn('blobs.st', '--k', '1', '--test', path('blobs.st')))[0]!.value).toBe(1);
  });
});
