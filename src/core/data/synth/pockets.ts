import { centroid, direction, distance2, rotated, rotation, turnBond, type Vector } from '../../chem/geometry.js';
import { molecule, type Bond } from '../../chem/molecule.js';
import { automorphisms, symmetryClasses } from '../../chem/symmetry.js';
import { rotatableBonds, type Torsion } from '../../chem/torsions.js';
import type { Complex, Complexes } from '../../docking/complexes.js';
import { InputError } from '../../errors.js';
import { stream, type Stream } from '../../random.js';
import { SPLIT } from '../images.js';
import { checkWhole } from './images.js';

/** Types of ligand atoms (all but the last) and of receptor beads. */
export const POCKET_TYPES = ['apolar', 'donor', 'acceptor', 'plus', 'minus', 'inert'] as const;
const INERT = 5;
/** The type that binds each type: apolar to apolar, donor to acceptor, plus to minus; nothing binds what is inert. */
export const COMPLEMENT: readonly number[] = [0, 2, 1, 4, 3, -1];
/** Elements that stand for the types of ligand atoms, so that the symmetries of a graph keep types: C, N, O, P+, S-. */
const ELEMENTS = [6, 7, 8, 15, 16];
const CHARGES = [0, 0, 0, 1, -1];

/** Lengths in Å. */
const BOND = 1.5;
const BOND_ANGLE = 112 * Math.PI / 180;
/** Atoms without a bond between them are at least this far apart. */
const APART = 2.3;
const RADIUS = 11;
const BUMPS = 0.8;
const SEPARATION = 3.6;
/** How far below the surface a ligand's middle lies. */
const DEPTH = 3;
const CARVED = 4.6;
const LINING = { nearest: 3.4, from: 3.6, to: 4.2, proposals: 400 } as const;
const CONTACT = { from: 3, to: 4.8, clash: 2.8 } as const;
const RIM = { within: 8, fidelity: 0.85 } as const;
const RETYPED = 0.15;
/** Differences of scores that are no rounding. */
const MARGIN = 1e-6;

export interface SynthPocketsOptions {
  readonly seed: number;
  /** Families to train on, and complexes of each. */
  readonly families: number;
  readonly perFamily: number;
  /** Further complexes of each of them, which are marked as validation. */
  readonly unseen?: number;
  /** Families that are marked as validation as a whole, and those marked as test. */
  readonly validation?: number;
  readonly heldOut: number;
  /** Complexes of each validation and held-out family. */
  readonly perHeldOut: number;
  readonly ligandAtoms?: number;
  /** Fewest and most torsions of a ligand; its other bonds are rigid. */
  readonly torsions?: readonly [number, number];
  /** Ligands of each family, which differ in shape and in how they lie in the pocket. */
  readonly trees?: number;
  /** Pockets of each receptor that look like the true one but do not bind. */
  readonly decoys?: number;
  /** One more family of each kind, whose ligands have symmetries. */
  readonly symmetric?: boolean;
  readonly beads?: number;
  /** Standard deviation of each coordinate of the beads of a complex about its family's, in Å. */
  readonly jitter?: number;
  /** Random poses that the true one has to beat; 0: every complex is kept. */
  readonly poses?: number;
  /** Called after each family. */
  readonly onProgress?: (done: number, total: number) => void;
}

type Settings = Required<Omit<SynthPocketsOptions, 'onProgress'>>;

export interface SynthPockets extends Complexes {
  /** By how much the contact score of each true pose exceeds the best random one's; NaN without random poses. */
  readonly margins: Float64Array;
  /** Complexes that were made, of which the filter kept `complexes`. */
  readonly drawn: number;
}

/**
 * Synthetic receptors with one pocket that binds the ligand and decoys that do not, in families: a stand-in for the clusters of
 * binding domains of DockGen (Corso et al. 2024). A receptor is a bumpy sphere of typed beads. Around a ligand, a tree of atoms,
 * a pocket is carved and lined with beads of complementary types; what binds what is the same in all families. A family shares
 * its scaffold, the places of its pockets, its ligands' shapes and poses, and a code of types around the mouth of the true one;
 * around decoys there is the code of another family that is trained on, a lure. Complexes of a family differ in the types of
 * ligand and lining, in other beads' types and in jitter.
 *
 * Complexes are named after their families, which are the clusters; families do not depend on how many others there are, but for
 * the choice of lures, nor complexes on how many follow. Throws InputError where numbers are out of range or the filter keeps
 * hardly anything.
 */
