import { describe, expect, it } from 'vitest';
import { checkPose } from '../../../src/core/chem/checks.js';
import { readMmcif } from '../../../src/core/chem/mmcif.js';
import { readPdb } from '../../../src/core/chem/pdb.js';
import { AMINO_ACIDS, describeLeft, proteinOf } from '../../../src/core/chem/protein.js';

const PDB = `MODEL        1
ATOM      1  N   GLY A   1      11.104   6.134  -6.504  1.00  0.00           N
ATOM      2  CA  GLY A   1      11.639   6.071  -5.147  1.00  0.00           C
ATOM      3  C   GLY A   1      10.600   6.500  -4.100  1.00  0.00           C
ATOM      4  HA2 GLY A   1      12.500   6.700  -5.000  1.00  0.00           H
ATOM      5  N   SER A   1A      9.400   6.900  -4.500  1.00  0.00           N
ATOM      6  CA ASER A   1A      8.300   7.300  -3.600  0.40  0.00           C
ATOM      7  CA BSER A   1A      8.350   7.350  -3.650  0.60  0.00           C
ATOM      8  C   SER A   1A      7.000   6.600  -4.000  1.00  0.00           C
ATOM      9  OG BSER A   1A      8.100   8.700  -3.700  0.60  0.00           O
ATOM     10  N   ALA B   5       5.000   6.000  -4.000  1.00  0.00
ATOM     11  C   ALA B   5       4.000   6.000  -4.000  1.00  0.00
HETATM   12  N   MSE B   6       1.000   2.000   3.000  1.00  0.00           N
HETATM   13  CA  MSE B   6       2.000   2.000   3.000  1.00  0.00           C
HETATM   14  C   MSE B   6       3.000   2.000   3.000  1.00  0.00           C
HETATM   15 SE   MSE B   6       2.000   4.000   3.000  1.00  0.00          SE
HETATM   16 CA    CA B 100       9.000   9.000   9.000  1.00  0.00
HETATM   17  O   HOH B 101       0.000   0.000   0.000  1.00  0.00           O
ENDMDL
MODEL        2
ATOM      1  N   GLY A   1      99.000  99.000  99.000  1.00  0.00           N
ENDMDL
`;

const MMCIF = `data_TEST
# a comment
_struct.title 'it''s a loop_ of nothing'
_struct.details
;text with _atom_site.id in it
;
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
ATOM 1 N N . GLY X 1 ? 11.104 6.134 -6.504 1.0 1 A 1
ATOM 2 C CA . GLY X 1 ? 11.639 6.071 -5.147 1.0 1 A 1
ATOM 3 C C . GLY X 1 ? 10.600 6.500
-4.100 1.0 1 A 1
HETATM 4 O "O5'" . LIG Y . ? 1.0 2.0 3.0 1.0 7 A 1
ATOM 1 N N . GLY X 1 ? 0 0 0 1.0 1 A 2
#
loop_
_other.id
1
`;

describe('PDB files', () => {
  const protein = proteinOf(readPdb(PDB, 'a.pdb'), 'a.pdb');

  it('become residues with backbones: insertion codes, the fullest alternate, modified residues', () => {
    expect(protein.residues.map(({ type, chain, number, insertion }) => [AMINO_ACIDS[type], chain, number, insertion]))
      .toEqual([['GLY', 'A', 1, ''], ['SER', 'A', 1, 'A'], ['MET', 'B', 6, '']]);
    expect(protein.residues[1]!.atoms.map(({ name }) => name)).toEqual(['N', 'CA', 'C', 'OG']);
    expect(protein.residues[1]!.atoms[1]!.position).toEqual([8.35, 7.35, -3.65]);
    expect(protein.residues[2]!.atoms[3]).toMatchObject({ name: 'SE', element: 34 });
  });

  it('say what was left out', () => {
    expect(describeLeft(protein))
      .toBe('left out 1 further models; 1 atoms of water; CA (1 atoms); 1 atoms at alternate places; 1 residues without N, CA or C');
  });

  it('tell calcium from C-alpha by the column of the name', () => {
    const [calcium] = readPdb(PDB, 'a.pdb').atoms.filter(({ residue }) => residue === 'CA');
    expect(calcium).toMatchObject({ element: 20, name: 'CA', polymer: false });
    expect(readPdb(PDB, 'a.pdb').atoms.filter(({ residue }) => residue === 'ALA').map(({ element }) => element)).toEqual([7, 6]);
  });

  it('are refused with place and reason', () => {
    expect(() => readPdb(PDB.replace('11.104', '  oops'), 'a.pdb')).toThrow(/^a\.pdb: line 2: columns 31 to 54 hold no coordinates/);
    expect(() => readPdb('HEADER\n', 'a.pdb')).toThrow('a.pdb has no ATOM records');
    expect(() => proteinOf(readPdb(PDB.split('\n').filter((line) => /HOH/.test(line)).join('\n'), 'w.pdb'), 'w.pdb')).toThrow('a protein was expected');
  });
});

