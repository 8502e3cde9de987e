import { float32, type NdArray } from '../array.js';
import type { CompileOptions } from '../engine/index.js';
import { input, type Tensor } from '../graph/index.js';
import { requireWeights, stepProgram, type Scope, type StepProgram } from '../nn/index.js';
import { stream } from '../random.js';
import { ByShape } from '../train/by-shape.js';
import type { State } from '../train/index.js';
import { Buckets, sizeOfComplex } from './buckets.js';
import type { Complex, Receptor } from './complexes.js';
import { ligandFeeds, reachOf, receptorFeeds, visibleResidues, type PosedLigand } from './graphs.js';
import { shapeOf } from './learn.js';
import {
  confidence, encodeReceptors, ligandInputs, receptorInputs, scores,
  type BatchShape, type LigandInputs, type NetworkSpec, type ReceptorStates,
} from './network.js';
import { scoreScales, sigmaAt, type NoiseRanges } from './noise.js';
import type { Move } from './rigid.js';
import { startWalker, walk, type Sampling, type Walker } from './sampler.js';

/** A trained network and what is needed to feed it. */
export interface PosingModel {
  readonly spec: NetworkSpec;
  readonly noise: NoiseRanges;
  readonly weights: State;
  /** Residues that a ligand sees at most. */
  readonly visible: number;
}

export interface PosingOptions extends CompileOptions {
  /** The complexes that will be asked about: they are padded to a few sizes. */
  readonly complexes: readonly Complex[];
  /** Poses at a time. */
  readonly batch: number;
}

/** Sizes that complexes are padded to where nothing is trained. */
const BUCKETS = 3;

/** Some poses of a complex, by their numbers. */
interface Item {
  readonly complex: number;
  readonly samples: readonly number[];
}

/** Items that go through a network together: padded to `graphs` of them, of `places` poses each. */
interface Chunk {
  readonly graphs: number;
  readonly places: number;
  readonly items: readonly Item[];
}

/** A network that reads poses. Receptors' states are computed when a receptor is first met, and kept for all its poses. */
abstract class Posing {
  private readonly encoder: ByShape;
  private readonly reader: ByShape;
  private readonly buckets: Buckets;
  private states = new Map<Receptor, { readonly scalars: Float32Array; readonly vectors: Float32Array }>();

  constructor(
    protected readonly model: PosingModel, protected readonly options: PosingOptions,
    read: (scope: Scope, receptor: ReceptorStates, ligand: LigandInputs) => Record<string, Tensor>,
  ) {
    const { spec, weights } = model;
    this.buckets = new Buckets(options.complexes.map(sizeOfComplex), BUCKETS, spec.neighbours);
    const program = (name: string, build: (root: Scope) => Record<string, Tensor>): StepProgram => {
      const made = stepProgram(name, build, { training: false });
      requireWeights(made, weights, 'docking network');
      return made;
    };
    this.encoder = new ByShape((feeds) => program('receptors', (root) => {
      const [receptors, nodes] = feeds['receptor.types'].shape;
      return { ...encodeReceptors(spec, root.at('receptor'), receptorInputs(spec, receptors, nodes)) };
    }), options);
    this.reader = new ByShape((feeds) => program('poses', (root) => {
      const shape = shapeOf(feeds);
      const receptor = {
        scalars: input('visible.scalars', [shape.graphs, shape.visible, spec.scalars]),
        vectors: input('visible.vectors', [shape.graphs, shape.visible, spec.vectors, 3]),
      };
      return read(root, receptor, ligandInputs(spec, shape));
    }), options);
    this.setWeights(weights);
  }

  /** Other weights of the same network. */
  setWeights(weights: State): void {
    this.encoder.setState(weights);
    this.reader.setState(weights);
    this.states = new Map();
  }

  dispose(): void {
    this.encoder.dispose();
    this.reader.dispose();
  }

  /**
   * How poses of complexes are read together. Poses of one complex see the same residues, side by side; where a receptor is too
   * large to be seen as a whole every pose is on its own.
   */
  protected chunks(samples: readonly number[]): Chunk[] {
    const { complexes, batch } = this.options;
    const groups = new Map<string, { places: number; items: Item[] }>();
    complexes.forEach((complex, i) => {
      const size = sizeOfComplex(complex);
      const bucket = this.buckets.bucketOf([size]);
      const parts = Math.ceil(samples[i] / batch);
      const places = size.nodes > this.model.visible ? 1 : Math.ceil(samples[i] / parts);
      const group = groups.get(`${bucket} ${places}`) ?? { places, items: [] };
      groups.set(`${bucket} ${places}`, group);
      for (let first = 0; first < samples[i]; first += places) {
        const count = Math.min(places, samples[i] - first);
        group.items.push({ complex: i, samples: Array.from({ length: count }, (_, k) => first + k) });
      }
    });
    return [...groups.values()].flatMap(({ places, items }) => {
      const graphs = Math.min(items.length, Math.max(1, Math.floor(batch / places)));
      return Array.from({ length: Math.ceil(items.length / graphs) },
        (_, i): Chunk => ({ graphs, places, items: items.slice(i * graphs, (i + 1) * graphs) }));
    });
  }

