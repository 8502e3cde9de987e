import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { symmetricRmsd } from '../../../src/core/chem/symmetry.js';
import { complexesOf, type Complexes } from '../../../src/core/docking/complexes.js';
import { readArtifact } from '../../../src/core/files/artifact.js';
import { byo } from '../../support/cli.js';
import { expectFailure, workplace } from '../support.js';

const { folder, at, run } = workplace();
const read = async (name: string): Promise<Complexes> => complexesOf(await readArtifact(at(name)), name);

/** A strand of alanines along x, at a height, with CB where L-alanine has it. */
const strand = (chain: string, height: number, count = 6): string => Array.from({ length: count }, (_, i) =>
  [['N', 0, 0, 0, 'N'], ['CA', 1.2, 0.8, 0, 'C'], ['C', 2.4, 0, 0, 'C'], ['O', 2.4, -1.2, 0, 'O'], ['CB', 1.2, 1.7, 1.2, 'C']].map(([name, x, y, z, element], k) =>
    `ATOM  ${String(5 * i + k + 1).padStart(5)}  ${String(name).padEnd(3)} ALA ${chain}${String(i + 1).padStart(4)}    ${
      [Number(x) + 3.6 * i, Number(y), Number(z) + height].map((value) => value.toFixed(3).padStart(8)).join('')}  1.00  0.00           ${element}\n`).join('')).join('');

/** Butanol and a sodium ion, beside the strand; `shift` moves it along y. */
const butanol = (shift = 0, order = [0, 1, 2, 3, 4]): string => {
  const atoms = [['C', 5, 5, 1], ['C', 6.25, 5.8, 1], ['C', 7.5, 5, 1], ['C', 8.75, 5.8, 1], ['O', 10, 5, 1]] as const;
  const rows = order.map((i) => atoms[i]!).map(([element, x, y, z]) =>
    `${[x, y + shift, z].map((value) => value.toFixed(4).padStart(10)).join('')} ${element}   0  0`);
  const place = (i: number): string => String(order.indexOf(i) + 1).padStart(3);
  const bonds = [0, 1, 2, 3].map((i) => `${place(i)}${place(i + 1)}  1  0`);
  return ['butanol', '', '', '  6  4  0  0  0  0  0  0  0  0999 V2000', ...rows, '   20.0000   20.0000    0.0000 Na  0  3', ...bonds, 'M  END', '$$$$', ''].join('\n');
};

beforeAll(async () => {
  for (const name of ['set/first', 'set/second', 'set/broken', 'set/alone']) await mkdir(at(name), { recursive: true });
  const protein = strand('A', 0) + strand('B', 40);
  await writeFile(at('set/first/first_protein.pdb'), protein);
  await writeFile(at('set/first/first_ligand.sdf'), butanol());
  // The second copy lies 1 Å further, its atoms in another order; the third is nowhere near.
  await writeFile(at('set/first/first_ligands.sdf'), butanol() + butanol(1, [4, 2, 0, 1, 3]) + butanol(300));
  await writeFile(at('set/second/receptor.pdb'), protein);
  await writeFile(at('set/second/ligand.sdf'), butanol());
  await writeFile(at('set/broken/protein.pdb'), protein);
  await writeFile(at('set/broken/ligand.sdf'), butanol().split('\n').slice(0, 6).join('\n'));
  await writeFile(at('set/alone/protein.pdb'), protein);
  await writeFile(at('test.txt'), 'second\r\n\r\nmissing\r\n');
  await writeFile(at('clusters.csv'), 'name,cluster\nfirst,zeta\nsecond,alpha\n');
});

