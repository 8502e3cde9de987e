import { scorePrograms } from '../../src/commands/dock-bootstrap/common.js';
import { float32, int32, type NdArray } from '../../src/core/array.js';
import type { BatchShape, NetworkSpec } from '../../src/core/docking/network.js';
import type { Stream } from '../../src/core/random.js';
import { gaussian, uniform, workload, type Sizes } from './workload.js';

/** Types of beads and of ligand atoms. */
const TYPES = 6;
const ORDERS = 4;

const networkOf = ({ width, vectors, layers, receptorLayers, neighbours, radial }: Sizes): NetworkSpec => ({
  parity: 'se3', scalars: width!, vectors: vectors!, layers: layers!, receptorLayers: receptorLayers!, neighbours: neighbours!,
  radial: radial!, features: [TYPES], types: TYPES, directions: 1,
});

const shapeOf = ({ batch, poses, atoms, torsions, nodes }: Sizes): BatchShape => ({
  graphs: batch!, poses: poses!, atoms: atoms!, torsions: torsions!, nodes: nodes!, visible: nodes!,
});

const filled = (shape: readonly number[], value: number): NdArray => {
  const array = float32(shape);
  array.data.fill(value);
  return array;
};

/** Whole numbers below `count`, and what `first` adds to each row. */
function integers(
  random: Stream, [rows, ...rest]: readonly [number, ...number[]], count: number, first: (row: number) => number = () => 0,
): NdArray {
  const each = rest.reduce((a, b) => a * b, 1);
  const drawn = random.integers(rows * each, count);
  return int32([rows, ...rest], Int32Array.from(drawn, (value, i) => value + first(Math.floor(i / each))));
}

/** The step of byo dock-bootstrap train on complexes of one size, so without padding. */
export const docking = workload({
  name: 'docking',
  title: 'docking score model, 16 complexes of 75 beads x 4 poses of 9 atoms',
  peer: 'docking_step.py',
  defaults: {
    batch: 16, width: 32, vectors: 12, layers: 4, receptorLayers: 2, neighbours: 12, radial: 24, poses: 4, atoms: 9, torsions: 3,
    nodes: 75,
  },
  tiny: {
    batch: 2, width: 8, vectors: 4, layers: 2, receptorLayers: 1, neighbours: 3, radial: 5, poses: 2, atoms: 5, torsions: 2,
    nodes: 7,
  },

  program: (sizes) => scorePrograms(networkOf(sizes), { tr: 0.33, rot: 0.33, tor: 0.33 }, {
    steps: 1, lr: 1e-3, lrSchedule: 'constant', warmup: 0, clip: 5, ema: 0.999, weightDecay: 0,
  }).of(shapeOf(sizes)),

  inputs: (sizes, random) => {
    const { batch: graphs, poses, atoms, torsions, nodes, neighbours: k } = sizes;
    const bonds = float32([graphs, ORDERS, atoms, atoms]);
    const perTorsion = (): NdArray => float32([graphs, torsions, atoms]);
    const [from, to, sides] = [perTorsion(), perTorsion(), perTorsion()];
    const ends = random('torsions').integers(graphs * torsions, atoms - 1);
    for (let g = 0; g < graphs; g++) {
      for (let i = 1; i < atoms; i++) {
        for (const [a, b] of [[i - 1, i], [i, i - 1]] as const) bonds.data[(g * ORDERS * atoms + a) * atoms + b] = 1;
      }
    }
    // Along a chain a torsion moves the atoms behind it.
    ends.forEach((u, row) => {
      from.data[row * atoms + u] = 1;
      to.data[row * atoms + u + 1] = 1;
      for (let i = 0; i < atoms; i++) sides.data[row * atoms + i] = i > u ? 1 : -1;
    });
    const scaled = (name: string, shape: readonly number[], by: number): NdArray =>
      float32(shape, random(name).normal(shape.reduce((a, b) => a * b, 1), 0, by));
    return {
      'receptor.types': integers(random('receptor.types'), [graphs, nodes], TYPES),
      'receptor.neighbours': integers(random('receptor.neighbours'), [graphs, nodes, k], nodes, (g) => g * nodes),
      'receptor.weights': filled([graphs, nodes, k], 1 / k),
      'receptor.distances': uniform(random('receptor.distances'), [graphs, nodes, k], 3, 12),
      'receptor.angles': uniform(random('receptor.angles'), [graphs, nodes, k, 3], -1, 1),
      'receptor.frames': scaled('receptor.frames', [graphs, nodes, 9, k], 1 / k),
      'receptor.vectors': scaled('receptor.vectors', [graphs, nodes, 3, 1], 0.6),
      'ligand.features': integers(random('ligand.features'), [graphs, atoms, 1], TYPES),
      'ligand.mask': filled([graphs, atoms], 1), 'ligand.bonds': bonds,
      'ligand.positions': scaled('ligand.positions', [graphs, poses, atoms, 3], 2),
      'torsions.from': from, 'torsions.to': to, 'torsions.sides': sides,
      'visible.positions': scaled('visible.positions', [graphs, nodes, 3], 7), 'visible.mask': filled([graphs, nodes], 1),
      'times': uniform(random('times'), [graphs, poses], 0, 1), 'reach': filled([graphs, poses], 24),
      'targets.tr': gaussian(random('targets.tr'), [graphs, poses, 3]),
      'targets.rot': scaled('targets.rot', [graphs, poses, 3], 0.6),
      'targets.tor': gaussian(random('targets.tor'), [graphs, poses, torsions]),
      'weights': filled([graphs, poses, 1], 1), 'torsions.weights': filled([graphs, poses, torsions], 1),
      'lr': filled([], 1 / 512), 'ema': filled([], 0.96875),
    };
  },
});
