import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import type { Context } from '../../cli/context.js';
import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import type { Terminal } from '../../cli/terminal.js';
import { SPLIT } from '../../core/data/images.js';
import { learnFeeds } from '../../core/diffusion/index.js';
import { posesOf, type Complex } from '../../core/docking/complexes.js';
import { judgingReport, NEAR, poseError, type JudgingReport } from '../../core/docking/judging.js';
import { confidenceLossFeeds } from '../../core/docking/learn.js';
import type { DockingModel } from '../../core/docking/model.js';
import { labelledLigand, poolOf } from '../../core/docking/pool.js';
import { PoseJudge, PoseSampler } from '../../core/docking/posing.js';
import { plainSampling } from '../../core/docking/sampler.js';
import { InputError, UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type RecipeInput } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { stream } from '../../core/random.js';
import { ByShape } from '../../core/train/by-shape.js';
import type { State } from '../../core/train/index.js';
import { applyPreset } from '../pretrain/command.js';
import type { Run } from '../pretrain/method.js';
import { below, runTraining } from '../training.js';
import {
  asTrained, batching, computeOf, confidencePrograms, dockingMeta, fitOptions, hasBeads, knownComplexes, networkOptions,
  networkSpec, openComplexes, openModel, PAPER, POSES_AT_A_TIME, posingModel, recordedValues, type OpenedComplexes,
} from './common.js';

const PRESETS: Readonly<Record<string, Partial<Values<typeof modelOptions>>>> = {
  paper: { scalars: 24, vectors: 6, layers: 5, radial: 32, samples: 4, caches: 10, nearNative: 0, lr: 3e-4, epochs: 300 },
  pockets: { neighbours: 12, poses: 4 },
};

const modelOptions = {
  ...networkOptions,
  samples: integer({ default: 8, min: 1, help: 'poses of each complex in a cache (DiffDock: 7; CB: 4)' }),
  caches: integer({ default: 1, min: 1, help: 'caches of poses, each drawn anew (DiffDock: several; CB: 10)' }),
  steps: integer({ default: 20, min: 1, help: 'steps of sampling' }),
  nearNative: number({ default: 0.3, min: 0, guess: true, help: 'further poses as a share of the sampled ones: true poses with a little noise' }),
  nearTime: number({ default: 0.35, min: 0, max: 1, guess: true, help: 'latest time of that noise' }),
  near: number({ default: NEAR, positive: true, help: 'poses are right below this RMSD, in Å' }),
  far: number({ default: 4, positive: true, help: 'with --balance wrong above this one; poses between are not learnt from' }),
  balance: flag({ default: true, help: 'learn from poses as they come, most of them wrong, instead of as many right as wrong ones' }),
  atomWeight: number({ default: 0.5, min: 0, help: 'weight of the loss of atoms, each right or wrong by itself' }),
  epochs: integer({ default: 40, min: 1, guess: true, help: 'passes over the complexes' }),
  poses: integer({ default: 1, min: 1, help: 'poses of each complex of a step, which share the work for its receptor (DiffDock: 1)' }),
  ...fitOptions,
} as const;

