import { readFile } from 'node:fs/promises';
import { defineCommand } from '../../cli/command.js';
import { computeOptions, outputOptions, seedOption, trainingOptions } from '../../cli/common.js';
import { choice, flag, integer, number, text, type Values } from '../../cli/options.js';
import { float32, int32, rowsAt, type NdArray } from '../../core/array.js';
import {
  bootLosses, conditionShape, defaultRate, diffusionModelOf, EXACT, exactModel, hasSignal, latestTime, learn, learnFeeds,
  linkOf, linkWeight, SCHEDULES, timesFeeds, timesInputs, tokenize, WEIGHTINGS,
  type Condition, type DenoiserSpec, type DiffusionMeta, type DiffusionModel, type StudentSpec,
} from '../../core/diffusion/index.js';
import { UsageError } from '../../core/errors.js';
import { asInput, readArtifact, type RecipeInput } from '../../core/files/artifact.js';
import { checkOutput, nameOf } from '../../core/files/streams.js';
import { input } from '../../core/graph/index.js';
import { initialState, stepProgram } from '../../core/nn/index.js';
import { stream, type Stream } from '../../core/random.js';
import type { Pretraining } from '../pretrain/method.js';
import { below, runTraining } from '../training.js';
import { checkClosedForm } from './boot-check.js';

export const options = {
  exact: choice({ choices: EXACT, help: 'the exact denoiser of a density as teacher, instead of a model' }),
  schedule: choice({ choices: SCHEDULES, default: 'cosine', help: 'noise over time of --exact' }),
  step: number({ default: 0.04, positive: true, max: 0.5, guess: true, help: 'time between the two estimates of a link: large steps are biased, small ones learn slowly' }),
  tMax: number({ positive: true, max: 0.999, guess: true, help: "time of the noise that the student is given; 0.98 where the teacher's schedule allows it" }),
  tMin: number({ default: 0, min: 0, max: 0.5, guess: true, help: 'time that the student learns to go to' }),
  weighting: choice({ choices: WEIGHTINGS, default: 'inv-delta2', guess: true, help: "weight of a link's error: none, 1/delta^2, or that times the truncated signal-to-noise ratio" }),
  beta: number({ default: 0.5, min: 0, guess: true, help: 'weight of the boundary loss' }),
  solver: choice({ choices: ['ddim', 'heun'], default: 'ddim', help: 'how the teacher moves an estimate on: one call, or two and a smaller error' }),
  timeCondition: choice({ choices: ['added', 'target'], default: 'added', guess: true, help: 'where the wanted time is told: in an embedding of its own that starts at zero, or '
    + "in place of the noise's time" }),
  guidance: number({ default: 1, min: 0, help: "strength of the teacher's guidance, which the student has built in" }),
  guidanceMax: number({ min: 1, help: 'train for every strength from 1 to this; the student is told which' }),
  prompts: text({ placeholder: 'file', help: "prompts for a teacher of captions, one a line; its own training captions where left out" }),
  init: choice({ choices: ['teacher', 'random'], default: 'teacher', help: "the student's first weights" }),
  hidden: integer({ default: 128, min: 1, help: "units of the student's layers, where the teacher is --exact" }),
  layers: integer({ default: 3, min: 1, help: 'its hidden layers' }),
  steps: integer({ default: 4000, min: 1, help: 'training steps' }),
  batch: integer({ min: 1, help: 'noises a step; 64 images or 512 points where left out' }),
  lr: number({ positive: true, help: 'learning rate of AdamW (beta2 0.99); 2e-4 for a U-Net and 1e-3 for an MLP where left out' }),
  lrSchedule: choice({ choices: ['constant', 'cosine'], default: 'cosine', help: 'learning rate after the warm-up' }),
  warmup: integer({ default: 0, min: 0, help: 'steps of linear warm-up' }),
  weightDecay: number({ default: 0, min: 0, help: 'weight decay' }),
  clip: number({ default: 1, positive: true, guess: true, help: 'largest norm of the gradient' }),
  ema: number({ default: 0, min: 0, max: 1, guess: true, help: "decay of a moving average of the student's weights, which is the model; 0: the weights themselves" }),
  check: flag({ local: true, help: 'train on a Gaussian, for which everything is known in closed form, and compare; exits with 1 where it fails' }),
  ...outputOptions, ...computeOptions, ...seedOption, ...trainingOptions,
} as const;
export type BootOptionValues = Values<typeof options>;
type Options = BootOptionValues;