describe('dock-bootstrap prepare', () => {
  it('reads a folder of complexes, skips what it cannot use and says why', async () => {
    const done = await run('dock-bootstrap', 'prepare', 'set', '--test', 'test.txt', '--clusters', 'clusters.csv', '-o', 'set.st', '-v');
    expect(done.stderr).toMatch(/skipped alone: no ligand beside the protein/);
    expect(done.stderr).toMatch(/skipped broken: .*broken\/ligand\.sdf: line \d+: the record ends where/);
    expect(done.stderr).toContain('test.txt names 1 that are not among the complexes, such as missing');
    expect(done.stderr).toContain('first: left out 6 residues of chains far from the ligand');
    expect(done.stderr).toContain("first: left out 1 atoms of the ligand's smaller parts");
    expect(done.stderr).toContain('2 complexes, 2 with known poses: 5 atoms, 2 torsions, 6 residues');
    const { complexes, clusters } = await read('set.st');
    expect(complexes.map(({ name, split, cluster }) => [name, split, clusters[cluster!]]))
      .toEqual([['first', 0, 'zeta'], ['second', 2, 'alpha']]);
  });

  it('puts everything about the mean C-alpha, with all true poses in the order of the ligand', async () => {
    const [{ receptor, ligand, poses, center }] = (await read('set.st')).complexes as [Complexes['complexes'][number]];
    expect(center[0]).toBeCloseTo(1.2 + 3.6 * 2.5, 6);
    expect(receptor.positions.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 4);
    expect([...ligand.molecule.elements]).toEqual([6, 6, 6, 6, 8]);
    expect(ligand.torsions.map(({ moved }) => moved)).toEqual([[0, 1], [3, 4]]);
    expect(poses).toHaveLength(2);
    expect(symmetricRmsd(ligand.molecule, poses[1]!, poses[0]!).rmsd).toBeCloseTo(1, 4);
    const there = [5, 5, 1, 6.25, 5.8, 1, 7.5, 5, 1, 8.75, 5.8, 1, 10, 5, 1];
    poses[0]!.forEach((value, i) => expect(value + center[i % 3]!).toBeCloseTo(there[i]!, 4));
  });

  it('points to side chain, N and C, and knows where a side chain would be', async () => {
    await writeFile(at('glycine.pdb'), strand('A', 0).split('\n').filter((line) => !line.includes(' CB ')).join('\n').replaceAll('ALA', 'GLY'));
    await writeFile(at('pairs.csv'), 'complex_name,protein_path,ligand_description,protein_sequence\ng,glycine.pdb,set/second/ligand.sdf,\n');
    await run('dock-bootstrap', 'prepare', 'pairs.csv', '-o', 'glycine.st');
    const sets = await Promise.all(['set.st', 'glycine.st'].map(read));
    const [ala, gly] = sets.map(({ complexes }) => complexes[0]!.receptor.vectors.subarray(0, 9));
    expect([...ala!.subarray(3)]).toEqual([...gly!.subarray(3)]);
    const cosine = [0, 1, 2].reduce((sum, axis) => sum + ala![axis]! * gly![axis]!, 0);
    expect(cosine).toBeGreaterThan(0.97);
  });

  it('reads a table of pairs, with SMILES, and goes on after bad ones', async () => {
    await writeFile(at('table.csv'), ['complex_name,protein_path,ligand_description,protein_sequence', 'drawn,set/first/first_protein.pdb,CCCCO,',
      'folded,,CCO,MKV', 'wrong,set/first/first_protein.pdb,C(C,', 'gone,nowhere.pdb,CCO,'].join('\n'));
    const done = await run('dock-bootstrap', 'prepare', 'table.csv', '-o', 'table.st');
    expect(done.stderr).toContain('skipped folded: it has a sequence only');
    expect(done.stderr).toMatch(/skipped wrong: .*'C\(C' is no SMILES/);
    expect(done.stderr).toMatch(/skipped gone: .*nowhere\.pdb.*there is no such file/);
    const { complexes } = await read('table.st');
    expect(complexes.map(({ name, poses, receptor }) => [name, poses.length, receptor.types.length])).toEqual([['drawn', 0, 12]]);
    expect(complexes[0]!.ligand.molecule.elements).toHaveLength(5);
  });

  it('takes proteins as they are deposited, and ligands of one atom or without bonds that turn', async () => {
    await mkdir(at('deposited/one'), { recursive: true });
    await mkdir(at('deposited/stiff'), { recursive: true });
    const lines = strand('A', 0).trimEnd().split('\n');
    const changed = (line: string, from: number, text: string): string =>
      line.slice(0, from) + text + line.slice(from + text.length);
    const [alternate, second] = ['A', 'B'].map((code, i) => changed(changed(lines[4]!, 16, code), 56, i === 0 ? '0.40' : '0.60'));
    const model = [
      ...lines.slice(0, 4), alternate!, changed(second!, 30, '   2.200'),
      // Residue 2 lacks its C; 3 becomes 1A.
      ...lines.slice(5, 10).filter((line) => line.slice(13, 15) !== 'C '), ...lines.slice(10, 15).map((line) => changed(line, 22, '   1A')),
      ...lines.slice(15), 'HETATM   90  O   HOH A 201       9.000   9.000   9.000  1.00  0.00           O',
      'HETATM   91 NA    NA A 202      12.000   9.000   9.000  1.00  0.00          NA',
    ];
    const protein = ['MODEL        1', ...model, 'ENDMDL', 'MODEL        2', ...model, 'ENDMDL', 'END', ''].join('\n');
    const ligand = (count: number): string => {
      const rows = Array.from({ length: count }, (_, i) => `${[5 + 1.4 * i, 4.5, 1].map((x) => x.toFixed(4).padStart(10)).join('')} C   0  0`);
      const bonds = rows.slice(1).map((_, i) => `${String(i + 1).padStart(3)}${String(i + 2).padStart(3)}  1  0`);
      const counts = `${String(count).padStart(3)}${String(bonds.length).padStart(3)}  0  0  0  0  0  0  0  0999 V2000`;
      return ['ligand', '', '', counts, ...rows, ...bonds, 'M  END', '$$$$', ''].join('\n');
    };
    for (const [name, atoms] of [['one', 1], ['stiff', 2]] as const) {
      await writeFile(at(`deposited/${name}/protein.pdb`), protein);
      await writeFile(at(`deposited/${name}/ligand.sdf`), ligand(atoms));
    }
    const { stderr } = await run('dock-bootstrap', 'prepare', 'deposited', '-o', 'deposited.st', '-v');
    expect(stderr).toContain('left out 1 further models; 1 atoms of water; NA (1 atoms); 1 atoms at alternate places; '
      + '1 residues without N, CA or C');
    const { complexes } = await read('deposited.st');
    expect(complexes.map(({ ligand: { molecule: { elements }, torsions }, receptor: { types } }) =>
      [elements.length, torsions.length, types.length]))
      .toEqual([[1, 0, 5], [2, 0, 5]]);
    // The fuller alternate is kept.
    const [{ receptor, center }] = complexes;
    const carbons = [...receptor.atoms.elements.keys()].map((i) => receptor.atoms.positions[3 * i]! + center[0]);
    expect(carbons.some((x) => Math.abs(x - 2.2) < 1e-4)).toBe(true);
    await run('dock-bootstrap', 'train', 'deposited.st', '--scalars', '4', '--vectors', '2', '--layers', '1', '--receptor-layers', '1',
      '--neighbours', '2', '--radial', '4', '--epochs', '1', '--threads', '1', '-q', '-o', 'deposited-score.st');
    await run('dock-bootstrap', 'sample', 'deposited.st', '-m', 'deposited-score.st', '--samples', '2', '--steps', '2', '--threads', '1',
      '-q', '-o', 'deposited-poses.st');
    const evaluated = await run('dock-bootstrap', 'evaluate', 'deposited-poses.st', '--data', 'deposited.st', '--json');
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ complexes: 2, missing: 0 });
  });

  it('crops large proteins and says so', async () => {
    const done = await run('dock-bootstrap', 'prepare', 'set', '--max-residues', '4', '--limit', '1', '-o', 'cropped.st');
    expect(done.stderr).toContain('first: kept the 4 of 6 residues that are nearest to the ligand');
    expect((await read('cropped.st')).complexes.map(({ receptor }) => receptor.types.length)).toEqual([4]);
    const blind = await byo(['dock-bootstrap', 'prepare', 'table.csv', '--max-residues', '4'], { cwd: folder });
    expect(blind.code).toBe(3);
    expect(blind.stderr).toContain('the protein has 12 residues, more than 4');
  });

  it('fails in one sentence', async () => {
    expectFailure(await byo(['dock-bootstrap', 'prepare', 'nowhere'], { cwd: folder }), 3, 'nowhere');
    expectFailure(await byo(['dock-bootstrap', 'prepare', 'set', '--strict', '-o', 'x.st'], { cwd: folder }), 3, 'alone: no ligand beside the protein');
    expectFailure(await byo(['dock-bootstrap', 'prepare', 'clusters.csv', '-o', 'x.st'], { cwd: folder }), 3, 'has no column protein_path');
    expect(existsSync(at('x.st'))).toBe(false);
  });

  it('is the same bytes again', async () => {
    await run('dock-bootstrap', 'prepare', 'set', '--test', 'test.txt', '--clusters', 'clusters.csv', '-o', 'again.st');
    const [one, other] = await Promise.all(['set.st', 'again.st'].map((name) => readArtifact(at(name))));
    expect(other).toEqual(one);
  });
});

