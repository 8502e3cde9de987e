import { float32, int32 } from '../array.js';
import {
  add, concat, constant, cos, exp, expand, gather, gt, input, log, matmul, maximum, mul, recip, reshape, rsqrt, silu, sin, sqrt,
  square, sub, sum, transpose, unsqueeze, type Tensor,
} from '../graph/index.js';
import { embedding, init, layerNorm, linear, type Scope } from '../nn/index.js';

export const PARITIES = ['se3', 'o3'] as const;

/**
 * All that is needed to build a network again. Its states are scalars and polar vectors (PaiNN, Schuett et al. 2021) of residues
 * and of the ligand's atoms. Residues talk to their neighbours only, so that their states are computed once for a receptor,
 * whatever the ligand does; atoms listen to every residue in reach and to each other, to near ones most.
 */
export interface NetworkSpec {
  /** `o3` knows no handedness: mirrored complexes get mirrored scores. `se3` has cross products of vectors, too. */
  readonly parity: (typeof PARITIES)[number];
  /** Scalars and vectors of a node. */
  readonly scalars: number;
  readonly vectors: number;
  /** Layers of the ligand. */
  readonly layers: number;
  readonly receptorLayers: number;
  /** Nearest residues that a residue listens to. */
  readonly neighbours: number;
  /** Gaussians of a distance. */
  readonly radial: number;
  /** Sizes of the categorical features of atoms. */
  readonly features: readonly number[];
  /** Number of types of residues. */
  readonly types: number;
  /** Vectors that come with a residue: 3 for residues of proteins, 1 for beads. */
  readonly directions: number;
}

/** Static sizes of a batch; what is smaller is padded. */
export interface BatchShape {
  /** Complexes. */
  readonly graphs: number;
  /** Poses of each of them. */
  readonly poses: number;
  readonly atoms: number;
  readonly torsions: number;
  /** Residues of a receptor. */
  readonly nodes: number;
  /** Residues that a ligand sees: all, or the nearest ones of a large receptor. */
  readonly visible: number;
}

/** States of residues, rows [R, nodes]: scalars [R, nodes, ns] and vectors [R, nodes, nv, 3]. */
export interface ReceptorStates {
  readonly scalars: Tensor;
  readonly vectors: Tensor;
}

/** States of atoms: scalars [G, ns, S, n] and vectors [G, nv, S, n, 3], and what read-outs need besides. */
interface LigandStates {
  readonly scalars: Tensor;
  readonly vectors: Tensor;
  /** Sines and cosines of the time [G, TIME, S]. */
  readonly time: Tensor;
  /** [G, S, n, 3] from the middle of what is visible. */
  readonly positions: Tensor;
  /** 1 for atoms, 0 for padding: [G, 1, 1, n]. */
  readonly mask: Tensor;
  /** Atoms of each ligand [G, 1, 1, 1]. */
  readonly count: Tensor;
}

/** Width of the embedding of time; pairs of sine and cosine. */
const TIME = 32;
/** Bond orders: single, double, triple, aromatic. */
const ORDERS = 4;
/** Å: atoms of a ligand talk to each other over bonds and up to here. */
const LIGAND_REACH = 5;
/** Å: a node of this distance weighs half as much in a mean of messages as one close by; contacts are few among many others. */
const CONTACT = 4;
/** Å: distances are softened by this where they divide. */
const SOFT = 0.1;
/** Nearest and farthest centre of a radial function, in Å. */
const [NEAREST, FARTHEST] = [1.5, 60] as const;

/** Directions that a residue's neighbour shows: to it, its vectors and, for se3, the cross products of these with the first. */
export const frameGroups = ({ parity, directions }: NetworkSpec): number => 1 + (parity === 'se3' ? 2 : 1) * directions;

/** Cosines between a pair's direction and both residues' vectors, and between the vectors. */
export const angleCount = ({ directions }: NetworkSpec): number => 2 * directions + directions ** 2;

