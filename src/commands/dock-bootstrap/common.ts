import { choice, integer, number, numbers, texts, type Values } from '../../cli/options.js';
import type { Context } from '../../cli/context.js';
import type { Terminal } from '../../cli/terminal.js';
import { SPLIT } from '../../core/data/images.js';
import type { NdArray } from '../../core/array.js';
import { learn, type LearnOptions } from '../../core/diffusion/index.js';
import { BucketBatches, Buckets, sizeOfComplex } from '../../core/docking/buckets.js';
import { complexesOf, type Complex, type Complexes } from '../../core/docking/complexes.js';
import { confidenceLosses, scoreLosses, shapeOf } from '../../core/docking/learn.js';
import { dockingModelOf, type DockingMeta, type DockingModel } from '../../core/docking/model.js';
import { PARITIES, type BatchShape, type NetworkSpec } from '../../core/docking/network.js';
import { perFactor, type NoiseRanges, type PerFactor } from '../../core/docking/noise.js';
import type { PosingModel } from '../../core/docking/posing.js';
import type { TimeLaw } from '../../core/docking/times.js';
import { parseDevice, type CompileOptions } from '../../core/engine/index.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type RecipeInput } from '../../core/files/artifact.js';
import { nameOf } from '../../core/files/streams.js';
import { stepProgram, type StepProgram } from '../../core/nn/index.js';

export type Learning = LearnOptions & { readonly weightDecay: number };

export const PAPER = 'G. Corso, A. Deng, B. Fry, N. Polizzi, R. Barzilay, T. Jaakkola, Deep Confident Steps to New Pockets: '
  + 'Strategies for Docking Generalization, 2024, arXiv 2402.18396';

/** Poses that go through a network at once where nothing is learnt. */
export const POSES_AT_A_TIME = 64;

export const computeOf = ({ device, threads }: { readonly device: string; readonly threads?: number }): CompileOptions =>
  ({ device: parseDevice(device), threads });

export const networkOptions = {
  parity: choice({ choices: PARITIES, default: 'se3', help: 'se3 sees handedness, as the paper\'s network; o3 treats mirror images alike' }),
  scalars: integer({ default: 32, min: 1, help: 'scalars of a node (DiffDock-S: 32; its confidence model 24)' }),
  vectors: integer({ default: 12, min: 1, guess: true, help: 'vectors of a node (DiffDock-S: 6)' }),
  layers: integer({ default: 4, min: 1, guess: true, help: "layers of the ligand, which sees the receptor in each (DiffDock-S: 5)" }),
  receptorLayers: integer({ default: 2, min: 0, guess: true, help: 'layers of the receptor alone, computed once for all of its poses (DiffDock-S: 3)' }),
  neighbours: integer({ default: 24, min: 1, help: 'nearest residues that a residue listens to (DiffDock: 24)' }),
  radial: integer({ default: 24, min: 2, guess: true, help: 'Gaussians that say a distance (DiffDock-S: 32)' }),
  maxNodes: integer({ default: 400, min: 1, guess: true, help: 'residues that a ligand sees at most, the nearest; the paper sees all within three deviations and 20 Å' }),
} as const;

export const noiseOptions = {
  tr: numbers({ placeholder: 'least,most', default: [0.1, 19], help: 'deviations of the ligand\'s place at times 0 and 1, in Å' }),
  rot: numbers({ placeholder: 'least,most', default: [0.06, 3.1], help: 'those of its orientation, in radians (DiffDock v1.0: 0.03,1.55)' }),
  tor: numbers({ placeholder: 'least,most', default: [0.0314, 3.14], help: 'those of its torsions, in radians' }),
} as const;

export const fitOptions = {
  batch: integer({ default: 16, min: 1, help: 'complexes a step (DiffDock\'s confidence model: 16)' }),
  buckets: integer({ default: 3, min: 1, help: 'sizes that complexes are padded to; each is a program of its own' }),
  lr: number({ default: 1e-3, positive: true, help: 'learning rate of AdamW' }),
  lrSchedule: choice({ choices: ['constant', 'cosine'], default: 'cosine', guess: true, help: 'learning rate after the warm-up' }),
  warmup: integer({ default: 50, min: 0, guess: true, help: 'steps of linear warm-up' }),
  weightDecay: number({ default: 0, min: 0, help: 'weight decay' }),
  clip: number({ default: 5, positive: true, guess: true, help: 'largest norm of the gradient' }),
  ema: number({ default: 0.999, min: 0, max: 1, help: 'decay of the moving average of the weights, which is the model; 0: the weights themselves' }),
} as const;