const options = {
  model: text({ short: 'm', placeholder: 'file', local: true, help: 'score model whose poses are judged, made by byo dock-bootstrap train' }),
  drawn: text({ placeholder: 'file', local: true, help: 'poses of the training complexes that byo dock-bootstrap sample drew, instead of new ones' }),
  preset: choice({ choices: ['auto', ...Object.keys(PRESETS)], default: 'auto',
    help: "the paper's sizes, or those for the small receptors of byo synth pockets; auto goes by the data" }),
  ...modelOptions,
  validate: integer({ default: 64, min: 0, help: 'complexes marked validation, at most, whose poses are judged after each epoch' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;
type Options = Values<typeof options>;

export const confidence = defineCommand({
  name: 'dock-bootstrap confidence',
  summary: 'learn to judge poses: a confidence model',
  description: 'Draws poses of the training complexes with a score model, and learns which of them are right. Checking a pose is local, '
    + 'finding it is not: a judge is of use where its score model fails. The model ranks poses (byo dock-bootstrap sample '
    + '--confidence) and teaches score models (byo dock-bootstrap bootstrap). After each epoch poses of complexes marked validation '
    + 'are judged; what that gave is in the log and, at the end, in the model.',
  paper: PAPER,
  examples: [
    ['byo dock-bootstrap confidence pockets.st --model score.st -o confidence.st', 'a judge of the poses of a score model'],
    ['byo dock-bootstrap sample pockets.st -m score.st --samples 40 -o poses.st && byo dock-bootstrap confidence pockets.st -m score.st '
      + '--drawn poses.st -o confidence.st', 'of poses that were drawn before'],
  ],
  arguments: [{ name: 'complexes', optional: true, help: 'data set of complexes; standard input where left out' }],
  options,
  presets: PRESETS,
  async run(context, [path = '-'], given) {
    if (given.model === undefined) throw new UsageError('confidence needs the score model whose poses it judges: --model FILE');
    await checkOutput(given.output, { force: given.force });
    const opened = await openComplexes(path);
    const o = applyPreset({ options, presets: PRESETS }, context, given, () => (hasBeads(opened.set) ? 'pockets' : 'paper'));
    if (o.balance && o.far < o.near) throw new UsageError(`--far ${o.far} has to be at least --near ${o.near}`);
    const { model, input } = await openModel(given.model, 'scores', opened.set, 'model');
    const complexes = asTrained(knownComplexes(opened, 'train'), model.docking);
    const { drawn, inputs } = await drawnPoses(context, complexes, model, o);
    const judged = await judgedPoses(context, opened, { complexes, poses: drawn }, model, o);
    const run = setUp({ opened, complexes, drawn, judged, model, terminal: context.terminal }, o);
    await runTraining(context, run, o, {
      command: context.command, options: recordedValues(context, o), seed: o.seed, version: context.version,
      inputs: [opened.input, input, ...inputs],
    });
  },
});

/** Complexes and poses of each of them: [n, 3] each. */
interface Posed {
  readonly complexes: readonly Complex[];
  readonly poses: readonly (readonly ArrayLike<number>[])[];
}

/** Poses to learn from: those of a file, or new ones. */
async function drawnPoses(
  context: Context, complexes: readonly Complex[], model: DockingModel, o: Options,
): Promise<{ drawn: Posed['poses']; inputs: RecipeInput[] }> {
  if (o.drawn === undefined) return { drawn: await draw(context, 'poses', complexes, model, o), inputs: [] };
  const artifact = await readArtifact(o.drawn, { kind: 'poses' });
  const found = posesOf(artifact, complexes, nameOf(o.drawn)).map(({ poses }) => poses);
  const empty = found.findIndex(({ length }) => length === 0);
  if (empty >= 0) throw new InputError(`${nameOf(o.drawn)} has no pose of ${complexes[empty].name}`);
  return { drawn: found, inputs: [asInput('drawn', artifact, o.drawn)] };
}

/** Poses that the model is tested on: of complexes marked validation, or, where there are none, those that it learns from. */
async function judgedPoses(
  context: Context, { set }: OpenedComplexes, learnt: Posed, model: DockingModel, o: Options,
): Promise<Posed & { readonly held: boolean }> {
  const marked = set.complexes.filter(({ split, poses }) => split === SPLIT.validation && poses.length > 0);
  const complexes = asTrained(marked.slice(0, o.validate), model.docking);
  if (complexes.length === 0) return { ...learnt, held: false };
  return { complexes, poses: await draw(context, 'validation poses', complexes, model, o), held: true };
}

/** Poses of every complex from each cache. */
async function draw(
  { terminal }: Context, what: string, complexes: readonly Complex[], model: DockingModel, o: Options,
): Promise<Float64Array[][]> {
  const sampler = new PoseSampler(posingModel(model), { complexes, batch: POSES_AT_A_TIME, ...computeOf(o) });
  const all = complexes.map((): Float64Array[] => []);
  const progress = await terminal.progress(what, complexes.length * o.samples * o.caches, 'poses');
  try {
    for (let cache = 0; cache < o.caches; cache++) {
      const drawn = await sampler.sample({
        samples: o.samples, seed: o.seed, stream: `cache ${cache}`, sampling: plainSampling(model.docking.noise, o.steps),
        onProgress: (done) => progress.update(cache * complexes.length * o.samples + done),
      });
      drawn.forEach((poses, i) => all[i].push(...poses));
    }
  } finally {
    progress.stop();
    sampler.dispose();
  }
  return all;
}

interface Task {
  readonly opened: OpenedComplexes;
  readonly complexes: readonly Complex[];
  readonly drawn: Posed['poses'];
  readonly judged: Posed & { readonly held: boolean };
  readonly model: DockingModel;
  readonly terminal: Terminal;
}

function setUp({ opened, complexes, drawn, judged, model, terminal }: Task, o: Options): Run {
  const { noise, torsions } = model.docking;
  const pools = complexes.map((complex, i) => poolOf(complex, drawn[i], noise,
    { nearNative: Math.ceil(o.nearNative * drawn[i].length), nearTime: o.nearTime }, stream(o.seed, `near-native ${complex.name}`)));
  const all = pools.flat();
  const right = all.filter(({ error }) => error.rmsd < o.near).length;
  terminal.info(`${all.length} poses, of which ${((100 * right) / all.length).toFixed(1)} % are right`);

  const network = networkSpec(opened.set, o);
  const { batches, shapeOf: shape } = batching(complexes, { ...o, terminal });
  const steps = o.epochs * batches.stepsPerEpoch;
  const learning = { ...o, steps };
  const programs = confidencePrograms(network, o.atomWeight, learning);
  const docking = dockingMeta(opened.set, { reads: 'confidence', network, noise, visible: o.maxNodes, torsions });
  const weightsIn = (state: State): State => below(state, o.ema > 0 ? 'ema' : 'online');
  const rmsds = judged.poses.map((poses, i) => poses.map((pose) => poseError(judged.complexes[i], pose).rmsd));
  let judge: PoseJudge | undefined;
  const report = async (state: State): Promise<JudgingReport> => {
    const weights = weightsIn(state);
    judge ??= new PoseJudge(posingModel({ docking, weights }), {
      complexes: judged.complexes, batch: POSES_AT_A_TIME, ...computeOf(o),
    });
    judge.setWeights(weights);
    return judgingReport(await judge.judge(judged.poses), rmsds, o.near);
  };
  return {
    program: programs.of(shape(0)), steps, stepsPerEpoch: batches.stepsPerEpoch, examplesPerStep: batches.batchOf(0) * o.poses,
    compile: (compute) => new ByShape(programs.for, compute),
    feeds: (step) => {
      const { bucket, examples } = batches.at(step);
      const random = stream(o.seed, 'poses', step);
      const items = examples.map((example) => labelledLigand(complexes[example], pools[example], noise, o.poses, o, random));
      return { ...confidenceLossFeeds(network, shape(bucket), items), ...learnFeeds(step, learning) };
    },
    ...(judged.held && {
      monitor: async (state) => {
        const { near, top1, auroc, ece } = await report(state);
        return defined({ near, top1, auroc, ece });
      },
    }),
    model: async (state) => {
      const judging = await report(state);
      judge?.dispose();
      judge = undefined;
      terminal.info(described(judging, judged.held));
      return {
        meta: { method: 'dock-bootstrap', docking, judging: { ...defined(judging), held: judged.held } }, tensors: weightsIn(state),
      };
    },
  };
}

/** The numbers of a report that are defined: an area needs poses of both kinds. */
const defined = (report: Partial<JudgingReport>): Record<string, number> =>
  Object.fromEntries(Object.entries(report).filter(([, value]) => !Number.isNaN(value)));

function described({ complexes, poses, near, top1, best, auroc, ece }: JudgingReport, held: boolean): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return `of ${poses} poses of ${complexes} complexes ${held ? 'marked validation' : 'that it learnt from'} ${percent(near)} are right; `
    + (Number.isNaN(auroc) ? 'so there is no telling them apart' : `AUC ${auroc.toFixed(3)}, calibration error ${ece.toFixed(3)}, `
      + `the first by confidence is right for ${percent(top1)} of complexes, any for ${percent(best)}`);
}