export function synthPockets(options: SynthPocketsOptions): SynthPockets {
  const settings: Settings = {
    unseen: 0, validation: 0, ligandAtoms: 9, torsions: [1, 3], trees: 6, decoys: 1, symmetric: false, beads: 70, jitter: 0.3,
    poses: 1500, ...options,
  };
  checkSettings(settings);
  const { families, perFamily, unseen, validation, heldOut, perHeldOut, symmetric } = settings;
  const motifs = rimMotifs(settings.seed);
  const kinds: readonly FamilyKind[] = [
    { name: 'train', count: families, split: SPLIT.train, size: perFamily + unseen, motifs: motifs.slice(0, 13) },
    { name: 'validation', count: validation, split: SPLIT.validation, size: perHeldOut, motifs: motifs.slice(13, 16) },
    { name: 'held-out', count: heldOut, split: SPLIT.test, size: perHeldOut, motifs: motifs.slice(16) },
  ];
  const learnt = kinds[0].motifs.slice(0, families);
  const all = kinds.filter(({ count }) => count > 0).flatMap((kind) => [
    ...Array.from({ length: kind.count }, (_, i) => ({ kind, number: i, isSymmetric: false })),
    ...(symmetric ? [{ kind, number: kind.motifs.length - 1, isSymmetric: true }] : []),
  ]);
  const [complexes, margins, clusters]: [Complex[], number[], string[]] = [[], [], []];
  let drawn = 0;
  all.forEach(({ kind, number, isSymmetric }, cluster) => {
    const name = `${kind.name}-${isSymmetric ? 'symmetric' : number}`;
    const family = makeFamily(settings, name, isSymmetric, kind.motifs[number % kind.motifs.length], learnt);
    clusters.push(name);
    for (let attempt = 0, kept = 0; kept < kind.size; attempt++) {
      if (attempt > 50 * (kept + 1)) {
        throw new InputError(`random poses score as well as the true one in nearly all of ${attempt} complexes of ${name}; `
          + 'use more ligand atoms, fewer random poses, or none');
      }
      drawn++;
      const made = makeComplex(settings, family, attempt);
      if (made.margin < MARGIN) continue;
      const split = kind.split === SPLIT.train && kept >= perFamily ? SPLIT.validation : kind.split;
      complexes.push({ ...made.complex, name: `${name}-${kept}`, cluster, split });
      margins.push(made.margin);
      kept++;
    }
    options.onProgress?.(cluster + 1, all.length);
  });
  return {
    complexes, clusters, features: [{ name: 'type', size: POCKET_TYPES.length }], receptorTypes: POCKET_TYPES, rotatable: 'graph',
    margins: Float64Array.from(margins), drawn,
  };
}

interface FamilyKind {
  readonly name: string;
  readonly count: number;
  readonly split: number;
  readonly size: number;
  readonly motifs: readonly Motif[];
}

/** Types that alternate around the mouth of a family's pocket. */
type Motif = readonly number[];

/** A family of complexes: what they have in common. */
interface Family {
  readonly name: string;
  readonly symmetric: boolean;
  readonly shapes: readonly Shape[];
  /** Of each bead of the scaffold: its type, and the type that the code of a mouth nearby gives it, -1 elsewhere. */
  readonly types: Uint8Array;
  readonly codes: Int8Array;
}

/** A ligand's tree in its family's receptor. */
interface Shape extends Tree {
  readonly torsions: readonly Torsion[];
  readonly sites: readonly Site[];
}

interface Tree {
  readonly bonds: readonly Bond[];
  /** The true pose, in Å from the middle of the receptor's sphere: [n, 3]. */
  readonly positions: Float64Array;
}

/** Where a bead is: one of the scaffold, or one that lines a pocket (0: the true one). */
interface Site {
  readonly position: Vector;
  /** Of scaffold beads. */
  readonly scaffold?: number;
  /** Of lining beads. */
  readonly pocket?: number;
  /** Of lining beads: the nearest atom. */
  readonly atom?: number;
}

