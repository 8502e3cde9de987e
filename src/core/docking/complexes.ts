import { ndarray, type NdArray } from '../array.js';
import { molecule, type Bond, type BondOrder, type Molecule } from '../chem/molecule.js';
import { rotatableBonds, type RotatableRule, type Torsion } from '../chem/torsions.js';
import { vector } from '../data/dataset.js';
import { pack, unpack } from '../data/ragged.js';
import { InputError } from '../errors.js';
import type { Artifact } from '../files/artifact.js';

/** A rigid receptor, coarse: a node for each residue, at its C-alpha (or for each bead of a synthetic pocket). */
export interface Receptor {
  /** Numbers of receptor types: [r]. */
  readonly types: Int32Array;
  /** Å, from the complex's centre: [r, 3]. */
  readonly positions: Float32Array;
  /** Unit vectors at each node, zero where there is none: to the side chain, N and C (a bead has the first): [r, 3, 3]. */
  readonly vectors: Float32Array;
  /** Heavy atoms, for clashes and volumes: atomic numbers [a], and Å from the centre [a, 3]; none for beads. */
  readonly atoms: { readonly elements: Uint8Array; readonly positions: Float32Array };
}

/** The ligand of a complex: heavy atoms of one connected molecule. */
export interface Ligand {
  /** Its positions are the seed conformer's, of which only the local geometry counts. */
  readonly molecule: Molecule;
  /** Numbers of categories: [n, F], F and the sizes in `Complexes.features`. */
  readonly features: Int32Array;
  readonly torsions: readonly Torsion[];
}

export interface Complex {
  readonly name: string;
  /** Number of its cluster, if any. */
  readonly cluster?: number;
  /** One of SPLIT (core/data/images). */
  readonly split: number;
  readonly receptor: Receptor;
  readonly ligand: Ligand;
  /** Å, of the source's frame: all positions are relative to it (the mean position of receptor nodes). */
  readonly center: readonly [number, number, number];
  /** True poses, Å from the centre: [n, 3] each; several where the crystal has copies, none where it is unknown. */
  readonly poses: readonly Float32Array[];
}

/** A data set of complexes. */
export interface Complexes {
  readonly complexes: readonly Complex[];
  /** Names and sizes of the categorical features of a ligand's atoms. */
  readonly features: readonly { readonly name: string; readonly size: number }[];
  /** Names of the receptor's types. */
  readonly receptorTypes: readonly string[];
  /** Names of clusters, by number. */
  readonly clusters: readonly string[];
  /** By which rule the torsions were found. */
  readonly rotatable: RotatableRule;
}

/**
 * Complexes as an artifact of kind `dataset`, modality `complexes`. Lists of differing lengths are packed (see core/data/ragged):
 * `ligand.elements` uint8, `ligand.charges` int8, `ligand.positions` float32 [., 3], `ligand.features` int32 [., F],
 * `ligand.bonds` int32 [., 3] (two atoms and the order), `ligand.torsions` int32 [., 2] (u and v; the side of v moves),
 * `receptor.types` int32, `receptor.positions` float32 [., 3], `receptor.vectors` float32 [., 3, 3], `receptor.elements` uint8
 * and `receptor.atoms` float32 [., 3], `poses` float32 [., 3] (all poses of a complex behind each other); and of each complex
 * `split` uint8, `clusters` int32 (-1 for none), `center` float64 [N, 3]. Names are in meta.
 */