describe('mmCIF files', () => {
  it('become the same atoms, by the names authors gave', () => {
    const { atoms, furtherModels } = readMmcif(MMCIF, 'a.cif');
    expect(furtherModels).toBe(1);
    expect(atoms.slice(0, 3)).toEqual(readPdb(PDB, 'a.pdb').atoms.slice(0, 3));
    expect(atoms[3]).toMatchObject({ name: "O5'", residue: 'LIG', chain: 'A', number: 7, polymer: false, insertion: '' });
  });

  it('are refused with place and reason', () => {
    expect(() => readMmcif(MMCIF.replace('11.104', 'x'), 'a.cif')).toThrow("a.cif: line 24: 'x' is no number");
    expect(() => readMmcif(MMCIF.replace('_atom_site.Cartn_y\n', '_atom_site.other\n'), 'a.cif')).toThrow('atom_site has no column Cartn_y');
    expect(() => readMmcif('data_x\n', 'a.cif')).toThrow('no atom_site loop');
    expect(() => readMmcif(MMCIF.replace("'it", "'it\n"), 'a.cif')).toThrow('a quote that opens here is not closed');
  });
});

describe('checks of a pose', () => {
  const elements = Uint8Array.from([6, 6, 6, 6, 8]);
  const bonds = [0, 1, 2, 3].map((a) => ({ a, b: a + 1, order: 1 as const }));
  const zigzag = Float64Array.from([0, 0, 0, 1.25, 0.87, 0, 2.5, 0, 0, 3.75, 0.87, 0, 5, 0, 0]);
  const known = { elements, bonds, positions: zigzag };
  const away = { elements: Uint8Array.of(6), positions: [0, 0, 20] };

  it('pass where the geometry is the reference and nothing is near', () => {
    expect(checkPose(known, zigzag, away)).toMatchObject({ valid: true, volumeOverlap: 0 });
  });

  it('fail for a stretched bond, a bent angle, atoms in each other and in the receptor', () => {
    const stretched = zigzag.map((value, i) => (i >= 12 ? value + [1, 0, 0][i % 3]! : value));
    expect(checkPose(known, stretched, away)).toMatchObject({ bondLengths: false, valid: false });
    const curled = zigzag.slice();
    curled.set([0.3, 1.2, 0.9], 12);
    expect(checkPose(known, curled, away)).toMatchObject({ noInternalClash: false, valid: false });
    const touching = checkPose(known, zigzag, { elements: Uint8Array.of(6), positions: [2.5, -2.2, 0] });
    expect(touching).toMatchObject({ noReceptorClash: false, valid: false });
    expect(touching.receptorDistance).toBeCloseTo(2.2 / 3.4, 6);
    const inside = checkPose(known, zigzag, { elements: Uint8Array.of(6), positions: [2.5, 0, 0] });
    expect(inside.volumeOverlap).toBeGreaterThan(0.2);
    expect(inside.noVolumeOverlap).toBe(false);
  });

  it('measure the volume of a lone atom in a lone atom', () => {
    // Two equal balls of radius r at distance r share 5/16 of the volume of one.
    const r = 0.8 * 1.7;
    const lone = { elements: Uint8Array.of(6), bonds: [], positions: Float64Array.of(0, 0, 0) };
    const { volumeOverlap } = checkPose(lone, [0, 0, 0], { elements: Uint8Array.of(6), positions: [r, 0, 0] });
    expect(Math.abs(volumeOverlap - 5 / 16)).toBeLessThan(0.06);
  });
});
