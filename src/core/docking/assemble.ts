import { atomFeatures } from '../chem/features.js';
import { heavyAtoms, isDrawing, largestFragment, withPositions, type Molecule } from '../chem/molecule.js';
import { atomOf, describeLeft, type Protein, type Residue } from '../chem/protein.js';
import { isomorphism } from '../chem/symmetry.js';
import { rotatableBonds, type RotatableRule } from '../chem/torsions.js';
import { InputError } from '../errors.js';
import type { Complex, Ligand, Receptor } from './complexes.js';

export interface AssembleOptions {
  readonly rotatable: RotatableRule;
  /** Å: chains none of whose atoms come this near to the ligand are left out, where its pose is known. */
  readonly chainCutoff: number;
  /** Å: keeps residues whose C-alpha is this near to a ligand atom of the pose; all where left out. */
  readonly pocket?: number;
  /** Of more residues those nearest to the pose are kept. */
  readonly maxResidues: number;
}

/** What a complex is made of. */
export interface Parts {
  readonly name: string;
  readonly protein: Protein;
  /** With or without hydrogens and salts. */
  readonly ligand: Molecule;
  /** Whether the ligand's positions are those of the bound ligand, in the protein's frame. */
  readonly bound: boolean;
  /** Further molecules, of which those that are the same ligand are further true poses. */
  readonly copies?: readonly Molecule[];
  /** The same ligand in an unbound conformer, the seed. */
  readonly conformer?: Molecule;
  readonly split: number;
  readonly cluster?: number;
  /** What was said of the parts before. */
  readonly notes?: readonly string[];
  readonly warnings?: readonly string[];
}

