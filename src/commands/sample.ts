import { defineCommand } from '../cli/command.js';
import { computeOptions, outputOptions, seedOption } from '../cli/common.js';
import type { Context } from '../cli/context.js';
import { choice, integer, kebab, number, text, texts, type Values } from '../cli/options.js';
import { float32, ndarray, type NdArray } from '../core/array.js';
import { datasetArtifact } from '../core/data/dataset.js';
import { pointsArtifact } from '../core/data/points.js';
import {
  conditionWidth, diffusionModelOf, emptyCondition, EXACT, exactModel, generate, hasSignal, latestTime, SAMPLERS, SCHEDULES,
  tokenize, toPixels,
  type DiffusionModel, type Generated,
} from '../core/diffusion/index.js';
import { parseDevice } from '../core/engine/index.js';
import { UsageError } from '../core/errors.js';
import { asInput, readArtifact, writeArtifact, type RecipeInput } from '../core/files/artifact.js';
import { checkOutput, nameOf } from '../core/files/streams.js';

const options = {
  count: integer({ default: 64, min: 1, help: 'examples to draw' }),
  sampler: choice({ choices: SAMPLERS, default: 'ddim', help: 'along the ODE in first order (ddim) or second (heun), or with fresh noise (ddpm); a student takes one step' }),
  steps: integer({ default: 50, min: 1, help: 'steps; each is a call of the network, two with heun or guidance' }),
  class: texts({ placeholder: 'name', help: 'classes to draw, in turn; all of them for all' }),
  prompt: text({ placeholder: 'text', help: 'what to draw, in words' }),
  guidance: number({ default: 1, min: 0, help: 'strength of classifier-free guidance; 1: none, 0: as if nothing were asked' }),
  tMax: number({ positive: true, max: 1, help: 'time at which the path starts; by the schedule where left out' }),
  frames: integer({ default: 0, min: 0, help: 'draw so many estimates along the way to each example instead, as classes t = ...' }),
  exact: choice({ choices: EXACT, help: 'the exact denoiser of a density instead of a model' }),
  schedule: choice({ choices: SCHEDULES, default: 'cosine', help: 'noise over time of --exact' }),
  batch: integer({ default: 64, min: 1, help: 'examples at a time; fresh noise of ddpm depends on it' }),
  ...outputOptions, ...computeOptions, ...seedOption,
} as const;
type Options = Values<typeof options>;

export const sample = defineCommand({
  name: 'sample',
  summary: 'draw images or points with a diffusion model or a one-step student of one',
  description: 'Writes a data set of drawn images (uint8) or points (float32). Example i of a seed starts from the same noise whatever the '
    + 'model, sampler and batch, so that samples of a teacher and of its student can be compared one by one. How many calls of the network an '
    + 'example took, and how long, is printed.',
  examples: [
    ['byo sample teacher.st --steps 50 -o samples.st && byo plot images samples.st -o samples.png', 'a picture of 64 images'],
    ['byo sample t2i.st --prompt "a large red circle" --guidance 3 -o circles.st', 'ask in words'],
    ['byo sample student.st --frames 6 --count 8 | byo plot images -o path.png', 'what the student sees along the way'],
    ['byo sample --exact ring8 --sampler heun --steps 20 --count 4000 -o ring.st', 'a density whose denoiser is known'],
  ],
  arguments: [{ name: 'model', optional: true, help: 'diffusion model or student; standard input where left out' }],
  options,
  async run(context, [argument], o) {
    if (o.exact && argument !== undefined) throw new UsageError(`--exact ${o.exact} takes the place of a model; leave ${argument} out`);
    await checkOutput(o.output, { force: o.force });
    const { model, inputs } = await openModel(argument ?? '-', o);
    const asked = askedOf(model, o);
    if (model.student) refuseForStudents(context);
    if (o.guidance !== 1 && o.class === undefined && o.prompt === undefined) {
      throw new UsageError('--guidance strengthens what is asked for; ask with --class or --prompt');
    }
    const limit = model.student?.guidanceMax;
    if (model.student && o.guidance !== 1 && (limit === undefined || o.guidance > limit)) {
      throw new UsageError(limit === undefined ? "the student has its teacher's guidance built in; leave --guidance out"
        : `the student knows guidance up to ${limit}, but --guidance ${o.guidance} was given`);
    }
    const tMax = o.tMax ?? latestTime(model.denoiser.schedule);
    const divides = o.sampler === 'heun' || model.denoiser.predict === 'eps';
    if (!model.student && divides && !hasSignal(model.denoiser.schedule, tMax)) {
      const what = o.sampler === 'heun' ? '--sampler heun' : 'a model that predicts noise';
      throw new UsageError(`at --t-max ${tMax} there is no signal left, by whose share ${what} divides; give an earlier time`);
    }
    const progress = await context.terminal.progress('sample', o.count, model.denoiser.shape.length === 3 ? 'images' : 'points');
    const drawn = await generate(model, {
      ...o, tMax, ...(asked.numbers && { conditions: asked.numbers }),
      device: parseDevice(o.device), threads: o.threads, onProgress: (done) => progress.update(done),
    });
    progress.stop();
    const each = drawn.milliseconds / o.count;
    context.terminal.info(`${o.count} drawn, ${drawn.calls} call${drawn.calls === 1 ? '' : 's'} of the network each, `
      + `${each.toPrecision(3)} ms each in batches of ${Math.min(o.batch, o.count)}`);
    const made = o.frames > 0 ? framesOf(drawn) : dataset(drawn.examples, asked);
    await writeArtifact(o.output, {
      ...made, meta: { ...made.meta, ...(o.prompt !== undefined && o.frames === 0 && { prompt: o.prompt }) },
      recipe: { command: 'sample', options: context.recorded, seed: o.seed, version: context.version, inputs },
    }, { force: o.force });
  },
});

