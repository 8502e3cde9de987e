import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, numbers, text, type Values } from '../../cli/options.js';
import { int32 } from '../../core/array.js';
import { learnFeeds } from '../../core/diffusion/index.js';
import { ConfidenceBootstrap, oracleConfidence, type BootstrapTask, type RolloutReport } from '../../core/docking/bootstrap.js';
import { Buckets, sizeOfComplex } from '../../core/docking/buckets.js';
import type { Complex } from '../../core/docking/complexes.js';
import { poseError } from '../../core/docking/judging.js';
import { requireFit, type DockingModel } from '../../core/docking/model.js';
import { PoseJudge, PoseSampler } from '../../core/docking/posing.js';
import { plainSampling } from '../../core/docking/sampler.js';
import { UsageError } from '../../core/errors.js';
import type { RecipeInput } from '../../core/files/artifact.js';
import { checkOutput } from '../../core/files/streams.js';
import { initialState, requireWeights, type StepProgram } from '../../core/nn/index.js';
import { stream } from '../../core/random.js';
import { ByShape } from '../../core/train/by-shape.js';
import type { State } from '../../core/train/index.js';
import { applyPreset } from '../pretrain/command.js';
import type { Run } from '../pretrain/method.js';
import { below, runTraining } from '../training.js';
import {
  asTrained, choiceOptions, chosenComplexes, computeOf, hasBeads, knownComplexes, openComplexes, openModel, PAPER,
  POSES_AT_A_TIME, posingModel, recordedValues, scorePrograms, threeNumbers, timeLaw,
} from './common.js';

const PRESETS: Readonly<Record<string, Partial<Values<typeof bootstrapOptions>>>> = {
  paper: {},
  pockets: { iterations: 10, updates: 60, initialRounds: 4, rounds: 2 },
};

const bootstrapOptions = {
  iterations: integer({ default: 60, min: 1, help: 'rollouts, each followed by updates (the paper: 60)' }),
  updates: integer({ default: 200, min: 1, help: 'updates after each rollout (the paper: 5 epochs of 40)' }),
  samples: integer({ default: 8, min: 1, help: 'poses of each complex in a round (the paper: 8)' }),
  initialRounds: integer({ default: 10, min: 1, help: 'rounds of the first rollout (the paper: 10)' }),
  rounds: integer({ default: 4, min: 1, help: 'rounds of the others (the paper: 4)' }),
  steps: integer({ default: 20, min: 1, help: 'steps of sampling (the paper: 20, the plain SDE)' }),
  cutoff: number({ default: -4, help: 'poses of at most this confidence, a logit, are not learnt from (the paper: -4)' }),
  maxPerPair: integer({ default: 20, min: 1, help: 'poses that the buffer keeps of a receptor and its ligand (the paper: 20)' }),
  pairPrefix: integer({ default: 0, min: 0, help: 'complexes whose names begin with the same so many characters share these places (the published '
    + 'code: 6, a PDB code and a number); 0: each has its own' }),
  bufferDecay: number({ default: 0, help: 'what a pose is favoured by for each rollout that it is newer, where there are too many (the paper: 0)' }),
  resetBuffer: flag({ help: "keep the newest round's poses only" }),
  inverseTemperature: number({ default: 1, min: 0, help: 'poses are drawn in proportion to exp(logit x this) (the paper: 1, called temperature)' }),
  bufferDraws: integer({ default: 100, min: 0, help: 'poses of the buffer in an epoch (the paper: 100)' }),
  realDraws: integer({ default: 100, min: 0, help: 'real complexes in an epoch (the paper: 100)' }),
  tLaw: numbers({ placeholder: 'a,b', default: [2, 1], help: "Beta(a, b), the law of times for the buffer's poses: early ones, with much noise (the published code: 2,1)" }),
  tMin: number({ default: 0, min: 0, max: 1, help: 'earliest of these times (the published command: 0)' }),
  tMax: number({ default: 1, min: 0, max: 1, help: 'latest of them; below 1 the choice of a pocket is not learnt (a control)' }),
  realTLaw: numbers({ placeholder: 'a,b', default: [1, 1], help: 'the law of times for real complexes (the published code: evenly)' }),
  weights: numbers({ placeholder: 'tr,rot,tor', default: [0.33, 0.33, 0.33], help: 'weights of the losses of translation, rotation and torsions' }),
  batch: integer({ default: 5, min: 1, help: 'items of an update (the paper: 5)' }),
  poses: integer({ default: 1, min: 1, help: 'noisy versions of each item in an update (the paper: 1)' }),
  buckets: integer({ default: 3, min: 1, help: 'sizes that complexes are padded to; each is a program of its own' }),
  lr: number({ default: 1e-4, positive: true, help: 'learning rate of Adam (the paper: 1e-4, without decay)' }),
  clip: number({ default: 5, positive: true, guess: true, help: 'largest norm of the gradient' }),
  ema: number({ default: 0.999, min: 0, max: 1, help: 'decay of the moving average of the weights, which draws the poses and is the model; 0: the weights themselves' }),
} as const;

