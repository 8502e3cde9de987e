import { mean, mul, square, sub, type Tensor } from '../graph/index.js';
import { meanSquaredError } from '../losses/index.js';
import type { Scope } from '../nn/index.js';
import { studentSignal, type DenoiserSpec, type StudentSpec } from './denoiser.js';
import { guidedSignal } from './generate.js';
import { noiseLevel, type ScheduleName } from './schedule.js';
import { diffuse, perExample, type Times } from './times.js';

/**
 * BOOT (Gu et al. 2023): a student g(eps, t) learns the signal y_t = (x_t - sigma_t eps) / alpha_t of its teacher's path from the
 * noise eps, by itself: its estimate at t, moved on by one call of the teacher, is what it has to say at the earlier time
 * s = t - step.
 */
export interface BootOptions {
  readonly teacher: DenoiserSpec;
  readonly denoiser: DenoiserSpec;
  readonly student: StudentSpec;
  readonly solver: 'ddim' | 'heun';
  /** Weight of the boundary loss. */
  readonly beta: number;
  readonly batch: number;
}

/** What changes from example to example in one step. */
export interface BootInputs extends Link {
  /** The noise's own time, tMax for all. */
  readonly start: Times;
  /** Of the link's squared error, [B]. */
  readonly weight: Tensor;
  readonly condition?: Tensor;
  /** Conditions of the boundary loss. */
  readonly boundaryCondition?: Tensor;
  /** The strength w that the teacher is guided with, [B]. */
  readonly guidance?: Tensor;
}

/** The bootstrapping loss, the boundary loss, and `loss`, the sum that is learnt from: scalars. */
export function bootLosses(
  root: Scope, o: BootOptions, given: BootInputs,
): { loss: Tensor; bootstrap: Tensor; boundary: Tensor } {
  const { start, condition, guidance } = given;
  const shape = [o.batch, ...o.teacher.shape];
  const noise = root.draw('noise', shape, 'normal');
  const g = (eps: Tensor, wanted: Tensor, c?: Tensor) => studentSignal(o.denoiser, o.student, root.at('student.denoiser'), eps,
    { noise: start, wanted }, c, o.student.guidanceMax === undefined ? undefined : guidance);
  const f = (x: Tensor, times: Times, c?: Tensor) => guidedSignal(o.teacher, root.at('teacher.denoiser'), x, times,
    guidance && perExample(guidance, x), c).stopGradient();

  const y = g(noise, given.from.t, condition).stopGradient();
  const moved = bootTarget((x, times) => f(x, times, condition), y, noise, given, o.solver);
  const errors = square(sub(g(noise, given.to.t, condition), moved.stopGradient()));
  const bootstrap = mean(mul(mean(errors.reshape([o.batch, -1]), 1), given.weight));

  // At tMax the state is noise alone, and the teacher's estimate the best there is.
  const fresh = root.draw('boundary noise', shape, 'normal');
  const boundary = meanSquaredError(g(fresh, start.t, given.boundaryCondition), f(fresh, start, given.boundaryCondition));
  return { loss: bootstrap.add(boundary.mul(o.beta)), bootstrap, boundary };
}

/** Times of a link, and delta = 1 - (alpha_t sigma_s) / (alpha_s sigma_t). */
export interface Link {
  readonly from: Times;
  readonly to: Times;
  /** [B], in (0, 1]. */
  readonly delta: Tensor;
}

/**
 * y_s from y_t: y_t + delta (f(alpha_t y_t + sigma_t eps, t) - y_t), the step of DDIM written for the signal; `heun` averages f
 * over both ends.
 */
export function bootTarget(
  f: (x: Tensor, times: Times) => Tensor, y: Tensor, noise: Tensor, { from, to, delta }: Link, solver: 'ddim' | 'heun',
): Tensor {
  const move = (estimate: Tensor) => y.add(sub(estimate, y).mul(perExample(delta, y)));
  const first = f(diffuse(y, noise, from), from);
  if (solver === 'ddim') return move(first);
  return move(first.add(f(diffuse(move(first), noise, to), to)).mul(0.5));
}

/** A link from time t to s < t as numbers: both levels, and delta. */
export function linkOf(schedule: ScheduleName, t: number, s: number) {
  const [from, to] = [noiseLevel(schedule, t), noiseLevel(schedule, s)];
  return { from, to, delta: 1 - (from.alpha * to.sigma) / (to.alpha * from.sigma) };
}

export const WEIGHTINGS = ['none', 'inv-delta2', 'snr'] as const;

/** Smallest delta that is divided by. */
const LEAST_DELTA = 1e-3;

/** Weight of a link's squared error: 1, 1/delta^2 (the error of the ODE's slope), or that times max(alpha^2/sigma^2, 1). */
export function linkWeight(weighting: (typeof WEIGHTINGS)[number], { from, delta }: ReturnType<typeof linkOf>): number {
  if (weighting === 'none') return 1;
  const slope = 1 / Math.max(delta, LEAST_DELTA) ** 2;
  return weighting === 'snr' ? slope * Math.max((from.alpha / from.sigma) ** 2, 1) : slope;
}
