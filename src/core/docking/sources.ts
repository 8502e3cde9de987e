import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readMmcif } from '../chem/mmcif.js';
import { readMol2 } from '../chem/mol2.js';
import type { Molecule } from '../chem/molecule.js';
import { readPdb, type Structure } from '../chem/pdb.js';
import { proteinOf, type Protein } from '../chem/protein.js';
import { readSdf } from '../chem/sdf.js';
import { filesBelow } from '../data/folder.js';
import { extensionOf } from '../data/layout.js';
import { InputError } from '../errors.js';
import { readInput } from '../files/streams.js';

/** Where the parts of a complex are. */
export interface ComplexSource {
  readonly name: string;
  readonly protein: string;
  /** A file, or a SMILES. */
  readonly ligand: { readonly file: string } | { readonly smiles: string };
  /** Files of which molecules that are the same ligand are further true poses. */
  readonly copies: readonly string[];
  /** A file of an unbound conformer. */
  readonly conformer?: string;
}

const PROTEINS = new Set(['pdb', 'ent', 'cif', 'mmcif']);
const LIGANDS = new Set(['sdf', 'sd', 'mol', 'mol2']);

/** A file of text, gunzipped nowhere: what readers of structures take. */
const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await readInput(path));

export async function readProtein(path: string): Promise<Protein> {
  const text = await textOf(path);
  const structure: Structure = ['cif', 'mmcif'].includes(extensionOf(path)) ? readMmcif(text, path) : readPdb(text, path);
  return proteinOf(structure, path);
}

/** The molecules of a file that can be read; throws the first record's InputError where none can. */
export async function readMolecules(path: string): Promise<Molecule[]> {
  const extension = extensionOf(path);
  if (!LIGANDS.has(extension)) {
    throw new InputError(`${path} is no SDF (.sdf, .sd, .mol) or MOL2 (.mol2) file, the forms that ligands are read from`);
  }
  const text = await textOf(path);
  if (extension === 'mol2') return readMol2(text, path);
  const records = readSdf(text, path);
  const molecules = records.flatMap((record) => ('molecule' in record ? [record.molecule] : []));
  if (molecules.length > 0) return molecules;
  throw (records[0] as { error: InputError }).error;
}

/** A source of complexes that cannot be used, and why. */
export interface Unusable {
  readonly name: string;
  readonly reason: string;
}

/**
 * Complexes of a folder, one in each of its folders (PDBBind's layout, PoseBusters', or any other with one protein and one
 * ligand), sorted by name. Of a folder's proteins the one whose name has `protein` or `receptor` is taken, processed ones first.
 * Of its ligands, first `_ligand.sdf`, then `_ligands.sdf` (all copies in the crystal), then SDF before MOL2; files whose names
 * have `start_conf` or `conformer` are unbound conformers, those with `dock` in them results, which are passed over.
 */
export async function folderComplexes(folder: string): Promise<{ found: ComplexSource[]; unusable: Unusable[] }> {
  const groups = new Map<string, string[]>();
  for (const path of await filesBelow(folder)) {
    const place = dirname(path);
    const group = groups.get(place);
    if (group) group.push(path);
    else groups.set(place, [path]);
  }
  const found: ComplexSource[] = [];
  const unusable: Unusable[] = [];
  for (const [place, paths] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = place === '.' ? resolve(folder).split('/').at(-1)! : place;
    const ranked = (rules: readonly RegExp[], extensions: ReadonlySet<string>, not = /^$/): string[] => paths
      .filter((path) => extensions.has(extensionOf(path)) && !not.test(path.slice(place.length + 1)))
      .sort((a, b) => rank(rules, a) - rank(rules, b) || (a < b ? -1 : 1));
    const proteins = ranked([/protein_processed/i, /protein/i, /receptor/i], PROTEINS, /ligand/i);
    const unbound = /start_conf|conformer/i;
    const ligands = ranked([/_ligand\.(sdf|sd|mol)$/i, /_ligands\.sdf$/i, /ligand.*\.sdf$/i, /\.sdf$/i], LIGANDS, /start_conf|conformer|dock/i);
    if (proteins.length === 0 && ligands.length === 0) continue;
    if (proteins.length === 0) unusable.push({ name, reason: 'no protein beside the ligand (.pdb, .ent, .cif)' });
    else if (ligands.length === 0) unusable.push({ name, reason: 'no ligand beside the protein (.sdf, .mol, .mol2)' });
    else {
      const conformer = paths.find((path) => LIGANDS.has(extensionOf(path)) && unbound.test(path));
      found.push({
        name, protein: join(folder, proteins[0]), ligand: { file: join(folder, ligands[0]) },
        copies: ligands.filter((path) => path === ligands[0] || /_ligands\.sdf$/i.test(path)).map((path) => join(folder, path)),
        ...(conformer !== undefined && { conformer: join(folder, conformer) }),
      });
    }
  }
  if (found.length + unusable.length === 0) {
    throw new InputError(`${folder} has no proteins (.pdb, .ent, .cif) and no ligands (.sdf, .mol, .mol2); each complex has a folder of its own there`);
  }
  return { found, unusable };
}

/** Place of the first rule that a name fits. */
const rank = (rules: readonly RegExp[], name: string): number => {
  const at = rules.findIndex((rule) => rule.test(name));
  return at < 0 ? rules.length : at;
};

/**
 * Complexes of a table with the columns protein_path and ligand_description, a file or a SMILES, and optionally complex_name
 * (DiffDock's columns). Paths are relative to the table's folder. Throws InputError where a column is missing.
 */
export async function tableComplexes(
  { source, header, rows }: { source: string; header: readonly string[]; rows: readonly (readonly string[])[] }, folder: string,
): Promise<{ found: ComplexSource[]; unusable: Unusable[] }> {
  const column = (name: string): number => header.indexOf(name);
  for (const name of ['protein_path', 'ligand_description']) {
    if (column(name) < 0) throw new InputError(`${source} has no column ${name}; expected are complex_name, protein_path and ligand_description`);
  }
  const found: ComplexSource[] = [];
  const unusable: Unusable[] = [];
  for (const [i, row] of rows.entries()) {
    const cell = (name: string): string => row[column(name)]?.trim() ?? '';
    const name = cell('complex_name') || `complex_${i}`;
    if (cell('protein_path') === '') {
      const reason = cell('protein_sequence') ? 'it has a sequence only, and byo does not fold proteins: give protein_path a structure' : 'protein_path is empty';
      unusable.push({ name, reason });
      continue;
    }
    const description = cell('ligand_description');
    const file = resolve(folder, description);
    const exists = await stat(file).then((status) => status.isFile(), () => false);
    const ligand = exists || LIGANDS.has(extensionOf(description)) ? { file } : { smiles: description };
    if (description === '') unusable.push({ name, reason: 'ligand_description is empty' });
    else found.push({ name, protein: resolve(folder, cell('protein_path')), ligand, copies: 'file' in ligand ? [file] : [] });
  }
  return { found, unusable };
}

/** Proteins of a folder or one file. */
export async function proteinFiles(source: string): Promise<string[]> {
  const status = await stat(source).catch(() => undefined);
  if (!status?.isDirectory()) return [source];
  const names = (await readdir(source, { recursive: true })).filter((path) => PROTEINS.has(extensionOf(path)) && !/ligand/i.test(path)).sort();
  if (names.length === 0) throw new InputError(`${source} has no proteins (.pdb, .ent, .cif)`);
  return names.map((name) => join(source, name));
}