/** The 20 sets of three types, in an order that the seed decides. */
function rimMotifs(seed: number): Motif[] {
  const sets: Motif[] = [];
  for (let a = 0; a < 6; a++) for (let b = a + 1; b < 6; b++) for (let c = b + 1; c < 6; c++) sets.push([a, b, c]);
  return Array.from(stream(seed, 'synth/pockets rims').permutation(sets.length), (i) => sets[i]);
}

/** `learnt`: codes of families that are trained on, which are lures elsewhere. */
function makeFamily(settings: Settings, name: string, symmetric: boolean, motif: Motif, learnt: readonly Motif[]): Family {
  const { seed, beads, decoys, trees } = settings;
  const random = stream(seed, `synth/pockets ${name}`);
  const scaffold = bumpySphere(random, beads);
  const types = Uint8Array.from({ length: beads }, () => (random.next() < 0.5 ? INERT : random.int(INERT)));
  const axes = [anyDirection(random)];
  while (axes.length <= decoys) {
    const axis = anyDirection(random);
    if (axes.every((other) => dot(axis, other) < 0.2)) axes.push(axis);
  }
  const others = learnt.filter((lure) => lure !== motif);
  const lures = others.length > 0 ? others : rimMotifs(seed).filter((lure) => lure !== motif);
  const codes = new Int8Array(beads).fill(-1);
  for (const axis of axes.toReversed()) {
    rimCode(scaffold, axis, axis === axes[0] ? motif : lures[random.int(lures.length)], codes);
  }
  const shapes = Array.from({ length: trees }, (_, i) =>
    makeShape(settings, symmetric, scaffold, axes, stream(seed, `synth/pockets ${name} ligands`, i)));
  return { name, symmetric, types, codes, shapes };
}

/** Codes of the beads around a mouth: the motif's types in turn, from the outermost inwards as carving takes the innermost. */
function rimCode(scaffold: Float64Array, axis: Vector, motif: Motif, codes: Int8Array): void {
  const mouth = scaled(axis, RADIUS);
  Array.from(codes, (_, bead) => ({ bead, d2: distance2(scaffold, bead, mouth, 0) }))
    .filter(({ d2 }) => d2 < RIM.within ** 2)
    .sort((a, b) => b.d2 - a.d2)
    .forEach(({ bead }, i) => { codes[bead] = motif[i % motif.length]; });
}

/** Beads [n, 3] on a sphere whose radius varies, none closer to another than the separation. */
function bumpySphere(random: Stream, count: number): Float64Array {
  const positions = new Float64Array(3 * count);
  for (let restart = 0; restart < 100; restart++) {
    let placed = 0;
    for (let attempt = 0; attempt < 1000 * count && placed < count; attempt++) {
      const radius = random.between(RADIUS - BUMPS, RADIUS + BUMPS);
      positions.set(scaled(anyDirection(random), radius), 3 * placed);
      if (isFree(positions, placed, SEPARATION)) placed++;
    }
    if (placed === count) return positions;
  }
  throw new InputError(`${count} beads do not fit on a receptor; use fewer`);
}

/** A tree in its family's receptor: where it lies, and the beads around it and around decoys, which are copies of it turned. */
function makeShape(
  settings: Settings, symmetric: boolean, scaffold: Float64Array, axes: readonly Vector[], random: Stream,
): Shape {
  const { ligandAtoms, torsions: [fewest, most] } = settings;
  for (let attempt = 0; attempt < 1000; attempt++) {
    const tree = growTree(random, ligandAtoms);
    const elements = new Uint8Array(ligandAtoms);
    const bondsThatTurn = rotatableBonds({ elements, bonds: tree.bonds });
    if (bondsThatTurn.length < fewest) continue;
    if (symmetric && new Set(symmetryClasses({ elements, bonds: tree.bonds })).size === ligandAtoms) continue;
    const count = fewest + random.int(Math.min(most, bondsThatTurn.length) - fewest + 1);
    const chosen = [...random.permutation(bondsThatTurn.length).subarray(0, count)].sort((a, b) => a - b);
    const copies = axes.map((axis) => placed(tree.positions, random, scaled(axis, RADIUS - DEPTH)));
    if (copies.some((copy, i) => copies.some((other, j) => j > i && touch(copy, other)))) continue;
    return {
      bonds: tree.bonds, positions: copies[0], torsions: chosen.map((i) => bondsThatTurn[i]),
      sites: carve(scaffold, copies, axes, random),
    };
  }
  throw new InputError(`no tree of ${ligandAtoms} atoms with at least ${fewest} rotatable bonds${symmetric ? ' and a symmetry' : ''} `
    + 'was found; use more ligand atoms or fewer torsions');
}

