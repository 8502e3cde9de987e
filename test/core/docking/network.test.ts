import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rotationMatrix } from '../../../src/core/chem/geometry.js';
import type { Torsion } from '../../../src/core/chem/torsions.js';
import type { Complex } from '../../../src/core/docking/complexes.js';
import { ligandFeeds, receptorFeeds, visibleRows, type PosedLigand } from '../../../src/core/docking/graphs.js';
import { shapeOf } from '../../../src/core/docking/learn.js';
import {
  confidence, encodeReceptors, ligandInputs, PARITIES, receptorInputs, scores, visibleStates, type BatchShape, type NetworkSpec,
} from '../../../src/core/docking/network.js';
import { input } from '../../../src/core/graph/index.js';
import { initialState, stepProgram } from '../../../src/core/nn/index.js';
import { stream } from '../../../src/core/random.js';
import { ByShape } from '../../../src/core/train/by-shape.js';
import { toyComplex, toyNetwork } from '../../support/docking.js';

/** Both read-outs of a network with random weights, of poses at their times. */
class Reader {
  private readonly executable: ByShape;

  constructor(private readonly spec: NetworkSpec) {
    let weights: ReturnType<typeof initialState> | undefined;
    this.executable = new ByShape((feeds) => {
      const program = stepProgram('read', (root) => {
        const shape = shapeOf(feeds);
        const all = encodeReceptors(spec, root.at('receptor'), receptorInputs(spec, shape.graphs, shape.nodes));
        const cropped = 'visible.rows' in feeds;
        const receptor = cropped ? visibleStates(all, input('visible.rows', [shape.graphs, shape.visible], 'int32')) : all;
        const ligand = ligandInputs(spec, shape);
        const { pose, atoms } = confidence(spec, root, receptor, ligand);
        return { ...scores(spec, root, receptor, ligand), pose, atoms };
      }, { training: false });
      weights ??= initialState(program, 5);
      this.executable.setState(weights);
      return program;
    }, { threads: 1 });
  }

  dispose(): void {
    this.executable.dispose();
  }

  /** What is said of every item; `more` sizes are padding. */
  async read(items: readonly PosedLigand[], more: Partial<BatchShape> = {}) {
    const most = (of: (item: PosedLigand) => number): number => Math.max(1, ...items.map(of));
    const nodes = most(({ complex }) => complex.receptor.types.length) + (more.nodes ?? 0);
    const cropped = items.some(({ visible }) => visible);
    const shape = {
      graphs: items.length + (more.graphs ?? 0), poses: most(({ poses }) => poses.length) + (more.poses ?? 0),
      atoms: most(({ complex }) => complex.ligand.molecule.elements.length) + (more.atoms ?? 0),
      torsions: most(({ complex }) => complex.ligand.torsions.length) + (more.torsions ?? 0), nodes,
      visible: cropped ? most(({ complex, visible }) => visible?.length ?? complex.receptor.types.length) : nodes,
    };
    const said = await this.executable.run({
      ...receptorFeeds(this.spec, items.map(({ complex }) => complex.receptor), nodes, shape.graphs),
      ...ligandFeeds(this.spec, shape, items), ...(cropped && { 'visible.rows': visibleRows(shape, items) }),
    });
    return items.map(({ complex, poses }, g) => poses.map((_, s) => {
      const at = g * shape.poses + s;
      const part = (name: string, width: number, count: number): number[] =>
        Array.from(said[name].data.subarray(at * width, at * width + count), Number);
      return {
        tr: part('tr', 3, 3), rot: part('rot', 3, 3), tor: part('tor', shape.torsions, complex.ligand.torsions.length),
        pose: part('pose', 1, 1), atoms: part('atoms', shape.atoms, complex.ligand.molecule.elements.length),
      };
    }));
  }
}
type Said = Awaited<ReturnType<Reader['read']>>[number][number];

/** The same matrix applied to points or vectors [., 3], and a shift. */
function transformed(points: ArrayLike<number>, m: ArrayLike<number>, shift: readonly number[] = [0, 0, 0]): Float32Array {
  return Float32Array.from(points, (_, i) => {
    const [row, at] = [i % 3, i - (i % 3)];
    return m[3 * row] * points[at] + m[3 * row + 1] * points[at + 1] + m[3 * row + 2] * points[at + 2] + shift[row];
  });
}

