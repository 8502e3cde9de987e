import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { heavyAtoms, molecule } from '../../../src/core/chem/molecule.js';
import { readSdf, writeSdf } from '../../../src/core/chem/sdf.js';
import type { Complex } from '../../../src/core/docking/complexes.js';
import { scorePoses } from '../../../src/core/docking/evaluation.js';
import { isPoseFile, readPoseFiles } from '../../../src/core/docking/pose-files.js';
import { readMolecules } from '../../../src/core/docking/sources.js';
import { scratchFolder } from '../../support/cli.js';

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);

/** Ethanol around (10, 0, 0), which is the centre. */
const ETHANOL = [0, 0, 0, 1.5, 0, 0, 2, 1.4, 0];
const complexOf = (name: string, ligand = molecule({
  name, elements: Uint8Array.of(6, 6, 8), charges: new Int8Array(3), positions: Float64Array.from(ETHANOL),
  bonds: [{ a: 0, b: 1, order: 1 }, { a: 1, b: 2, order: 1 }],
})): Complex => ({
  name, split: 0, center: [10, 0, 0],
  receptor: {
    types: new Int32Array(1), positions: new Float32Array(3), vectors: new Float32Array(9),
    atoms: { elements: new Uint8Array(0), positions: new Float32Array(0) },
  },
  ligand: { molecule: ligand, features: new Int32Array(ligand.elements.length), torsions: [] },
  poses: [Float32Array.from(ligand.positions)],
});
/** The ligand in the file's frame, its atoms in another order and with a hydrogen; `shift` moves it along x. */
const record = (title: string, shift: number, tags: Readonly<Record<string, string>> = {}): string => writeSdf({
  name: title, elements: Uint8Array.of(8, 6, 1, 6), charges: new Int8Array(4), tags: new Map(Object.entries(tags)),
  positions: Float64Array.of(12 + shift, 1.4, 0, 11.5 + shift, 0, 0, 9 + shift, 0, 0.5, 10 + shift, 0, 0),
  bonds: [{ a: 0, b: 1, order: 1 }, { a: 1, b: 3, order: 1 }, { a: 2, b: 3, order: 1 }],
});
const methanol = writeSdf({
  name: 'one', elements: Uint8Array.of(6, 8), charges: new Int8Array(2), tags: new Map(), positions: Float64Array.of(0, 0, 0, 1.4, 0, 1),
  bonds: [{ a: 0, b: 1, order: 1 }],
});
const shifts = (complex: Complex, poses: readonly Float32Array[]): number[] =>
  [...scorePoses(complex, { poses }).rmsd].map((d) => Math.round(1e4 * d) / 1e4);
const [one, two] = [complexOf('one'), complexOf('two')];

beforeAll(async () => {
  await mkdir(at('diffdock/one'), { recursive: true });
  await mkdir(at('diffdock/three'), { recursive: true });
  await writeFile(at('diffdock/one/rank1.sdf'), record('', 1));
  for (const [k, confidence] of [[1, '-0.52'], [2, '-1.42'], [10, '-3.00']] as const) {
    await writeFile(at(`diffdock/one/rank${k}_confidence${confidence}.sdf`), record('', k));
  }
  await mkdir(at('byo/one_1'), { recursive: true });
  for (const k of [1, 2]) await writeFile(at(`byo/one_1/rank${k}.sdf`), record('one/1', k));
  await writeFile(at('byo/one_1/poses.sdf'), record('one/1', 1) + record('one/1', 2));
  await mkdir(at('plain/one'), { recursive: true });
  for (const k of [2, 10, 1]) await writeFile(at(`plain/one/pose${k}.sdf`), record('', k));
  await writeFile(at('plain/two.sdf'), record('', 3) + record('', 4));
  await writeFile(at('all.sdf'), record('one', 1, { confidence: '1.5' }) + record('two', 2, { confidence: '-1' })
    + record('x', 3, { complex_name: 'one', confidence: '0' }) + record('x', 4) + methanol + 'broken\n\n\nnothing\n$$$$\n');
  await writeFile(at('one-scored.sdf'), record('a', 1, { affinity: '-7.5' }) + record('b', 2, { affinity: '-9' }));
});