/** Inputs of `encodeReceptors` for R receptors; core/docking/graphs says what they hold. */
export function receptorInputs(spec: NetworkSpec, receptors: number, nodes: number) {
  const { neighbours: k, directions } = spec;
  return {
    types: input('receptor.types', [receptors, nodes], 'int32'),
    neighbours: input('receptor.neighbours', [receptors, nodes, k], 'int32'),
    weights: input('receptor.weights', [receptors, nodes, k]),
    distances: input('receptor.distances', [receptors, nodes, k]),
    angles: input('receptor.angles', [receptors, nodes, k, angleCount(spec)]),
    frames: input('receptor.frames', [receptors, nodes, 3 * frameGroups(spec), k]),
    vectors: input('receptor.vectors', [receptors, nodes, 3, directions]),
  };
}
export type ReceptorInputs = ReturnType<typeof receptorInputs>;

/** Inputs of the ligand's layers and read-outs. */
export function ligandInputs({ features }: NetworkSpec, { graphs, poses, atoms, torsions, visible }: BatchShape) {
  return {
    features: input('ligand.features', [graphs, atoms, features.length], 'int32'),
    mask: input('ligand.mask', [graphs, atoms]),
    bonds: input('ligand.bonds', [graphs, ORDERS, atoms, atoms]),
    positions: input('ligand.positions', [graphs, poses, atoms, 3]),
    from: input('torsions.from', [graphs, torsions, atoms]),
    to: input('torsions.to', [graphs, torsions, atoms]),
    sides: input('torsions.sides', [graphs, torsions, atoms]),
    visiblePositions: input('visible.positions', [graphs, visible, 3]),
    visibleMask: input('visible.mask', [graphs, visible]),
    times: input('times', [graphs, poses]),
    reach: input('reach', [graphs, poses]),
  };
}
export type LigandInputs = ReturnType<typeof ligandInputs>;

/** x W^T + b over axis 1: [B, in, ...] -> [B, out, ...]. */
function mix(scope: Scope, x: Tensor, out: number, { bias = true } = {}): Tensor {
  const channels = x.shape[1];
  const weight = scope.param('weight', [out, channels], init.torchDefault);
  const y = matmul(weight, reshape(x, [x.shape[0], channels, -1]));
  const shifted = bias ? y.add(scope.param('bias', [out, 1], init.uniform(1 / Math.sqrt(channels)))) : y;
  return reshape(shifted, [x.shape[0], out, ...x.shape.slice(2)]);
}

/** Layer normalisation over axis 1 of [B, C, ...]. */
function normalize(scope: Scope, x: Tensor): Tensor {
  const centred = sub(x, x.mean(1, true));
  const shape = [x.shape[1], ...x.shape.slice(2).map(() => 1)];
  return mul(centred, rsqrt(square(centred).mean(1, true).add(1e-5)))
    .mul(scope.param('weight', shape, init.ones)).add(scope.param('bias', shape, init.zeros));
}

/** a x b over the last axis. */
function cross(a: Tensor, b: Tensor): Tensor {
  const [ahead, behind] = [[0, 0, 1, 1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1, 1, 0, 0]].map((m) => constant(float32([3, 3], m)));
  return sub(mul(matmul(a, ahead), matmul(b, behind)), mul(matmul(a, behind), matmul(b, ahead)));
}

/** Gaussians of a distance [..., 1] whose centres and widths grow with it: [..., count]; or [B, count, ...] of [B, 1, ...]. */
function radialBasis(distances: Tensor, count: number, axis: number): Tensor {
  const [low, high] = [Math.log(1 + NEAREST), Math.log(1 + FARTHEST)];
  const spacing = (high - low) / (count - 1);
  const shape = distances.shape.map((_, i) => (i === axis ? count : 1));
  const centres = constant(float32(shape, Float32Array.from({ length: count }, (_, k) => low + k * spacing)));
  return exp(square(sub(log(distances.add(1)), centres)).mul(-0.5 / spacing ** 2));
}

