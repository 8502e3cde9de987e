import { describe, expect, it } from 'vitest';
import { centroid, distance2 } from '../../../../src/core/chem/geometry.js';
import { automorphisms } from '../../../../src/core/chem/symmetry.js';
import { rotatableBonds } from '../../../../src/core/chem/torsions.js';
import { COMPLEMENT, contactScore, synthPockets, type SynthPocketsOptions } from '../../../../src/core/data/synth/pockets.js';
import { complexesArtifact, complexesOf, type Complex } from '../../../../src/core/docking/complexes.js';

const BASE = { seed: 3, families: 2, perFamily: 12, heldOut: 1, perHeldOut: 6 } as const;
const make = (options: Partial<SynthPocketsOptions> = {}) => synthPockets({ ...BASE, ...options });
/** Beads exactly where their family has them, and every complex that is drawn. */
const EXACT = { jitter: 0, poses: 0 } as const;

const distance = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number => Math.sqrt(distance2(a, i, b, j));
const beadsOf = ({ receptor }: Complex): number[] => [...receptor.types.keys()];
const nearestAtom = (pose: Float32Array, beads: Float32Array, bead: number): { atom: number; d: number } =>
  Array.from({ length: pose.length / 3 }, (_, atom) => ({ atom, d: distance(pose, atom, beads, bead) }))
    .sort((a, b) => a.d - b.d)[0];
/** Every bead's distances from all others, which no motion changes, to 0.001 Å. */
const shapeOf = ({ receptor: { positions } }: Complex): Set<string> => {
  const shape = new Set<string>();
  for (let i = 0; i < positions.length / 3; i++) {
    for (let j = 0; j < i; j++) shape.add(distance(positions, i, positions, j).toFixed(3));
  }
  return shape;
};
/** Beads of a complex without jitter: its scaffold, the lining, and behind these those of decoys. */
const partsOf = (complex: Complex): Record<'scaffold' | 'lining' | 'decoys', number[]> => {
  const { receptor: { positions }, poses: [pose] } = complex;
  const lining = beadsOf(complex).filter((bead) => nearestAtom(pose, positions, bead).d < 4.2 + 1e-4);
  const [first, last] = [lining[0], lining.at(-1)!];
  const where = (keep: (bead: number) => boolean): number[] => beadsOf(complex).filter(keep);
  return { lining, scaffold: where((bead) => bead < first), decoys: where((bead) => bead > last) };
};
const shared = (a: Complex, b: Complex): number => {
  const [one, other] = [shapeOf(a), shapeOf(b)];
  return [...one].filter((d) => other.has(d)).length / one.size;
};

