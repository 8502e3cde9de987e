import type * as OpenChemLib from 'openchemlib';
import { InputError } from '../errors.js';
import type { Molecule } from './molecule.js';
import { readSdf } from './sdf.js';

/** Loaded when it is first needed: it takes a noticeable part of a second. */
async function chemistry(): Promise<typeof OpenChemLib> {
  const library = await import('openchemlib');
  library.Resources.registerFromNodejs();
  return library;
}

export interface SmilesResult {
  /** With hydrogens, in a conformer whose energy is minimised by MMFF94s where that has parameters for it. */
  readonly molecule: Molecule;
  /** Stereocentres of which the SMILES says no configuration: the conformer has one of them. */
  readonly openCenters: number;
  /** Atoms of other parts (salts, waters) that were left out. */
  readonly dropped: number;
}

/** A molecule with a conformer from a SMILES string. Throws InputError where it is malformed or no conformer is found. */
export async function fromSmiles(smiles: string, name: string, seed = 0): Promise<SmilesResult> {
  const { Molecule: Parsed, ConformerGenerator, ForceFieldMMFF94 } = await chemistry();
  const problem = unbalanced(smiles);
  if (problem) throw new InputError(`${name}: '${smiles}' is no SMILES: ${problem}`);
  let parsed: InstanceType<typeof Parsed>;
  try {
    parsed = Parsed.fromSmiles(smiles);
  } catch (error) {
    throw new InputError(`${name}: '${smiles}' is no SMILES: ${String((error as Error).message).replace(/^.*SmilesParser: /, '')}`);
  }
  const before = parsed.getAllAtoms();
  if (before === 0) throw new InputError(`${name}: '${smiles}' is a SMILES without atoms`);
  parsed.stripSmallFragments(false);
  const dropped = before - parsed.getAllAtoms();
  parsed.ensureHelperArrays(Parsed.cHelperCIP);
  let openCenters = 0;
  for (let atom = 0; atom < parsed.getAllAtoms(); atom++) {
    if (parsed.isAtomStereoCenter(atom) && parsed.getAtomParity(atom) === Parsed.cAtomParityUnknown) openCenters++;
  }
  const conformer = new ConformerGenerator(seed).getOneConformerAsMolecule(parsed);
  if (!conformer) throw new InputError(`${name}: no conformer of '${smiles}' was found; give a file with one (SDF or MOL2)`);
  try {
    new ForceFieldMMFF94(conformer, ForceFieldMMFF94.MMFF94S).minimise();
  } catch {
    // No parameters (metals, boron): the conformer of the library's own rules stays.
  }
  const [record] = readSdf(conformer.toMolfile(), name);
  if (!record || 'error' in record) throw new InputError(`${name}: '${smiles}' has no molfile: ${record?.error.message}`);
  return { molecule: { ...record.molecule, name }, openCenters, dropped };
}

/** Brackets that do not close, which the library passes over. */
function unbalanced(smiles: string): string | undefined {
  for (const [open, close] of ['()', '[]']) {
    let depth = 0;
    for (const character of smiles) {
      if (character === open) depth++;
      else if (character === close && --depth < 0) return `'${close}' closes nothing`;
    }
    if (depth > 0) return `'${open}' is not closed`;
  }
  return undefined;
}
