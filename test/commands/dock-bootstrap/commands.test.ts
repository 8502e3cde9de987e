import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSdf } from '../../../src/core/chem/sdf.js';
import { SPLIT } from '../../../src/core/data/images.js';
import { complexesArtifact, complexesOf, posesOf, type Complexes } from '../../../src/core/docking/complexes.js';
import { readArtifact, writeArtifact } from '../../../src/core/files/artifact.js';
import { byo } from '../../support/cli.js';
import { runCommand } from '../../support/command.js';
import { toyComplexes, type Toy } from '../../support/docking.js';
import { expectFailure, filesIn, workplace } from '../support.js';

const { folder, at, run } = workplace();
const NETWORK = ['--scalars', '8', '--vectors', '4', '--layers', '1', '--receptor-layers', '1', '--neighbours', '4', '--radial', '8',
  '--buckets', '1'];
const FEW = ['--threads', '1', '-q'];
const train = (...more: string[]) => run('dock-bootstrap', 'train', 'toys.st', ...NETWORK, ...FEW, '--batch', '4', '--poses', '4', ...more);
const BOOTSTRAP = ['dock-bootstrap', 'bootstrap', 'toys.st', '--cluster', 'b', '-m', 'score.st', ...FEW, '--updates', '3',
  '--samples', '2', '--rounds', '1', '--initial-rounds', '2', '--steps', '2', '--buckets', '1'];
