import { float32, type NdArray } from '../array.js';
import { input, maximum, mul, softplus, sub, sum, type Tensor } from '../graph/index.js';
import type { Scope } from '../nn/index.js';
import type { Stream } from '../random.js';
import type { Feeds } from '../train/index.js';
import type { Complex } from './complexes.js';
import { ligandFeeds, reachOf, receptorFeeds, visibleResidues, visibleRows, type PosedLigand } from './graphs.js';
import {
  confidence, encodeReceptors, ligandInputs, receptorInputs, scores, visibleStates,
  type BatchShape, type LigandInputs, type NetworkSpec, type ReceptorStates,
} from './network.js';
import { addNoise, perFactor, sigmaAt, type Noised, type NoiseRanges, type PerFactor } from './noise.js';

/** Ligands of a batch as inputs, and the states of its residues as they see them. */
function batchStates(
  spec: NetworkSpec, scope: Scope, shape: BatchShape,
): { readonly receptor: ReceptorStates; readonly ligand: LigandInputs } {
  const all = encodeReceptors(spec, scope.at('receptor'), receptorInputs(spec, shape.graphs, shape.nodes));
  const rows = shape.visible < shape.nodes ? input('visible.rows', [shape.graphs, shape.visible], 'int32') : undefined;
  return { receptor: rows ? visibleStates(all, rows) : all, ligand: ligandInputs(spec, shape) };
}

/** What `batchStates` is fed. Receptors of more residues than `shape.visible` are seen in part. */
function batchFeeds(spec: NetworkSpec, shape: BatchShape, items: readonly PosedLigand[]): Feeds {
  const cropped = items.map((item): PosedLigand => {
    const visible = visibleResidues(item.complex.receptor, item.poses, shape.visible);
    return visible ? { ...item, visible } : item;
  });
  return {
    ...receptorFeeds(spec, items.map(({ complex }) => complex.receptor), shape.nodes, shape.graphs),
    ...ligandFeeds(spec, shape, cropped),
    ...(shape.visible < shape.nodes && { 'visible.rows': visibleRows(shape, cropped) }),
  };
}

const weightedMean = (values: Tensor, weights: Tensor, count: Tensor): Tensor => sum(values.mul(weights)).div(count);

/**
 * The denoising loss (Corso et al. 2023): for each factor the mean squared error of the score in units of its root mean square,
 * over poses and their components; big ligands' torsions count more. Losses named `base` are those of a network that says 0.
 */
export function scoreLosses(spec: NetworkSpec, scope: Scope, shape: BatchShape, weights: PerFactor<number>) {
  const { graphs, poses, torsions } = shape;
  const { receptor, ligand } = batchStates(spec, scope, shape);
  const said = scores(spec, scope, receptor, ligand);
  const given = input('weights', [graphs, poses, 1]);
  const turning = input('torsions.weights', [graphs, poses, torsions]);
  const targets = {
    tr: input('targets.tr', [graphs, poses, 3]), rot: input('targets.rot', [graphs, poses, 3]),
    tor: input('targets.tor', [graphs, poses, torsions]),
  };
  const count = mul(maximum(sum(given), 1), 3);
  const means = (squares: PerFactor<Tensor>): PerFactor<Tensor> => ({
    tr: weightedMean(squares.tr, given, count), rot: weightedMean(squares.rot, given, count),
    tor: weightedMean(squares.tor, turning, maximum(sum(turning), 1)),
  });
  const { tr, rot, tor } = means(perFactor((factor) => sub(said[factor], targets[factor]).square()));
  const base = means(perFactor((factor) => targets[factor].square()));
  return {
    loss: tr.mul(weights.tr).add(rot.mul(weights.rot)).add(tor.mul(weights.tor)), tr, rot, tor,
    baseTr: base.tr, baseRot: base.rot, baseTor: base.tor,
  };
}

/** A clean pose's noisy versions at their times. */
export interface NoisedLigand extends PosedLigand {
  readonly noised: readonly Noised[];
}

/** A complex's true pose (one of them, drawn evenly, where there are several) with noise at some times. */
export function noisedLigand(complex: Complex, noise: NoiseRanges, times: readonly number[], random: Stream): NoisedLigand {
  const pose = complex.poses[complex.poses.length > 1 ? random.int(complex.poses.length) : 0];
  return withNoise(complex, pose, noise, times, random);
}