/** Lengths of vectors [..., 3], without an infinite slope at 0: [..., 1]. */
const lengths = (v: Tensor): Tensor => sqrt(square(v).sum(-1, true).add(1e-6));

/**
 * The receptor's own layers. A residue's scalars come from its type, its vectors from the directions that it shows; then every
 * layer adds messages from its nearest residues: of scalars, and of directions that it sees there, weighted by what both
 * residues are, their distance and their angles.
 */
export function encodeReceptors(spec: NetworkSpec, scope: Scope, given: ReceptorInputs): ReceptorStates {
  const { scalars: ns, vectors: nv, neighbours: k } = spec;
  const [receptors, nodes] = given.types.shape;
  const rows = receptors * nodes;
  const groups = frameGroups(spec);
  let s = reshape(embedding(scope.at('types'), given.types, spec.types, ns), [rows, ns]);
  let v = linear(scope.at('directions'), reshape(given.vectors, [rows, 3, spec.directions]), nv, { bias: false });
  const edges = reshape(concat([radialBasis(unsqueeze(given.distances, -1), spec.radial, 3), given.angles], 3), [rows, k, -1]);
  const weights = reshape(given.weights, [rows, 1, k]);
  const frames = reshape(given.frames, [rows, 3 * groups, k]);
  const neighbours = reshape(given.neighbours, [rows, k]);
  for (let i = 0; i < spec.receptorLayers; i++) {
    const layer = scope.at('layers').at(i);
    const y = layerNorm(layer.at('norm'), s);
    const hidden = silu(add(
      add(linear(layer.at('edge'), edges, ns), unsqueeze(linear(layer.at('own'), y, ns, { bias: false }), 1)),
      gather(linear(layer.at('other'), y, ns, { bias: false }), neighbours)));
    s = s.add(linear(layer.at('scalar'), reshape(matmul(weights, hidden), [rows, ns]), ns, { bias: false }));
    // Columns are [axis, group]: directions of all groups are mixed alike for every axis.
    v = v.add(linear(layer.at('vector'), reshape(matmul(frames, hidden), [rows, 3, groups * ns]), nv, { bias: false }));
    const update = layer.at('update');
    const [left, right] = ['left', 'right'].map((name) => linear(update.at(name), v, nv, { bias: false }));
    const norms = reshape(sqrt(square(right).sum(1).add(1e-6)), [rows, nv]);
    const seen = silu(linear(update.at('in'), concat([layerNorm(update.at('norm'), s), norms], 1), ns));
    const product = left.mul(right).sum(1).mul(linear(update.at('product'), seen, nv));
    s = s.add(linear(update.at('scalar'), seen, ns)).add(linear(update.at('inner'), product, ns, { bias: false }));
    v = v.add(left.mul(unsqueeze(linear(update.at('vector'), seen, nv), 1)));
  }
  return {
    scalars: reshape(s, [receptors, nodes, ns]),
    vectors: transpose(reshape(v, [receptors, nodes, 3, nv]), [0, 1, 3, 2]),
  };
}

/** Rows of residues' states that ligands see: [R, nodes, ...] by row numbers [G, visible]. */
export function visibleStates({ scalars, vectors }: ReceptorStates, rows: Tensor): ReceptorStates {
  const of = (x: Tensor): Tensor => gather(reshape(x, [x.shape[0] * x.shape[1], ...x.shape.slice(2)]), rows);
  return { scalars: of(scalars), vectors: of(vectors) };
}

/** Nodes at one end of pairs: scalars [B, ns, N], vectors [B, nv, N, 3], positions [B, N, 3]. */
interface End {
  readonly s: Tensor;
  readonly v: Tensor | undefined;
  readonly x: Tensor;
}

