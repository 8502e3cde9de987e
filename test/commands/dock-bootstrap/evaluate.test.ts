import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { molecule } from '../../../src/core/chem/molecule.js';
import { complexesArtifact, complexesOf, posesArtifact, type Complex, type Poses } from '../../../src/core/docking/complexes.js';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { pairedDifference, wilsonInterval } from '../../../src/core/stats/intervals.js';
import { byo } from '../../support/cli.js';
import { expectFailure, workplace } from '../support.js';

const { folder: cwd, at, run } = workplace();
const evaluate = async (...args: string[]) => {
  const done = await byo(['dock-bootstrap', 'evaluate', ...args], { cwd });
  expect(done.code, done.stderr).toBe(0);
  return done;
};
const json = async (...args: string[]) => JSON.parse((await evaluate(...args, '--json')).stdout);

/** Ethanol; a pose is its shift along x, which is its RMSD. */
const ETHANOL = [0, 0, 0, 1.5, 0, 0, 2, 1.4, 0];
const shifted = (x: number): Float32Array => Float32Array.from(ETHANOL, (value, i) => value + (i % 3 === 0 ? x : 0));
const complexOf = (name: string, cluster: number, split: number, truths: number[]): Complex => ({
  name, cluster, split, center: [0, 0, 0],
  receptor: {
    types: new Int32Array(1), positions: Float32Array.of(-5, 0, 0), vectors: new Float32Array(9),
    atoms: { elements: new Uint8Array(0), positions: new Float32Array(0) },
  },
  ligand: {
    molecule: molecule({
      name, elements: Uint8Array.of(6, 6, 8), charges: new Int8Array(3), positions: Float64Array.from(ETHANOL),
      bonds: [{ a: 0, b: 1, order: 1 }, { a: 1, b: 2, order: 1 }],
    }),
    features: new Int32Array(3), torsions: [],
  },
  poses: truths.map(shifted),
});
type Shifts = readonly [shifts: number[], confidence?: number[]];
const writePoses = async (file: string, of: Readonly<Record<string, Shifts>>): Promise<void> => {
  const sampled = Object.values(of).map(([shifts, confidence]): Poses =>
    ({ poses: shifts.map(shifted), ...(confidence && { confidence: Float32Array.from(confidence) }) }));
  await writeArtifact(at(file), posesArtifact(Object.keys(of), sampled));
};

beforeAll(async () => {
  await writeArtifact(at('complexes.st'), complexesArtifact({
    complexes: [
      complexOf('A', 0, 2, [0]), complexOf('B', 0, 2, [0]), complexOf('C', 1, 2, [0]), complexOf('D', 1, 0, [0, 6]), complexOf('E', 1, 1, []),
    ],
    features: [{ name: 'type', size: 1 }], receptorTypes: ['bead'], clusters: ['alpha', 'beta'], rotatable: 'graph',
  }));
  await writePoses('after.st', { A: [[1, 3, 6], [0, 2, 1]], B: [[1.5, 0.5, 4], [3, 1, 2]], D: [[7, 8, 9], [0, 0, 0]] });
  await writePoses('before.st', { A: [[5, 5, 5], [0, 0, 0]], B: [[1, 3, 3], [0, 0, 0]], C: [[1, 1, 1], [0, 0, 0]] });
  await writePoses('plain.st', { C: [[-2.5, 1]], E: [[0, 0]] });
  await writePoses('strange.st', { Z: [[0]] });
  await writeFile(at('names.txt'), 'B\r\nC\r\n\r\nlost\r\n');
});