  /** What the network says of the poses of a chunk at a time; valid until the next call. */
  protected async read(
    { graphs, places, items }: Chunk, poses: readonly (readonly Float64Array[])[], t: number,
  ): Promise<Record<string, NdArray>> {
    const { spec: { scalars: ns, vectors: nv }, noise, visible: limit } = this.model;
    const reach = reachOf(sigmaAt(noise.tr, t));
    const posed = items.map(({ complex }, i): PosedLigand => {
      const known = this.options.complexes[complex];
      const visible = visibleResidues(known.receptor, poses[i], limit);
      const same = (value: number): number[] => poses[i].map(() => value);
      return { complex: known, poses: poses[i], times: same(t), reach: same(reach), ...(visible && { visible }) };
    });
    const bucket = this.buckets.sizes[this.buckets.bucketOf(posed.map(({ complex }) => sizeOfComplex(complex)))];
    const visible = Math.min(bucket.nodes, limit);
    const shape: BatchShape = { ...bucket, graphs, poses: places, nodes: visible, visible };
    const [scalars, vectors] = [float32([graphs, visible, ns]), float32([graphs, visible, nv, 3])];
    for (const [g, { complex: { receptor }, visible: rows }] of posed.entries()) {
      const states = await this.statesOf(receptor);
      const put = ({ data }: NdArray<Float32Array>, from: Float32Array, width: number): void => {
        if (!rows) return data.set(from.subarray(0, receptor.types.length * width), g * visible * width);
        rows.forEach((row, k) => data.set(from.subarray(row * width, (row + 1) * width), (g * visible + k) * width));
      };
      put(scalars, states.scalars, ns);
      put(vectors, states.vectors, 3 * nv);
    }
    return this.reader.run({ ...ligandFeeds(this.model.spec, shape, posed), 'visible.scalars': scalars, 'visible.vectors': vectors });
  }

  private async statesOf(receptor: Receptor) {
    const known = this.states.get(receptor);
    if (known) return known;
    const size = { atoms: 0, torsions: 0, nodes: receptor.types.length };
    const { nodes } = this.buckets.sizes[this.buckets.bucketOf([size])];
    const { scalars, vectors } = await this.encoder.run(receptorFeeds(this.model.spec, [receptor], nodes));
    const states = { scalars: (scalars.data as Float32Array).slice(), vectors: (vectors.data as Float32Array).slice() };
    this.states.set(receptor, states);
    return states;
  }
}

export interface SamplePoses {
  readonly samples: number;
  readonly seed: number;
  /** Told apart draws of the same complexes, such as rounds. */
  readonly stream: string;
  readonly sampling: Sampling;
  /** Where a ligand starts from, Å from the complex's centre; from there where left out. */
  readonly centerOf?: (complex: Complex) => readonly [number, number, number];
  readonly onProgress?: (poses: number) => void;
}

/** A score model that draws poses. */
export class PoseSampler extends Posing {
  constructor(model: PosingModel, options: PosingOptions) {
    super(model, options, (root, receptor, ligand) => ({ ...scores(model.spec, root, receptor, ligand) }));
  }

  /**
   * Poses [n, 3] of every complex, Å from its centre. A pose depends on the seed, the stream, the complex's name and the pose's
   * number, and on nothing else that is drawn with it but for rounding.
   */
  async sample({ samples, seed, stream: name, sampling, centerOf, onProgress }: SamplePoses): Promise<Float64Array[][]> {
    const { complexes } = this.options;
    const { noise } = this.model;
    const drawn = complexes.map((): Float64Array[] => []);
    let done = 0;
    for (const chunk of this.chunks(complexes.map(() => samples))) {
      const walkers = chunk.items.map(({ complex, samples: numbers }) => numbers.map((k): Walker => {
        const { ligand, name: of } = complexes[complex];
        const random = stream(seed, `${name} ${of}`, k);
        return startWalker(ligand.molecule.positions, ligand.torsions, random, sampling.start, centerOf?.(complexes[complex]));
      }));
      await walk(walkers.flat(), noise, sampling, async (flat, t) => {
        let from = 0;
        const poses = walkers.map(({ length }) => flat.slice(from, from += length));
        return this.movesOf(chunk, poses, await this.read(chunk, poses, t), t);
      });
      chunk.items.forEach(({ complex, samples: numbers }, i) => numbers.forEach((k, s) => {
        drawn[complex][k] = walkers[i][s].positions;
      }));
      onProgress?.(done += walkers.flat().length);
    }
    return drawn;
  }

  private movesOf(
    { places, items }: Chunk, poses: readonly (readonly Float64Array[])[], said: Record<string, NdArray>, t: number,
  ): Move[] {
    const scales = scoreScales(this.model.noise, t);
    const torsions = said.tor.shape[2];
    const scaled = ({ data }: NdArray, start: number, count: number, scale: number): Float64Array =>
      Float64Array.from(data.subarray(start, start + count) as Float32Array, (value) => value * scale);
    return items.flatMap(({ complex }, g) => poses[g].map((_, s): Move => {
      const at = g * places + s;
      return {
        translation: scaled(said.tr, 3 * at, 3, scales.tr), rotation: scaled(said.rot, 3 * at, 3, scales.rot),
        torsions: scaled(said.tor, torsions * at, this.options.complexes[complex].ligand.torsions.length, scales.tor),
      };
    }));
  }
}

/** A confidence model that judges poses. */
export class PoseJudge extends Posing {
  constructor(model: PosingModel, options: PosingOptions) {
    super(model, options, (root, receptor, ligand) => ({ ...confidence(model.spec, root, receptor, ligand) }));
  }

  /** A logit for every pose [n, 3] of every complex. */
  async judge(poses: readonly (readonly ArrayLike<number>[])[]): Promise<Float32Array[]> {
    const logits = poses.map(({ length }) => new Float32Array(length));
    for (const chunk of this.chunks(poses.map(({ length }) => length))) {
      const given = chunk.items.map(({ complex, samples }) => samples.map((k) => Float64Array.from(poses[complex][k])));
      const { pose } = await this.read(chunk, given, 0);
      chunk.items.forEach(({ complex, samples }, g) => samples.forEach((k, s) => {
        logits[complex][k] = Number(pose.data[g * chunk.places + s]);
      }));
    }
    return logits;
  }
}