/** What pairs [B, N, K] of a listener and a speaker have in common. */
interface Pairs {
  /** [B, E, N K]: radial functions and bonds. */
  readonly edges: Tensor;
  /** Weight in means: 0 beyond reach, less the farther off within it: [B, 1, N, K]. */
  readonly weights: Tensor;
  /** 1 over the distance: [B, 1, N, K]. */
  readonly inverse: Tensor;
  /** 1 over the sum of a listener's weights: [B, 1, N]. */
  readonly share: Tensor;
}

/**
 * Messages to N nodes from K others, in weighted means: ds = mean a(h), dv = mean b(h) r + c(h) v_j + q(h) v_j x r with r the
 * unit vector to the other node and h a hidden layer of both nodes, their distance and `told`. As a, b, c are linear in h, sums
 * over j come first where they can; r is (x_j - x_i) / d, so that no array of all pairs has an axis of space.
 */
function messages(
  { scalars: ns, vectors: nv, parity }: NetworkSpec, scope: Scope, to: End, from: End, pairs: Pairs, told: Tensor,
): { ds: Tensor; dv: Tensor } {
  const { edges, weights, inverse, share } = pairs;
  const [graphs, , listeners] = to.s.shape;
  const speakers = from.s.shape[2];
  const hidden = silu(add(
    add(reshape(mix(scope.at('edge'), edges, ns), [graphs, ns, listeners, speakers]),
      unsqueeze(add(mix(scope.at('own'), to.s, ns, { bias: false }), told), 3)),
    unsqueeze(mix(scope.at('other'), from.s, ns, { bias: false }), 2))).mul(weights);
  const ds = mix(scope.at('scalar'), hidden.sum(3).mul(share), ns, { bias: false });

  const [x, perSpeaker] = [unsqueeze(to.x, 1), unsqueeze(share, 3)];
  const near = hidden.mul(inverse);
  const pulls = reshape(
    matmul(reshape(near, [graphs, ns * listeners, speakers]), concat([from.x, expand(constant(1), [graphs, speakers, 1])], 2)),
    [graphs, ns, listeners, 4]);
  const [ends, starts] = [pulls.slice([null, null, null, [0, 3]]), pulls.slice([null, null, null, [3, 4]])];
  let dv = mix(scope.at('direction'), ends.sub(starts.mul(x)).mul(perSpeaker), nv, { bias: false });
  if (!from.v) return { ds, dv };
  dv = dv.add(matmul(mix(scope.at('vector'), hidden, nv, { bias: false }), from.v).mul(perSpeaker));
  if (parity === 'o3') return { ds, dv };
  const turned = concat([cross(from.v, expand(unsqueeze(from.x, 1), from.v.shape)), from.v], 3);
  const sums = matmul(mix(scope.at('cross'), near, nv, { bias: false }), turned);
  const [far, close] = [sums.slice([null, null, null, [0, 3]]), sums.slice([null, null, null, [3, 6]])];
  return { ds, dv: dv.add(far.sub(cross(close, expand(x, close.shape))).mul(perSpeaker)) };
}

/** Scalars and vectors [B, ns, N], [B, nv, N, 3] of every node after it has thought about its own: PaiNN's update. */
function update({ scalars: ns, vectors: nv }: NetworkSpec, scope: Scope, s: Tensor, v: Tensor): { s: Tensor; v: Tensor } {
  const [left, right] = ['left', 'right'].map((name) => mix(scope.at(name), v, nv, { bias: false }));
  const norms = reshape(lengths(right), [...right.shape.slice(0, 3)]);
  const seen = silu(mix(scope.at('in'), concat([normalize(scope.at('norm'), s), norms], 1), ns));
  const product = left.mul(right).sum(3).mul(mix(scope.at('product'), seen, nv));
  return {
    s: s.add(mix(scope.at('scalar'), seen, ns)).add(mix(scope.at('inner'), product, ns, { bias: false })),
    v: v.add(left.mul(unsqueeze(mix(scope.at('vector'), seen, nv), 3))),
  };
}

