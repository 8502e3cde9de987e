import { UsageError } from '../../core/errors.js';
import type { Variable } from '../../core/nn/index.js';
import { isWeight } from '../../core/optim/index.js';
import { curvesChart } from '../../core/plot/curves.js';
import { fullMasks, keptEntries, pruneByMagnitude, withMasks, type State } from '../../core/train/index.js';
import type { Options } from './random-teacher.js';
import type { Findings, Laboratory } from './laboratory.js';
import { summarize, type Row } from './table.js';
import { testScores, tune, tuning } from './tuning.js';

/**
 * Iterative magnitude pruning with rewinding (Sarnthein et al. 2023, section 5; Frankle et al. 2020): train to the end, prune the
 * smallest weights that are left, go back to the weights of the rewinding point, again. The student is rewound to itself, random
 * weights (the teacher's, that it came from) to where some epochs of supervised training brought them.
 */
export async function lottery(laboratory: Laboratory): Promise<Findings> {
  const { options, seeds } = laboratory;
  const { rounds, rewinds, tuneEpochs } = options;
  const wrong = rewinds.find((epochs) => !(epochs >= 0 && epochs < tuneEpochs));
  if (wrong !== undefined) throw new UsageError(`--rewinds takes epochs from 0 to less than --tune-epochs ${tuneEpochs}, but ${wrong} was given`);
  const parts = seeds.length * (rewinds.length + 1) * (rounds + 1);
  const points: Row[] = [];
  for (const seed of seeds) {
    const { encoder, student, teacher } = await laboratory.student(seed);
    const job = tuning(laboratory, encoder, { seed, masked: prunable(options) });
    const pruned = [...job.program.variables.values()].filter((p) => p.trainable && prunable(options)(p)).map(({ name }) => name);
    const starts = [
      { name: 'student', weights: student, rewind: 0 }, ...rewinds.map((rewind) => ({ name: 'random', weights: teacher, rewind })),
    ];
    for (const { name, weights, rewind } of starts) {
      const from = Math.round(rewind * job.stepsPerEpoch);
      const everything = fullMasks(job.start(weights), pruned);
      const point = weightsOf(await tune(laboratory, job, withMasks(job.start(weights), everything), { to: from }));
      let masks = everything;
      for (let round = 0; round <= rounds; round++) {
        const end = await tune(laboratory, job, withMasks(job.start(point), masks), { from });
        const { error } = await testScores(laboratory, encoder, end);
        const left = (100 * keptEntries(masks)) / keptEntries(everything);
        points.push({ start: name, rewind, round, left, accuracy: 1 - error, seed });
        masks = pruneByMagnitude(end, masks, options.pruneRate);
        laboratory.advance(parts);
      }
    }
  }
  const summary = summarize(points, ['start', 'rewind', 'round', 'left'], ['accuracy']);
  return { points, summary, chart: chartOf(summary) };
}

/** What may be pruned: weights of convolutions and linear layers, the classifier's too, or every parameter. */
const prunable = ({ pruneAll }: Options) => (parameter: Variable): boolean => pruneAll || isWeight(parameter);

/** The network itself, without optimiser and masks. */
const weightsOf = (state: State): State => new Map([...state].filter(([name]) => /^(encoder|head)\./.test(name)));

function chartOf(summary: readonly Row[]) {
  const nameOf = ({ start, rewind }: Row) => (start === 'student' ? 'student' : `random, rewound to epoch ${rewind}`);
  const curves = [...new Set(summary.map(nameOf))].map((run) => {
    const own = summary.filter((row) => nameOf(row) === run);
    return { run, x: own.map(({ left }) => Number(left)), y: own.map(({ accuracy }) => Number(accuracy)) };
  });
  return curvesChart([{ name: 'test accuracy', curves }], {
    title: 'pruning with rewinding', xTitle: 'weights left, %', smooth: 0, logarithmic: false, points: true,
    x: { logarithmic: true, descending: true },
  });
}
