import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { choice, flag, integer, numbers, type Values } from '../../cli/options.js';
import type { Terminal } from '../../cli/terminal.js';
import { learnFeeds } from '../../core/diffusion/index.js';
import { noisedLigand, scoreLossFeeds } from '../../core/docking/learn.js';
import { drawTime } from '../../core/docking/times.js';
import { checkOutput } from '../../core/files/streams.js';
import { stream } from '../../core/random.js';
import { ByShape } from '../../core/train/by-shape.js';
import { applyPreset } from '../pretrain/command.js';
import type { Run } from '../pretrain/method.js';
import { below, runTraining } from '../training.js';
import {
  asTrained, batching, dockingMeta, fitOptions, hasBeads, knownComplexes, networkOptions, networkSpec, noiseOptions, noiseRanges,
  openComplexes, PAPER, recordedValues, scorePrograms, threeNumbers, timeLaw, type OpenedComplexes,
} from './common.js';

const PRESETS: Readonly<Record<string, Partial<Values<typeof modelOptions>>>> = {
  paper: { vectors: 6, layers: 5, receptorLayers: 3, radial: 32, epochs: 300 },
  pockets: { tr: [0.1, 10], neighbours: 12, poses: 4 },
};

const modelOptions = {
  ...networkOptions, ...noiseOptions,
  tLaw: numbers({ placeholder: 'a,b', default: [2, 1], help: 'times are drawn from Beta(a, b); the first DiffDock drew them evenly (1,1)' }),
  weights: numbers({ placeholder: 'tr,rot,tor', default: [0.33, 0.33, 0.33], help: 'weights of the losses of translation, rotation and torsions' }),
  torsions: flag({ default: true, help: 'do not turn bonds: ligands stay as their conformers are' }),
  epochs: integer({ default: 60, min: 1, guess: true, help: 'passes over the complexes' }),
  poses: integer({ default: 1, min: 1, help: 'noisy poses of each complex of a step, which share the work for its receptor (DiffDock: 1)' }),
  ...fitOptions,
} as const;

const options = {
  preset: choice({ choices: ['auto', ...Object.keys(PRESETS)], default: 'auto',
    help: "DiffDock-S's sizes, or those for the small receptors of byo synth pockets; auto goes by the data" }),
  ...modelOptions, ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;
type Options = Values<typeof options>;

export const train = defineCommand({
  name: 'dock-bootstrap train',
  summary: 'learn to dock: a diffusion model of poses',
  description: 'Noise moves, turns and bends a ligand away from its true pose; the network learns the score, the way back, at every '
    + 'strength of noise. It is equivariant: residues and atoms have scalars and vectors, and scores are read out as forces on atoms. '
    + 'Complexes marked train that have a pose are learnt from, with the local geometry of their true poses. The log has the losses '
    + 'of each factor and, as base, those of a network that says nothing.',
  paper: PAPER,
  examples: [
    ['byo synth pockets -o pockets.st && byo dock-bootstrap train pockets.st -o score.st', 'a model of synthetic pockets'],
    ['byo dock-bootstrap train complexes.st -o score.st --log score.jsonl', 'real complexes, made by byo dock-bootstrap prepare'],
    ['byo dock-bootstrap train complexes.st -o score.st --resume', 'go on where an interrupted run stopped'],
  ],
  arguments: [{ name: 'complexes', optional: true, help: 'data set of complexes; standard input where left out' }],
  options,
  presets: PRESETS,
  async run(context, [path = '-'], given) {
    await checkOutput(given.output, { force: given.force });
    const opened = await openComplexes(path);
    const o = applyPreset({ options, presets: PRESETS }, context, given, () => (hasBeads(opened.set) ? 'pockets' : 'paper'));
    const run = setUp(opened, o, context.terminal);
    await runTraining(context, run, o, {
      command: context.command, options: recordedValues(context, o), seed: o.seed, version: context.version,
      inputs: [opened.input],
    });
  },
});

function setUp(opened: OpenedComplexes, o: Options, terminal: Terminal): Run {
  const { set } = opened;
  const complexes = asTrained(knownComplexes(opened, 'train'), o);
  const network = networkSpec(set, o);
  const noise = noiseRanges(o);
  const law = timeLaw('t-law', o.tLaw);
  const weights = threeNumbers('weights', o.weights);
  const { batches, shapeOf: shape } = batching(complexes, { ...o, terminal });
  const steps = o.epochs * batches.stepsPerEpoch;
  const learning = { ...o, steps };
  const programs = scorePrograms(network, weights, learning);
  return {
    program: programs.of(shape(0)), steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: batches.batchOf(0) * o.poses,
    compile: (compute) => new ByShape(programs.for, compute),
    feeds: (step) => {
      const { bucket, examples } = batches.at(step);
      const random = stream(o.seed, 'noise', step);
      const times = (): number[] => Array.from({ length: o.poses }, () => drawTime(law, random));
      const items = examples.map((example) => noisedLigand(complexes[example], noise, times(), random));
      return { ...scoreLossFeeds(network, shape(bucket), items), ...learnFeeds(step, learning) };
    },
    model: (state) => ({
      meta: { method: 'dock-bootstrap', docking: dockingMeta(set, { reads: 'scores', network, noise, visible: o.maxNodes, torsions: o.torsions }) },
      tensors: below(state, o.ema > 0 ? 'ema' : 'online'),
    }),
  };
}
