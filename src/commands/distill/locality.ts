import { UsageError } from '../../core/errors.js';
import { curvesChart, type Curve } from '../../core/plot/curves.js';
import { probeEncoder, probePixels, type Probed } from './probes.js';
import type { Findings, Laboratory } from './laboratory.js';
import { summarize, type Row } from './table.js';

const VALUES = ['linear', 'knn', 'kl', 'distance', 'start', 'gain'] as const;

/**
 * Sarnthein et al. 2023, section 4: students of one teacher that start nearer to it and farther away, probed before (`start`) and
 * after distillation. `kl` is the mean of the last epoch, `distance` that of the student from its teacher relative to the
 * teacher's length, `gain` that of the linear probe over the teacher.
 */
export async function locality(laboratory: Laboratory): Promise<Findings> {
  const { options: { alphas }, seeds } = laboratory;
  const wrong = alphas.find((alpha) => !(alpha >= 0 && alpha <= 1));
  if (wrong !== undefined) throw new UsageError(`--alphas takes numbers from 0 to 1, but ${wrong} was given`);
  const parts = seeds.length * alphas.length;
  const pixels = await probePixels(laboratory);
  const points: Row[] = [];
  for (const seed of seeds) {
    let teacher: Probed | undefined;
    for (const alpha of alphas) {
      let start: Probed | undefined;
      const last = { kl: 0, count: 0, distance: 0 };
      const { encoder, student } = await laboratory.distil(seed, { alpha }, {
        start: async (first) => {
          teacher ??= await probeEncoder(laboratory, first.encoder, first.teacher);
          start = await probeEncoder(laboratory, first.encoder, first.student);
        },
        step: ({ kl, teacherDistance }, done, steps, stepsPerEpoch) => {
          if (done <= steps - stepsPerEpoch) return;
          last.kl += kl!;
          last.count += 1;
          last.distance = teacherDistance!;
        },
      });
      const probed = await probeEncoder(laboratory, encoder, student);
      points.push({
        network: 'student', alpha, seed, ...probed, kl: last.kl / last.count, distance: last.distance, start: start!.linear,
        gain: probed.linear - teacher!.linear,
      });
      laboratory.advance(parts);
    }
    points.push({ network: 'teacher', alpha: 0, seed, ...teacher!, kl: 0, distance: 0, start: teacher!.linear, gain: 0 });
    points.push({ network: 'pixels', alpha: 0, seed, ...pixels, kl: 0, distance: 0, start: pixels.linear, gain: pixels.linear - teacher!.linear });
  }
  const summary = summarize(points, ['network', 'alpha'], VALUES);
  const shown = summary.map((row) => (row.network === 'student' ? row : { ...row, alpha: '', kl: '', distance: '', start: '' }));
  return { points, summary: shown, chart: chartOf(summary) };
}

/** Both probes with what teacher and pixels reach as level lines, and KL below. */
function chartOf(summary: readonly Row[]) {
  const students = summary.filter(({ network }) => network === 'student').sort((a, b) => Number(a.alpha) - Number(b.alpha));
  const x = students.map(({ alpha }) => Number(alpha));
  const curve = (run: string, name: string): Curve => ({ run, x, y: students.map((row) => Number(row[name])) });
  const level = (network: string, name: string): Curve => {
    const row = summary.find((one) => one.network === network)!;
    return { run: network, x, y: x.map(() => Number(row[name])) };
  };
  const probes = (['linear', 'knn'] as const).map((name) =>
    ({ name: `${name} probe`, curves: [curve('student', name), level('teacher', name), level('pixels', name)] }));
  return curvesChart([...probes, { name: 'KL', curves: [curve('student', 'kl')] }], {
    title: 'what a student of a random teacher learns, by where it starts', xTitle: 'alpha', smooth: 0, logarithmic: false, points: true,
  });
}