export const SPLITS = ['all', ...Object.keys(SPLIT)] as const;

export const choiceOptions = {
  split: choice({ choices: SPLITS, default: 'all', help: 'which part of the complexes' }),
  cluster: texts({ placeholder: 'name', help: 'clusters of which the complexes are; all where left out' }),
} as const;

export interface OpenedComplexes {
  readonly set: Complexes;
  readonly source: string;
  readonly input: RecipeInput;
}

/** A data set of complexes; throws InputError where a file holds none. */
export async function openComplexes(path: string, role = 'complexes'): Promise<OpenedComplexes> {
  const artifact = await readArtifact(path, { kind: 'dataset' });
  const source = nameOf(path);
  return { set: complexesOf(artifact, source), source, input: asInput(role, artifact, path) };
}

/** The complexes of a split and of clusters; throws where a cluster is unknown or nothing is left. */
export function chosenComplexes({ set, source }: OpenedComplexes, o: Values<typeof choiceOptions>): Complex[] {
  const { complexes, clusters } = set;
  for (const name of o.cluster ?? []) {
    if (!clusters.includes(name)) {
      throw new UsageError(clusters.length === 0 ? `--cluster ${name}: ${source} names no clusters`
        : `--cluster ${name}: ${source} has no such cluster, but ${clusters.slice(0, 12).join()}${clusters.length > 12 ? ', ...' : ''}`);
    }
  }
  const found = complexes.filter(({ split, cluster }) => (o.split === 'all' || split === SPLIT[o.split as keyof typeof SPLIT])
    && (!o.cluster || (cluster !== undefined && o.cluster.includes(clusters[cluster]))));
  const which = [...(o.split === 'all' ? [] : [`marked ${o.split}`]), ...(o.cluster ? [`of ${o.cluster.join(', ')}`] : [])].join(' ');
  if (found.length === 0) throw new InputError(`${source} has no complexes ${which}`);
  return found;
}

/** The complexes of a split with a known pose; throws InputError where there are none. */
export function knownComplexes({ set, source }: OpenedComplexes, split: keyof typeof SPLIT): Complex[] {
  const found = set.complexes.filter((complex) => complex.split === SPLIT[split] && complex.poses.length > 0);
  if (found.length === 0) {
    throw new InputError(`${source} has no complexes marked ${split} with a known pose; a model learns from nothing else`);
  }
  return found;
}

export async function openModel(
  path: string, reads: DockingMeta['docking']['reads'], set: Complexes, role: string,
): Promise<{ model: DockingModel; input: RecipeInput }> {
  const artifact = await readArtifact(path, { kind: 'model' });
  return { model: dockingModelOf(artifact, nameOf(path), reads, set), input: asInput(role, artifact, path) };
}

/** Ranges of noise from options; throws UsageError where they are no pair of ascending positive numbers. */
export function noiseRanges(o: Values<typeof noiseOptions>): NoiseRanges {
  return perFactor((factor) => {
    const [min, max, ...more] = o[factor];
    if (max === undefined || more.length > 0 || !(min > 0 && max > min)) {
      throw new UsageError(`--${factor} takes two deviations above 0, the second larger, such as ${noiseOptions[factor].default.join()}, `
        + `but '${o[factor].join()}' was given`);
    }
    return { min, max };
  });
}

/** One number for each factor; throws UsageError for another number of them. */
export function threeNumbers(name: string, [tr, rot, tor, ...more]: readonly number[]): PerFactor<number> {
  if (tor === undefined || more.length > 0) {
    throw new UsageError(`--${name} takes three numbers, for translation, rotation and torsions, such as 1,1,1`);
  }
  return { tr, rot, tor };
}

/** A law of times from an option; throws UsageError where it is none. */
export function timeLaw(name: string, [a, b, ...more]: readonly number[]): TimeLaw {
  if (b === undefined || more.length > 0 || !(a > 0 && b > 0)) {
    throw new UsageError(`--${name} takes the two numbers above 0 of a Beta distribution, such as 2,1`);
  }
  return { a, b };
}

/** Whether receptors are made of beads, which have one vector each; residues have three. */
export const hasBeads = ({ complexes }: Complexes): boolean =>
  !complexes.some(({ receptor: { vectors } }) => vectors.some((value, i) => i % 9 >= 3 && value !== 0));

