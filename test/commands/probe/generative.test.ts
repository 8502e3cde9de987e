import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { int32, ndarray, type NdArray } from '../../../src/core/array.js';
import { datasetArtifact } from '../../../src/core/data/dataset.js';
import { synthImages } from '../../../src/core/data/synth/images.js';
import type { ByoError } from '../../../src/core/errors.js';
import { readArtifact, writeArtifact, type Artifact } from '../../../src/core/files/artifact.js';
import { byo, shell } from '../../support/cli.js';
import { runCommand, runJson } from '../../support/command.js';
import { expectFailure, TINY, workplace } from '../support.js';

const { folder, at, run } = workplace();

interface Golden {
  readonly x: number[][]; readonly y: number[][]; readonly labels: number[]; readonly bandwidth: number; readonly frechet: number;
  readonly kid: number; readonly mmd: number; readonly energy: number; readonly swd?: number; readonly precision: boolean[];
  readonly recall: boolean[]; readonly paired: { readonly rms: number; readonly median: number };
  readonly modes: Readonly<Record<'mean' | 'neighbour', { readonly shares: number[]; readonly divergence: number }>>;
}
const golden = JSON.parse(readFileSync(new URL('../../golden/generative.json', import.meta.url), 'utf8')) as Record<string, Golden>;

const rows = (values: readonly (readonly number[])[]): NdArray =>
  ndarray('float64', [values.length, values[0]!.length], Float64Array.from(values.flat()));
const write = (name: string, tensors: Record<string, NdArray>, more: Partial<Artifact> = {}): Promise<void> => writeArtifact(
  at(name), { kind: 'embeddings', schema: 1, meta: {}, tensors: new Map(Object.entries(tensors)), ...more }, { force: true });
/** What the command prints with --json. */
const scoresOf = async (samples: string, real: string, ...more: string[]) =>
  (await runJson('probe generative', [at(samples), '--real', at(real), '--threads', '1', ...more]))[0]!;
const precise = ['--bootstrap', '0', '--metrics'];

