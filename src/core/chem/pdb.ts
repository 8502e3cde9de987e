import { InputError } from '../errors.js';
import { atomicNumber } from './elements.js';

/** An atom of a structure file, whichever its format. */
export interface AtomRecord {
  /** Of a polymer (ATOM), or anything else (HETATM): waters, ions, ligands, modified residues. */
  readonly polymer: boolean;
  readonly name: string;
  readonly element: number;
  /** Empty where the atom has one place only. */
  readonly alternate: string;
  readonly residue: string;
  readonly chain: string;
  readonly number: number;
  readonly insertion: string;
  /** Å */
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly occupancy: number;
}

/** The atoms of a structure's first model, and how many further models the file has. */
export interface Structure {
  readonly atoms: readonly AtomRecord[];
  readonly furtherModels: number;
}

/**
 * The first model of a PDB file. Throws InputError with file, line and what was expected where a coordinate or residue number is
 * no number, and where there is no atom at all.
 */
export function readPdb(text: string, source: string): Structure {
  const atoms: AtomRecord[] = [];
  let models = 0;
  text.split(/\r\n|\r|\n/).forEach((line, at) => {
    const record = line.slice(0, 6).trimEnd();
    if (record === 'MODEL') models++;
    if ((record !== 'ATOM' && record !== 'HETATM') || models > 1) return;
    const field = (from: number, to: number): string => line.slice(from, to).trim();
    const [x, y, z] = [30, 38, 46].map((from) => (field(from, from + 8) === '' ? NaN : Number(field(from, from + 8))));
    const number = Number(field(22, 26));
    if (![x, y, z].every(Number.isFinite)) {
      throw new InputError(`${source}: line ${at + 1}: columns 31 to 54 hold no coordinates but '${line.slice(30, 54)}'`);
    }
    if (!Number.isInteger(number) || field(22, 26) === '') {
      throw new InputError(`${source}: line ${at + 1}: '${line.slice(22, 26)}' is no residue number (columns 23 to 26)`);
    }
    atoms.push({
      polymer: record === 'ATOM', name: field(12, 16), element: elementOf(line), alternate: field(16, 17), residue: field(17, 20),
      chain: field(21, 22), number, insertion: field(26, 27), x, y, z, occupancy: field(54, 60) === '' ? 1 : Number(field(54, 60)) || 0,
    });
  });
  if (atoms.length === 0) throw new InputError(`${source} has no ATOM records: a PDB file of a protein was expected`);
  return { atoms, furtherModels: Math.max(0, models - 1) };
}

/** From columns 77 and 78, or the atom's name, whose first two columns are the element's: " CA " is carbon, "CA  " calcium. */
function elementOf(line: string): number {
  const stated = atomicNumber(line.slice(76, 78).trim());
  if (stated) return stated;
  const column = line.slice(12, 14).replace(/[^A-Za-z ]/g, ' ');
  // A name of four characters starts a column early: HD11 and the like are hydrogen.
  if (/^H/.test(line.slice(12, 16)) && line.slice(12, 16).trim().length === 4) return 1;
  return atomicNumber(column.trim()) ?? atomicNumber(column.trim().slice(0, 1)) ?? 0;
}
