import { describe, expect, it } from 'vitest';
import { molecule, type Bond } from '../../../src/core/chem/molecule.js';
import type { Complex } from '../../../src/core/docking/complexes.js';
import {
  confidenceAuroc, rmsdQuantiles, scorePoses, selections, shares, type ScoredPoses,
} from '../../../src/core/docking/evaluation.js';
import { auroc } from '../../../src/core/stats/metrics.js';

const chain = (...pairs: [number, number][]): Bond[] => pairs.map(([a, b]) => ({ a, b, order: 1 }));

/** A complex of these atoms, with beads or heavy atoms of a receptor. */
function complexOf(
  elements: number[], bonds: Bond[], poses: number[][],
  receptor: { beads?: number[]; atoms?: number[]; positions?: number[] } = {},
): Complex {
  const { beads = [50, 50, 50], atoms = [], positions = [] } = receptor;
  return {
    name: 'one', split: 0, center: [0, 0, 0],
    receptor: {
      types: new Int32Array(beads.length / 3), positions: Float32Array.from(beads), vectors: new Float32Array(3 * beads.length),
      atoms: { elements: Uint8Array.from(atoms), positions: Float32Array.from(positions) },
    },
    ligand: {
      molecule: molecule({
        name: 'one', elements: Uint8Array.from(elements), charges: new Int8Array(elements.length), bonds,
        positions: Float64Array.from(poses[0]!),
      }),
      features: new Int32Array(elements.length), torsions: [],
    },
    poses: poses.map((pose) => Float32Array.from(pose)),
  };
}
const moved = (pose: number[], x: number, y = 0, z = 0): Float32Array =>
  Float32Array.from(pose, (value, i) => value + [x, y, z][i % 3]!);
const of = (rmsd: number[], confidence?: number[]): ScoredPoses => ({
  rmsd: Float64Array.from(rmsd), centroid: Float64Array.from(rmsd, (d) => d / 2), receptorClash: rmsd.map((d) => d > 6),
  selfClash: rmsd.map(() => false), exact: true, ...(confidence && { confidence: Float64Array.from(confidence) }),
});