beforeAll(async () => {
  await run('synth', 'density', '--count', '600', '-o', 'ring.st');
  for (const [name, mean, seed] of [['normal', 0, 3], ['moved', 1, 4]] as const) {
    await run('synth', 'density', '--kind', 'gaussian', '--dims', '1', '--mean', `${mean}`, '--count', '1000', '--seed', `${seed}`,
      '-o', `${name}.st`);
  }
  await run('synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '-o', 'shapes.st');
  await run('synth', 'images', '--count', '40', '--size', '16', '--classes', '2', '--seed', '1', '-o', 'others.st');
  await run('pretrain', 'byol', 'shapes.st', ...TINY, '--steps', '2', '-q', '-o', 'encoder.st');
  await run('embed', '--model', 'encoder.st', 'shapes.st', '--threads', '1', '-q', '-o', 'shapes-features.st');
});

describe('values', () => {
  test.each(['line', 'even'])('are those of numpy, scipy and scikit-learn: %s', async (name) => {
    const g = golden[name]!;
    await write('x.st', { features: rows(g.x), labels: int32([g.x.length], Int32Array.from(g.labels)) });
    await write('y.st', { features: rows(g.y) });
    const mean = (list: readonly boolean[]) => list.filter(Boolean).length / list.length;
    const { scores } = await scoresOf('y.st', 'x.st', '--bootstrap', '0', '--paired', at('x.st'));
    const expected: Record<string, number> = {
      frechet: g.frechet, kid: g.kid, mmd: g.mmd, energy: g.energy, precision: mean(g.precision), recall: mean(g.recall),
      modes: g.modes.mean.divergence, pairedRms: g.paired.rms, pairedMedian: g.paired.median,
      ...(g.swd !== undefined && { sliced: g.swd }),
    };
    for (const [key, value] of Object.entries(expected)) expect(scores[key].value / value, key).toBeCloseTo(1, 9);
    expect(scores.mmd.bandwidth).toBeCloseTo(g.bandwidth, 12);
    expect(scores.frechet).toEqual({ value: scores.frechet.value });
    for (const assign of ['mean', 'neighbour'] as const) {
      const { scores: { modes } } = await scoresOf('y.st', 'x.st', ...precise, 'modes', '--assign', assign);
      expect(modes.value).toBeCloseTo(g.modes[assign].divergence, 12);
      const shares = modes.shares.map(({ value }: { value: number }) => value);
      expect(shares).toEqual(g.modes[assign].shares.map((share) => expect.closeTo(share, 12)));
    }
  });

  test('are the oracles of Gaussians in closed form', async () => {
    // Rows whose covariances are [[2, .5], [.5, 1]] and [[1, -.2], [-.2, 1.5]], by columns of Cholesky's factors.
    const exact = (...columns: number[][]) => rows(columns.flatMap((column) =>
      [1, -1].map((sign) => column.map((value) => sign * value * Math.sqrt((2 * columns.length - 1) / 2)))));
    await write('p.st', { features: exact([Math.SQRT2, 0.5 / Math.SQRT2], [0, Math.sqrt(0.875)]) });
    await write('q.st', { features: exact([1, -0.2], [0, Math.sqrt(1.46)]) });
    expect((await scoresOf('p.st', 'q.st', ...precise, 'frechet')).scores.frechet.value).toBeCloseTo(0.4022069588, 9);

    const shift = 0.3;
    const narrow = [1, -1].map((sign) => [sign / Math.SQRT2]);
    await write('p.st', { features: rows(narrow) });
    await write('q.st', { features: rows(narrow.map(([value]) => [1.5 * value! + shift])) });
    expect((await scoresOf('p.st', 'q.st', ...precise, 'frechet')).scores.frechet.value).toBeCloseTo(0.34, 12);
    await write('q.st', { features: rows(narrow.map(([value]) => [value! - 1.75])) });
    expect((await scoresOf('p.st', 'q.st', ...precise, 'sliced')).scores.sliced.value).toBeCloseTo(1.75, 12);
  });

  test('of N(0, 1) and N(1, 1) are near the population, whose values lie in the intervals', async () => {
    const { scores, n } = await scoresOf('normal.st', 'moved.st', '--bandwidth', '1', '--level', '0.999', '--metrics', 'frechet,energy,mmd,sliced');
    expect(n).toEqual({ compared: 1000, samples: 1000, real: 1000 });
    for (const [key, value] of [['frechet', 1], ['energy', 0.5418065793], ['mmd', 0.1772676349], ['sliced', 1]] as const) {
      expect(scores[key].low, key).toBeLessThan(value);
      expect(scores[key].high, key).toBeGreaterThan(value);
      expect(scores[key].high - scores[key].low, key).toBeLessThan(0.7 * value);
      expect(scores[key].value).not.toBeCloseTo(value, 6);
    }
  });
});

describe('sets', () => {
  test('come through pipes: samples of a density on the way of its denoiser, against points of it', async () => {
    const drawn = (steps: number) => shell(`byo sample --exact ring8 --steps ${steps} --count 500 -q --threads 1 `
      + '| byo probe generative --real ring.st --json -q --threads 1', { cwd: folder });
    const [many, again, one] = [await drawn(25), await drawn(25), await drawn(1)];
    expect([many.code, many.stderr]).toEqual([0, '']);
    expect(again.stdout).toBe(many.stdout);
    const [good, bad] = [many, one].map(({ stdout }) => JSON.parse(stdout));
    expect([good.space, good.n]).toEqual([{ of: 'points' }, { compared: 500, samples: 500, real: 600 }]);
    // Draws of one density, at a distance of draws from each other; one step of the path ends near its middle.
    expect(good.scores.sliced.value).toBeLessThan(0.35);
    expect(bad.scores.sliced.value).toBeGreaterThan(1);
    expect([good.scores.precision.value > 0.9, bad.scores.precision.value]).toEqual([true, 0]);
    expect(Math.abs(good.scores.mmd.value)).toBeLessThan(0.005);
    expect(bad.scores.mmd.low).toBeGreaterThan(0.05);
    const { shares } = good.scores.modes;
    expect(shares).toHaveLength(8);
    expect(shares.reduce((sum: number, { value }: { value: number }) => sum + value, 0)).toBeCloseTo(1, 10);
    expect(good.scores.modes.value).toBeLessThan(0.03);
  });

  test('of images are compared by the features of an encoder that the output names, as features made before', async () => {
    const { lines } = await runCommand('probe generative', [at('others.st'), '--real', at('shapes.st'), '--model', at('encoder.st')]);
    const { digest } = await readArtifact(at('encoder.st'));
    expect(lines[0]).toContain(`40 and 40 rows of 32 features of encoder.st (${digest!.slice(0, 19)}, convnet3)`);
    expect(lines[0]).toMatch(/^Fréchet distance on features of encoder\.st +\d/m);
    expect(lines[0]!.toLowerCase()).not.toContain('fid');
    await run('embed', '--model', 'encoder.st', 'others.st', '--threads', '1', '-q', '-o', 'others-features.st');
    const whole = await scoresOf('others.st', 'shapes.st', '--model', at('encoder.st'));
    const features = await scoresOf('others-features.st', 'shapes-features.st');
    expect(whole.space).toEqual({ of: 'features', digest, model: 'encoder.st', encoder: 'convnet3' });
    expect(features.scores).toEqual(whole.scores);
  });

  test('of images are compared by pixels where that is asked for', async () => {
    const { scores, space, features } = await scoresOf('shapes.st', 'shapes.st', '--pixels', '8');
    expect([space, features]).toEqual([{ of: 'pixels', side: 8 }, 192]);
    expect([scores.sliced.value, scores.precision.value, scores.recall.value]).toEqual([0, 1, 1]);
    // A pixel that is 0.2 brighter is at 0.2, and 192 of them at 0.2 sqrt(192).
    const dark = synthImages({ count: 10, size: 8, classes: 2, seed: 0 });
    const save = (name: string, plus: number) => writeArtifact(at(name), datasetArtifact(
      { ...dark, images: { ...dark.images, data: dark.images.data.map((v) => Math.min(v, 200) + plus) } }));
    await save('dark.st', 0);
    await save('bright.st', 51);
    const paired = await scoresOf('bright.st', 'dark.st', '--pixels', '8', '--paired', at('dark.st'), ...precise, 'paired');
    expect(paired.scores.pairedRms.value).toBeCloseTo(0.2 * Math.sqrt(192), 5);
  });

  test('are as large as the smaller one, which is said; --part takes a part of the real ones', async () => {
    const { stderr } = await run('probe', 'generative', 'ring.st', '--real', 'ring.st', '--part', 'test', ...precise, 'sliced');
    expect(stderr).toContain('ring.st has 600 rows and ring.st 120; 120 of each are compared');
    const { n } = await scoresOf('ring.st', 'ring.st', '--part', 'train', '--rows', '50', ...precise, 'energy');
    expect(n).toEqual({ compared: 50, samples: 600, real: 480 });
  });

  test('are resampled as the seed says, more resamples leaving the value as it is', async () => {
    const of = (...more: string[]) => scoresOf('normal.st', 'moved.st', '--rows', '300', '--metrics', 'energy', ...more);
    const [a, b, other, more] = [await of(), await of(), await of('--seed', '1'), await of('--bootstrap', '80')];
    expect(b).toEqual(a);
    expect(other.scores.energy).not.toEqual(a.scores.energy);
    expect(more.scores.energy.value).toBe(a.scores.energy.value);
    expect(more.scores.energy.low).not.toBe(a.scores.energy.low);
  });
});

describe('mistakes are one sentence', () => {
  /** Checks the error in this process, which a shell prints. */
  const refused = async (args: readonly string[], code: number, message: string | RegExp) => {
    const error = await runCommand('probe generative', args.map((arg) => (arg.endsWith('.st') ? at(arg) : arg)))
      .then(() => undefined, (thrown: ByoError) => thrown);
    expect(error?.message.replaceAll(`${folder}/`, '')).toMatch(message);
    expect(error!.exitCode).toBe(code);
  };

  beforeAll(async () => {
    await write('wide.st', { features: rows([[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]]) });
    await write('few.st', { features: rows([[1, 2, 3], [4, 5, 6], [7, 8, 9]]) });
    await write('holes.st', { points: rows([[1, 2], [3, NaN], [5, 6], [7, 8]]) }, { kind: 'dataset' });
    await run('embed', '--model', 'encoder.st', '--target', 'shapes.st', '-q', '-o', 'target-features.st');
    for (const seed of ['5', '6']) {
      await run('sample', '--exact', 'ring8', '--steps', '1', '--count', '20', '--seed', seed, '-q', '-o', `noise-${seed}.st`);
    }
    await writeFile(at('text.st'), 'text');
  });

  test.each<[string[], number, string | RegExp]>([
    [['ring.st'], 2, 'probe generative needs real examples to compare with: --real FILE'],
    [['wide.st', '--real', 'ring.st'], 3, 'wide.st holds features of width 3, but ring.st holds points of width 2; only the same kind of rows'],
    [['few.st', '--real', 'wide.st'], 3, 'few.st has 3 rows, but 4 or more are needed'],
    [['holes.st', '--real', 'ring.st'], 3, 'holes.st: coordinate 1 of point 1 is NaN; points have to be finite'],
    [['shapes.st', '--real', 'shapes.st'], 2, 'shapes.st holds images, which are compared by features: give --model FILE'],
    [['shapes.st', '--real', 'shapes.st', '--pixels', '99'], 2, "--pixels 99 is more than the images' 16x16"],
    [['shapes.st', '--real', 'shapes.st', '--pixels', '4', '--model', 'encoder.st'], 2, '--model and --pixels are two ways'],
    [['ring.st', '--real', 'ring.st', '--model', 'encoder.st'], 2, 'ring.st holds no images, so there is nothing to do for --model'],
    [['shapes-features.st', '--real', 'target-features.st'], 3, /features of encoder\.st \(sha256:\w{12}\) of width 32, but .*encoder\.st \(target\)/],
    [['ring.st', '--real', 'ring.st', '--metrics', 'frechett'], 2, "but 'frechett' was given; did you mean 'frechet'?"],
    [['ring.st', '--real', 'ring.st', '--metrics', 'paired'], 2, '--metrics paired needs samples from the same noise: --paired FILE'],
    [['wide.st', '--real', 'wide.st', '--metrics', 'modes'], 3, 'wide.st has no labels, which this probe needs'],
    [['wide.st', '--real', 'wide.st', '--part', 'test'], 3, 'wide.st marks no rows as its test part; leave --part out'],
    [['noise-5.st', '--real', 'ring.st', '--paired', 'noise-6.st'], 3, 'noise-5.st was drawn with --seed 5 and noise-6.st with 6'],
    [['noise-5.st', '--real', 'ring.st', '--paired', 'ring.st'], 3, 'noise-5.st has 20 rows and ring.st 600, but row i has to be from the same noise'],
    [['--real', '-'], 2, 'only one of samples, --real, --paired and --model can be standard input'],
    [['ring.st', '--real', 'ring.st', '--bootstrap', '1'], 2, '--bootstrap 1 tells nothing of a spread'],
    [['encoder.st', '--real', 'ring.st'], 3, 'encoder.st holds a model, but a dataset or samples or embeddings or tensors are expected here'],
    [['text.st', '--real', 'ring.st'], 3, /text\.st/],
  ])('%j', refused);

  test('on a terminal, too', async () => {
    expectFailure(await byo(['probe', 'generative', 'few.st', '--real', 'wide.st'], { cwd: folder }), 3, 'few.st has 3 rows, but 4 or more');
  });
});
