import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ATOM_FEATURES, atomFeatures } from '../../../src/core/chem/features.js';
import { heavyAtoms, largestFragment, type Molecule } from '../../../src/core/chem/molecule.js';
import { readMol2 } from '../../../src/core/chem/mol2.js';
import { ringsOf } from '../../../src/core/chem/rings.js';
import { readSdf, writeSdf } from '../../../src/core/chem/sdf.js';
import { fromSmiles } from '../../../src/core/chem/smiles.js';
import { automorphisms, isomorphism, symmetricRmsd } from '../../../src/core/chem/symmetry.js';
import { rotatableBonds } from '../../../src/core/chem/torsions.js';

interface Golden {
  name: string; block: string; v3000?: string; elements: number[]; charges: number[]; hydrogens: number[]; aromatic: number[];
  ringSizes: number[][]; centers: number[]; automorphisms: number; strict: number; moved: number[][]; rmsd: number;
}
const golden = JSON.parse(await readFile(new URL('../../golden/chemistry.json', import.meta.url), 'utf8')) as { molecules: Golden[] };

function only(text: string): Molecule {
  const [record, ...more] = readSdf(text, 'test.sdf');
  expect(more).toHaveLength(0);
  if (!record || 'error' in record) throw record?.error ?? new Error('no record');
  return record.molecule;
}
const feature = (known: Molecule, name: string): number[] => {
  const at = ATOM_FEATURES.findIndex((each) => each.name === name);
  const rows = atomFeatures(known);
  return Array.from(known.elements, (_, i) => rows[i * ATOM_FEATURES.length + at]);
};
const byName = (name: string): Molecule => heavyAtoms(only(golden.molecules.find((each) => each.name === name)!.block));

describe.each(golden.molecules)('$name, as RDKit has it', (expected) => {
  const known = heavyAtoms(only(expected.block));

  it('has its atoms, charges and hydrogens', () => {
    expect([...known.elements]).toEqual(expected.elements);
    expect([...known.charges]).toEqual(expected.charges);
    expect([...known.hydrogens]).toEqual(expected.hydrogens);
    expect(known.name).toBe(expected.name);
  });

  it('has its rings, aromatic atoms and stereocentres', () => {
    const { cycles } = ringsOf(known.elements.length, known.bonds);
    expect(feature(known, 'aromatic')).toEqual(expected.aromatic);
    // The rings of cubane are not unique in number: any five of six faces are a basis.
    if (expected.name === 'cubane') expect(cycles.map((cycle) => cycle.length)).toEqual([4, 4, 4, 4, 4, 4]);
    else {
      const sizes = expected.elements.map((_, i) =>
        cycles.filter((cycle) => cycle.includes(i)).map(({ length }) => length).sort());
      expect(sizes).toEqual(expected.ringSizes);
    }
    expect(feature(known, 'chirality').map((value, i) => (expected.centers[i] ? value > 0 : value === 0)))
      .toEqual(expected.centers.map(() => true));
  });

  it('has its symmetries, and the same least deviation over them', () => {
    expect(automorphisms(known)).toHaveLength(expected.automorphisms);
    const { rmsd, mapping, exact } = symmetricRmsd(known, expected.moved.flat(), known.positions);
    expect(rmsd).toBeCloseTo(expected.rmsd, 4);
    expect(exact).toBe(true);
    expect(new Set(mapping).size).toBe(known.elements.length);
  });

  it('survives being written and read', () => {
    const again = only(writeSdf({ ...known, tags: new Map([['rank', '1'], ['note', 'two\nlines']]) }));
    expect(again.bonds).toEqual(known.bonds);
    expect([...again.hydrogens]).toEqual(expected.hydrogens);
    expect(again.tags).toEqual(new Map([['rank', '1'], ['note', 'two\nlines']]));
    again.positions.forEach((value, i) => expect(Math.abs(value - known.positions[i])).toBeLessThan(5.1e-5));
  });
});