const ANCHORED = [...BOOTSTRAP, '--real', 'toys.st'];
const lines = async (file: string): Promise<Record<string, number>[]> =>
  (await readFile(at(file), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, number>);
const digest = async (file: string) => (await readArtifact(at(file))).digest;
const write = (name: string, set: Complexes) =>
  writeArtifact(at(name), { ...complexesArtifact(set), recipe: { command: 'synth pockets', options: {}, version: 'test', inputs: [] } });

/** Six complexes to train on, two for validation, two of a new cluster. */
const toys = [...Array(10).keys()].map((i): Toy => ({
  atoms: i % 2 === 0 ? 6 : 4, nodes: 12 + i, cluster: i < 8 ? 0 : 1,
  split: i < 6 ? SPLIT.train : i < 8 ? SPLIT.validation : SPLIT.test,
}));
const set = toyComplexes(toys);

beforeAll(async () => {
  await write('toys.st', set);
  await train('--epochs', '40', '--lr', '1e-2', '--log', 'score.jsonl', '-o', 'score.st');
  await run('dock-bootstrap', 'confidence', 'toys.st', '-m', 'score.st', ...NETWORK, ...FEW, '--samples', '3', '--steps', '3', '--batch', '4',
    '--poses', '4', '--epochs', '25', '--lr', '1e-2', '--near-native', '1', '--log', 'confidence.jsonl', '-o', 'confidence.st');
});

describe('dock-bootstrap train', () => {
  test('learns the way back, and says what a network that says nothing would lose', async () => {
    const log = await lines('score.jsonl');
    expect(log).toHaveLength(80);
    const mean = (part: Record<string, number>[], key: string) => part.reduce((sum, line) => sum + line[key], 0) / part.length;
    expect(mean(log.slice(-20), 'tr')).toBeLessThan(0.8 * mean(log.slice(-20), 'baseTr'));
    expect(Math.abs(mean(log, 'baseTr') - 1)).toBeLessThan(0.15);
    expect(Math.abs(mean(log, 'baseRot') - 1 / 3)).toBeLessThan(0.05);
    expect(Math.abs(mean(log, 'baseTor') - 1)).toBeLessThan(0.2);
    const { meta } = await readArtifact(at('score.st'));
    expect(meta).toMatchObject({
      docking: {
        reads: 'scores', torsions: true, visible: 400, features: set.features, receptorTypes: set.receptorTypes,
        network: { parity: 'se3', scalars: 8, directions: 1, neighbours: 4 }, noise: { tr: { min: 0.1, max: 10 } },
      },
    });
  });

  test('is made again byte for byte, and resumes, with batches of several sizes', async () => {
    const words = ['dock-bootstrap', 'train', 'toys.st', ...NETWORK.slice(0, -2), '--buckets', '2', ...FEW, '--batch', '2', '--epochs', '2'];
    await run(...words, '-o', 'whole.st');
    const cut = await byo([...words, '-o', '/dev/full', '--checkpoint', 'cut.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    await run(...words, '-o', 'again.st', '--checkpoint', 'cut.ckpt', '--resume');
    expect(await digest('again.st')).toBe(await digest('whole.st'));
    const { code, stderr } = await byo(['replay', 'again.st', '--check', '--inputs', '.', ...FEW], { cwd: folder });
    expect(code, stderr).toBe(0);
  });

  test('sees large receptors in part, and leaves torsions alone if asked', async () => {
    await train('--epochs', '1', '--max-nodes', '8', '--no-torsions', '--parity', 'o3', '-o', 'stiff.st');
    await run('dock-bootstrap', 'sample', 'toys.st', '-m', 'stiff.st', '--samples', '2', '--steps', '3', ...FEW, '-o', 'stiff-poses.st');
    const { complexes } = complexesOf(await readArtifact(at('toys.st')), 'toys.st');
    const drawn = posesOf(await readArtifact(at('stiff-poses.st')), complexes, 'stiff-poses.st');
    const distances = (points: ArrayLike<number>): number[] => [...Array(points.length / 3).keys()].map((i) =>
      Math.hypot(points[3 * i] - points[0], points[3 * i + 1] - points[1], points[3 * i + 2] - points[2]));
    distances(drawn[0].poses[1]).forEach((distance, i) =>
      expect(distance).toBeCloseTo(distances(complexes[0].ligand.molecule.positions)[i], 4));
  });
});

describe('dock-bootstrap confidence', () => {
  test('tells right from wrong poses', async () => {
    const log = await lines('confidence.jsonl');
    const mean = (part: Record<string, number>[]) => part.reduce((sum, line) => sum + line.pose, 0) / part.length;
    expect(Math.abs(mean(log.slice(0, 3)) - Math.LN2)).toBeLessThan(0.2);
    expect(mean(log.slice(-15))).toBeLessThan(0.55);
    expect(log.at(-1)!.near).toBeGreaterThanOrEqual(0);
    const { meta, recipe } = await readArtifact(at('confidence.st'));
    expect(meta).toMatchObject({ docking: { reads: 'confidence' }, judging: { complexes: 2, poses: 6, held: true } });
    expect(recipe!.inputs.map(({ role }) => role)).toEqual(['complexes', 'model']);
  });

  test('takes poses that were drawn before, and is made again from them', async () => {
    await run('dock-bootstrap', 'sample', 'toys.st', '-m', 'score.st', '--split', 'train', '--samples', '2', '--steps', '2', ...FEW, '-o', 'drawn.st');
    await run('dock-bootstrap', 'confidence', 'toys.st', '-m', 'score.st', '--drawn', 'drawn.st', ...NETWORK, ...FEW, '--epochs', '1', '--validate', '0',
      '-o', 'judge.st');
    expect((await readArtifact(at('judge.st'))).meta).toMatchObject({ judging: { complexes: 6, poses: 12, held: false } });
    const { code, stderr } = await byo(['replay', 'judge.st', '--check', '--inputs', '.', ...FEW], { cwd: folder });
    expect(code, stderr).toBe(0);
  });
});

describe('dock-bootstrap sample', () => {
  const sample = (name: string, ...more: string[]) =>
    run('dock-bootstrap', 'sample', 'toys.st', '-m', 'score.st', '--cluster', 'b', '--samples', '3', '--steps', '4', ...FEW, '-o', name, ...more);
  const posesIn = async (name: string) => posesOf(await readArtifact(at(name)), set.complexes.slice(8), name);

  test('writes poses with confidences, and the same as SD files, ranked, in the frame of the source', async () => {
    await sample('poses.st', '--confidence', 'confidence.st', '--sdf', 'sdf');
    const [first, second] = await posesIn('poses.st');
    expect([first.poses.length, first.poses[0].length, second.poses[0].length]).toEqual([3, 18, 12]);
    const logits = [...first.confidence!];
    const order = [0, 1, 2].sort((a, b) => logits[b] - logits[a]);
    expect(await filesIn(at('sdf'))).toEqual(['toy8', 'toy9']);
    expect(await filesIn(at('sdf/toy8'))).toEqual(['poses.sdf', 'rank1.sdf',
      ...order.map((k, rank) => `rank${rank + 1}_confidence${logits[k].toFixed(2)}.sdf`)].sort());
    const records = readSdf(await readFile(at('sdf/toy8/poses.sdf'), 'utf8'), 'poses.sdf');
    expect(records).toHaveLength(3);
    records.forEach((record, rank) => {
      if ('error' in record) throw record.error;
      const { tags, positions, name } = record.molecule;
      expect([name, tags.get('rank'), tags.get('confidence'), tags.get('sample')])
        .toEqual(['toy8', String(rank + 1), logits[order[rank]].toFixed(4), String(order[rank])]);
      // Toys' centre is at (1, 2, 3).
      positions.forEach((value, i) => expect(value).toBeCloseTo(first.poses[order[rank]][i] + 1 + (i % 3), 3));
    });
    const [best, all] = await Promise.all(['rank1', 'poses'].map((name) => readFile(at(`sdf/toy8/${name}.sdf`), 'utf8')));
    expect(best).toBe(`${all.split('$$$$\n')[0]}$$$$\n`);
    await expect(runCommand('dock-bootstrap sample', [at('toys.st'), '-m', at('score.st'), '--sdf', at('sdf'), '-o', at('x.st')]))
      .rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('is not empty') });
  });

  test('is made again byte for byte, and follows its options', async () => {
    await sample('a.st');
    const { code, stderr } = await byo(['replay', 'a.st', '--check', '--inputs', '.', ...FEW], { cwd: folder });
    expect(code, stderr).toBe(0);
    await sample('ode.st', '--ode', '--start', '0', '--center', '21,2,3');
    await sample('cold.st', '--preset', 'diffdock-l', '--seed', '1');
    const [[plain], [ode], [cold]] = await Promise.all(['a.st', 'ode.st', 'cold.st'].map(posesIn));
    expect(plain.confidence).toBeUndefined();
    expect(new Set([plain, ode, cold].map(({ poses }) => poses[0][0])).size).toBe(3);
    const { recipe } = await readArtifact(at('cold.st'));
    expect(recipe!.options).toMatchObject({ temperature: [1.17, 2.064, 7.044], skip: 1, preset: 'diffdock-l' });
  });
});

describe('dock-bootstrap bootstrap', () => {
  test('rolls out, learns, reports, and comes to the same weights after an interruption', async () => {
    const words = [...ANCHORED, '--iterations', '2', '--confidence', 'confidence.st'];
    await run(...words, '-o', 'new.st', '--log', 'new.jsonl');
    const log = await lines('new.jsonl');
    expect(log.map((line) => line.rollout ?? 0)).toEqual([1, 0, 0, 2, 0, 0]);
    for (const key of ['kept', 'meanConfidence', 'medianConfidence', 'near', 'top1']) expect(log[3][key]).toEqual(expect.any(Number));
    expect([log[0].drawn, log[0].buffer, log[3].drawn]).toEqual([8, 8 * log[0].kept, 4]);
    expect(log[3].buffer).toBeGreaterThanOrEqual(log[0].buffer);
    const { meta, recipe, tensors } = await readArtifact(at('new.st'));
    expect(recipe!.inputs.map(({ role }) => role)).toEqual(['complexes', 'model', 'confidence', 'real']);
    const before = await readArtifact(at('score.st'));
    expect(meta.docking).toEqual(before.meta.docking);
    expect([...tensors.keys()]).toEqual([...before.tensors.keys()]);
    const moved = [...tensors].some(([name, { data }]) => data.some((value, i) => value !== before.tensors.get(name)!.data[i]));
    expect(moved).toBe(true);

    const cut = await byo([...words, '-o', '/dev/full', '--checkpoint', 'b.ckpt', '--checkpoint-every', '0.0001'], { cwd: folder });
    expect(cut.code).toBe(1);
    expect((await readArtifact(at('b.ckpt'))).meta.step).toBe(5);
    await run(...words, '-o', 'resumed.st', '--checkpoint', 'b.ckpt', '--resume');
    expect(await digest('resumed.st')).toBe(await digest('new.st'));
    const { code, stderr } = await byo(['replay', 'resumed.st', '--check', '--inputs', '.', ...FEW], { cwd: folder });
    expect(code, stderr).toBe(0);
  });

  test('has controls', async () => {
    const result = async (name: string, ...more: string[]) => {
      await run(...ANCHORED, '--iterations', '1', ...more, '-o', name, '--log', `${name}.jsonl`);
      return { digest: await digest(name), log: (await lines(`${name}.jsonl`))[0] };
    };
    const oracle = await result('oracle.st', '--oracle-confidence');
    const random = await result('random.st', '--random-confidence');
    const late = await result('late.st', '--oracle-confidence', '--t-law', '1,1', '--t-max', '0.2', '--reset-buffer', '--pair-prefix', '3');
    expect(new Set([oracle, random, late].map((one) => one.digest)).size).toBe(3);
    expect(oracle.log.medianConfidence).toBe(late.log.medianConfidence);
    expect(Math.abs(random.log.meanConfidence)).toBeLessThan(2);
  });

  test('says what is amiss without real complexes', async () => {
    const alone = BOOTSTRAP.filter((word) => word !== '-q');
    const { stderr } = await run(...alone, '--iterations', '1', '--random-confidence', '-o', 'alone.st');
    expect(stderr).toContain('without --real nothing keeps the late steps right');
    expect(stderr).toMatch(/rollout 1 of 1: 8 poses, \d+ % above the cutoff, \d+ in the buffer, median confidence -?\d/);
    const none = await byo([...BOOTSTRAP, '--random-confidence', '--cutoff', '99', '-o', 'none.st'], { cwd: folder });
    expectFailure(none, 1, 'none of 8 poses has a confidence above 99');
  });
});

describe('what does not fit is refused in one sentence', () => {
  beforeAll(async () => {
    await write('others.st', { ...set, receptorTypes: [...set.receptorTypes, 'inert'] });
    await write('featured.st', { ...set, features: [{ name: 'element', size: 4 }, { name: 'degree', size: 4 }] });
    await write('unknown.st', { ...set, complexes: set.complexes.map((complex) => ({ ...complex, poses: [] })) });
    await writeFile(at('broken.st'), 'no tensors');
  });

  test.each([
    ['train broken.st', 3, 'broken.st'],
    ['train score.st', 3, 'holds a model, but a dataset is expected'],
    ['train unknown.st', 3, 'has no complexes marked train with a known pose'],
    ['train toys.st --tr 5', 2, '--tr takes two deviations'],
    ['train toys.st --tr 5,1', 2, '--tr takes two deviations'],
    ['train toys.st --t-law 2', 2, '--t-law takes the two numbers above 0'],
    ['train toys.st --weights 1,1', 2, '--weights takes three numbers'],
    ['confidence toys.st', 2, 'needs the score model whose poses it judges'],
    ['confidence toys.st -m confidence.st', 3, 'holds a confidence model, but a score model is expected here'],
    ['confidence toys.st -m score.st --near 5', 2, '--far 4 has to be at least --near 5'],
    ['confidence toys.st -m score.st --drawn toys.st', 3, 'holds a dataset, but poses are expected'],
    ['sample toys.st', 2, 'sample needs a score model'],
    ['sample toys.st -m toys.st', 3, 'holds a dataset, but a model is expected'],
    ['sample others.st -m score.st', 3, 'was trained on receptors of the types apolar,donor,acceptor,plus,minus, but the complexes have apolar'],
    ['sample featured.st -m score.st', 3, 'was trained on atoms with the features element of 3, degree of 4, but the complexes have element of 4'],
    ['sample toys.st -m score.st --cluster c', 2, 'has no such cluster, but a,b'],
    ['sample toys.st -m score.st --cluster b --split train', 3, 'has no complexes marked train of b'],
    ['sample toys.st -m score.st --skip 20', 2, 'leaves out all of the 20 steps'],
    ['sample toys.st -m score.st --center 1,2', 2, '--center takes three numbers'],
    ['sample toys.st -m score.st --temperature 0,1,1', 2, '--temperature takes numbers above 0'],
    ['bootstrap toys.st -m score.st', 2, 'needs one judge of poses'],
    ['bootstrap toys.st -m score.st --confidence confidence.st --oracle-confidence', 2, 'needs one judge of poses'],
    ['bootstrap toys.st -m score.st --confidence score.st', 3, 'holds a score model, but a confidence model is expected here'],
    ['bootstrap unknown.st -m score.st --oracle-confidence', 2, '--oracle-confidence needs true poses'],
    ['bootstrap toys.st -m score.st --random-confidence --t-min 0.5 --t-max 0.5', 2, '--t-max 0.5 has to be above'],
    ['bootstrap toys.st -m score.st --random-confidence --real others.st', 3, 'was trained on receptors of the types'],
  ])('byo dock-bootstrap %s', async (line, exitCode, message) => {
    const [verb, ...words] = line.split(' ').map((word) => (word.endsWith('.st') ? at(word) : word));
    const refused = runCommand(`dock-bootstrap ${verb}`, [...words, ...FEW, '-o', at('refused.st')]);
    await expect(refused).rejects.toMatchObject({ exitCode, message: expect.stringContaining(message) });
    expect(await filesIn(folder)).not.toContain('refused.st');
  });

  test('and without a trace of the program', async () => {
    const refused = await byo(['dock-bootstrap', 'sample', 'others.st', '-m', 'score.st', ...FEW, '-o', 'refused.st'], { cwd: folder });
    expectFailure(refused, 3, 'was trained on receptors of the types');
  });
});
