import type { Findings, Laboratory } from './laboratory.js';
import { probeEncoder, type Probed } from './probes.js';
import { Students } from './students.js';

/**
 * The student against its teacher along training (Sarnthein et al. 2023, section 4): probed before the first step and at even
 * steps until the last. KL is the mean since the last probe.
 */
export async function training(laboratory: Laboratory): Promise<Findings> {
  const { options: { probes }, seeds } = laboratory;
  const students = new Students(laboratory, 'step');
  for (const seed of seeds) {
    let start: Probed | undefined;
    let recent: number[] = [];
    await laboratory.distil(seed, {}, {
      start: async ({ encoder, teacher, student }) => {
        students.teacher(seed, await probeEncoder(laboratory, encoder, teacher));
        start = await probeEncoder(laboratory, encoder, student);
        laboratory.advance(seeds.length * (probes + 1));
      },
      step: async ({ metrics, done, steps, now }) => {
        recent.push(metrics.kl!);
        const measured = () => ({ kl: recent.reduce((a, b) => a + b) / recent.length, distance: metrics.teacherDistance! });
        // The first step reports of the student that it began with.
        if (done === 1) students.add('student', 0, seed, start!, measured());
        if (!Array.from({ length: probes }, (_, k) => Math.round((steps * (k + 1)) / probes)).includes(done)) return;
        const { encoder, student } = now();
        students.add('student', done, seed, await probeEncoder(laboratory, encoder, student), measured());
        recent = [];
        laboratory.advance(seeds.length * (probes + 1));
      },
    });
  }
  return students.findings('what a student of a random teacher learns, step by step');
}