describe('synthPockets', () => {
  const exact = make(EXACT).complexes;
  const filtered = make();

  it('ligands are trees of one bond length and angle whose other atoms keep apart', () => {
    for (const { ligand: { molecule: { bonds, elements }, features, torsions }, poses } of exact) {
      const [pose] = poses;
      expect([elements.length, bonds.length, poses.length]).toEqual([9, 8, 1]);
      const bonded = new Set(bonds.flatMap(({ a, b }) => [9 * a + b, 9 * b + a]));
      for (let i = 0; i < 9; i++) {
        for (let j = 0; j < i; j++) {
          const d = distance(pose, i, pose, j);
          if (bonded.has(9 * i + j)) expect(Math.abs(d - 1.5)).toBeLessThan(1e-5);
          else expect(d).toBeGreaterThan(2.3 - 1e-5);
        }
      }
      // Each atom was put at 112 degrees to one bond of its parent, that is 2.487 Å from that bond's other end.
      for (const { a, b } of bonds.slice(1)) {
        const ends = bonds.flatMap((bond) => (bond.b === b ? [] : bond.a === a ? [bond.b] : bond.b === a ? [bond.a] : []));
        const off = ends.map((end) => Math.abs(distance(pose, b, pose, end) - 3 * Math.sin(56 * Math.PI / 180)));
        expect(Math.min(...off)).toBeLessThan(1e-5);
      }
      expect([...features].every((type) => type >= 0 && type < 5)).toBe(true);
      expect(new Set([...elements].map((element, i) => `${element} ${features[i]}`)).size).toBe(new Set(features).size);
      expect(automorphisms({ elements, bonds })).toHaveLength(1);
      expect(torsions.length).toBeGreaterThanOrEqual(1);
      expect(torsions.length).toBeLessThanOrEqual(3);
      const turning = rotatableBonds({ elements, bonds });
      for (const torsion of torsions) expect(turning).toContainEqual(torsion);
    }
  });

  it('beads keep apart, away from the ligand, and those in contact with it are of the types that bind', () => {
    for (const complex of exact) {
      const { receptor: { types, positions, vectors }, poses: [pose], center } = complex;
      let [lining, closest] = [0, Infinity];
      for (const bead of beadsOf(complex)) {
        for (let other = 0; other < bead; other++) closest = Math.min(closest, distance(positions, bead, positions, other));
        const { atom, d } = nearestAtom(pose, positions, bead);
        expect(d).toBeGreaterThan(3.4 - 1e-4);
        // The scaffold is carved to 4.6 Å, and lining beads are at most 4.2 Å away.
        if (d < 4.2 + 1e-4) {
          lining++;
          expect(types[bead]).toBe(COMPLEMENT[complex.ligand.features[atom]]);
        } else {
          expect(d).toBeGreaterThan(4.6 - 1e-4);
        }
        // Outward from the sphere's middle, of which the centre is minus the position.
        const outward = [0, 1, 2].map((axis) => positions[3 * bead + axis] + center[axis]);
        const length = Math.hypot(...outward);
        outward.forEach((value, axis) => expect(vectors[9 * bead + axis]).toBeCloseTo(value / length, 4));
        expect([...vectors.subarray(9 * bead + 3, 9 * bead + 9)]).toEqual([0, 0, 0, 0, 0, 0]);
      }
      expect(closest).toBeGreaterThan(3.6 - 1e-4);
      expect(lining).toBeGreaterThanOrEqual(6);
      for (const mean of centroid(positions)) expect(Math.abs(mean)).toBeLessThan(1e-4);
      const depth = Math.hypot(...centroid(pose).map((value, axis) => value + center[axis]));
      expect(depth).toBeCloseTo(8, 4);
    }
  });

  it('decoys have linings of the types that do not bind', () => {
    const { complexes, clusters } = make({ ...EXACT, perFamily: 80, perHeldOut: 80, trees: 1, decoys: 2 });
    clusters.forEach((_, cluster) => {
      const family = complexes.filter((complex) => complex.cluster === cluster);
      const { lining, decoys } = partsOf(family[0]);
      const neverBound = (bead: number): number[] => [...Array(9).keys()].filter((atom) =>
        family.every(({ ligand, receptor }) => receptor.types[bead] !== COMPLEMENT[ligand.features[atom]]));
      expect(decoys.length).toBeGreaterThanOrEqual(6);
      // By chance no atom keeps clear of its complement for 80 complexes: (5/6)^80 is less than 1e-6.
      for (const bead of decoys) expect(neverBound(bead)).toHaveLength(1);
      // All of the other five types occur.
      for (const bead of decoys) expect(new Set(family.map(({ receptor }) => receptor.types[bead])).size).toBe(6);
      for (const bead of lining) expect(neverBound(bead)).toHaveLength(0);
    });
    for (const complex of make({ ...EXACT, decoys: 0 }).complexes) expect(partsOf(complex).decoys).toEqual([]);
  });

  it('keeps complexes whose true pose beats random ones, and most of those drawn', () => {
    const { complexes, margins, drawn } = filtered;
    expect([...margins].every((margin) => margin > 0)).toBe(true);
    expect(complexes).toHaveLength(30);
    expect(drawn).toBeGreaterThanOrEqual(30);
    // In a prototype of this generator 52 of 60 passed, by 2.45 in the median.
    expect(30 / drawn).toBeGreaterThan(0.6);
    const median = [...margins].sort((a, b) => a - b)[15];
    expect(median).toBeGreaterThan(1.5);
    expect(median).toBeLessThan(4);
  });

  it('families share a scaffold and poses, and differ from each other', () => {
    const of = (cluster: number): Complex[] => exact.filter((complex) => complex.cluster === cluster);
    const [first, second, heldOut] = [of(0), of(1), of(2)];
    // Complexes 0 and 6 have the same of six trees: nothing but types and the position of the whole differs.
    expect(shared(first[0], first[6])).toBeGreaterThan(0.99);
    expect(first[0].receptor.types).not.toEqual(first[6].receptor.types);
    expect(first[0].ligand.features).not.toEqual(first[6].ligand.features);
    expect(first[0].receptor.positions).not.toEqual(first[6].receptor.positions);
    // Other trees leave the scaffold's outer beads.
    const near = shared(first[0], first[1]);
    const far = Math.max(shared(first[0], second[0]), shared(first[0], heldOut[0]));
    expect(near).toBeGreaterThan(far + 0.2);
  });

  it('seed conformers are the true pose with its torsions turned', () => {
    let moved = 0;
    for (const { ligand: { molecule: { positions, bonds, elements }, torsions }, poses: [pose] } of exact) {
      // Sides of rigid parts: atoms that no chosen bond parts keep their distances.
      const side = (atom: number): string => torsions.map(({ moved: atoms }) => Number(atoms.includes(atom))).join('');
      const bonded = new Set(bonds.flatMap(({ a, b }) => [9 * a + b, 9 * b + a]));
      for (let i = 0; i < elements.length; i++) {
        for (let j = 0; j < i; j++) {
          const difference = Math.abs(distance(positions, i, positions, j) - distance(pose, i, pose, j));
          if (side(i) === side(j) || bonded.has(9 * i + j)) expect(difference).toBeLessThan(1e-4);
          else moved = Math.max(moved, difference);
        }
      }
      for (const mean of centroid(positions)) expect(Math.abs(mean)).toBeLessThan(1e-6);
    }
    expect(moved).toBeGreaterThan(0.5);
  });

  it('mouths show the code of the family, those of decoys that of another one that is trained on', () => {
    const { complexes, clusters } = make({ ...EXACT, families: 3, perFamily: 40, heldOut: 2, perHeldOut: 40 });
    /** Shares of the types of scaffold beads around mouths, which are where the middle of the lining points to. */
    const shares = (cluster: number, part: 'lining' | 'decoys'): number[] => {
      const counts = Array<number>(6).fill(0);
      for (const complex of complexes.filter((one) => one.cluster === cluster)) {
        const { receptor: { positions, types }, center } = complex;
        const parts = partsOf(complex);
        const axis = [0, 1, 2].map((k) => parts[part].reduce((sum, bead) => sum + positions[3 * bead + k] + center[k], 0));
        const mouth = axis.map((value, k) => (11 * value) / Math.hypot(...axis) - center[k]);
        for (const bead of parts.scaffold) if (distance(mouth, 0, positions, bead) < 7) counts[types[bead]]++;
      }
      const total = counts.reduce((a, b) => a + b, 0);
      return counts.map((count) => count / total);
    };
    const codes = clusters.map((_, cluster) => shares(cluster, 'lining').map((share, type) => ({ share, type }))
      .sort((a, b) => b.share - a.share).slice(0, 3).map(({ type }) => type));
    expect(new Set(codes.map((code) => code.sort().join())).size).toBe(5);
    clusters.forEach((_, cluster) => {
      const around = shares(cluster, 'decoys');
      const [best] = codes.slice(0, 3)
        .map((code, family) => ({ family, share: code.reduce((sum, type) => sum + around[type], 0) }))
        .sort((a, b) => b.share - a.share);
      // 85 % of these beads follow the code.
      expect(best.share).toBeGreaterThan(0.75);
      expect(best.family).not.toBe(cluster);
    });
  });

  it('symmetric families have ligands with symmetries, for which a swap counts as the same pose', () => {
    const { complexes, clusters } = make({ symmetric: true, perFamily: 4, perHeldOut: 3 });
    expect(clusters).toEqual(['train-0', 'train-1', 'train-symmetric', 'held-out-0', 'held-out-symmetric']);
    for (const { ligand: { molecule }, cluster } of complexes) {
      expect(automorphisms(molecule).length > 1).toBe(clusters[cluster!].endsWith('symmetric'));
    }
  });

  it('splits: families to train on, unseen complexes of these, validation families, held-out ones', () => {
    const { complexes, clusters } = make({ ...EXACT, unseen: 3, validation: 1 });
    const splits = clusters.map((_, cluster) =>
      complexes.filter((complex) => complex.cluster === cluster).map(({ split }) => split).join(''));
    expect(splits).toEqual(['000000000000111', '000000000000111', '111111', '222222']);
    expect(complexes[14].name).toBe('train-0-14');
    expect(new Set(complexes.map(({ name }) => name)).size).toBe(complexes.length);
  });

  it('same seed, same complexes; more of them begin with the fewer; another seed gives others', () => {
    const few = { poses: 100, perFamily: 8 };
    const first = make(few);
    expect(complexesArtifact(make(few))).toEqual(complexesArtifact(first));
    const more = make({ ...few, perFamily: 10, validation: 1, heldOut: 2 });
    const known = new Map(more.complexes.map((complex) => [complex.name, complex]));
    for (const complex of first.complexes) {
      expect(known.get(complex.name)).toEqual({ ...complex, cluster: known.get(complex.name)!.cluster });
    }
    expect(make({ ...few, seed: 4 }).complexes[0].poses).not.toEqual(first.complexes[0].poses);
  });

  it('reads back what it wrote', () => {
    const set = make({ ...EXACT, perFamily: 3, perHeldOut: 2 });
    const back = complexesOf({ ...complexesArtifact(set) } as Parameters<typeof complexesOf>[0], 'pockets.st');
    expect(back.clusters).toEqual(['train-0', 'train-1', 'held-out-0']);
    expect(back.features).toEqual([{ name: 'type', size: 6 }]);
    back.complexes.forEach((complex, i) => {
      expect(complex.receptor).toEqual(set.complexes[i].receptor);
      expect(complex.ligand.torsions).toEqual(set.complexes[i].ligand.torsions);
      expect(complex.poses).toEqual(set.complexes[i].poses);
      expect(complex.center).toEqual(set.complexes[i].center);
    });
  });

  it('refuses what cannot be', () => {
    expect(() => make({ ligandAtoms: 3 })).toThrow('no tree of 3 atoms with at least 1 rotatable bonds');
    expect(() => make({ torsions: [3, 2] })).toThrow('the most torsions must be a whole number from 3 to 24, but is 2');
    expect(() => make({ families: 0 })).toThrow('the number of families to train on');
    expect(() => make({ jitter: 3 })).toThrow('random poses score as well as the true one in nearly all of 51 complexes of train-0');
  });
});

describe('contactScore', () => {
  it('counts complementary contacts, others that are not inert, and clashes', () => {
    const at = (...xs: number[]): Float64Array => Float64Array.from(xs.flatMap((x) => [x, 0, 0]));
    const score = (atom: number, bead: number, d: number): number =>
      contactScore(at(0), { atoms: [atom], types: [bead], beads: at(d) });
    for (const [a, b] of [[0, 0], [1, 2], [2, 1], [3, 4], [4, 3]]) expect(score(a, b, 4)).toBe(1);
    expect(score(1, 1, 4)).toBe(-0.3);
    expect(score(0, 5, 4)).toBe(0);
    expect([2.79, 2.9, 3.01, 4.79, 4.81].map((d) => score(1, 2, d))).toEqual([-2, 0, 1, 1, 0]);
    // Two atoms 3 Å apart, beads at -4 (touches the first) and 7.5 (touches the second): apolar fits, plus to acceptor does not.
    expect(contactScore(at(0, 3), { atoms: [0, 3], types: [0, 2], beads: at(-4, 7.5) })).toBeCloseTo(0.7, 12);
  });
});
