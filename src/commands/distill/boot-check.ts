import type { Context } from '../../cli/context.js';
import { table } from '../../cli/terminal.js';
import { float32 } from '../../core/array.js';
import {
  exactModel, linkOf, noiseLevel, studentSignal, type DenoiserSpec, type NoiseLevel, type StudentSpec,
} from '../../core/diffusion/index.js';
import { compile, parseDevice } from '../../core/engine/index.js';
import { ByoError } from '../../core/errors.js';
import { expand, input } from '../../core/graph/index.js';
import { stepProgram } from '../../core/nn/index.js';
import { normalQuantile } from '../../core/stats/distributions.js';
import { train } from '../../core/train/index.js';
import { setUp, type BootOptionValues } from './boot.js';

/** Mean and standard deviation of the density that --exact gaussian stands for. */
const [MEAN, STD] = [2, 0.5];
/** What the student may be off, root mean square. */
const TOLERANCE = 0.02;

/** Standard deviation of x_t and the exact denoiser, of N(MEAN, STD^2). */
const deviation = ({ alpha, sigma }: NoiseLevel): number => Math.hypot(alpha * STD, sigma);
const denoise = (x: number, level: NoiseLevel): number =>
  MEAN + ((level.alpha * STD ** 2) / deviation(level) ** 2) * (x - level.alpha * MEAN);

/**
 * The signal y_t on the path that the exact denoiser of N(MEAN, STD^2) takes from the noise eps at time `start`, where the signal
 * is the denoiser's estimate: x_t = alpha_t m + D_t z with D_t^2 = alpha_t^2 s^2 + sigma_t^2 and one z for the whole path
 * (eps for start = 1).
 */
export function gaussianSignal(t: number, eps: number, start: number): number {
  const [begin, here] = [noiseLevel('cosine', start), noiseLevel('cosine', t)];
  const z = (begin.alpha * (denoise(eps, begin) - MEAN) + begin.sigma * eps) / deviation(begin);
  return MEAN + (z * deviation(here) - here.sigma * eps) / here.alpha;
}

/** y at `end` from y at `start`, by n steps of the signal's DDIM. */
export function steppedSignal(y: number, eps: number, start: number, end: number, steps: number): number {
  for (let i = 0; i < steps; i++) {
    const { from, delta } = linkOf('cosine', start + ((end - start) * i) / steps, start + ((end - start) * (i + 1)) / steps);
    y += delta * (denoise(from.alpha * y + from.sigma * eps, from) - y);
  }
  return y;
}

/** Trains a student of a Gaussian and prints how far it is from the closed form; throws ByoError where it is too far. */
export async function checkClosedForm(context: Context, o: BootOptionValues): Promise<void> {
  const teacher = exactModel('gaussian', 'cosine');
  const job = setUp(teacher, undefined, { ...o, exact: 'gaussian', schedule: 'cosine', steps: Math.min(o.steps, 1500) });
  const compute = { device: parseDevice(o.device), threads: o.threads };
  const progress = await context.terminal.progress('check', job.steps, 'steps');
  const { state } = await train(job, { seed: o.seed, ...compute, onStep: ({ done }) => progress.update(done) });
  progress.stop();
  const { meta, tensors } = job.model(state);
  const { student, denoiser } = meta as unknown as { student: StudentSpec; denoiser: DenoiserSpec };

  // Quantiles of N(0, 1) instead of draws, to judge without chance; the middle one is 0.
  const batch = 31;
  const noises = Array.from({ length: batch }, (_, i) => normalQuantile((i + 0.5) / batch));
  const start = noiseLevel('cosine', student.tMax);
  const program = stepProgram('check', (root) => {
    const all = (value: number) => expand(input(`constant ${value}`, []), [batch]);
    const noise = { t: all(student.tMax), alpha: all(start.alpha), sigma: all(start.sigma) };
    return { y: studentSignal(denoiser, student, root.at('denoiser'), input('eps', [batch, 1]), { noise, wanted: expand(input('wanted', []), [batch]) }) };
  }, { training: false });
  const executable = compile(program, compute);
  try {
    executable.setState(tensors);
    const rows: string[][] = [];
    let worst = 0;
    for (const t of [0, 0.2, 0.4, 0.6, 0.8]) {
      const constants = [student.tMax, start.alpha, start.sigma].map((value) => [`constant ${value}`, float32([], [value])] as const);
      const fed = { eps: float32([batch, 1], noises), wanted: float32([], [t]), ...Object.fromEntries(constants) };
      const { y } = await executable.run(fed);
      const signal = (eps: number) => gaussianSignal(t, eps, student.tMax);
      const errors = noises.map((eps, i) => Number(y!.data[i]) - signal(eps));
      const links = Math.round((student.tMax - t) / o.step);
      const first = (eps: number) => gaussianSignal(student.tMax, eps, student.tMax);
      const bias = noises.map((eps) => steppedSignal(first(eps), eps, student.tMax, t, links) - signal(eps));
      const rms = (values: readonly number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
      worst = Math.max(worst, rms(errors) - rms(bias));
      const middle = Number(y!.data[(batch - 1) / 2]);
      rows.push([String(t), ...[signal(0), middle, rms(errors), rms(bias)].map((value) => value.toFixed(4))]);
    }
    context.terminal.print(table(['t', 'y(eps = 0)', 'student', 'rms error', `of steps of ${o.step} alone`], rows));
    if (!(worst < TOLERANCE)) throw new ByoError(`the student is off by ${worst.toFixed(4)} more than its steps alone, and at most ${TOLERANCE} is expected`);
  } finally {
    executable.dispose();
  }
}