/** The complex, with its receptor elsewhere and its poses with it. */
function moved({ complex, poses, ...rest }: PosedLigand, m: ArrayLike<number>, shift?: readonly number[]): PosedLigand {
  const { positions, vectors, ...receptor } = complex.receptor;
  const elsewhere = { ...receptor, positions: transformed(positions, m, shift), vectors: transformed(vectors, m) };
  return { ...rest, poses: poses.map((pose) => transformed(pose, m, shift)), complex: { ...complex, receptor: elsewhere } };
}

function expectClose(actual: Said, expected: Partial<Said>, tolerance = 1e-4): void {
  for (const [name, values] of Object.entries(expected)) {
    const said = actual[name as keyof Said];
    expect(said).toHaveLength(values.length);
    const size = Math.max(1e-2, ...values.map(Math.abs));
    values.forEach((value, i) => expect(Math.abs(said[i] - value) / size, `${name} ${i}`).toBeLessThan(tolerance));
  }
}

const poseOf = (complex: Complex, name: string, spread = 2): Float32Array => {
  const shift = stream(2, name).normal(3, 0, spread);
  return Float32Array.from(complex.poses[0], (value, i) => value + shift[i % 3]);
};
const posed = (name: string, atoms: number, nodes: number, times: readonly number[]): PosedLigand => {
  const complex = toyComplex(name, { atoms, nodes });
  return { complex, poses: times.map((_, s) => poseOf(complex, `${name} ${s}`)), times, reach: times.map(() => 23) };
};
const large = posed('large', 9, 40, [0.3, 0.8]);
const small = posed('small', 6, 25, [0.5, 0.05]);

const readers = {} as Record<(typeof PARITIES)[number], Reader>;
beforeAll(() => { for (const parity of PARITIES) readers[parity] = new Reader(toyNetwork({ parity })); });
afterAll(() => { for (const reader of Object.values(readers)) reader.dispose(); });

