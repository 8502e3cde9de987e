import { covalentRadius } from '../chem/elements.js';
import { molecule, type Bond, type Molecule } from '../chem/molecule.js';
import { AMINO_ACIDS, type Protein, type Residue } from '../chem/protein.js';
import type { Stream } from '../random.js';

export interface SideChainOptions {
  /** Residues this near in the sequence neither count as contacts nor stay in the receptor. */
  readonly exclude: number;
  /** Residues with fewer contacts are not chosen. */
  readonly minContacts: number;
  /** A protein none of whose residues has as many contacts gives nothing. */
  readonly wantedContacts: number;
}

/** A side chain as a ligand in what is left of its protein. */
export interface SideChain {
  readonly name: string;
  readonly ligand: Molecule;
  readonly protein: Protein;
}

/** Double bonds of side chains (of aromatic rings in one of their Kekulé forms). */
const DOUBLE: Readonly<Record<string, string>> = {
  ARG: 'CZ-NH2', ASN: 'CG-OD1', ASP: 'CG-OD1', GLN: 'CD-OE1', GLU: 'CD-OE1', HIS: 'CG-CD2 ND1-CE1', PHE: 'CG-CD1 CE1-CZ CD2-CE2',
  TYR: 'CG-CD1 CE1-CZ CD2-CE2', TRP: 'CG-CD1 CD2-CE2 CE3-CZ3 CZ2-CH2',
};
const BACKBONE = new Set(['N', 'CA', 'C', 'O', 'OXT']);

/** Å between heavy atoms in contact. */
const CONTACT = 5;
/** Fewer atoms have no orientation to learn. */
const MIN_ATOMS = 3;

/**
 * Synthetic complexes from a protein alone, as for training DiffDock-L (Corso et al. 2024, after van der Mers): a residue with
 * many contacts is drawn, its side chain becomes the ligand, and the residues beside it in the sequence leave the receptor, so
 * that no chain leads to the answer. Residues are drawn with weight contacts - minContacts + 1, each at most once.
 */
export function sideChainComplexes(
  name: string, protein: Protein, count: number, o: SideChainOptions, random: Stream,
): SideChain[] {
  const contacts = contactsOf(protein.residues, o.exclude);
  if (Math.max(...contacts) < o.wantedContacts) return [];
  const weights = contacts.map((own, i) =>
    (sideChain(protein.residues[i]).length >= MIN_ATOMS ? Math.max(0, own - o.minContacts + 1) : 0));
  const chosen: SideChain[] = [];
  while (chosen.length < count) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) break;
    let at = random.uniform(1)[0] * total;
    const i = weights.findIndex((weight) => (at -= weight) < 0 && weight > 0);
    const drawn = i < 0 ? weights.findLastIndex((weight) => weight > 0) : i;
    weights[drawn] = 0;
    const residue = protein.residues[drawn];
    const left = protein.residues.filter((other, j) => !besides(protein.residues, drawn, j, o.exclude) && other !== residue);
    const label = `${AMINO_ACIDS[residue.type]}${residue.number}${residue.insertion}${residue.chain}`;
    chosen.push({ name: `${name}_${label}`, ligand: sideChainMolecule(residue, label), protein: { ...protein, residues: left } });
  }
  return chosen;
}

const sideChain = ({ atoms }: Residue): Residue['atoms'] => atoms.filter(({ name }) => !BACKBONE.has(name));

/** Whether residues i and j are in one chain with at most `within` places between them. */
const besides = (residues: readonly Residue[], i: number, j: number, within: number): boolean =>
  residues[i].chain === residues[j].chain && Math.abs(i - j) <= within;

/** For each residue the number of others with a heavy atom near its side chain. */
function contactsOf(residues: readonly Residue[], exclude: number): number[] {
  const spheres = residues.map(({ atoms }) => {
    const middle = [0, 1, 2].map((axis) => atoms.reduce((sum, { position }) => sum + position[axis] / atoms.length, 0));
    return { middle, radius: Math.max(...atoms.map(({ position }) => distance(position, middle))) };
  });
  return residues.map((residue, i) => {
    const side = sideChain(residue);
    return residues.filter((other, j) => i !== j && !besides(residues, i, j, exclude)
      && distance(spheres[i].middle, spheres[j].middle) < spheres[i].radius + spheres[j].radius + CONTACT
      && other.atoms.some(({ position }) => side.some((own) => distance(own.position, position) < CONTACT))).length;
  });
}

const distance = (a: readonly number[], b: readonly number[]): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** The heavy atoms of a side chain; bonds are where atoms are as near as their covalent radii say. */
function sideChainMolecule(residue: Residue, name: string): Molecule {
  const atoms = sideChain(residue);
  const double = new Set((DOUBLE[AMINO_ACIDS[residue.type]] ?? '').split(' '));
  const bonds: Bond[] = [];
  atoms.forEach((one, a) => atoms.slice(a + 1).forEach((other, k) => {
    if (distance(one.position, other.position) > covalentRadius(one.element) + covalentRadius(other.element) + 0.4) return;
    const order = double.has(`${one.name}-${other.name}`) || double.has(`${other.name}-${one.name}`) ? 2 : 1;
    bonds.push({ a, b: a + 1 + k, order });
  }));
  return molecule({
    name, bonds, elements: Uint8Array.from(atoms, ({ element }) => element), charges: new Int8Array(atoms.length),
    positions: Float64Array.from(atoms.flatMap(({ position }) => [...position])),
  });
}
