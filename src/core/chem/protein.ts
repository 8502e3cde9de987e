import { InputError } from '../errors.js';
import type { AtomRecord, Structure } from './pdb.js';

/** The twenty amino acids in alphabetical order of their names; a residue's `type` is its place here. */
export const AMINO_ACIDS = [
  'ALA', 'ARG', 'ASN', 'ASP', 'CYS', 'GLN', 'GLU', 'GLY', 'HIS', 'ILE', 'LEU', 'LYS', 'MET', 'PHE', 'PRO', 'SER', 'THR', 'TRP', 'TYR', 'VAL',
] as const;

/** What modified residues and names of other programs stand for. */
const STANDS_FOR: Readonly<Record<string, string>> = {
  MSE: 'MET', FME: 'MET', SEP: 'SER', TPO: 'THR', PTR: 'TYR', TYS: 'TYR', CSO: 'CYS', CSD: 'CYS', CSX: 'CYS', OCS: 'CYS', CME: 'CYS', CYX: 'CYS',
  CYM: 'CYS', CAS: 'CYS', SCH: 'CYS', HYP: 'PRO', MLY: 'LYS', MLZ: 'LYS', M3L: 'LYS', KCX: 'LYS', LLP: 'LYS', LYN: 'LYS', PCA: 'GLU', CGU: 'GLU',
  GLH: 'GLU', ASH: 'ASP', HID: 'HIS', HIE: 'HIS', HIP: 'HIS', HSD: 'HIS', HSE: 'HIS', HSP: 'HIS',
};

/** Heavy atoms of a residue. */
export interface ResidueAtom {
  readonly name: string;
  readonly element: number;
  readonly position: readonly [number, number, number];
}

export interface Residue {
  /** Place in AMINO_ACIDS. */
  readonly type: number;
  readonly chain: string;
  readonly number: number;
  readonly insertion: string;
  readonly atoms: readonly ResidueAtom[];
}

/** A protein as a rigid receptor, and what of the file is not part of it. */
export interface Protein {
  readonly residues: readonly Residue[];
  readonly left: {
    readonly waters: number;
    /** Atoms of ligands, ions and residues that stand for no amino acid, by residue name. */
    readonly others: ReadonlyMap<string, number>;
    /** Residues without N, CA or C. */
    readonly incomplete: number;
    /** Atoms at places other than the one chosen. */
    readonly alternates: number;
    readonly furtherModels: number;
  };
}

const WATERS = new Set(['HOH', 'WAT', 'DOD', 'H2O', 'TIP', 'TP3', 'SOL']);

/**
 * The residues of a structure that have the backbone atoms N, CA and C, in the file's order, without hydrogens. Of atoms at
 * alternate places those of the residue's most occupied alternate are kept (the first by name among equals). A residue is what
 * shares chain, number and insertion code. Throws InputError where no residue is left.
 */
export function proteinOf({ atoms, furtherModels }: Structure, source: string): Protein {
  let waters = 0;
  let incomplete = 0;
  let alternates = 0;
  const others = new Map<string, number>();
  const groups = new Map<string, AtomRecord[]>();
  for (const atom of atoms) {
    if (WATERS.has(atom.residue)) waters++;
    else if (typeOf(atom.residue) === undefined) others.set(atom.residue, (others.get(atom.residue) ?? 0) + 1);
    else {
      const key = `${atom.chain}|${atom.number}|${atom.insertion}`;
      const group = groups.get(key);
      if (group) group.push(atom);
      else groups.set(key, [atom]);
    }
  }
  const residues: Residue[] = [];
  for (const group of groups.values()) {
    const kept = atOnePlace(group);
    alternates += group.length - kept.length;
    const heavy = kept.filter(({ element }) => element !== 1);
    if (['N', 'CA', 'C'].some((name) => !heavy.some((atom) => atom.name === name))) {
      incomplete++;
      continue;
    }
    const { residue, chain, number, insertion } = heavy[0];
    residues.push({
      type: typeOf(residue)!, chain, number, insertion,
      atoms: heavy.map(({ name, element, x, y, z }) => ({ name, element, position: [x, y, z] })),
    });
  }
  if (residues.length === 0) {
    throw new InputError(`${source} has no amino acid with the atoms N, CA and C: a protein was expected`);
  }
  return { residues, left: { waters, others, incomplete, alternates, furtherModels } };
}

function typeOf(residue: string): number | undefined {
  const at = AMINO_ACIDS.indexOf((STANDS_FOR[residue] ?? residue) as (typeof AMINO_ACIDS)[number]);
  return at < 0 ? undefined : at;
}

/** The atoms of one residue that have one place, and those of its most occupied alternate; of every name the first. */
function atOnePlace(group: readonly AtomRecord[]): AtomRecord[] {
  const occupied = new Map<string, number>();
  for (const { alternate, occupancy } of group) {
    if (alternate !== '') occupied.set(alternate, (occupied.get(alternate) ?? 0) + occupancy);
  }
  const [chosen] = [...occupied].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0] ?? [''];
  const seen = new Set<string>();
  return group.filter(({ alternate, name }) => {
    if ((alternate !== '' && alternate !== chosen) || seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

export const atomOf = ({ atoms }: Residue, name: string): ResidueAtom['position'] | undefined =>
  atoms.find((atom) => atom.name === name)?.position;

/** A sentence about what was left out, or nothing. */
export function describeLeft({ left }: Protein): string | undefined {
  const parts = [
    left.furtherModels > 0 && `${left.furtherModels} further models`,
    left.waters > 0 && `${left.waters} atoms of water`,
    left.others.size > 0 && `${[...left.others].map(([name, atoms]) => `${name} (${atoms} atoms)`).slice(0, 8).join(', ')}`
      + (left.others.size > 8 ? ` and ${left.others.size - 8} more kinds of molecules` : ''),
    left.alternates > 0 && `${left.alternates} atoms at alternate places`,
    left.incomplete > 0 && `${left.incomplete} residues without N, CA or C`,
  ].filter(Boolean);
  return parts.length > 0 ? `left out ${parts.join('; ')}` : undefined;
}