export function complexesArtifact({ complexes, features, receptorTypes, clusters, rotatable }: Complexes): Omit<Artifact, 'recipe'> {
  const of = <T>(get: (complex: Complex) => T): T[] => complexes.map(get);
  const tensors = new Map<string, NdArray>([
    ...pack('ligand.elements', 'uint8', [], of(({ ligand }) => ligand.molecule.elements)),
    ...pack('ligand.charges', 'int8', [], of(({ ligand }) => ligand.molecule.charges)),
    ...pack('ligand.positions', 'float32', [3], of(({ ligand }) => ligand.molecule.positions)),
    ...pack('ligand.features', 'int32', [features.length], of(({ ligand }) => ligand.features)),
    ...pack('ligand.bonds', 'int32', [3], of(({ ligand }) => ligand.molecule.bonds.flatMap(({ a, b, order }) => [a, b, order]))),
    ...pack('ligand.torsions', 'int32', [2], of(({ ligand }) => ligand.torsions.flatMap(({ u, v }) => [u, v]))),
    ...pack('receptor.types', 'int32', [], of(({ receptor }) => receptor.types)),
    ...pack('receptor.positions', 'float32', [3], of(({ receptor }) => receptor.positions)),
    ...pack('receptor.vectors', 'float32', [3, 3], of(({ receptor }) => receptor.vectors)),
    ...pack('receptor.elements', 'uint8', [], of(({ receptor }) => receptor.atoms.elements)),
    ...pack('receptor.atoms', 'float32', [3], of(({ receptor }) => receptor.atoms.positions)),
    ...pack('poses', 'float32', [3], of(({ poses }) => poses.flatMap((pose) => [...pose]))),
    ['split', ndarray('uint8', [complexes.length], Uint8Array.from(complexes, ({ split }) => split))],
    ['clusters', ndarray('int32', [complexes.length], Int32Array.from(complexes, ({ cluster = -1 }) => cluster))],
    ['center', ndarray('float64', [complexes.length, 3], Float64Array.from(complexes.flatMap(({ center }) => [...center])))],
  ]);
  const meta = { modality: 'complexes', names: of(({ name }) => name), features, receptorTypes, clusters, rotatable };
  return { kind: 'dataset', schema: 1, meta: meta as unknown as Artifact['meta'], tensors };
}

/** The complexes in an artifact; throws InputError that names what is missing, misshapen or out of range. */
export function complexesOf(artifact: Artifact, source: string): Complexes {
  const { meta } = artifact;
  if (meta.modality !== 'complexes' || ![meta.names, meta.features, meta.receptorTypes].every(Array.isArray)) {
    throw new InputError(`${source} holds no complexes; byo dock-bootstrap prepare and byo synth pockets make them`);
  }
  const names = (meta.names as unknown[]).map(String);
  const count = names.length;
  if (count === 0) throw new InputError(`${source} holds no complexes: it is empty`);
  const features = meta.features as unknown as Complexes['features'];
  const rotatable = (meta.rotatable ?? 'graph') as RotatableRule;
  const ints = (name: string, row: readonly number[]): Int32Array[] => unpack(artifact, name, 'int32', row, count, source);
  const floats = (name: string, row: readonly number[]): Float32Array[] => unpack(artifact, name, 'float32', row, count, source);
  const bytes = (name: string): Uint8Array[] => unpack(artifact, name, 'uint8', [], count, source);
  const [elements, charges, positions] = [
    bytes('ligand.elements'), unpack<Int8Array>(artifact, 'ligand.charges', 'int8', [], count, source), floats('ligand.positions', [3])];
  const [categories, bonds, turns] = [ints('ligand.features', [features.length]), ints('ligand.bonds', [3]), ints('ligand.torsions', [2])];
  const [types, nodes, vectors] = [ints('receptor.types', []), floats('receptor.positions', [3]), floats('receptor.vectors', [3, 3])];
  const [atomElements, atomPositions, poses] = [bytes('receptor.elements'), floats('receptor.atoms', [3]), floats('poses', [3])];
  const [split, clusters] = ['split', 'clusters'].map((name) => vector(artifact, name, count, source));
  const center = artifact.tensors.get('center');
  if (center?.dtype !== 'float64' || center.shape.join() !== `${count},3`) {
    throw new InputError(`${source}: center has to be float64 [${count}, 3]`);
  }
  const complexes = names.map((name, i): Complex => {
    const wrong = (problem: string): InputError => new InputError(`${source}: complex ${i} (${name}): ${problem}`);
    const n = elements[i].length;
    if (n === 0) throw wrong('its ligand has no atoms');
    for (const [what, list, length] of [
      ['ligand.charges', charges[i], n], ['ligand.positions', positions[i], 3 * n], ['ligand.features', categories[i], features.length * n],
      ['receptor.positions', nodes[i], 3 * types[i].length], ['receptor.vectors', vectors[i], 9 * types[i].length],
      ['receptor.atoms', atomPositions[i], 3 * atomElements[i].length],
    ] as const) {
      if (list.length !== length) throw wrong(`${what} has ${list.length} values where its atoms or nodes ask for ${length}`);
    }
    if (types[i].length === 0) throw wrong('its receptor has no nodes');
    if (poses[i].length % (3 * n) !== 0) throw wrong(`its poses are not whole sets of ${n} atoms`);
    const list: Bond[] = [];
    for (let k = 0; k < bonds[i].length; k += 3) {
      const [a, b, order] = bonds[i].subarray(k, k + 3);
      if (Math.min(a, b) < 0 || Math.max(a, b) >= n || a === b) throw wrong(`there is no bond between atoms ${a} and ${b}`);
      list.push({ a, b, order: order as BondOrder });
    }
    const known = molecule({
      name, elements: elements[i], charges: charges[i], positions: Float64Array.from(positions[i]), bonds: list,
    });
    const rotatableHere = rotatableBonds(known);
    const torsions: Torsion[] = [];
    for (let k = 0; k < turns[i].length; k += 2) {
      const [u, v] = turns[i].subarray(k, k + 2);
      const found = rotatableHere.find((torsion) => torsion.u === u && torsion.v === v);
      if (!found) throw wrong(`the bond from atom ${u} to ${v} is not rotatable`);
      torsions.push(found);
    }
    const cluster = clusters ? Number(clusters.data[i]) : -1;
    return {
      name, split: split ? Number(split.data[i]) : 0, ...(cluster >= 0 && { cluster }),
      receptor: {
        types: types[i], positions: nodes[i], vectors: vectors[i],
        atoms: { elements: atomElements[i], positions: atomPositions[i] },
      },
      ligand: { molecule: known, features: categories[i], torsions },
      center: [...(center.data as Float64Array).subarray(3 * i, 3 * i + 3)] as [number, number, number],
      poses: Array.from({ length: poses[i].length / (3 * n) }, (_, k) => poses[i].subarray(3 * n * k, 3 * n * (k + 1))),
    };
  });
  return {
    complexes, features, rotatable, receptorTypes: (meta.receptorTypes as unknown[]).map(String),
    clusters: Array.isArray(meta.clusters) ? meta.clusters.map(String) : [],
  };
}