export const boot = defineCommand({
  name: 'distill boot',
  summary: 'a student that draws in one step, from a diffusion model and without any data (BOOT)',
  description: "The student is given noise and a time, and says what signal the teacher's path from that noise has at that time. It learns from its own "
    + 'estimate at a later time, moved on by one call of the teacher; only at the start of the path it copies the teacher. No example is ever read: '
    + 'there is no option for data. byo sample draws with the student as with any diffusion model.',
  paper: 'J. Gu, S. Zhai, Y. Zhang, L. Liu, J. Susskind, BOOT: Data-free Distillation of Denoising Diffusion Models with Bootstrapping, 2023, arXiv 2306.05544',
  examples: [
    ['byo distill boot teacher.st -o student.st && byo sample student.st -o samples.st', 'a one-step student'],
    ['byo distill boot t2i.st --guidance-max 4 -o student.st', "a student that can be guided (text or classes)"],
    ['byo distill boot --exact ring8 -o student.st', 'a teacher in closed form'],
    ['byo distill boot --check', 'a self-test on a Gaussian'],
  ],
  arguments: [{ name: 'teacher', optional: true, help: 'model of byo pretrain diffusion; standard input where left out' }],
  options,
  async run(context, [argument], o) {
    if (o.check) return checkClosedForm(context, o);
    if (o.exact && argument !== undefined) throw new UsageError(`--exact ${o.exact} takes the place of a teacher; leave ${argument} out`);
    await checkOutput(o.output, { force: o.force });
    const { teacher, inputs } = await openTeacher(argument ?? '-', o);
    const prompts = await promptsOf(teacher, o);
    await runTraining(context, setUp(teacher, prompts, o), o, {
      command: context.command, options: { ...context.recorded, ...(o.prompts !== undefined && { prompts }) }, seed: o.seed,
      version: context.version, inputs,
    });
  },
});

async function openTeacher(source: string, o: Options): Promise<{ teacher: DiffusionModel; inputs: RecipeInput[] }> {
  if (o.exact) return { teacher: exactModel(o.exact, o.schedule), inputs: [] };
  const artifact = await readArtifact(source, { kind: 'model' });
  const teacher = diffusionModelOf(artifact, nameOf(source));
  if (teacher.student) throw new UsageError(`${nameOf(source)} is a one-step student itself; a teacher is a model of byo pretrain diffusion`);
  return { teacher, inputs: [asInput('teacher', artifact, source)] };
}

