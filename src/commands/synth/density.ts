import { defineCommand } from '../../cli/command.js';
import { outputOptions, seedOption } from '../../cli/common.js';
import { choice, integer, number, numbers, type Values } from '../../cli/options.js';
import { pointsArtifact } from '../../core/data/points.js';
import { DENSITIES, synthDensity } from '../../core/data/synth/density.js';
import { UsageError } from '../../core/errors.js';
import { writeArtifact } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';

const options = {
  kind: choice({ choices: DENSITIES, default: 'ring8',
    help: 'eight Gaussians on a circle, two half moons, two spiral arms, the squares of a board, or one Gaussian' }),
  count: integer({ default: 5000, min: 1, help: 'points' }),
  mean: numbers({ placeholder: 'x', help: 'middle of the figure, the origin where left out; a Gaussian has as many dimensions as values' }),
  dims: integer({ min: 1, help: 'dimensions of the Gaussian, with one value of --mean for all; 2 where left out' }),
  sd: numbers({ placeholder: 'x', help: 'deviation of the Gaussians or of the noise: 0.15 (ring8), 0.1 (moons), 0.05 (spiral), 0 '
    + '(checkerboard), 1 (gaussian); for a Gaussian one for each dimension, too' }),
  radius: number({ positive: true, help: "the ring's radius, half the extent of the other figures; 2 where left out" }),
  validation: number({ default: 0, min: 0, max: 0.9, help: 'share that is marked as validation' }),
  test: number({ default: 0.2, min: 0, max: 0.9, help: 'share that is marked as test' }),
  ...outputOptions, ...seedOption,
} as const;

export const density = defineCommand({
  name: 'synth density',
  summary: 'draw points from a density of known form, to try generative methods on',
  description: 'Independent points of the plane, or of any number of dimensions for a Gaussian. The label is the mode, the arm or the '
    + 'square that a point belongs to; a Gaussian has none.',
  examples: [
    ['byo synth density --kind ring8 --count 5000 -o ring.st', 'eight Gaussians of deviation 0.15 on a circle of radius 2'],
    ['byo synth density --kind gaussian --mean 3 --dims 16 --sd 0.5 -o normal.st', 'a Gaussian in 16 dimensions'],
    ['byo synth density --kind moons --seed 1 | byo plot density -o moons.png', 'what it looks like'],
  ],
  arguments: [],
  options,
  async run(context, _, o) {
    const { kind, count, sd, radius, seed, validation, test } = o;
    if (kind === 'gaussian' && radius !== undefined) throw new UsageError('a Gaussian has no --radius; --sd says how wide it is');
    if (kind !== 'gaussian' && o.dims !== undefined) throw new UsageError(`--dims is for --kind gaussian; ${kind} lies in the plane`);
    if (validation + test > 0.95) throw new UsageError(`--validation ${validation} and --test ${test} leave too little to learn from`);
    await checkOutput(o.output, { force: o.force });
    const set = synthDensity({
      kind, count, seed, mean: meanOf(o), ...(sd && { sd }), ...(radius !== undefined && { radius }),
      ...(validation + test > 0 && { split: [1 - validation - test, validation, test] as const }),
    });
    await writeArtifact(o.output, {
      ...pointsArtifact(set),
      recipe: { command: 'synth density', options: context.recorded, seed, version: context.version, inputs: [] },
    }, { force: o.force });
  },
});

/** One value for each dimension: --mean 3 --dims 16 is sixteen threes. */
function meanOf({ mean = [0], dims, kind }: Pick<Values<typeof options>, 'mean' | 'dims' | 'kind'>): readonly number[] {
  if (mean.length === 1 && (dims !== undefined || mean[0] === 0)) return Array<number>(dims ?? 2).fill(mean[0]!);
  if (dims !== undefined && mean.length !== dims) {
    throw new UsageError(`--mean has ${mean.length} values, but --dims is ${dims}; give one value, or one for each dimension`);
  }
  if (kind !== 'gaussian' && mean.length !== 2) throw new UsageError(`${kind} lies in the plane: --mean takes two values, but ${mean.length} were given`);
  return mean;
}
