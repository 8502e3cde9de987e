import { InputError } from '../errors.js';
import { atomicNumber } from './elements.js';
import { molecule, type Bond, type BondOrder, type Molecule } from './molecule.js';

const ORDERS: Readonly<Record<string, BondOrder>> = { 1: 1, 2: 2, 3: 3, ar: 4, am: 1, du: 1, un: 1 };

/**
 * The molecules of a Tripos MOL2 file. Partial charges are passed over; formal ones follow from atom types (N.4 is +1, a
 * carboxylate's singly bonded oxygen -1). Throws InputError with file, line and what was expected.
 */
export function readMol2(text: string, source: string): Molecule[] {
  const molecules: Molecule[] = [];
  let section = '';
  let name = '';
  let rowsIn = 0;
  let atoms: { element: number; type: string; place: number[] }[] = [];
  let bonds: Bond[] = [];
  let index = new Map<string, number>();
  const finish = (): void => {
    if (atoms.length === 0) return;
    const degree = new Uint8Array(atoms.length);
    for (const { a, b } of bonds) [a, b].forEach((atom) => { degree[atom]++; });
    const double = new Set(bonds.filter(({ order }) => order !== 1).flatMap(({ a, b }) => [a, b]));
    molecules.push(molecule({
      name, bonds,
      elements: Uint8Array.from(atoms, ({ element }) => element),
      charges: Int8Array.from(atoms, ({ type }, i) => (type === 'N.4' ? 1 : type === 'O.co2' && degree[i] === 1 && !double.has(i) ? -1 : 0)),
      positions: Float64Array.from(atoms.flatMap(({ place }) => place)),
    }));
    [atoms, bonds, index] = [[], [], new Map()];
  };
  text.split(/\r\n|\r|\n/).forEach((line, at) => {
    const fail = (problem: string): InputError => new InputError(`${source}: line ${at + 1}: ${problem}`);
    if (line.startsWith('#')) return;
    if (line.startsWith('@<TRIPOS>')) {
      section = line.slice(9).trim();
      rowsIn = 0;
      if (section === 'MOLECULE') finish();
      return;
    }
    if (section === 'MOLECULE' && rowsIn++ === 0) name = line.trim();
    const words = line.trim().split(/\s+/);
    if (words[0] === '') return;
    if (section === 'ATOM') {
      const place = words.slice(2, 5).map(Number);
      if (place.length < 3 || place.some((value) => !Number.isFinite(value))) throw fail('an atom was expected: number, name, x, y, z, type');
      const type = words[5] ?? '';
      const element = atomicNumber(type.split('.')[0]);
      if (!element) throw fail(`atom type '${type}' names no element`);
      index.set(words[0], atoms.length);
      atoms.push({ element, type, place });
    } else if (section === 'BOND') {
      const [a, b] = [words[1], words[2]].map((number) => index.get(number));
      if (a === undefined || b === undefined || a === b) throw fail('a bond between two of the atoms was expected: number, atom, atom, type');
      const kind = words[3] ?? '';
      if (kind === 'nc') return;
      const order = ORDERS[kind];
      if (!order) throw fail(`bond type '${kind}' is none of ${[...Object.keys(ORDERS), 'nc'].join(', ')}`);
      bonds.push({ a, b, order });
    }
  });
  finish();
  if (molecules.length === 0) throw new InputError(`${source} has no atoms (@<TRIPOS>ATOM): a MOL2 file was expected`);
  return molecules;
}
