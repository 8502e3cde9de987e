import { UsageError } from '../../core/errors.js';
import type { Findings, Laboratory } from './laboratory.js';
import { probeEncoder, type Probed } from './probes.js';
import { LastEpoch, Students } from './students.js';

/**
 * Sarnthein et al. 2023, section 4: students of one teacher that start nearer to it and farther away, probed before (`start`) and
 * after distillation.
 */
export async function locality(laboratory: Laboratory): Promise<Findings> {
  const { options: { alphas }, seeds } = laboratory;
  const wrong = alphas.find((alpha) => !(alpha >= 0 && alpha <= 1));
  if (wrong !== undefined) throw new UsageError(`--alphas takes numbers from 0 to 1, but ${wrong} was given`);
  const students = new Students(laboratory, 'alpha', ['start']);
  for (const seed of seeds) {
    for (const [k, alpha] of alphas.entries()) {
      let start: Probed | undefined;
      const last = new LastEpoch();
      const { encoder, student } = await laboratory.distil(seed, { alpha }, {
        start: async (first) => {
          if (k === 0) students.teacher(seed, await probeEncoder(laboratory, first.encoder, first.teacher));
          start = await probeEncoder(laboratory, first.encoder, first.student);
        },
        step: last.step,
      });
      students.add('student', alpha, seed, await probeEncoder(laboratory, encoder, student), { ...last.measured, start: start!.linear });
      laboratory.advance(seeds.length * alphas.length);
    }
  }
  return students.findings('what a student of a random teacher learns, by where it starts');
}