/** Poses of one complex, as samplers write and `evaluate` reads them. */
export interface Poses {
  /** Å from the complex's centre: [n, 3] each. */
  readonly poses: readonly Float32Array[];
  /** What the confidence model says of each pose: a logit; left out without one. */
  readonly confidence?: Float32Array;
}

/**
 * Sampled poses as an artifact of kind `poses`: `poses` float32 [., 3] packed by complex, `count` int32 [N] poses of each
 * complex, `confidence` float32 packed by complex if there is one; meta.names are the complexes'.
 */
export function posesArtifact(names: readonly string[], sampled: readonly Poses[]): Omit<Artifact, 'recipe'> {
  const tensors = new Map<string, NdArray>([
    ...pack('poses', 'float32', [3], sampled.map(({ poses }) => poses.flatMap((pose) => [...pose]))),
    ['count', ndarray('int32', [sampled.length], Int32Array.from(sampled, ({ poses }) => poses.length))],
    ...(sampled.some(({ confidence }) => confidence)
      ? pack('confidence', 'float32', [], sampled.map(({ confidence = [] }) => confidence)) : []),
  ]);
  return { kind: 'poses', schema: 1, meta: { modality: 'poses', names }, tensors };
}

/** The poses in an artifact, for these complexes in their order; throws InputError where names or numbers of atoms differ. */
export function posesOf(artifact: Artifact, complexes: readonly Complex[], source: string): Poses[] {
  const { meta, tensors } = artifact;
  const count = tensors.get('count');
  if (!Array.isArray(meta.names) || count?.dtype !== 'int32') {
    throw new InputError(`${source} holds no poses; byo dock-bootstrap sample makes them`);
  }
  const names = meta.names.map(String);
  const lists = unpack<Float32Array>(artifact, 'poses', 'float32', [3], names.length, source);
  const logits = tensors.has('confidence') ? unpack<Float32Array>(artifact, 'confidence', 'float32', [], names.length, source) : undefined;
  return complexes.map(({ name, ligand }) => {
    const at = names.indexOf(name);
    if (at < 0) throw new InputError(`${source} has no poses of ${name}; sample poses for the same complexes`);
    const n = ligand.molecule.elements.length;
    const each = Number(count.data[at]);
    if (lists[at].length !== 3 * n * each) {
      throw new InputError(`${source}: ${name} has ${lists[at].length / 3} positions for ${each} poses of ${n} atoms`);
    }
    const confidence = logits?.[at];
    return {
      poses: Array.from({ length: each }, (_, k) => lists[at].subarray(3 * n * k, 3 * n * (k + 1))),
      ...(confidence && confidence.length === each && { confidence }),
    };
  });
}
