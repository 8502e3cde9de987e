import { float32, int32, sizeOf, type NdArray } from '../array.js';
import { compile, type CompileOptions } from '../engine/index.js';
import { InputError } from '../errors.js';
import { add, concat, expand, input, mul, sub, type Tensor } from '../graph/index.js';
import { stepProgram, type Scope } from '../nn/index.js';
import { stream } from '../random.js';
import { signal, studentSignal, type DenoiserSpec, type Times } from './denoiser.js';
import type { DiffusionModel } from './model.js';
import { networkCalls, sample, timeGrid, type SamplerName } from './samplers.js';
import { noiseLevel } from './schedule.js';

export interface GenerateOptions extends CompileOptions {
  readonly count: number;
  readonly batch: number;
  readonly seed: number;
  /** Left out of one-step students. */
  readonly sampler: SamplerName;
  readonly steps: number;
  /** Where the path starts. */
  readonly tMax: number;
  /** Condition numbers of all examples, int32 [count] or [count, L]; none where left out. */
  readonly conditions?: Int32Array;
  /** Strength w of guidance, f_n + w (f_c - f_n); 1: the conditional estimate itself. */
  readonly guidance: number;
  /** Estimates along the way that are kept of every example; 0: none. */
  readonly frames: number;
  readonly onProgress?: (done: number) => void;
}

export interface Generated {
  /** float32 [count, ...]. */
  readonly examples: NdArray<Float32Array>;
  /** Estimates of the clean data along the way, from noise to data, one set of examples for each time. */
  readonly frames: readonly { readonly t: number; readonly examples: NdArray<Float32Array> }[];
  /** Of a batch, without compiling. */
  readonly milliseconds: number;
  readonly batches: number;
  /** Calls of the network for one example. */
  readonly calls: number;
}

/** Draws examples; example i starts from the noise (seed, i), whatever the batch, sampler or model. */
export async function generate(model: DiffusionModel, options: GenerateOptions): Promise<Generated> {
  return model.student ? generateInOneStep(model, options) : generateInSteps(model, options);
}

async function generateInSteps(model: DiffusionModel, o: GenerateOptions): Promise<Generated> {
  const { denoiser } = model;
  const guided = o.conditions !== undefined && o.guidance !== 1;
  const times = timeGrid(o.tMax, o.steps);
  const kept = framesAt(o.steps, o.frames).map((i) => times[i]!);
  return inBatches(model, o, {
    describe: (scope, noise, batch, condition) => ({
      examples: guidedSignal(denoiser, scope, noise, timesInput(batch), guided ? input('guidance', []) : undefined, condition),
    }),
    calls: networkCalls(o.sampler, o.steps) * (guided ? 2 : 1), kept,
    draw: (run, noise, start, keep) => sample(async (x, t) => {
      const { alpha, sigma } = noiseLevel(denoiser.schedule, t);
      return run(x, { t, alpha, sigma, guidance: o.guidance });
    }, noise, {
      sampler: o.sampler, schedule: denoiser.schedule, times, random: stream(o.seed, 'ancestral noise', start),
      onStep: (estimate, t) => keep(t, estimate),
    }),
  });
}

async function generateInOneStep(model: DiffusionModel, o: GenerateOptions): Promise<Generated> {
  const { denoiser, student } = model;
  const { tMax, tMin, guidanceMax } = student!;
  const noise = noiseLevel(denoiser.schedule, tMax);
  const wanted = framesAt(Math.max(o.frames, 2) - 1, o.frames).map((i) => tMax + ((tMin - tMax) * i) / Math.max(o.frames - 1, 1));
  return inBatches(model, o, {
    describe: (scope, eps, batch, condition) => {
      const times = timesInput(batch);
      const all = (name: string) => expand(input(name, []), [batch]);
      const guidance = guidanceMax === undefined ? undefined : all('guidance');
      return { examples: studentSignal(denoiser, student!, scope, eps, { noise: times, wanted: all('wanted') }, condition, guidance) };
    },
    calls: 1, kept: wanted,
    draw: async (run, eps, _, keep) => {
      const at = (t: number) => run(eps, { t: tMax, ...noise, wanted: t, guidance: o.guidance });
      for (const t of wanted) keep(t, await at(t));
      return (await at(tMin)).slice();
    },
  });
}