describe('SD files', () => {
  it('are read in V3000 as in V2000', () => {
    const { block, v3000 } = golden.molecules.find(({ v3000: has }) => has)!;
    const [old, modern] = [only(block), only(v3000!)];
    expect(modern.bonds).toEqual(old.bonds);
    expect(modern.charges).toEqual(old.charges);
    expect(modern.elements).toEqual(old.elements);
  });

  it('are written as V3000 where V2000 has no room', () => {
    const known = byName('ibuprofen');
    const far = { ...known, positions: known.positions.map((value) => value + 1e6) };
    expect(writeSdf(far)).toContain('V3000');
    expect(only(writeSdf(far)).bonds).toEqual(known.bonds);
  });

  it('keep good records beside bad ones, whatever the line ends, and say what is wrong where', () => {
    const good = golden.molecules[0]!.block;
    const lines = good.split('\n');
    const cut = `${lines.slice(0, 10).join('\n')}\n`;
    const wrong = [...lines.slice(0, 5), lines[5]!.replace(/^ *\S+/, '   nothing'), ...lines.slice(6)].join('\n');
    const records = readSdf([good, cut, wrong, good].join('$$$$\n').replaceAll('\n', '\r\n'), 'some.sdf');
    expect(records.map((record) => 'error' in record)).toEqual([false, true, true, false]);
    expect(String((records[1] as { error: Error }).error.message)).toMatch(/some\.sdf: line \d+: the record ends where atom \d+ of 33 was expected/);
    expect(String((records[2] as { error: Error }).error.message)).toMatch(/a coordinate was expected, but 'nothing' is no number/);
    expect(() => readSdf(' \n', 'empty.sdf')).toThrow('empty.sdf is empty');
  });

  it('take charges from the atom block where there is no property line', () => {
    const block = 'ion\n\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n'
      + '    1.4000    0.0000    0.0000 N   0  3\n  1  2  1  0\nM  END\n';
    expect([...only(block).charges]).toEqual([0, 1]);
    expect([...only(block).hydrogens]).toEqual([3, 3]);
  });
});

describe('MOL2 files', () => {
  const text = `@<TRIPOS>MOLECULE
acetate
 4 3 1 0 0
SMALL
GASTEIGER

@<TRIPOS>ATOM
      1 C1         0.0000    0.0000    0.0000 C.3     1  LIG  0.0
      2 C2         1.5000    0.0000    0.0000 C.2     1  LIG  0.0
      3 O1         2.1000    1.1000    0.0000 O.co2   1  LIG -0.5
      4 O2         2.1000   -1.1000    0.0000 O.co2   1  LIG -0.5
@<TRIPOS>BOND
     1     1     2    1
     2     2     3    2
     3     2     4    1
`;
  it('are read', () => {
    const [known] = readMol2(text, 'a.mol2');
    expect(known).toMatchObject({ name: 'acetate', bonds: [{ a: 0, b: 1, order: 1 }, { a: 1, b: 2, order: 2 }, { a: 1, b: 3, order: 1 }] });
    expect([...known!.charges]).toEqual([0, 0, 0, -1]);
    expect([...known!.hydrogens]).toEqual([3, 0, 0, 0]);
    expect(automorphisms(known!)).toHaveLength(2);
  });

  it('say what is wrong where', () => {
    expect(() => readMol2(text.replace('C.2  ', 'Qq.2 '), 'a.mol2')).toThrow("a.mol2: line 9: atom type 'Qq.2' names no element");
    expect(() => readMol2(text.replace('     2     2     3    2', '     2     2     9    2'), 'a.mol2')).toThrow('a.mol2: line 14: a bond');
    expect(() => readMol2('nothing', 'a.mol2')).toThrow('a MOL2 file was expected');
  });
});