/** Sines and cosines of 1000 times [G, S], with a transformer's frequencies from 1 to 1e-4: [G, TIME, S]. */
function timeEmbedding(times: Tensor): Tensor {
  const half = TIME / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => 1000 * 10000 ** (-i / (half - 1)));
  const angles = unsqueeze(times, 1).mul(constant(float32([1, half, 1], frequencies)));
  return concat([sin(angles), cos(angles)], 1);
}

/** The ligand's layers, which see the states of the visible residues. */
export function ligandStates(
  spec: NetworkSpec, scope: Scope, receptor: ReceptorStates, given: LigandInputs,
): LigandStates {
  const { scalars: ns, vectors: nv } = spec;
  const [graphs, poses, atoms] = given.positions.shape;
  const visible = given.visibleMask.shape[1];
  const all = poses * atoms;
  const middle = sum(given.visiblePositions.mul(unsqueeze(given.visibleMask, 2)), 1, true)
    .div(maximum(unsqueeze(given.visibleMask.sum(1, true), 2), 1));
  const residues: End = {
    s: transpose(receptor.scalars, [0, 2, 1]), v: transpose(receptor.vectors, [0, 2, 1, 3]),
    x: given.visiblePositions.sub(middle),
  };
  const positions = given.positions.sub(unsqueeze(middle, 1));
  const x = reshape(positions, [graphs, all, 3]);

  // All poses of a complex listen to the residues side by side, [G, C, S n, ...]; among themselves the atoms of every pose are a
  // graph of its own, [G S, C, n, ...].
  const apart = (y: Tensor): Tensor => {
    const [, channels, , ...rest] = y.shape;
    const poseFirst = exchanged(reshape(y, [graphs, channels, poses, atoms, ...rest]));
    return reshape(poseFirst, [graphs * poses, channels, atoms, ...rest]);
  };
  const together = (y: Tensor): Tensor => {
    const [, channels, , ...rest] = y.shape;
    const channelFirst = exchanged(reshape(y, [graphs, poses, channels, atoms, ...rest]));
    return reshape(channelFirst, [graphs, channels, all, ...rest]);
  };

  const toResidues = distancesBetween(x, residues.x);
  const reach = reshape(expand(unsqueeze(given.reach, 2), [graphs, poses, atoms]), [graphs, 1, all, 1]);
  const contacts = pairsOf(spec, toResidues, gt(reach, toResidues).mul(reshape(given.visibleMask, [graphs, 1, 1, visible])));

  const own = reshape(positions, [graphs * poses, atoms, 3]);
  const everyPose = (y: Tensor): Tensor => reshape(expand(unsqueeze(y, 1), [graphs, poses, ...y.shape.slice(1)]),
    [graphs * poses, ...y.shape.slice(1)]);
  const withinLigand = distancesBetween(own, own);
  const bonded = everyPose(given.bonds);
  const others = sub(1, constant(float32([1, 1, atoms, atoms], identity(atoms))));
  const near = maximum(gt(LIGAND_REACH, withinLigand), bonded.sum(1, true)).mul(others)
    .mul(everyPose(reshape(given.mask, [graphs, 1, 1, atoms])));
  const inner = pairsOf(spec, withinLigand, near, bonded);

  const time = timeEmbedding(given.times);
  const toAtoms = (y: Tensor, axis: 2 | 3): Tensor =>
    reshape(expand(unsqueeze(y, axis), [graphs, y.shape[1], poses, atoms]), [graphs, y.shape[1], all]);
  const embedded = transpose(embedFeatures(spec, scope.at('features'), given.features), [0, 2, 1]);
  let s = add(toAtoms(embedded, 2), toAtoms(mix(scope.at('time'), time, ns), 3));
  let v: Tensor | undefined;
  for (let i = 0; i < spec.layers; i++) {
    const layer = scope.at('layers').at(i);
    const y = normalize(layer.at('norm'), s);
    const told = (name: string): Tensor => toAtoms(mix(layer.at(name).at('time'), time, ns, { bias: false }), 3);
    const outer = messages(spec, layer.at('residues'), { s: y, v, x }, residues, contacts, told('residues'));
    const self: End = { s: apart(y), v: v && apart(v), x: own };
    const among = messages(spec, layer.at('atoms'), self, self, inner, apart(told('atoms')));
    s = s.add(outer.ds).add(together(among.ds));
    const dv = outer.dv.add(together(among.dv));
    ({ s, v } = update(spec, layer.at('update'), s, v ? v.add(dv) : dv));
  }
  return {
    scalars: reshape(normalize(scope.at('norm'), s), [graphs, ns, poses, atoms]),
    vectors: reshape(v!, [graphs, nv, poses, atoms, 3]),
    time, positions, mask: reshape(given.mask, [graphs, 1, 1, atoms]),
    count: reshape(maximum(given.mask.sum(1, true), 1), [graphs, 1, 1, 1]),
  };
}