describe('scorePoses', () => {
  // Carboxylate-like: C-C with two oxygens.
  const acid = [[-1.5, 0, 0], [0, 0, 0], [0.6, 1.1, 0], [0.6, -1.1, 0]].flat();
  const bonds = chain([0, 1], [1, 2], [1, 3]);

  it('measures what was moved, and nothing of what is alike', () => {
    const complex = complexOf([6, 6, 8, 8], bonds, [acid]);
    const swapped = [...acid.slice(0, 6), ...acid.slice(9), ...acid.slice(6, 9)];
    const poses = [moved(acid, 3, 4), moved(swapped, 0), moved(swapped, 0, 0, 1)];
    const { rmsd, centroid, exact } = scorePoses(complex, { poses });
    expect(Array.from(rmsd, (d) => Number(d.toFixed(5)))).toEqual([5, 0, 1]);
    expect(Array.from(centroid, (d) => Number(d.toFixed(5)))).toEqual([5, 0, 1]);
    expect(exact).toBe(true);
    // Nitrogen in place of one oxygen: the swap counts, the two atoms being 2.2 Å apart: sqrt(2 * 2.2^2 / 4).
    const other = complexOf([6, 6, 8, 7], bonds, [acid]);
    expect(scorePoses(other, { poses: [moved(swapped, 0)] }).rmsd[0]).toBeCloseTo(2.2 / Math.SQRT2, 5);
    expect(scorePoses(other, { poses: [moved(swapped, 0)] }).centroid[0]).toBeCloseTo(0, 6);
  });

  it('takes the nearest of several true poses', () => {
    const complex = complexOf([6, 6, 8, 8], bonds, [acid, [...moved(acid, 10)]]);
    const { rmsd, centroid } = scorePoses(complex, { poses: [moved(acid, 9), moved(acid, 2), moved(acid, 5.5)] });
    expect(Array.from(rmsd, (d) => Number(d.toFixed(4)))).toEqual([1, 2, 4.5]);
    expect(Array.from(centroid, (d) => Number(d.toFixed(4)))).toEqual([1, 2, 4.5]);
  });

  it('finds the least over very many symmetries, too', () => {
    // Three carbons around one, each with three ends: 6 * 6^3 = 1296 symmetries.
    const arms = [[1, 0], [-0.5, 0.9], [-0.5, -0.9]];
    const positions = [[0, 0, 0], ...arms.map(([x, y]) => [1.5 * x!, 1.5 * y!, 0]),
      ...arms.flatMap(([x, y]) => [-1, 0, 1].map((z) => [2.5 * x! + z * y!, 2.5 * y! - z * x!, 0.9 * z]))].flat();
    const ends = [1, 2, 3].flatMap((arm) => [0, 1, 2].map((k): [number, number] => [arm, 3 * arm + 1 + k]));
    const graph = chain([0, 1], [0, 2], [0, 3], ...ends);
    const complex = complexOf(Array<number>(13).fill(6), graph, [positions]);
    // One arm for the next, and two ends of each exchanged.
    const order = [0, 2, 3, 1, 8, 7, 9, 11, 10, 12, 5, 4, 6];
    const turned = order.flatMap((atom) => positions.slice(3 * atom, 3 * atom + 3));
    const { rmsd, exact } = scorePoses(complex, { poses: [moved(turned, 0), moved(turned, 0, 2)] });
    expect(rmsd[0]).toBeCloseTo(0, 5);
    expect(rmsd[1]).toBeLessThanOrEqual(2);
    expect(exact).toBe(true);
  });

  it('clashes: with beads nearer than 2.8 Å, with atoms by their radii; validity only with atoms', () => {
    const bead = complexOf([6, 6, 8, 8], bonds, [acid], { beads: [-4.29, 0, 0] });
    const near = scorePoses(bead, { poses: [moved(acid, 0), moved(acid, -0.05)] });
    expect([near.receptorClash, near.valid]).toEqual([[true, true], undefined]);
    expect(scorePoses(bead, { poses: [moved(acid, 0.05)] }).receptorClash).toEqual([false]);
    // Carbon at 0.75 * 3.4 = 2.55 Å of carbon is the limit.
    const atoms = complexOf([6, 6, 8, 8], bonds, [acid], { atoms: [6], positions: [-4.2, 0, 0] });
    const scored = scorePoses(atoms, { poses: [moved(acid, 0), moved(acid, -0.2)] });
    expect([scored.receptorClash, scored.valid]).toEqual([[false, true], [true, false]]);
    // The ends of a chain of five at 1.5 Å, which is less than 0.6 * 3.4.
    const open = [0, 0, 0, 1.5, 0, 0, 2, 1.4, 0, 1.5, 2.8, 0, 0, 3.5, 0];
    const folded = Float32Array.of(0, 0, 0, 1.5, 0, 0, 2, 1.4, 0, 1, 2.4, 0, 0, 1.5, 0);
    const five = complexOf([6, 6, 6, 6, 6], chain([0, 1], [1, 2], [2, 3], [3, 4]), [open]);
    expect(scorePoses(five, { poses: [folded, Float32Array.from(open)] }).selfClash).toEqual([true, false]);
  });

  it('takes poses with NaN for infinitely far off, and NaN confidence for the lowest', () => {
    const complex = complexOf([6, 6, 8, 8], bonds, [acid]);
    const { rmsd, confidence } = scorePoses(complex, {
      poses: [moved(acid, NaN), moved(acid, 1)], confidence: Float32Array.of(NaN, -5),
    });
    expect([...rmsd].map((d) => Math.round(d * 1e5) / 1e5)).toEqual([Infinity, 1]);
    expect([...confidence!]).toEqual([-Infinity, -5]);
    expect(scorePoses(complex, { poses: [] }).rmsd).toHaveLength(0);
  });
});