describe.each(PARITIES)('a network of parity %s', (parity) => {
  test('turns with the complex, and does not care where it is', async () => {
    const q = rotationMatrix([0.9, -1.7, 0.4]);
    const [[here]] = await readers[parity].read([large]);
    const [[there]] = await readers[parity].read([moved(large, q, [11, -4, 6])]);
    expectClose(there, { ...here, tr: [...transformed(here.tr, q)], rot: [...transformed(here.rot, q)] });
    for (const value of [...here.tr, ...here.rot]) expect(Math.abs(value)).toBeGreaterThan(1e-3);
    for (const value of here.tor) expect(Math.abs(value)).toBeGreaterThan(1e-6);
  });

  test(parity === 'o3' ? 'mirrors its scores' : 'sees handedness', async () => {
    const mirror = [1, 0, 0, 0, 1, 0, 0, 0, -1];
    const [[here]] = await readers[parity].read([large]);
    const [[there]] = await readers[parity].read([moved(large, mirror)]);
    // A polar vector is mirrored, an axial one mirrored and reversed, and a torsion is a pseudo-scalar.
    const mirrored = {
      ...here, tr: [...transformed(here.tr, mirror)], rot: [...transformed(here.rot, mirror)].map((value) => -value),
      tor: here.tor.map((value) => -value),
    };
    if (parity === 'o3') return expectClose(there, mirrored);
    const apart = (name: keyof Said): number => Math.hypot(...there[name].map((value, i) => value - mirrored[name][i]));
    for (const name of ['tr', 'rot', 'tor'] as const) expect(apart(name) / Math.hypot(...mirrored[name])).toBeGreaterThan(0.01);
    expect(apart('pose')).toBeGreaterThan(1e-5);
  });

  test('knows a bond from either end', async () => {
    const { complex } = large;
    const n = complex.ligand.molecule.elements.length;
    const torsions = complex.ligand.torsions.map(({ u, v, moved: side }): Torsion =>
      ({ u: v, v: u, moved: [...Array(n).keys()].filter((atom) => !side.includes(atom)) }));
    const [[here]] = await readers[parity].read([large]);
    const otherwise = { ...large, complex: { ...complex, ligand: { ...complex.ligand, torsions } } };
    const [[there]] = await readers[parity].read([otherwise]);
    expectClose(there, here);
  });

  test('does not depend on the order of atoms or of residues', async () => {
    const { complex, poses } = large;
    const { ligand, receptor } = complex;
    const n = ligand.molecule.elements.length;
    const order = [...stream(3, 'atoms').permutation(n)];
    const to = (atom: number): number => order.indexOf(atom);
    const residues = [...stream(3, 'residues').permutation(receptor.types.length)];
    const taken = (data: ArrayLike<number>, rows: readonly number[], width: number): number[] =>
      rows.flatMap((row) => Array.from({ length: width }, (_, i) => data[row * width + i]));
    const floats = (data: ArrayLike<number>, rows: readonly number[], width: number): Float32Array =>
      Float32Array.from(taken(data, rows, width));
    const bonds = ligand.molecule.bonds.map((bond) => ({ ...bond, a: to(bond.b), b: to(bond.a) }));
    const shuffled: PosedLigand = {
      ...large, poses: poses.map((pose) => taken(pose, order, 3)),
      complex: {
        ...complex,
        ligand: {
          features: Int32Array.from(taken(ligand.features, order, 2)), molecule: { ...ligand.molecule, bonds },
          torsions: ligand.torsions.map(({ u, v, moved: side }) => ({ u: to(u), v: to(v), moved: side.map(to) })),
        },
        receptor: {
          ...receptor, types: Int32Array.from(taken(receptor.types, residues, 1)),
          positions: floats(receptor.positions, residues, 3), vectors: floats(receptor.vectors, residues, 9),
        },
      },
    };
    const [[here]] = await readers[parity].read([large]);
    const [[there]] = await readers[parity].read([shuffled]);
    expectClose(there, { ...here, atoms: order.map((atom) => here.atoms[atom]) });
  });

  test('says the same of a pose alone, beside others, and padded', async () => {
    const [both, [alone], padded] = [
      await readers[parity].read([large, small]), await readers[parity].read([small]),
      await readers[parity].read([large, small], { graphs: 1, poses: 1, atoms: 3, torsions: 2, nodes: 7 }),
    ];
    alone.forEach((said, s) => {
      expectClose(both[1][s], said);
      expectClose(padded[1][s], said);
    });
    large.poses.forEach((_, s) => expectClose(padded[0][s], both[0][s]));
    // Poses and times matter.
    expect(Math.abs(alone[0].pose[0] - alone[1].pose[0])).toBeGreaterThan(1e-4);
  });

  test('sees the visible residues only, as if the others were out of reach', async () => {
    const near = { ...large, poses: large.poses.slice(0, 1), times: [0.3], reach: [9] };
    const pose = near.poses[0];
    const within = (j: number): boolean => [...Array(9).keys()].some((i) => Math.hypot(...[0, 1, 2].map((axis) =>
      pose[3 * i + axis] - near.complex.receptor.positions[3 * j + axis])) < 9);
    const visible = Int32Array.from([...near.complex.receptor.types.keys()].filter(within));
    expect(visible.length).toBeGreaterThan(3);
    expect(visible.length).toBeLessThan(35);
    const [[all]] = await readers[parity].read([near]);
    const [[cropped]] = await readers[parity].read([{ ...near, visible }]);
    expectClose(cropped, all);
    const [[fewer]] = await readers[parity].read([{ ...near, visible: visible.slice(0, 3) }]);
    expect(Math.abs(fewer.pose[0] - all.pose[0])).toBeGreaterThan(1e-5);
  });
});

test('ligands of one atom, of two, and receptors of a few residues are no trouble', async () => {
  const items = [posed('one', 1, 3, [0.5]), posed('two', 2, 8, [0.5])];
  for (const said of (await readers.se3.read(items)).flat()) {
    for (const values of Object.values(said)) values.forEach((value) => expect(Number.isFinite(value)).toBe(true));
    expect(said.tor).toEqual([]);
  }
  expect((await readers.se3.read(items))[0][0].rot.map(Math.abs).every((value) => value < 1e-3)).toBe(true);
});