const options = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'score model to start from, made by byo dock-bootstrap train' }),
  confidence: text({ placeholder: 'file', local: true, help: 'confidence model that judges its poses; it stays as it is' }),
  real: text({ placeholder: 'file', local: true, help: 'complexes marked train with known poses that anchor the late steps; without, nothing does' }),
  ...choiceOptions,
  limit: integer({ default: 100, min: 1, help: 'complexes of the cluster at most, the first ones (the published code: 100)' }),
  preset: choice({ choices: ['auto', ...Object.keys(PRESETS)], default: 'auto', help: "the paper's values, or fewer rounds for complexes of byo synth pockets; auto goes by the data" }),
  ...bootstrapOptions,
  oracleConfidence: flag({ help: 'a control: confidence comes from the true poses (an upper bound)' }),
  randomConfidence: flag({ help: 'a control: confidence is drawn at random (no gain is expected)' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;
type Options = Values<typeof options>;

export const bootstrap = defineCommand({
  name: 'dock-bootstrap bootstrap',
  summary: 'teach a score model a new cluster of proteins with its own poses (confidence bootstrapping)',
  description: 'Rollouts draw poses of the cluster, a frozen confidence model judges them, and the score model learns from the good '
    + 'ones as if they were true, mostly at early times, where the pocket is chosen. Real complexes (--real) keep late times right. '
    + 'True poses of the cluster are not needed; where they are known, the log says how many poses are near them (near, top1), '
    + 'beside the confidence and the size of the buffer. Start every cluster from the same score model.',
  paper: PAPER,
  examples: [
    ['byo dock-bootstrap bootstrap pockets.st --cluster held-out-0 -m score.st --confidence confidence.st --real pockets.st -o new.st',
      'one cluster, anchored by the complexes that the model was trained on'],
    ['byo dock-bootstrap bootstrap pockets.st --cluster held-out-0 -m score.st --oracle-confidence --real pockets.st -o oracle.st',
      'an upper bound: what a perfect judge would give'],
    ['byo dock-bootstrap sample pockets.st --cluster held-out-0 -m new.st --confidence confidence.st -o poses.st', 'poses of the result'],
  ],
  arguments: [{ name: 'complexes', optional: true, help: 'data set of complexes; standard input where left out' }],
  options,
  presets: PRESETS,
  async run(context, [path = '-'], given) {
    checkJudges(given);
    await checkOutput(given.output, { force: given.force });
    const opened = await openComplexes(path);
    const o = applyPreset({ options, presets: PRESETS }, context, given, () => (hasBeads(opened.set) ? 'pockets' : 'paper'));
    if (o.tMax <= o.tMin) throw new UsageError(`--t-max ${o.tMax} has to be above --t-min ${o.tMin}`);
    const score = await openModel(given.model!, 'scores', opened.set, 'model');
    const { docking } = score.model;
    const confidence = o.confidence === undefined ? undefined
      : await openModel(o.confidence, 'confidence', opened.set, 'confidence');
    const inputs: RecipeInput[] = [opened.input, score.input, ...(confidence ? [confidence.input] : [])];
    const chosen = asTrained(chosenComplexes(opened, o), docking);
    const targets = chosen.slice(0, o.limit);
    if (chosen.length > o.limit) context.terminal.info(`the first ${o.limit} of ${chosen.length} complexes are bootstrapped (--limit)`);
    let real: Complex[] = [];
    if (o.real !== undefined) {
      const others = await openComplexes(o.real, 'real');
      requireFit(docking, o.model!, others.set);
      // True poses of the targets themselves would give the answer away.
      const asked = new Set(targets.map(({ name }) => name));
      real = asTrained(knownComplexes(others, 'train').filter(({ name }) => !asked.has(name)), docking);
      inputs.push(others.input);
    }
    if (real.length === 0) context.terminal.warn('without --real nothing keeps the late steps right; results may drift');
    const unknown = targets.find(({ poses }) => poses.length === 0);
    if (o.oracleConfidence && unknown) throw new UsageError(`--oracle-confidence needs true poses, but ${unknown.name} has none`);
    const parts = { targets, real, score: score.model, ...(confidence && { confidence: confidence.model }) };
    const run = setUp(parts, o, context);
    await runTraining(context, run, o, {
      command: context.command, options: recordedValues(context, o), seed: o.seed, version: context.version, inputs,
    });
  },
});

function checkJudges(o: Options): void {
  if (o.model === undefined) throw new UsageError('bootstrap needs the score model to start from: --model FILE');
  const judges = [o.confidence !== undefined, o.oracleConfidence, o.randomConfidence].filter(Boolean).length;
  if (judges !== 1) {
    throw new UsageError('bootstrap needs one judge of poses: --confidence FILE, or a control, --oracle-confidence or --random-confidence');
  }
}

interface Parts {
  readonly targets: readonly Complex[];
  readonly real: readonly Complex[];
  readonly score: DockingModel;
  readonly confidence?: DockingModel;
}

function setUp(parts: Parts, o: Options, { terminal }: Context): Run {
  const { targets, real, score } = parts;
  const { network, noise, visible } = score.docking;
  const steps = o.iterations * o.updates;
  const learning = { ...o, steps, lrSchedule: 'constant', warmup: 0, weightDecay: 0 } as const;
  const programs = scorePrograms(network, threeNumbers('weights', o.weights), learning);
  const buckets = new Buckets([...targets, ...real].map(sizeOfComplex), o.buckets, network.neighbours);
  const largest = buckets.sizes[buckets.sizes.length - 1];
  const program = programs.of({ ...largest, graphs: o.batch, poses: o.poses, visible: Math.min(largest.nodes, visible) });
  const average = o.ema > 0 ? 'ema' : 'online';
  const settings = {
    ...o, perPair: o.maxPerPair, decay: o.bufferDecay, reset: o.resetBuffer, bufferTimes: timeLaw('t-law', o.tLaw),
    realTimes: timeLaw('real-t-law', o.realTLaw),
  };
  const pairs = targets.map(({ name }) => (o.pairPrefix > 0 ? name.slice(0, o.pairPrefix) : name));
  return {
    program, steps, stepsPerEpoch: o.updates, examplesPerStep: o.batch,
    initial: () => trainedState(program, score.weights, average, o.seed),
    compile: (compute) => new ConfidenceBootstrap({
      targets, real, pairs, network, noise, visible, buckets, average, learner: new ByShape(programs.for, compute),
      ...drawAndJudge(parts, o), onRollout: (report) => terminal.info(described(report, o.iterations)),
    }, settings),
    feeds: (step) => ({ update: int32([], [step]), ...learnFeeds(step, learning) }),
    model: (state) => ({ meta: { method: 'dock-bootstrap', docking: score.docking }, tensors: below(state, average) }),
  };
}

/**
 * The state to start from: trained weights for the network and its average alike, since an average would take long to forget
 * others, and an optimiser that remembers nothing. Throws InputError where weights are missing.
 */
function trainedState(program: StepProgram, weights: State, average: string, seed: number): State {
  const owners = new Set(['online', average]);
  const fresh = [...initialState(program, seed)].filter(([name]) => !owners.has(name.split('.', 1)[0]));
  const trained = [...owners].flatMap((owner) => [...weights].map(([name, value]) => [`${owner}.${name}`, value] as const));
  const state = new Map([...fresh, ...trained]);
  requireWeights(program, state, 'docking network');
  return state;
}

/** How poses are drawn, and who says what they are worth. */
function drawAndJudge({ targets, score, confidence }: Parts, o: Options): Pick<BootstrapTask, 'draw' | 'judge' | 'dispose'> {
  const posing = { complexes: targets, batch: POSES_AT_A_TIME, ...computeOf(o) };
  const sampler = new PoseSampler(posingModel(score), posing);
  const judge = confidence && new PoseJudge(posingModel(confidence), posing);
  const sampling = plainSampling(score.docking.noise, o.steps);
  let current: State | undefined;
  return {
    draw: (weights, samples, name) => {
      if (weights !== current) sampler.setWeights(current = weights);
      return sampler.sample({ samples, seed: o.seed, stream: name, sampling });
    },
    judge: async (poses, name) => {
      if (judge) return judge.judge(poses);
      if (o.oracleConfidence) {
        return poses.map((list, i) => list.map((pose) => oracleConfidence(poseError(targets[i], pose).rmsd)));
      }
      const random = stream(o.seed, `confidence ${name}`);
      return poses.map((list) => random.normal(list.length));
    },
    dispose: () => {
      sampler.dispose();
      judge?.dispose();
    },
  };
}

function described({ rollout, drawn, buffer, kept, medianConfidence, near, top1 }: RolloutReport, of: number): string {
  const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
  return `rollout ${rollout} of ${of}: ${drawn} poses, ${percent(kept)} above the cutoff, ${buffer} in the buffer, median confidence `
    + medianConfidence.toFixed(2)
    + (near === undefined ? '' : `; ${percent(near)} within 2 Å, ${percent(top1!)} of the best of each complex`);
}
