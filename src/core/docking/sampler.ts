import { centroid } from '../chem/geometry.js';
import type { Torsion } from '../chem/torsions.js';
import type { Stream } from '../random.js';
import { moveLigand, moveRigidly, turnTorsions, type Move } from './rigid.js';
import { diffusionAt, perFactor, sigmaAt, type Factor, type NoiseRanges, type PerFactor } from './noise.js';
import { uniformRotation } from './so3.js';

export interface Sampling {
  /** Steps N; the times are 1 - i / N. */
  readonly steps: number;
  /** Along the probability-flow ODE instead of with fresh noise. */
  readonly ode: boolean;
  /** Low-temperature sampling: temperature, further noise psi, and the data's spread between the noise's logarithms. */
  readonly temperature: PerFactor<number>;
  readonly psi: PerFactor<number>;
  readonly spread: PerFactor<number>;
  /** The last step has noise, too. */
  readonly finalNoise: boolean;
  /** Steps at the end that are left out. */
  readonly skipped: number;
  /** Deviation of the first place from where it is looked for, each axis: Å. */
  readonly start: number;
}

/** The plain SDE, all of it but the last step's noise. */
export const plainSampling = (noise: NoiseRanges, steps: number): Sampling => ({
  steps, ode: false, temperature: perFactor(() => 1), psi: perFactor(() => 0), spread: perFactor(() => 0.5),
  finalNoise: false, skipped: 0, start: noise.tr.max,
});

/** A ligand on its way, with its own source of randomness: what becomes of it does not depend on what else is sampled. */
export interface Walker {
  readonly torsions: readonly Torsion[];
  readonly random: Stream;
  /** Å: [n, 3]. */
  positions: Float64Array;
}

/** A seed conformer [n, 3] with random torsions and orientation, at a random place around `center`. */
export function startWalker(
  conformer: ArrayLike<number>, torsions: readonly Torsion[], random: Stream, start: number,
  center: readonly [number, number, number] = [0, 0, 0],
): Walker {
  const turned = turnTorsions(conformer, torsions, Array.from(torsions, () => random.between(-Math.PI, Math.PI)));
  const mean = centroid(turned);
  const shift = random.normal(3, 0, start).map((value, axis) => value + center[axis] - mean[axis]);
  return { torsions, random, positions: moveRigidly(turned, uniformRotation(random), shift) };
}

/** Scores of all poses at a time: per Å, per radian, per radian. */
export type ScoreField = (poses: readonly Float64Array[], t: number) => Promise<readonly Move[]>;

/**
 * Moves walkers from time 1 to 0 by the reverse process (Corso et al. 2023, algorithm 2): of each factor by
 * g^2 dt (lambda + T psi / 2) s + g sqrt(dt (1 + psi)) z with lambda = (d + sigma) / (d + sigma / T), which is the plain SDE at
 * T = 1 and psi = 0; or, along the ODE, by g^2 dt s / 2.
 */
export async function walk(walkers: readonly Walker[], noise: NoiseRanges, sampling: Sampling, field: ScoreField): Promise<void> {
  const { steps, ode, skipped } = sampling;
  for (let i = 0; i < steps - skipped; i++) {
    const [t, dt] = [1 - i / steps, 1 / steps];
    const said = await field(walkers.map(({ positions }) => positions), t);
    const still = ode || (!sampling.finalNoise && i === steps - skipped - 1);
    const factors = perFactor((factor) => stepOf(factor, t, dt));
    walkers.forEach((walker, k) => {
      // Random numbers are drawn whether they are used or not, so that walkers with and without noise start alike.
      const along = (factor: Factor, score: ArrayLike<number>): Float64Array => {
        const { drift, noise: deviation } = factors[factor];
        const z = walker.random.normal(score.length);
        return Float64Array.from(z, (value, axis) => drift * score[axis] + (still ? 0 : deviation * value));
      };
      const { translation, rotation, torsions } = said[k];
      walker.positions = moveLigand(walker.positions, walker.torsions, {
        translation: along('tr', translation), rotation: along('rot', rotation), torsions: along('tor', torsions),
      });
    });
  }

  function stepOf(factor: Factor, t: number, dt: number): { drift: number; noise: number } {
    const range = noise[factor];
    const [g2, sigma] = [diffusionAt(range, t) ** 2, sigmaAt(range, t)];
    if (ode) return { drift: 0.5 * g2 * dt, noise: 0 };
    const [temperature, psi, spread] = [sampling.temperature[factor], sampling.psi[factor], sampling.spread[factor]];
    const data = range.max ** spread * range.min ** (1 - spread);
    const lambda = (data + sigma) / (data + sigma / temperature);
    return { drift: g2 * dt * (lambda + (temperature * psi) / 2), noise: Math.sqrt(g2 * dt * (1 + psi)) };
  }
}