async function promptsOf({ denoiser, captions }: DiffusionModel, o: Options): Promise<readonly string[] | undefined> {
  if (denoiser.condition?.kind !== 'text') {
    if (o.prompts !== undefined) throw new UsageError('--prompts is for a teacher that was trained on captions');
    return undefined;
  }
  if (o.prompts === undefined) return captions;
  const lines = (await readFile(o.prompts, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--prompts ${o.prompts} cannot be read (${error.code ?? error.message})`);
  })).split('\n').map((line) => line.trim()).filter(Boolean);
  if (lines.length === 0) throw new UsageError(`--prompts ${o.prompts} holds no line; one prompt a line is expected`);
  return lines;
}

export function setUp(teacher: DiffusionModel, prompts: readonly string[] | undefined, o: Options): Pretraining {
  const { denoiser: of } = teacher;
  const denoiser: DenoiserSpec = of.network.name === 'exact'
    ? { ...of, network: { name: 'mlp', hidden: o.hidden, layers: o.layers } } : of;
  const tMax = o.tMax ?? Math.min(0.98, latestTime(of.schedule));
  const { tMin, step, timeCondition, guidanceMax, solver, beta } = o;
  const student: StudentSpec = { tMax, tMin, timeCondition, ...(guidanceMax !== undefined && { guidanceMax }) };
  if (tMin + step >= tMax) throw new UsageError(`--t-min ${tMin} and --step ${step} leave no time before --t-max ${tMax}`);
  if (!hasSignal(of.schedule, tMax)) throw new UsageError(`at --t-max ${tMax} there is no signal left; give an earlier time`);
  const guided = o.guidance !== 1 || guidanceMax !== undefined;
  if (guided && !of.condition) throw new UsageError('guidance needs a teacher that was trained with --condition class or text');
  if (o.guidance !== 1 && guidanceMax !== undefined) throw new UsageError('--guidance fixes the strength, --guidance-max varies it; give one of them');
  const batch = o.batch ?? (denoiser.network.name === 'unet' ? 64 : 512);
  const learning = { ...o, lr: o.lr ?? defaultRate(denoiser) };
  const draws = conditionDraws(of.condition, prompts);

  const program = stepProgram('boot', (root) => {
    const condition = (name: string) => draws && input(name, conditionShape(of.condition!, batch), 'int32');
    const vector = (name: string) => input(name, [batch]);
    const [asked, boundaryAsked] = [condition('condition'), condition('boundary condition')];
    const { loss, bootstrap, boundary } = bootLosses(root, { teacher: of, denoiser, student, solver, beta, batch }, {
      from: timesInputs('from', batch), to: timesInputs('to', batch), start: timesInputs('start', batch),
      delta: vector('delta'), weight: vector('weight'),
      ...(asked && { condition: asked, boundaryCondition: boundaryAsked! }), ...(guided && { guidance: vector('guidance') }),
    });
    const gradNorm = learn(root, loss, root.at('student'), learning, { beta2: 0.99, weightDecay: o.weightDecay });
    return { loss, bootstrap, boundary, gradNorm };
  });

  return {
    program, steps: o.steps, examplesPerStep: batch,
    initial: () => new Map([...initialState(program, o.seed), ...firstWeights(teacher, o)]),
    feeds: (k) => {
      const random = (name: string) => stream(o.seed, name, k);
      // From half a step on: the last links end exactly at tMin, where the student will be asked.
      const earliest = tMin + step / 2;
      const t = Array.from(random('times').uniform(batch), (u) => earliest + u * (tMax - earliest));
      const s = t.map((time) => Math.max(time - step, tMin));
      const links = t.map((time, i) => linkOf(of.schedule, time, s[i]!));
      const all = (value: number) => Array<number>(batch).fill(value);
      const vector = (values: ArrayLike<number>) => float32([batch], values);
      return {
        ...timesFeeds('from', of.schedule, t), ...timesFeeds('to', of.schedule, s), ...timesFeeds('start', of.schedule, all(tMax)),
        delta: vector(links.map(({ delta }) => delta)), weight: vector(links.map((link) => linkWeight(o.weighting, link))),
        ...(draws && { condition: draws(batch, random('conditions')), 'boundary condition': draws(batch, random('boundary conditions')) }),
        ...(guided && {
          guidance: vector(guidanceMax === undefined ? all(o.guidance) : random('guidance').uniform(batch, 1, guidanceMax)),
        }),
        ...learnFeeds(k, learning),
      };
    },
    model: (state) => {
      const meta: DiffusionMeta = { denoiser, student };
      return { meta: { method: 'boot', ...meta }, tensors: below(state, o.ema > 0 ? 'ema' : 'student') };
    },
  };
}

/** The teacher's weights, for itself and, unless the student starts at random, for the student. */
function firstWeights({ weights }: DiffusionModel, o: Options): Map<string, NdArray> {
  const owners = o.init === 'teacher' ? ['teacher', 'student', ...(o.ema > 0 ? ['ema'] : [])] : ['teacher'];
  return new Map(owners.flatMap((owner) => [...weights].map(([name, value]) => [`${owner}.${name}`, value] as const)));
}

/** Draws random conditions for a batch: classes evenly, or prompts evenly. */
function conditionDraws(
  condition: Condition | undefined, prompts: readonly string[] | undefined,
): ((batch: number, random: Stream) => NdArray<Int32Array>) | undefined {
  if (!condition) return undefined;
  if (condition.kind === 'class') return (batch, random) => int32([batch], random.integers(batch, condition.classes.length));
  if (!prompts?.length) throw new UsageError('the teacher keeps no captions; give prompts with --prompts');
  const words = tokenize(prompts, condition);
  return (batch, random) => rowsAt(words, random.integers(batch, prompts.length));
}