/** f, or f_n + w (f_c - f_n) from one call for both (Ho & Salimans 2022); w is a scalar or shaped as `perExample` makes it. */
export function guidedSignal(
  spec: DenoiserSpec, scope: Scope, x: Tensor, times: Times, guidance?: Tensor, condition?: Tensor,
): Tensor {
  if (!guidance || !condition || !spec.condition) return signal(spec, scope, x, times, condition);
  const empty = spec.condition.kind === 'class' ? spec.condition.classes.length : 0;
  const none = add(mul(condition, 0), empty);
  const twice = (v: Tensor) => concat([v, v]);
  const both = signal(spec, scope, twice(x), { t: twice(times.t), alpha: twice(times.alpha), sigma: twice(times.sigma) },
    concat([condition, none]));
  const [asked, free] = [0, 1].map((k) => both.slice([[k * x.shape[0]!, (k + 1) * x.shape[0]!]])) as [Tensor, Tensor];
  return free.add(mul(sub(asked, free), guidance));
}

const timesInput = (batch: number): Times => ({ t: input('t', [batch]), alpha: input('alpha', [batch]), sigma: input('sigma', [batch]) });

/** Numbers of `count` steps of `steps`, evenly from the first to the last. */
const framesAt = (steps: number, count: number): number[] =>
  Array.from({ length: Math.min(count, steps) }, (_, i, all = Math.min(count, steps)) =>
    (all === 1 ? 0 : Math.round((i * (steps - 1)) / (all - 1))));

interface Drawing {
  describe(scope: Scope, x: Tensor, batch: number, condition: Tensor | undefined): { examples: Tensor };
  readonly calls: number;
  /** Times of the frames that are kept. */
  readonly kept: readonly number[];
  draw(run: Run, noise: Float32Array, start: number, keep: (t: number, estimate: Float32Array) => void): Promise<Float32Array>;
}
/** One call of the network; the result is valid until the next. */
type Run = (x: Float32Array, values: Readonly<Record<string, number>>) => Promise<Float32Array>;

async function inBatches({ denoiser, weights }: DiffusionModel, o: GenerateOptions, drawing: Drawing): Promise<Generated> {
  const batch = Math.min(o.batch, o.count);
  const { shape, condition: kind } = denoiser;
  const size = sizeOf(shape);
  const asked = kind && o.conditions ? { data: o.conditions, width: o.conditions.length / o.count } : undefined;
  const conditionShape = (rows: number) => (kind?.kind === 'text' ? [rows, asked!.width] : [rows]);
  const program = stepProgram('sample', (root) => drawing.describe(
    root.at('denoiser'), input('x', [batch, ...shape]), batch, asked && input('condition', conditionShape(batch), 'int32'),
  ), { training: false });
  for (const [name, { tensor }] of program.variables) {
    const value = weights.get(name);
    if (!value || value.shape.join() !== tensor.shape.join()) {
      throw new InputError(`the model's ${name} is ${value ? `[${value.shape}]` : 'missing'}, but [${tensor.shape}] is needed; was it made by another version?`);
    }
  }
  const executable = compile(program, o);
  try {
    executable.setState(weights);
    const out = new Float32Array(o.count * size);
    const frames = drawing.kept.map((t) => ({ t, examples: float32([o.count, ...shape]) }));
    let milliseconds = 0;
    let batches = 0;
    for (let start = 0; start < o.count; start += batch, batches++) {
      const rows = Math.min(batch, o.count - start);
      // The last batch is filled up with noise that nobody asked for.
      const noise = new Float32Array(batch * size);
      for (let i = 0; i < batch; i++) noise.set(stream(o.seed, 'noise', start + i).normal(size), i * size);
      const condition = asked && int32(conditionShape(batch), filledUp(asked.data, start * asked.width, batch * asked.width));
      const run: Run = async (x, { t, alpha, sigma, ...scalars }) => {
        const all = (value: number) => float32([batch], new Float32Array(batch).fill(value));
        const { examples } = await executable.run({
          x: float32([batch, ...shape], x), t: all(t!), alpha: all(alpha!), sigma: all(sigma!), ...(condition && { condition }),
          ...Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, float32([], [value])])),
        });
        return examples!.data as Float32Array;
      };
      const began = performance.now();
      const drawn = await drawing.draw(run, noise, start, (t, estimate) => {
        frames.find((frame) => frame.t === t)?.examples.data.set(estimate.subarray(0, rows * size), start * size);
      });
      milliseconds += performance.now() - began;
      out.set(drawn.subarray(0, rows * size), start * size);
      o.onProgress?.(start + rows);
    }
    return { examples: float32([o.count, ...shape], out), frames, milliseconds, batches, calls: drawing.calls };
  } finally {
    executable.dispose();
  }
}

/** `length` values from `start`; the last one again where there are no more. */
const filledUp = (values: Int32Array, start: number, length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => values[Math.min(start + i, values.length - 1)]!);