describe('dock-bootstrap evaluate', () => {
  it('counts successes of a split by every way to choose; complexes without poses fail', async () => {
    const { selections, complexes, missing, headline, confidence, perComplex } = await json(
      'after.st', '--data', 'complexes.st', '--split', 'test', '--top', '1,2');
    expect([complexes, missing, headline.name]).toEqual([3, 1, 'top-1 by confidence']);
    type Chosen = { key: string; below: { share: number }[] };
    expect(selections.map(({ key, below }: Chosen) => [key, ...below.map(({ share }) => share)])).toEqual([
      ['random', expect.closeTo(1 / 3, 9), expect.closeTo((2 / 3 + 1) / 3, 9)], ['top1', 1 / 3, 2 / 3], ['top2', 1 / 3, 2 / 3],
      ['oracle', 2 / 3, 2 / 3],
    ]);
    const { low, high } = wilsonInterval(1, 3);
    expect(selections[1].below[0]).toMatchObject({ threshold: 2, low, high });
    // Top-1: 3, 1.5 and none; of three the quartiles lie in the middle between two.
    expect(selections[1].rmsd).toEqual({ q25: expect.closeTo(2.25, 6), median: expect.closeTo(3, 6), q75: null });
    // Successes have the logits 0, 3 and 1, failures 2, 1 and 2.
    expect(confidence.auroc).toBeCloseTo(3.5 / 9, 9);
    expect(perComplex).toEqual([
      { name: 'A', cluster: 'alpha', poses: 3, random: 1 / 3, top1: expect.closeTo(3, 6), top2: expect.closeTo(3, 6), oracle: 1 },
      { name: 'B', cluster: 'alpha', poses: 3, random: 2 / 3, top1: 1.5, top2: 1.5, oracle: 0.5 },
      { name: 'C', cluster: 'beta', poses: 0, random: 0, top1: null, top2: null, oracle: null },
    ]);
  });

  it('takes all complexes with poses where no part is asked for, and the nearest of several true poses', async () => {
    const { stdout, stderr } = await evaluate('after.st', '--data', 'complexes.st');
    expect(stderr).toBe('');
    const lines = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(lines[0]!.slice(0, 6)).toEqual(['poses', '< 2 Å', '95% interval', '< 5 Å', '95% interval', 'RMSD 25 %']);
    // D is 1, 2 and 3 Å from its second true pose; no bead is nearer than 2.8 Å to any pose.
    expect(lines[1]!.slice(0, 2)).toEqual(['random sample', '44.4 %']);
    expect(lines[2]!.slice(0, 2)).toEqual(['top-1 by confidence', '66.7 %']);
    expect(lines[3]!.slice(0, 2)).toEqual(['best of all 3 (oracle)', '100.0 %']);
    expect(lines[1]!.slice(-2)).toEqual(['0.0 %', '0.0 %']);
    expect(stdout).toContain('3 complexes; AUC of confidence');
    expect(lines.find(([first]) => first === 'beta')!.slice(1)).toEqual(['1', '33.3 %', '100.0 %', '100.0 %', '1.00']);
    expect((await json('after.st', '--data', 'complexes.st', '--thresholds', '1.2')).selections[0].below).toMatchObject([
      { threshold: 1.2, share: expect.closeTo(1 / 3, 9) }]);
  });

  it('compares with a baseline, paired by complex, and draws both', async () => {
    const args = ['after.st', '--data', 'complexes.st', '--split', 'test', '--baseline', 'before.st'];
    const { differences, clusters, baseline } = await json(...args);
    expect(baseline[1]).toMatchObject({ key: 'top1', below: [{ share: 2 / 3 }, { share: 2 / 3 }] });
    const { low, high } = pairedDifference([0, 1, 1], [0, 1, 0]);
    expect(differences[2]).toMatchObject({ key: 'top1', threshold: 2, before: 2 / 3, after: 1 / 3, low, high });
    expect(differences[2].share).toBeCloseTo(-1 / 3, 9);
    expect(differences[0].share).toBeCloseTo(1 / 3 - (0 + 1 / 3 + 1) / 3, 9);
    expect(clusters).toMatchObject([
      { cluster: 'alpha', complexes: 2, before: { share: 0.5 }, difference: { share: 0 } },
      { cluster: 'beta', complexes: 1, before: { share: 1 }, difference: { share: -1 } },
    ]);
    const { stdout, stderr } = await evaluate(...args, '--plot', 'success.svg', '--unit', 'cluster');
    expect(stderr).toBe('warning: 1 of 3 complexes have no poses and count as failures');
    expect(stdout).toMatch(/top-1 by confidence < 2 Å +66\.7 % +33\.3 % +-33\.3 % +-100\.0 \.\. 0\.0/);
    const svg = readFileSync(at('success.svg'), 'utf8');
    for (const text of ['>before<', '>after<', '>alpha (2)<', '>beta (1)<', '>all (3)<', 'top-1 by confidence below 2 Å']) {
      expect(svg).toContain(text);
    }
  });

  it('takes names of a file, several files of poses, and poses without confidence', async () => {
    const named = await evaluate('after.st', '--data', 'complexes.st', '--split-file', 'names.txt');
    expect(named.stderr.split('\n')).toEqual([
      'warning: names.txt names 1 complexes that the data do not have, such as lost; they count as failures',
      'warning: 2 of 3 complexes have no poses and count as failures',
    ]);
    expect(named.stdout).toMatch(/^top-1 by confidence +33\.3 %/m);
    expect(named.stdout).toMatch(/^\(none\) +1 +0\.0 %/m);
    const both = await json('after.st', 'plain.st', '--data', 'complexes.st', '--cluster', 'beta');
    expect([both.complexes, both.headline.key, both.selections.map(({ key }: { key: string }) => key)])
      .toEqual([2, 'random', ['random', 'oracle']]);
    // C: 2.5 and 1 Å; its pose at -2.5 comes as near as 2.5 Å to the bead. D: 1, 2 and 3 Å.
    expect(both.selections[0])
      .toMatchObject({ below: [{ share: expect.closeTo((1 / 2 + 1 / 3) / 2, 9) }, { share: 1 }], receptorClash: 1 / 4 });
    expect(both.selections[1].name).toBe('best of all 3 (oracle)');
  });

  it('says what is wrong', async () => {
    const fails = async (code: number, message: string | RegExp, ...args: string[]) =>
      expectFailure(await byo(['dock-bootstrap', 'evaluate', ...args], { cwd }), code, message);
    await fails(2, 'evaluate needs the true poses: --data COMPLEXES', 'after.st');
    await fails(2, "--top takes whole numbers above 0, but '1.5' was given", 'after.st', '--data', 'complexes.st', '--top', '1.5');
    await fails(3, 'strange.st has poses of other complexes than the data, such as Z', 'strange.st', '--data', 'complexes.st');
    await fails(3, 'A has poses in both after.st and before.st', 'after.st', 'before.st', '--data', 'complexes.st');
    await fails(3, 'the data have no cluster gamma; they have alpha, beta', 'after.st', '--data', 'complexes.st', '--cluster', 'gamma');
    await fails(3, 'complexes.st holds a dataset, but poses are expected here', 'complexes.st', '--data', 'complexes.st');
    const low = await byo(['dock-bootstrap', 'evaluate', 'after.st', '--data', 'complexes.st', '--min', '0.9'], { cwd });
    expect([low.code, low.stderr]).toEqual([1, 'byo: the share of successes of top-1 by confidence 0.6667 is below --min 0.9']);
    const unknown = await byo(['dock-bootstrap', 'evaluate', 'plain.st', '--data', 'complexes.st', '--split', 'validation'], { cwd });
    expect(unknown.code).toBe(3);
    expect(unknown.stderr.split('\n')).toEqual([
      'warning: 1 complexes have no true pose to compare with and are left out',
      'byo: there is no complex with a true pose among those to evaluate']);
  });

  it('evaluates what byo synth pockets makes', async () => {
    await run('synth', 'pockets', '--families', '1', '--per-family', '2', '--held-out', '1', '--per-held-out', '3',
      '--validation', '0', '--poses', '0', '-o', 'pockets.st');
    const { complexes } = complexesOf(await readArtifact(at('pockets.st')), 'pockets.st');
    await writeArtifact(at('true.st'), posesArtifact(complexes.map(({ name }) => name), complexes));
    const { selections, complexes: count } = await json('true.st', '--data', 'pockets.st', '--split', 'test');
    expect([count, selections[0].below[0].share, selections[0].rmsd.q75]).toEqual([3, 1, 0]);
  });
});