/** Sum of the embeddings of an atom's features [G, n, F], one table for all of them: [G, n, ns]. */
function embedFeatures({ features, scalars }: NetworkSpec, scope: Scope, categories: Tensor): Tensor {
  let total = 0;
  const first = Int32Array.from(features, (size) => (total += size) - size);
  return embedding(scope, add(categories, constant(int32([1, 1, first.length], first))), total, scalars).sum(2);
}

/** Axes 1 and 2 exchanged. */
const exchanged = (y: Tensor): Tensor => transpose(y, [0, 2, 1, ...y.shape.slice(3).map((_, i) => 3 + i)]);

/** [B, 1, N, K] distances of points [B, N, 3] and [B, K, 3], axis by axis: no digits are lost. */
function distancesBetween(a: Tensor, b: Tensor): Tensor {
  const [graphs, n] = a.shape;
  const k = b.shape[1];
  const squares = [0, 1, 2].map((axis) => {
    const of = (x: Tensor, shape: number[]): Tensor => reshape(x.slice([null, null, [axis, axis + 1]]), shape);
    return square(sub(of(a, [graphs, 1, n, 1]), of(b, [graphs, 1, 1, k])));
  });
  return sqrt(squares.reduce(add));
}

function pairsOf({ radial }: NetworkSpec, distances: Tensor, within: Tensor, bonds?: Tensor): Pairs {
  const [graphs, , n, k] = distances.shape;
  const basis = radialBasis(distances, radial, 1);
  const squares = square(distances);
  const weights = within.mul(recip(squares.mul(1 / CONTACT ** 2).add(1)));
  return {
    edges: reshape(bonds ? concat([basis, bonds], 1) : basis, [graphs, -1, n * k]),
    // A listener that hears nobody has a sum of 0.
    weights, inverse: recip(sqrt(squares.add(SOFT ** 2))), share: recip(maximum(weights.sum(3), 1e-6)),
  };
}

const identity = (n: number): Float32Array => Float32Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));

/** Scores in units of `scoreScales`: tr and rot [G, S, 3], tor [G, S, m]. */
export interface Scores {
  readonly tr: Tensor;
  readonly rot: Tensor;
  readonly tor: Tensor;
}

/**
 * The scores, read out as forces on atoms. Of two polar vectors F_i and H_i of every atom, the translation is the mean F, the
 * rotation the mean torque of H about the ligand's mean, and a torsion the torque about its bond of one side less that of the
 * other, which does not depend on the end that the bond is looked at from. Lengths of the first two are then set anew; torsions
 * are multiplied by an even function.
 */