/** Whether any two atoms of two copies are in contact. */
function touch(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length / 3; i++) if (nearest(b, pointOf(a, i)) < CONTACT.to) return true;
  return false;
}

/** A tree of atoms at one bond length and angle, in which atoms without a bond keep apart; most follow the one before. */
function growTree(random: Stream, count: number): Tree {
  for (;;) {
    const positions = new Float64Array(3 * count);
    const parents = [-1];
    let blocked = 0;
    for (let atom = 1; atom < count && blocked < 30;) {
      const parent = atom === 1 || random.next() < 0.75 ? atom - 1 : random.int(atom - 1);
      const reference = parent > 0 ? parents[parent] : atom > 1 ? 1 : undefined;
      positions.set(bondedTo(random, positions, parent, reference), 3 * atom);
      if (isFree(positions, atom, APART, parent)) parents[atom++] = parent;
      else blocked++;
    }
    if (parents.length < count) continue;
    return { positions, bonds: parents.slice(1).map((parent, i) => ({ a: parent, b: i + 1, order: 1 })) };
  }
}

/** Whether a point [., 3] keeps a distance from all before it, but for one that does not count. */
function isFree(positions: Float64Array, point: number, distance: number, except?: number): boolean {
  for (let other = 0; other < point; other++) {
    if (other !== except && distance2(positions, point, positions, other) < distance ** 2) return false;
  }
  return true;
}

/** A place at bond length from an atom, at the bond angle from its bond to `reference`, anywhere around that bond. */
function bondedTo(random: Stream, positions: Float64Array, atom: number, reference: number | undefined): Vector {
  const at = pointOf(positions, atom);
  const any = anyDirection(random);
  if (reference === undefined) return sum(at, scaled(any, BOND));
  const along = unit(sum(pointOf(positions, reference), scaled(at, -1)));
  const side = unit(sum(any, scaled(along, -dot(any, along))));
  return sum(at, sum(scaled(along, BOND * Math.cos(BOND_ANGLE)), scaled(side, BOND * Math.sin(BOND_ANGLE))));
}

/**
 * The scaffold's beads that keep their distance from the ligand and its copies, and beads that line a pocket around each of them,
 * open outwards. Lining beads touch no other pocket's ligand.
 */
function carve(scaffold: Float64Array, copies: readonly Float64Array[], axes: readonly Vector[], random: Stream): Site[] {
  const sites: Site[] = [];
  for (let bead = 0; bead < scaffold.length / 3; bead++) {
    const position = pointOf(scaffold, bead);
    if (copies.some((copy) => nearest(copy, position) <= CARVED)) continue;
    sites.push({ position, scaffold: bead });
  }
  copies.forEach((copy, pocket) => {
    for (let proposal = 0; proposal < LINING.proposals; proposal++) {
      const from = pointOf(copy, random.int(copy.length / 3));
      const way = anyDirection(random);
      const position = sum(from, scaled(way, random.between(LINING.from, LINING.to)));
      if (dot(way, axes[pocket]) > 0.5) continue;
      if (copies.some((other) => nearest(other, position) < (other === copy ? LINING.nearest : CONTACT.to))) continue;
      if (sites.some((site) => distance2(site.position, 0, position, 0) < SEPARATION ** 2)) continue;
      sites.push({ position, pocket, atom: nearestAtom(copy, position) });
    }
  });
  return sites;
}