/** A clean pose with noise at some times. */
export function withNoise(
  complex: Complex, pose: ArrayLike<number>, noise: NoiseRanges, times: readonly number[], random: Stream,
): NoisedLigand {
  const noised = times.map((t) => addNoise(pose, complex.ligand.torsions, noise, t, random));
  const reach = times.map((t) => reachOf(sigmaAt(noise.tr, t)));
  return { complex, noised, times, reach, poses: noised.map(({ positions }) => positions) };
}

/** What `scoreLosses` is fed. */
export function scoreLossFeeds(spec: NetworkSpec, shape: BatchShape, items: readonly NoisedLigand[]): Feeds {
  const { graphs, poses, torsions } = shape;
  const [tr, rot] = [float32([graphs, poses, 3]), float32([graphs, poses, 3])];
  const [tor, turning] = [float32([graphs, poses, torsions]), float32([graphs, poses, torsions])];
  const weights = float32([graphs, poses, 1]);
  items.forEach(({ noised }, g) => noised.forEach(({ targets }, s) => {
    const at = g * poses + s;
    tr.data.set(targets.tr, 3 * at);
    rot.data.set(targets.rot, 3 * at);
    tor.data.set(targets.tor, torsions * at);
    turning.data.fill(1, torsions * at, torsions * at + targets.tor.length);
    weights.data[at] = 1;
  }));
  return {
    ...batchFeeds(spec, shape, items),
    'targets.tr': tr, 'targets.rot': rot, 'targets.tor': tor, 'torsions.weights': turning, weights,
  };
}

/** -y log p - (1 - y) log(1 - p) of logits. */
const binaryCrossEntropy = (logits: Tensor, labels: Tensor): Tensor => sub(softplus(logits), logits.mul(labels));

/** Loss of a confidence model: cross-entropy of poses, and of atoms with a weight. */
export function confidenceLosses(spec: NetworkSpec, scope: Scope, shape: BatchShape, atomWeight: number) {
  const { graphs, poses, atoms } = shape;
  const { receptor, ligand } = batchStates(spec, scope, shape);
  const said = confidence(spec, scope, receptor, ligand);
  const [labels, weights] = [input('labels', [graphs, poses]), input('weights', [graphs, poses])];
  const [atomLabels, atomWeights] = [input('atoms.labels', [graphs, poses, atoms]), input('atoms.weights', [graphs, poses, atoms])];
  const pose = weightedMean(binaryCrossEntropy(said.pose, labels), weights, maximum(sum(weights), 1));
  const atom = weightedMean(binaryCrossEntropy(said.atoms, atomLabels), atomWeights, maximum(sum(atomWeights), 1));
  return { loss: pose.add(atom.mul(atomWeight)), pose, atom };
}

/** Poses with what is known of them. */
export interface LabelledLigand extends PosedLigand {
  /** Whether each pose is near the true one, and for every atom of it whether it is. */
  readonly labels: readonly { readonly pose: number; readonly atoms: ArrayLike<number> }[];
}

/** What `confidenceLosses` is fed. */
export function confidenceLossFeeds(spec: NetworkSpec, shape: BatchShape, items: readonly LabelledLigand[]): Feeds {
  const { graphs, poses, atoms } = shape;
  const [labels, weights] = [float32([graphs, poses]), float32([graphs, poses])];
  const [atomLabels, atomWeights] = [float32([graphs, poses, atoms]), float32([graphs, poses, atoms])];
  items.forEach((item, g) => item.labels.forEach((label, s) => {
    const at = g * poses + s;
    labels.data[at] = label.pose;
    weights.data[at] = 1;
    atomLabels.data.set(label.atoms, at * atoms);
    atomWeights.data.fill(1, at * atoms, at * atoms + label.atoms.length);
  }));
  return { ...batchFeeds(spec, shape, items), labels, weights, 'atoms.labels': atomLabels, 'atoms.weights': atomWeights };
}

/** The sizes of the batch that these inputs hold. */
export function shapeOf(feeds: Readonly<Record<string, NdArray>>): BatchShape {
  const [graphs, poses, atoms] = feeds['ligand.positions'].shape;
  return {
    graphs, poses, atoms, torsions: feeds['torsions.sides'].shape[1], visible: feeds['visible.mask'].shape[1],
    nodes: (feeds['receptor.types'] ?? feeds['visible.mask']).shape[1],
  };
}