const real = fileURLToPath(new URL('../../../../shared/data/docking', import.meta.url));
describe.skipIf(!existsSync(real))('complexes of the Protein Data Bank (skipped where ../shared/data is missing)', () => {
  it('are read whole', async () => {
    const done = await run('dock-bootstrap', 'prepare', real, '-o', 'real.st');
    expect(done.stderr).toContain('7 complexes, 7 with known poses: 11 to 37 atoms, 0 to 8 torsions, 186 to 574 residues');
    const { complexes } = await read('real.st');
    // Every C-beta of an L-amino acid lies where the virtual one of glycine would.
    for (const { receptor } of complexes) {
      const cosines = Array.from(receptor.types, (type, i) => {
        const [side, n, c] = [0, 3, 6].map((k) => [...receptor.vectors.subarray(9 * i + k, 9 * i + k + 3)]);
        const cross = [n[1]! * c[2]! - n[2]! * c[1]!, n[2]! * c[0]! - n[0]! * c[2]!, n[0]! * c[1]! - n[1]! * c[0]!];
        return type === 7 ? 1 : cross.reduce((sum, value, axis) => sum + value * side[axis]!, 0);
      });
      expect(cosines.filter((cosine) => cosine > 0).length / cosines.length).toBeGreaterThan(0.98);
    }
  });

  it('give side chains as ligands of what is left of their proteins', async () => {
    await run('dock-bootstrap', 'prepare', `${real}/1s3v`, '--from-proteins', '--per-protein', '3', '--seed', '1', '-o', 'sides.st');
    const { complexes } = await read('sides.st');
    expect(complexes).toHaveLength(3);
    for (const { ligand, receptor, poses } of complexes) {
      const [pose] = poses;
      expect(ligand.molecule.elements.length).toBeGreaterThanOrEqual(3);
      expect(ligand.molecule.elements.length).toBeLessThanOrEqual(10);
      // The residue and up to seven on either side are gone.
      expect(receptor.types.length).toBeGreaterThanOrEqual(186 - 15);
      expect(receptor.types.length).toBeLessThanOrEqual(186 - 8);
      // In contact, yet bonded to nothing that is left.
      const { positions } = receptor.atoms;
      const atoms = Array.from({ length: pose!.length / 3 }, (_, i) => i);
      const apart = (j: number, i: number): number =>
        Math.hypot(...[0, 1, 2].map((axis) => positions[3 * j + axis]! - pose![3 * i + axis]!));
      const distances = Array.from({ length: positions.length / 3 }, (_, j) => Math.min(...atoms.map((i) => apart(j, i))));
      expect(Math.min(...distances)).toBeGreaterThan(2.2);
      expect(distances.filter((d) => d < 5).length).toBeGreaterThan(5);
    }
  });
});