/** One complex of a family, and by how much its true pose beats random ones. */
function makeComplex(settings: Settings, family: Family, attempt: number): { complex: Complex; margin: number } {
  const random = stream(settings.seed, `synth/pockets ${family.name} complexes`, attempt);
  const shape = family.shapes[attempt % family.shapes.length];
  const { sites, bonds, positions, torsions } = shape;
  const atoms = atomTypes(random, shape, family.symmetric);
  const types = Int32Array.from(sites, (site) => beadType(random, family, site, atoms));
  const noise = random.normal(3 * sites.length, 0, settings.jitter);
  const beads = Float64Array.from(noise, (shift, i) => sites[Math.floor(i / 3)].position[i % 3] + shift);
  const graph = { elements: Uint8Array.from(atoms, (type) => ELEMENTS[type]), bonds };
  const margin = settings.poses > 0
    ? marginOf(random, settings.poses, { symmetries: automorphisms(graph), atoms, positions, torsions, types, beads }) : NaN;

  const seedPose = Float64Array.from(positions);
  for (const torsion of torsions) turnBond(seedPose, torsion, random.between(-Math.PI, Math.PI));
  const middle = centroid(beads);
  const turn = anyRotation(random);
  const vectors = new Float32Array(9 * sites.length);
  for (let i = 0; i < sites.length; i++) {
    vectors.set(rotated(unit(pointOf(beads, i)), turn, [0, 0, 0], [0, 0, 0]), 9 * i);
  }
  const place = (points: ArrayLike<number>): Float32Array => Float32Array.from(rotated(points, turn, middle, [0, 0, 0]));
  const [x, y, z] = rotated(middle, turn, [0, 0, 0], [0, 0, 0]);
  const complex: Complex = {
    name: '', split: SPLIT.train, center: [x, y, z],
    receptor: { types, positions: place(beads), vectors, atoms: { elements: new Uint8Array(0), positions: new Float32Array(0) } },
    ligand: {
      molecule: molecule({
        ...graph, name: '', charges: Int8Array.from(atoms, (type) => CHARGES[type]), positions: placed(seedPose, random, [0, 0, 0]),
      }),
      features: Int32Array.from(atoms), torsions,
    },
    poses: [place(positions)],
  };
  return { complex, margin };
}

/** Types of a ligand's atoms: such that there are no symmetries, or alike in each class where these are asked for. */
function atomTypes(random: Stream, { bonds, positions }: Shape, symmetric: boolean): Uint8Array {
  const count = positions.length / 3;
  if (symmetric) {
    const classes = symmetryClasses({ elements: new Uint8Array(count), bonds });
    const types = random.integers(count, INERT);
    return Uint8Array.from(classes, (own) => types[own]);
  }
  for (let attempt = 0; attempt < 1000; attempt++) {
    const elements = Uint8Array.from(random.integers(count, INERT));
    if (automorphisms({ elements, bonds }, 2).length === 1) return elements;
  }
  throw new InputError('every choice of types leaves a ligand with symmetries; use fewer ligand atoms');
}

function beadType(random: Stream, family: Family, { scaffold, pocket, atom }: Site, atoms: Uint8Array): number {
  if (scaffold === undefined) {
    const fitting = COMPLEMENT[atoms[atom!]];
    return pocket === 0 ? fitting : otherThan(random, fitting);
  }
  const own = family.types[scaffold];
  const drawn = own === INERT && random.next() < RETYPED ? otherThan(random, INERT) : own;
  const code = family.codes[scaffold];
  return code >= 0 && random.next() < RIM.fidelity ? code : drawn;
}

const otherThan = (random: Stream, type: number): number => {
  const drawn = random.int(POCKET_TYPES.length - 1);
  return drawn < type ? drawn : drawn + 1;
};

interface Scored {
  /** Types of ligand atoms and of beads, and where these are, in Å: [n], [r] and [r, 3]. */
  readonly atoms: ArrayLike<number>;
  readonly types: ArrayLike<number>;
  readonly beads: Float64Array;
}

/**
 * How well a pose [n, 3] binds: complementary pairs at 3 to 4.8 Å, less 0.3 for each other pair in that shell whose bead is not
 * inert, less 2 for each pair closer than 2.8 Å.
 */
export function contactScore(pose: Float64Array, { atoms, types, beads }: Scored): number {
  const [x, y, z] = centroid(pose);
  let extent = 0;
  for (let i = 0; i < pose.length; i += 3) {
    extent = Math.max(extent, (pose[i] - x) ** 2 + (pose[i + 1] - y) ** 2 + (pose[i + 2] - z) ** 2);
  }
  const reach = (Math.sqrt(extent) + CONTACT.to) ** 2;
  let score = 0;
  for (let j = 0; j < types.length; j++) {
    const [bx, by, bz] = [beads[3 * j], beads[3 * j + 1], beads[3 * j + 2]];
    if ((bx - x) ** 2 + (by - y) ** 2 + (bz - z) ** 2 > reach) continue;
    for (let i = 0; i < atoms.length; i++) {
      const d2 = (pose[3 * i] - bx) ** 2 + (pose[3 * i + 1] - by) ** 2 + (pose[3 * i + 2] - bz) ** 2;
      if (d2 >= CONTACT.to ** 2) continue;
      if (d2 < CONTACT.clash ** 2) score -= 2;
      else if (d2 > CONTACT.from ** 2) score += COMPLEMENT[atoms[i]] === types[j] ? 1 : types[j] === INERT ? 0 : -0.3;
    }
  }
  return score;
}

