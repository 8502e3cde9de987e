/** How much signal and noise there is at every time of a diffusion, from clean data at 0 to noise at 1. */
export const SCHEDULES = ['cosine', 'linear', 'iddpm'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** x_t = alpha x + sigma eps with alpha^2 + sigma^2 = 1. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
}

/** Times of the discrete schedules are k / 1000. */
const TIMESTEPS = 1000;

/**
 * The level at time t in [0, 1]: `cosine` alpha = cos(pi t / 2); `linear` betas on a line from 1e-4 to 0.02 (Ho et al. 2020), and
 * `iddpm` the cosine of Nichol & Dhariwal 2021 with betas of at most 0.999, both over 1000 steps and between them on a line of
 * log alpha^2.
 */
export function noiseLevel(schedule: ScheduleName, t: number): NoiseLevel {
  if (schedule === 'cosine') return { alpha: Math.cos((Math.PI * t) / 2), sigma: Math.sin((Math.PI * t) / 2) };
  const logs = logSignal(schedule);
  const k = Math.min(Math.floor(t * TIMESTEPS), TIMESTEPS - 1);
  const log = logs[k]! + (t * TIMESTEPS - k) * (logs[k + 1]! - logs[k]!);
  return { alpha: Math.exp(log / 2), sigma: Math.sqrt(Math.abs(Math.expm1(log))) };
}

/** A training time from a uniform number in [0, 1): the number itself, or one of the discrete times. */
export const trainingTime = (schedule: ScheduleName, u: number): number =>
  (schedule === 'cosine' ? u : (Math.floor(u * TIMESTEPS) + 1) / TIMESTEPS);

/** Where sampling starts unless told otherwise: as late as a signal can still be told from a prediction of the noise. */
export const latestTime = (schedule: ScheduleName): number => (schedule === 'linear' ? 1 : 0.98);

/** Whether there is still signal enough at t to divide by its share. */
export const hasSignal = (schedule: ScheduleName, t: number): boolean => noiseLevel(schedule, t).alpha >= 1e-3;

const tables = new Map<ScheduleName, Float64Array>();

/** log alpha^2 at the times k / 1000: cumulative sums of log(1 - beta). */
function logSignal(schedule: 'linear' | 'iddpm'): Float64Array {
  const known = tables.get(schedule);
  if (known) return known;
  const table = new Float64Array(TIMESTEPS + 1);
  for (let k = 1; k <= TIMESTEPS; k++) table[k] = table[k - 1]! + Math.log1p(-BETA[schedule](k));
  tables.set(schedule, table);
  return table;
}

const squaredCosine = (t: number): number => Math.cos(((t + 0.008) / 1.008) * (Math.PI / 2)) ** 2;

/** Variance that step k = 1 ... 1000 adds. */
const BETA: Readonly<Record<'linear' | 'iddpm', (k: number) => number>> = {
  linear: (k) => 1e-4 + ((0.02 - 1e-4) * (k - 1)) / (TIMESTEPS - 1),
  iddpm: (k) => Math.min(1 - squaredCosine(k / TIMESTEPS) / squaredCosine((k - 1) / TIMESTEPS), 0.999),
};