/** A complex, and what there is to say about how it was made: what is usual, and what may not be wanted. */
export interface Assembled {
  readonly complex: Complex;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * A complex of heavy atoms about the mean C-alpha of the residues that are kept. Throws InputError where nothing is left of the
 * ligand or the receptor, or the ligand is a flat drawing.
 */
export function assemble(parts: Parts, o: AssembleOptions): Assembled {
  const { name, protein } = parts;
  const notes = [...(parts.notes ?? [])];
  const warnings = [...(parts.warnings ?? [])];
  const left = describeLeft(protein);
  if (left) notes.push(left);
  const { molecule: ligand, dropped } = largestFragment(heavyAtoms(parts.ligand));
  if (dropped > 0) notes.push(`left out ${dropped} atoms of the ligand's smaller parts`);
  if (isDrawing(ligand)) throw new InputError(`${name}: the ligand is a flat drawing; give a file with 3D coordinates, or SMILES`);

  const bound = parts.bound && isNear(ligand, protein.residues);
  if (parts.bound && !bound) warnings.push('the ligand lies outside of the protein, so its pose is taken for unknown');
  const residues = chosenResidues(name, protein.residues, bound ? ligand : undefined, o, notes, warnings);
  const center = [0, 1, 2].map((axis) =>
    residues.reduce((sum, residue) => sum + atomOf(residue, 'CA')![axis] / residues.length, 0)) as [number, number, number];

  const shift = (positions: ArrayLike<number>): Float32Array => Float32Array.from(positions, (value, i) => value - center[i % 3]);
  const copies = (parts.copies ?? []).flatMap((copy) => sameLigand(ligand, copy) ?? []);
  // A copy in a chain that was left out is no answer for this receptor.
  const poses = bound ? [ligand, ...copies.filter((copy) => isNear(copy, residues))] : [];
  const distinct = poses.filter((pose, i) => poses.findIndex(({ positions }) => gap(positions, pose.positions) < 0.1) === i);
  const seed = parts.conformer && sameLigand(ligand, parts.conformer);
  if (parts.conformer && !seed) warnings.push('the conformer is of another molecule than the ligand and was passed over');
  if (bound && !seed) notes.push("without a conformer of its own the ligand keeps the bound pose's bond lengths and angles");
  return {
    complex: {
      name, split: parts.split, ...(parts.cluster !== undefined && { cluster: parts.cluster }), center,
      receptor: receptorOf(residues, center),
      ligand: ligandOf(withPositions(seed ?? ligand, shift((seed ?? ligand).positions)), o.rotatable),
      poses: distinct.map(({ positions }) => shift(positions)),
    },
    notes, warnings,
  };
}

/** A molecule of heavy atoms as a ligand. */
export const ligandOf = (known: Molecule, rule: RotatableRule): Ligand =>
  ({ molecule: known, features: atomFeatures(known), torsions: rotatableBonds(known, rule) });

/** Residues as nodes at their C-alpha, about a centre. */
export function receptorOf(residues: readonly Residue[], center: readonly number[]): Receptor {
  const atoms = residues.flatMap((residue) => residue.atoms);
  return {
    types: Int32Array.from(residues, ({ type }) => type),
    positions: Float32Array.from(residues.flatMap((residue) => atomOf(residue, 'CA')!.map((value, axis) => value - center[axis]))),
    vectors: Float32Array.from(residues.flatMap(directions)),
    atoms: {
      elements: Uint8Array.from(atoms, ({ element }) => element),
      positions: Float32Array.from(atoms.flatMap(({ position }) => position.map((value, axis) => value - center[axis]))),
    },
  };
}

const BACKBONE = new Set(['N', 'CA', 'C', 'O', 'OXT']);

/** Unit vectors from C-alpha: to the middle of the side chain (of glycine where C-beta would be), to N, to C. */
function directions(residue: Residue): number[] {
  const alpha = atomOf(residue, 'CA')!;
  const to = (point: readonly number[]): number[] => unit(point.map((value, axis) => value - alpha[axis]));
  const [n, c] = [to(atomOf(residue, 'N')!), to(atomOf(residue, 'C')!)];
  const side = residue.atoms.filter(({ name }) => !BACKBONE.has(name));
  const middle = [0, 1, 2].map((axis) => side.reduce((sum, { position }) => sum + position[axis] / side.length, 0));
  const between = unit(n.map((value, axis) => -value - c[axis]));
  const across = [n[1] * c[2] - n[2] * c[1], n[2] * c[0] - n[0] * c[2], n[0] * c[1] - n[1] * c[0]];
  // Where L-amino acids have C-beta: away from N and C, and to one side of their plane.
  const beta = unit(between.map((value, axis) => 0.62 * value + 0.79 * unit(across)[axis]));
  return [...(side.length > 0 ? to(middle) : beta), ...n, ...c];
}

function unit(v: readonly number[]): number[] {
  const length = Math.hypot(...v);
  return v.map((value) => (length > 0 ? value / length : 0));
}

/** Another set of coordinates of the same ligand, its atoms in the ligand's order; undefined where it is another molecule. */
export function sameLigand(ligand: Molecule, other: Molecule): Molecule | undefined {
  const { molecule: heavy } = largestFragment(heavyAtoms(other));
  const mapping = isDrawing(heavy) ? undefined : isomorphism(ligand, heavy);
  return mapping && withPositions(ligand, mapping.flatMap((atom) => [...heavy.positions.subarray(3 * atom, 3 * atom + 3)]));
}

/** Greatest difference of two sets of coordinates, Å. */
const gap = (a: Float64Array, b: Float64Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** Å that a bound ligand's atom comes near to the protein. */
const CONTACT = 6;

const isNear = (ligand: Molecule, residues: readonly Residue[]): boolean =>
  residues.some((residue) => residue.atoms.some(({ position }) => nearest(ligand, position) < CONTACT));

/** Å from a point to the nearest atom. */
function nearest({ positions }: Molecule, [x, y, z]: readonly number[]): number {
  let least = Infinity;
  for (let i = 0; i < positions.length; i += 3) {
    least = Math.min(least, (positions[i] - x) ** 2 + (positions[i + 1] - y) ** 2 + (positions[i + 2] - z) ** 2);
  }
  return Math.sqrt(least);
}

function chosenResidues(
  name: string, all: readonly Residue[], pose: Molecule | undefined, o: AssembleOptions, notes: string[], warnings: string[],
): readonly Residue[] {
  if (!pose) {
    if (o.pocket !== undefined) throw new InputError(`${name}: --pocket keeps what is near to the bound ligand, whose pose is unknown here`);
    if (all.length > o.maxResidues) {
      throw new InputError(`${name}: the protein has ${all.length} residues, more than ${o.maxResidues}, and no bound ligand to say which to `
        + 'keep; give a file with the chains of interest, or raise --max-residues');
    }
    return all;
  }
  const isClose = ({ atoms }: Residue): boolean => atoms.some(({ position }) => nearest(pose, position) < o.chainCutoff);
  const chains = new Set(all.filter(isClose).map(({ chain }) => chain));
  let kept = all.filter(({ chain }) => chains.has(chain));
  if (kept.length === 0) throw new InputError(`${name}: no chain comes within ${o.chainCutoff} Å of the ligand; raise --chain-cutoff`);
  if (kept.length < all.length) notes.push(`left out ${all.length - kept.length} residues of chains far from the ligand`);
  const distanceOf = new Map(kept.map((residue) => [residue, nearest(pose, atomOf(residue, 'CA')!)]));
  if (o.pocket !== undefined) {
    kept = kept.filter((residue) => distanceOf.get(residue)! <= o.pocket!);
    if (kept.length === 0) throw new InputError(`${name}: no residue lies within ${o.pocket} Å of the ligand; raise --pocket`);
  }
  if (kept.length > o.maxResidues) {
    const nearestOnes = new Set([...kept].sort((a, b) => distanceOf.get(a)! - distanceOf.get(b)!).slice(0, o.maxResidues));
    warnings.push(`kept the ${o.maxResidues} of ${kept.length} residues that are nearest to the ligand`);
    kept = kept.filter((residue) => nearestOnes.has(residue));
  }
  return kept;
}