async function openModel(source: string, o: Options): Promise<{ model: DiffusionModel; inputs: RecipeInput[] }> {
  if (o.exact) return { model: exactModel(o.exact, o.schedule), inputs: [] };
  const artifact = await readArtifact(source, { kind: 'model' });
  return { model: diffusionModelOf(artifact, nameOf(source)), inputs: [asInput('model', artifact, source)] };
}

interface Asked {
  /** int32 [count] or [count, L]. */
  readonly numbers?: Int32Array;
  readonly labels?: Int32Array;
  readonly classes?: readonly string[];
}

function askedOf({ denoiser }: DiffusionModel, o: Options): Asked {
  const { condition } = denoiser;
  if (o.prompt !== undefined) {
    if (condition?.kind !== 'text') throw new UsageError('--prompt needs a model that was trained on captions (--condition text)');
    return { numbers: tokenize(Array<string>(o.count).fill(o.prompt), condition).data };
  }
  if (!o.class) {
    // A conditional network needs to be told that nothing is asked.
    return condition ? { numbers: new Int32Array(o.count * conditionWidth(condition)).fill(emptyCondition(condition)) } : {};
  }
  if (condition?.kind !== 'class') throw new UsageError('the model was not trained on classes, so it cannot be asked for one');
  const { classes } = condition;
  const asked = o.class[0] === 'all' ? [...classes.keys()] : o.class.map((name) => classNumber(classes, name));
  const numbers = Int32Array.from({ length: o.count }, (_, i) => asked[i % asked.length]!);
  return { numbers, labels: numbers, classes };
}

function classNumber(classes: readonly string[], name: string): number {
  const number = classes.indexOf(name);
  if (number < 0) throw new UsageError(`the model knows no class '${name}', but ${classes.join(', ')}`);
  return number;
}

function refuseForStudents({ origins }: Context): void {
  const stray = (['sampler', 'steps', 'tMax'] as const).find((key) => origins[key] !== 'default');
  if (stray) throw new UsageError(`a one-step student draws in one step from where it was trained to; leave --${kebab(stray)} out`);
}

/** Examples as a data set: images as pixels, points as they are. */
function dataset(examples: NdArray<Float32Array>, { labels, classes }: Pick<Asked, 'labels' | 'classes'>) {
  const set = { ...(labels && { labels }), ...(classes && { classes }) };
  if (examples.shape.length === 4) {
    return datasetArtifact({ ...set, images: ndarray('uint8', examples.shape, toPixels(examples.data)), skipped: [] });
  }
  const artifact = pointsArtifact({ ...set, points: examples });
  return { ...artifact, meta: { ...artifact.meta, ...(classes && { classes }) } };
}

/** Estimates along the way under the classes `t = 0.98`, ..., and the examples themselves as the last. */
function framesOf({ frames, examples }: Generated) {
  const all = [...frames.map((frame) => frame.examples), examples];
  const [count, ...shape] = examples.shape as [number, ...number[]];
  const joined = float32([all.length * count, ...shape]);
  all.forEach(({ data }, i) => joined.data.set(data, i * data.length));
  return dataset(joined, {
    labels: Int32Array.from({ length: all.length * count }, (_, i) => Math.floor(i / count)),
    classes: [...frames.map(({ t }) => `t = ${Number(t.toPrecision(3))}`), 'drawn'],
  });
}
