import { UsageError } from '../../core/errors.js';
import { stream } from '../../core/random.js';
import type { Findings, Laboratory } from './laboratory.js';
import { probeEncoder } from './probes.js';
import { LastEpoch, Students } from './students.js';

const NOISE = 'on noise';

/**
 * Dependence on data (Sarnthein et al. 2023, section 4): students distilled on more and more of the training images, each set
 * within the next, for equally many steps; and as the control one distilled on Gaussian noise, which is new in every step.
 */
export async function data(laboratory: Laboratory): Promise<Findings> {
  const { options, seeds, own: { training: { rows } } } = laboratory;
  const total = rows.length;
  const parts = [64, 16, 4, 1].map((part) => Math.floor(total / part)).filter((count) => count >= options.batch);
  const counts = options.counts ?? parts;
  const wrong = counts.find((count) => !(Number.isInteger(count) && count >= options.batch && count <= total));
  if (wrong !== undefined || counts.length === 0) {
    throw new UsageError(`--counts takes whole numbers from --batch ${options.batch} to the ${total} training images`
      + `${wrong === undefined ? '; give a smaller batch' : `, but ${wrong} was given`}`);
  }
  const steps = options.steps ?? Math.max(1, Math.round(options.epochs * Math.floor(total / options.batch)));
  const students = new Students(laboratory, 'images');
  for (const seed of seeds) {
    const order = stream(seed, 'study data').permutation(total);
    for (const [k, count] of [...counts, total].entries()) {
      const noise = k === counts.length;
      const last = new LastEpoch();
      const { encoder, student } = await laboratory.distil(seed, { steps, ...(noise && { inputs: 'gaussian' }) }, {
        only: Array.from(order.subarray(0, count)),
        start: async (first) => {
          if (k === 0) students.teacher(seed, await probeEncoder(laboratory, first.encoder, first.teacher));
        },
        step: last.step,
      });
      const probed = await probeEncoder(laboratory, encoder, student);
      students.add(noise ? NOISE : 'student', noise ? 0 : count, seed, probed, last.measured);
      laboratory.advance(seeds.length * (counts.length + 1));
    }
  }
  return students.findings('what a student of a random teacher learns, by how many images it sees', { still: [NOISE], logarithmic: true });
}