/** The network that options describe, for these complexes. */
export function networkSpec(set: Complexes, o: Values<typeof networkOptions>): NetworkSpec {
  const { parity, scalars, vectors, layers, receptorLayers, neighbours, radial } = o;
  return {
    parity, scalars, vectors, layers, receptorLayers, neighbours, radial,
    features: set.features.map(({ size }) => size), types: set.receptorTypes.length, directions: hasBeads(set) ? 1 : 3,
  };
}

/** What a model says of itself besides its own part, as its data were. */
export const dockingMeta = (
  { features, receptorTypes }: Complexes, own: Omit<DockingMeta['docking'], 'features' | 'receptorTypes'>,
): DockingMeta['docking'] => ({ ...own, features, receptorTypes });

/** Complexes as a model sees them: without torsions if it learnt none. */
export const asTrained = (complexes: readonly Complex[], { torsions }: { readonly torsions: boolean }): Complex[] =>
  complexes.map((complex) => (torsions ? complex : { ...complex, ligand: { ...complex.ligand, torsions: [] } }));

/** A model in the form in which it reads poses. */
export const posingModel = ({ docking, weights }: DockingModel): PosingModel =>
  ({ spec: docking.network, noise: docking.noise, visible: docking.visible, weights });

/** The options that make up a result, with a preset's values. */
export const recordedValues = (context: Context, values: object): Record<string, unknown> =>
  Object.fromEntries(Object.keys(context.recorded).map((key) => [key, values[key as keyof typeof values]]));

/** How complexes go into batches. */
export interface Batching {
  readonly batches: BucketBatches;
  shapeOf(bucket: number): BatchShape;
}

/** Complexes in batches of like sizes, `poses` poses of each; says how much of the work is padding. */
export function batching(complexes: readonly Complex[], o: {
  readonly batch: number; readonly poses: number; readonly buckets: number; readonly maxNodes: number;
  readonly neighbours: number; readonly seed: number; readonly terminal: Terminal;
}): Batching {
  const sizes = complexes.map(sizeOfComplex);
  const buckets = new Buckets(sizes, o.buckets, o.neighbours);
  const batches = new BucketBatches(buckets, sizes, o.batch, o.seed);
  const padded = buckets.sizes.map(({ atoms, nodes }) => `${atoms} atoms and ${nodes} residues`).join(', ');
  o.terminal.info(`${complexes.length} complexes, padded to ${padded}: ${(100 * buckets.waste).toFixed(0)} % of the work is padding`);
  return {
    batches,
    shapeOf: (bucket) => {
      const size = buckets.sizes[bucket];
      return { ...size, graphs: batches.batchOf(bucket), poses: o.poses, visible: Math.min(size.nodes, o.maxNodes) };
    },
  };
}

/** A program that learns for every shape of a batch. */
export interface Programs {
  of(shape: BatchShape): StepProgram;
  readonly for: (feeds: Readonly<Record<string, NdArray>>) => StepProgram;
}

function programsFor(trace: (shape: BatchShape) => StepProgram): Programs {
  const known = new Map<string, StepProgram>();
  const of = (shape: BatchShape): StepProgram => {
    const { graphs, poses, atoms, torsions, nodes, visible } = shape;
    const key = [graphs, poses, atoms, torsions, nodes, visible].join();
    const program = known.get(key) ?? trace(shape);
    known.set(key, program);
    return program;
  };
  return { of, for: (feeds) => of(shapeOf(feeds)) };
}

/** Steps of denoising score matching on the network below `online`. */
export const scorePrograms = (network: NetworkSpec, weights: PerFactor<number>, learning: Learning): Programs =>
  programsFor((shape) => stepProgram('docking', (root) => {
    const online = root.at('online');
    const { loss, ...parts } = scoreLosses(network, online, shape, weights);
    return { loss, ...parts, gradNorm: learn(root, loss, online, learning, { weightDecay: learning.weightDecay }) };
  }));

/** Steps of a confidence model's learning on the network below `online`. */
export const confidencePrograms = (network: NetworkSpec, atomWeight: number, learning: Learning): Programs =>
  programsFor((shape) => stepProgram('confidence', (root) => {
    const online = root.at('online');
    const { loss, ...parts } = confidenceLosses(network, online, shape, atomWeight);
    return { loss, ...parts, gradNorm: learn(root, loss, online, learning, { weightDecay: learning.weightDecay }) };
  }));