describe('rotatable bonds', () => {
  // The graph's rule counts amides and bonds in line with a triple bond, too; counts of the published rule and of OpenChemLib's.
  it.each([
    ['ibuprofen', 4, 4], ['N-methylhexanamide', 5, 4], ['but-2-yne-1,4-diol', 3, 1], ['p-xylene', 0, 0], ['naphthalene', 0, 0],
  ])('of %s are %i by the graph and %i strictly', (name, graph, strict) => {
    expect(rotatableBonds(byName(name))).toHaveLength(graph);
    expect(rotatableBonds(byName(name), 'strict')).toHaveLength(strict);
  });

  it('move the smaller side, which the bond cuts off', () => {
    for (const { u, v, moved } of rotatableBonds(byName('imatinib core'))) {
      expect(moved).toContain(v);
      expect(moved).not.toContain(u);
      expect(moved.length).toBeGreaterThan(1);
      expect(2 * moved.length).toBeLessThanOrEqual(byName('imatinib core').elements.length);
    }
  });
});

describe('symmetry', () => {
  it('finds a molecule in another order of atoms, and tells others apart', () => {
    const known = byName('imatinib core');
    const order = [...known.elements.keys()].reverse();
    const place = order.map((_, i) => order.indexOf(i));
    const shuffled = {
      elements: Uint8Array.from(order, (i) => known.elements[i]),
      bonds: known.bonds.map(({ a, b, order: o }) => ({ a: place[a]!, b: place[b]!, order: o })),
    };
    const mapping = isomorphism(known, shuffled)!;
    known.bonds.forEach(({ a, b }) => {
      const image = [mapping[a]!, mapping[b]!].sort().join();
      expect(shuffled.bonds.some((bond) => [bond.a, bond.b].sort().join() === image)).toBe(true);
    });
    expect(isomorphism(known, byName('ibuprofen'))).toBeUndefined();
    const caffeine = byName('caffeine');
    const sulphur = { ...caffeine, elements: caffeine.elements.map((z) => (z === 8 ? 16 : z)) };
    expect(isomorphism(caffeine, sulphur)).toBeUndefined();
  });

  it('gives no deviation to a turned benzene and a plain shift its length', () => {
    const ring = Array.from({ length: 6 }, (_, i) => [1.39 * Math.cos(i * Math.PI / 3), 1.39 * Math.sin(i * Math.PI / 3), 0]);
    const bonds = ring.map((_, i) => ({ a: i, b: (i + 1) % 6, order: 4 as const }));
    const benzene = { elements: new Uint8Array(6).fill(6), bonds };
    expect(symmetricRmsd(benzene, [...ring.slice(1), ring[0]!].flat(), ring.flat()).rmsd).toBeCloseTo(0, 9);
    expect(symmetricRmsd(benzene, ring.flatMap(([x, y, z]) => [x! + 1, y!, z!]), ring.flat()).rmsd).toBeCloseTo(1, 9);
    expect(automorphisms(benzene)).toHaveLength(12);
  });

  it('says where it gave up', () => {
    const known = byName('tri-tert-butylbenzene');
    const far = known.positions.map((value, i) => value + Math.sin(i));
    expect(symmetricRmsd(known, far, known.positions, 20).exact).toBe(false);
    expect(symmetricRmsd(known, far, known.positions).exact).toBe(true);
  });
});

describe('SMILES', () => {
  it('become molecules with a conformer, without salts', async () => {
    const { molecule, openCenters, dropped } = await fromSmiles('C[C@H](N)C(=O)[O-].[Na+]', 'alanine');
    expect(dropped).toBe(1);
    expect(openCenters).toBe(0);
    const heavy = largestFragment(heavyAtoms(molecule)).molecule;
    expect([...heavy.elements]).toEqual([6, 6, 7, 6, 8, 8]);
    for (const { a, b } of heavy.bonds) {
      const length = Math.hypot(...[0, 1, 2].map((axis) => heavy.positions[3 * a + axis] - heavy.positions[3 * b + axis]));
      expect(length).toBeGreaterThan(1.15);
      expect(length).toBeLessThan(1.65);
    }
  });

  it.each([['c1ccc', 'ring closure'], ['C(C', "'(' is not closed"], ['CC)', "')' closes nothing"]])('such as %s are refused', async (smiles, why) => {
    await expect(fromSmiles(smiles, 'it')).rejects.toThrow(why);
  });
});