export function scores(spec: NetworkSpec, scope: Scope, receptor: ReceptorStates, given: LigandInputs): Scores {
  const states = ligandStates(spec, scope.at('ligand'), receptor, given);
  const { scalars: ns, vectors: nv } = spec;
  const { scalars, vectors, time, positions: x, mask, count } = states;
  const [graphs, , poses, atoms] = scalars.shape;
  const head = scope.at('scores');
  const told = mix(head.at('time'), time, ns, { bias: false });
  const hidden = silu(add(mix(head.at('gates').at('in'), scalars, ns), unsqueeze(told, 3)));
  const [force, turn] = ['force', 'turn'].map((name) =>
    vectors.mul(unsqueeze(mix(head.at('gates').at(name), hidden, nv), 4)).sum(1).mul(reshape(mask, [graphs, 1, atoms, 1])));
  const perAtom = recip(reshape(count, [graphs, 1, 1]));
  const mean = x.mul(reshape(mask, [graphs, 1, atoms, 1])).sum(2, true).mul(unsqueeze(perAtom, 3));
  const arms = x.sub(mean);
  const gyration = sqrt(square(arms).sum(3).mul(reshape(mask, [graphs, 1, atoms])).sum(2, true).mul(perAtom).add(1e-6));
  const tr = force.sum(2).mul(perAtom);
  const rot = cross(arms, turn).sum(2).mul(perAtom).div(gyration.add(1));

  /** A vector [G, S, 3] with a length that is a function of its length and the time. */
  const rescaled = (name: string, vector: Tensor): Tensor => {
    const length = lengths(vector);
    const layer = silu(add(mix(head.at(name).at('in'), reshape(length, [graphs, 1, poses]), ns), told));
    return vector.div(length).mul(reshape(mix(head.at(name).at('out'), layer, 1), [graphs, poses, 1]));
  };
  return { tr: rescaled('tr', tr), rot: rescaled('rot', rot), tor: torsionScores() };

  function torsionScores(): Tensor {
    const torsions = given.sides.shape[1];
    // Of every torsion, where its ends are: [G, S, m, 3].
    const end = (which: Tensor): Tensor => matmul(unsqueeze(which, 1), arms);
    const [from, to] = [end(given.from), end(given.to)];
    const bond = from.sub(to);
    const axis = bond.div(lengths(bond));
    // Of one side less the other: sum (x_i - x_v) x H_i = sum x_i x H_i - x_v x sum H_i.
    const sides = unsqueeze(given.sides, 1);
    const torque = matmul(sides, cross(arms, turn)).sub(cross(to, matmul(sides, turn)));
    const q = axis.mul(torque).sum(3).mul(perAtom);
    const ends = matmul(reshape(scalars, [graphs, ns * poses, atoms]), add(given.from, given.to), { tb: true });
    const size = reshape(sqrt(square(q).add(1e-6)), [graphs, 1, poses, torsions]);
    const seen = concat([reshape(ends, [graphs, ns, poses, torsions]), size], 1);
    const layer = silu(add(mix(head.at('tor').at('in'), seen, ns), unsqueeze(told, 3)));
    return q.mul(reshape(mix(head.at('tor').at('out'), layer, 1), [graphs, poses, torsions]));
  }
}

/** Logits of a pose's being right [G, S], and of each of its atoms' [G, S, n]. */
export interface Confidence {
  readonly pose: Tensor;
  readonly atoms: Tensor;
}

/** The same layers with another read-out: the mean of the atoms' scalars, and three layers. */
export function confidence(spec: NetworkSpec, scope: Scope, receptor: ReceptorStates, given: LigandInputs): Confidence {
  const { scalars, mask, count } = ligandStates(spec, scope.at('ligand'), receptor, given);
  const [graphs, ns, poses, atoms] = scalars.shape;
  const head = scope.at('confidence');
  const pooled = scalars.mul(mask).sum(3).div(reshape(count, [graphs, 1, 1]));
  const hidden = silu(mix(head.at(1), silu(mix(head.at(0), pooled, ns)), ns));
  return {
    pose: reshape(mix(head.at(2), hidden, 1), [graphs, poses]),
    atoms: reshape(mix(head.at('atoms'), scalars, 1), [graphs, poses, atoms]),
  };
}