describe('readPoseFiles', () => {
  it("reads DiffDock's folders, with the confidence in the names and without the copy of the first", async () => {
    const { poses, skipped } = await readPoseFiles(at('diffdock'), [one, two]);
    expect([[...poses.keys()], skipped]).toEqual([['one'], []]);
    expect(shifts(one, poses.get('one')!.poses)).toEqual([1, 2, 10]);
    expect([...poses.get('one')!.confidence!].map((c) => Number(c.toFixed(2)))).toEqual([-0.52, -1.42, -3]);
  });

  it('reads what byo wrote once, under the name that it gave the folder', async () => {
    const slashed = complexOf('one/1');
    const { poses } = await readPoseFiles(at('byo'), [slashed, two]);
    expect(shifts(slashed, poses.get('one/1')!.poses)).toEqual([1, 2]);
  });

  it('reads a folder or a file for each complex, numbers in names as numbers', async () => {
    const { poses } = await readPoseFiles(at('plain'), [one, two]);
    expect(shifts(one, poses.get('one')!.poses)).toEqual([1, 2, 10]);
    expect(shifts(two, poses.get('two')!.poses)).toEqual([3, 4]);
    expect(poses.get('one')!.confidence).toBeUndefined();
  });

  it('reads records that are titled or tagged with names, and says which it cannot use', async () => {
    const { poses, skipped } = await readPoseFiles(at('all.sdf'), [one, two]);
    expect(shifts(one, poses.get('one')!.poses)).toEqual([1, 3]);
    expect([...poses.get('one')!.confidence!, ...poses.get('two')!.confidence!]).toEqual([1.5, 0, -1]);
    expect(skipped).toEqual([
      expect.stringContaining('record 4 (x) is named after no complex'), expect.stringContaining('record 5 (one) is not the ligand of one'),
      expect.stringMatching(/all\.sdf: line \d+: /),
    ]);
  });

  it('ranks by a field, the larger or the smaller the better', async () => {
    const confidence = async (field: string): Promise<number[]> =>
      [...(await readPoseFiles(at('one-scored.sdf'), [one, two], field)).poses.get('one')!.confidence!];
    expect(await confidence('affinity')).toEqual([-7.5, -9]);
    expect(await confidence('-affinity')).toEqual([7.5, 9]);
    await expect(confidence('energy')).rejects.toThrow('2 of 2 poses in');
    await expect(readPoseFiles(at('one-scored.sdf'), [two, complexOf('x')])).rejects.toThrow('has no pose of any complex in the data');
  });

  it('knows files and folders from tensor files', async () => {
    expect(await Promise.all(['plain', 'all.sdf', 'none.st'].map((name) => isPoseFile(at(name))))).toEqual([true, true, false]);
  });
});

const redocked = fileURLToPath(new URL('../../../../shared/data/docking/1G9V_RQ3/', import.meta.url));
describe.skipIf(!existsSync(redocked))('poses of another program (skipped without ../shared/data/docking)', () => {
  it('are as far from the crystal as that program says', async () => {
    const [whole] = await readMolecules(join(redocked, '1G9V_RQ3_ligand.sdf'));
    const complex = { ...complexOf('1G9V_RQ3', heavyAtoms(whole!)), center: [0, 0, 0] as const };
    const path = join(redocked, '1G9V_RQ3_gold_redock.sdf');
    const { poses } = await readPoseFiles(path, [complex], 'Gold.PLP.Fitness');
    const said = readSdf(await readFile(path, 'utf8'), path)
      .map((one) => Number(('molecule' in one ? one.molecule.tags : undefined)!.get('Gold.PLP.Reference.RMSD')));
    const { rmsd } = scorePoses(complex, poses.get('1G9V_RQ3')!);
    expect(rmsd).toHaveLength(40);
    // GOLD prints four decimals; float32 keeps five.
    rmsd.forEach((value, i) => expect(Math.abs(value - said[i]!)).toBeLessThan(1e-4));
  });
});