/** Score of the true pose less the best of random poses more than 2 Å from it; a third of these lie at the true place. */
function marginOf(
  random: Stream, count: number, { symmetries, positions, torsions, ...scored }: Scored & Pick<Shape, 'positions' | 'torsions'> & {
    readonly symmetries: readonly (readonly number[])[];
  },
): number {
  const n = positions.length / 3;
  const [x, y, z] = centroid(positions);
  const pose = new Float64Array(positions.length);
  const draws = new Float32Array(6 + torsions.length);
  let best = -Infinity;
  for (let k = 0; k < count; k++) {
    random.uniform(draws);
    pose.set(positions);
    for (let i = 0; i < torsions.length; i++) turnBond(pose, torsions[i], 2 * Math.PI * draws[6 + i]);
    const near = k % 3 === 0;
    const [dx, dy, dz] = direction(draws[3], draws[4]);
    const length = near ? Math.cbrt(draws[5]) : 5 + 7 * draws[5];
    const to: Vector = near ? [x + length * dx, y + length * dy, z + length * dz] : [length * dx, length * dy, length * dz];
    rotated(pose, rotation(draws[0], draws[1], draws[2]), centroid(pose), to, pose);
    const isTrue = near && symmetries.some((mapping) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += distance2(pose, i, positions, mapping[i]);
      return sum <= 4 * n;
    });
    if (!isTrue) best = Math.max(best, contactScore(pose, scored));
  }
  return contactScore(positions, scored) - best;
}

const anyDirection = (random: Stream): Vector => direction(random.next(), random.next());
const anyRotation = (random: Stream): readonly number[] => rotation(random.next(), random.next(), random.next());
/** Turned at random, with its middle at `to`. */
const placed = (positions: Float64Array, random: Stream, to: Vector): Float64Array =>
  rotated(positions, anyRotation(random), centroid(positions), to);
const pointOf = (points: ArrayLike<number>, i: number): Vector => [points[3 * i], points[3 * i + 1], points[3 * i + 2]];
const sum = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const scaled = (a: Vector, by: number): Vector => [by * a[0], by * a[1], by * a[2]];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const unit = (a: Vector): Vector => scaled(a, 1 / Math.sqrt(dot(a, a)));

function nearestAtom(atoms: Float64Array, point: Vector): number {
  let best = 0;
  for (let i = 1; i < atoms.length / 3; i++) if (distance2(atoms, i, point, 0) < distance2(atoms, best, point, 0)) best = i;
  return best;
}

/** Distance of the nearest atom. */
const nearest = (atoms: Float64Array, point: Vector): number => Math.sqrt(distance2(atoms, nearestAtom(atoms, point), point, 0));

function checkSettings(settings: Settings): void {
  const [fewest, most] = settings.torsions;
  checkWhole('the number of families to train on', settings.families, 1, 10_000);
  checkWhole('the number of complexes of a family', settings.perFamily, 1, 1_000_000);
  checkWhole('the number of unseen complexes of a family', settings.unseen, 0, 1_000_000);
  checkWhole('the number of validation families', settings.validation, 0, 10_000);
  checkWhole('the number of held-out families', settings.heldOut, 0, 10_000);
  checkWhole('the number of complexes of a held-out family', settings.perHeldOut, 1, 1_000_000);
  checkWhole('the number of ligand atoms', settings.ligandAtoms, 2, 24);
  checkWhole('the fewest torsions', fewest, 0, 24);
  checkWhole('the most torsions', most, fewest, 24);
  checkWhole('the number of ligands of a family', settings.trees, 1, 100_000);
  checkWhole('the number of decoys', settings.decoys, 0, 3);
  checkWhole('the number of beads', settings.beads, 10, 80);
  if (!(settings.jitter >= 0 && settings.jitter <= 5)) throw new InputError(`the jitter must be from 0 to 5 Å, but is ${settings.jitter}`);
  checkWhole('the number of random poses', settings.poses, 0, 1_000_000);
}