describe('selections', () => {
  // By confidence: pose 2 (rmsd 3) first, then 0 (rmsd 1), then 1 and 3.
  const one = of([1, 8, 3, 0.5], [2, 1, 3, -1]);
  const two = of([4, 1.5, 9, 6], [0, 0, 0, 0]);
  const three = of([], []);
  const all = [one, two, three];
  const below = (t: number) => (scored: ScoredPoses, pose: number): boolean => scored.rmsd[pose]! < t;

  it('choose as their names say; no pose is a failure', () => {
    const known = selections(all, [1, 2, 5]);
    expect(known.map(({ name }) => name))
      .toEqual(['random sample', 'top-1 by confidence', 'best of top 2 by confidence', 'best of all 4 (oracle)']);
    expect(known.map(({ pick }) => all.map((scored) => [...Array.from(pick(scored))])))
      .toEqual([[[0, 1, 2, 3], [0, 1, 2, 3], []], [[2], [0], []], [[0], [1], []], [[3], [1], []]]);
    expect(known.map((selection) => [...shares(all, selection, below(2))]))
      .toEqual([[0.5, 0.25, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]]);
    expect(selections([of([1, 2])], [1, 5]).map(({ key }) => key)).toEqual(['random', 'oracle']);
    expect(selections([of([1], [0])], [1, 5]).map(({ key }) => key)).toEqual(['random', 'top1', 'oracle']);
  });

  it('quantiles: numpy\'s of one pose each, every complex counting once otherwise', () => {
    const singles = [[3], [1], [7], [2]].map((rmsd) => of(rmsd));
    const [random] = selections(singles, []);
    // numpy.quantile([1, 2, 3, 7], [0, .25, .5, .75, 1])
    expect(rmsdQuantiles(singles, random!, [0, 0.25, 0.5, 0.75, 1])).toEqual([1, 1.75, 2.5, 4, 7]);
    // Ten poses at 5 Å of one complex weigh as much as one at 1 Å of another: the middle lies between.
    const uneven = [of(Array<number>(10).fill(5)), of([1])];
    expect(rmsdQuantiles(uneven, selections(uneven, [])[0]!, [0, 1])).toEqual([1, 5]);
    expect(rmsdQuantiles(uneven, selections(uneven, [])[0]!, [0.5])[0]).toBeGreaterThan(4);
    // Failures are infinitely far off: with two of four the median lies between 3 and infinity.
    const failing = [of([3]), of([1]), of([]), of([])];
    expect(rmsdQuantiles(failing, selections(failing, [])[0]!, [0.25, 0.5, 1])).toEqual([2.5, Infinity, Infinity]);
    expect(rmsdQuantiles([of([])], random!, [0.5])).toEqual([Infinity]);
  });
});

describe('confidenceAuroc', () => {
  it('is the area under the ROC curve of the poses of a resample', () => {
    const scored = [of([1, 5, 3], [0.4, 0.4, -1]), of([0.5, 9], [2, 3]), of([], []), of([7, 1], [0.4, 0.1])];
    const area = confidenceAuroc(scored, 2);
    const poses = (complexes: number[]): [number[], number[]] => {
      const drawn = complexes.map((c) => scored[c]!)
        .flatMap(({ rmsd, confidence }) => Array.from(rmsd, (d, k) => [Number(d < 2), confidence![k]!] as const));
      return [drawn.map(([success]) => success), drawn.map(([, logit]) => logit)];
    };
    for (const complexes of [[0, 1, 2, 3], [0, 0, 3], [1], [3, 3, 2, 1, 1]]) {
      expect(area(complexes)).toBeCloseTo(auroc(...poses(complexes)), 12);
    }
    // By hand: successes 0.4 and 2 and 0.1, failures 0.4, -1, 3, 0.4.
    expect(area([0, 1, 2, 3])).toBeCloseTo((0.5 + 1 + 0.5 + 1 + 1 + 1 + 1) / 12, 12);
    expect(area([2])).toBeNaN();
  });
});
