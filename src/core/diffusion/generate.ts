import { float32, int32, sizeOf, type NdArray } from '../array.js';
import { compile, type CompileOptions } from '../engine/index.js';
import { add, concat, expand, input, mul, sub, type Tensor } from '../graph/index.js';
import { requireWeights, stepProgram, type Scope } from '../nn/index.js';
import { stream } from '../random.js';
import { conditionShape, conditionWidth, emptyCondition, signal, studentSignal, type DenoiserSpec } from './denoiser.js';
import type { DiffusionModel } from './model.js';
import { networkCalls, sample, timeGrid, type SamplerName } from './samplers.js';
import { timesFeeds, timesInputs, type Times } from './times.js';

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
  /** Of drawing, without compiling. */
  readonly milliseconds: number;
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
  const random = (start: number) => stream(o.seed, 'ancestral noise', start);
  return inBatches(model, o, {
    describe: (scope, x, at, condition) =>
      guidedSignal(denoiser, scope, x, at, guided ? input('guidance', []) : undefined, condition),
    calls: networkCalls(o.sampler, o.steps) * (guided ? 2 : 1),
    kept: evenly(o.steps, o.frames).map((i) => times[i]!),
    draw: (run, noise, start, keep) => sample((x, t) => run(x, t, { guidance: o.guidance }), noise, {
      sampler: o.sampler, schedule: denoiser.schedule, times, random: random(start), onStep: keep,
    }),
  });
}

async function generateInOneStep(model: DiffusionModel, o: GenerateOptions): Promise<Generated> {
  const { denoiser, student } = model;
  const { tMax, tMin, guidanceMax } = student!;
  const kept = Array.from({ length: o.frames }, (_, i) => tMax + ((tMin - tMax) * i) / o.frames);
  return inBatches(model, o, {
    describe: (scope, eps, noise, condition, batch) => {
      const all = (name: string) => expand(input(name, []), [batch]);
      const guidance = guidanceMax === undefined ? undefined : all('guidance');
      return studentSignal(denoiser, student!, scope, eps, { noise, wanted: all('wanted') }, condition, guidance);
    },
    calls: 1, kept,
    draw: async (run, eps, _, keep) => {
      const at = (wanted: number) => run(eps, tMax, { wanted, guidance: o.guidance });
      for (const t of kept) keep(await at(t), t);
      return (await at(tMin)).slice();
    },
  });
}

/** f, or f_n + w (f_c - f_n) from one call for both (Ho & Salimans 2022); w is a scalar or shaped as `perExample` makes it. */
export function guidedSignal(
  spec: DenoiserSpec, scope: Scope, x: Tensor, times: Times, guidance?: Tensor, condition?: Tensor,
): Tensor {
  if (!guidance || !condition || !spec.condition) return signal(spec, scope, x, times, condition);
  const none = add(mul(condition, 0), emptyCondition(spec.condition));
  const twice = (v: Tensor) => concat([v, v]);
  const both = signal(spec, scope, twice(x), { t: twice(times.t), alpha: twice(times.alpha), sigma: twice(times.sigma) },
    concat([condition, none]));
  const [asked, free] = [0, 1].map((k) => both.slice([[k * x.shape[0]!, (k + 1) * x.shape[0]!]])) as [Tensor, Tensor];
  return free.add(mul(sub(asked, free), guidance));
}

/** Numbers of at most `count` steps of `steps`, evenly from the first to the last. */
function evenly(steps: number, count: number): number[] {
  const shown = Math.min(count, steps);
  return Array.from({ length: shown }, (_, i) => Math.round((i * (steps - 1)) / Math.max(1, shown - 1)));
}

interface Drawing {
  /** One call of the network: from x [B, ...] and its time to an estimate of the same shape. */
  describe(scope: Scope, x: Tensor, at: Times, condition: Tensor | undefined, batch: number): Tensor;
  readonly calls: number;
  /** Times of the frames that are kept. */
  readonly kept: readonly number[];
  draw(run: Run, noise: Float32Array, start: number, keep: (estimate: Float32Array, t: number) => void): Promise<Float32Array>;
}

/** One call for x at time t, with the scalars that it is told; the result is valid until the next. */
type Run = (x: Float32Array, t: number, scalars: Readonly<Record<string, number>>) => Promise<Float32Array>;

async function inBatches({ denoiser, weights }: DiffusionModel, o: GenerateOptions, drawing: Drawing): Promise<Generated> {
  const batch = Math.min(o.batch, o.count);
  const { shape, schedule } = denoiser;
  const size = sizeOf(shape);
  const kind = o.conditions && denoiser.condition;
  const width = kind ? conditionWidth(kind) : 0;
  const program = stepProgram('sample', (root) => {
    const x = input('x', [batch, ...shape]);
    const condition = kind && input('condition', conditionShape(kind, batch), 'int32');
    return { examples: drawing.describe(root.at('denoiser'), x, timesInputs('x', batch), condition, batch) };
  }, { training: false });
  requireWeights(program, weights, 'denoiser');
  const executable = compile(program, { ...o, constants: weights });
  try {
    const out = float32([o.count, ...shape]);
    const frames = new Map(drawing.kept.map((t) => [t, float32(out.shape)]));
    let milliseconds = 0;
    for (let start = 0; start < o.count; start += batch) {
      const rows = Math.min(batch, o.count - start);
      // The last batch is filled up with noise that nobody asked for.
      const noise = new Float32Array(batch * size);
      for (let i = 0; i < batch; i++) noise.set(stream(o.seed, 'noise', start + i).normal(size), i * size);
      const condition = kind && int32(conditionShape(kind, batch), filledUp(o.conditions!, start * width, batch * width));
      const run: Run = async (x, t, scalars) => {
        const { examples } = await executable.run({
          x: float32([batch, ...shape], x), ...timesFeeds('x', schedule, Array<number>(batch).fill(t)), ...(condition && { condition }),
          ...Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, float32([], [value])])),
        });
        return examples!.data as Float32Array;
      };
      const put = (into: NdArray<Float32Array> | undefined, drawn: Float32Array) =>
        into?.data.set(drawn.subarray(0, rows * size), start * size);
      const began = performance.now();
      put(out, await drawing.draw(run, noise, start, (estimate, t) => put(frames.get(t), estimate)));
      milliseconds += performance.now() - began;
      o.onProgress?.(start + rows);
    }
    return { examples: out, frames: [...frames].map(([t, examples]) => ({ t, examples })), milliseconds, calls: drawing.calls };
  } finally {
    executable.dispose();
  }
}

/** `length` values from `start`; the last one again where there are no more. */
const filledUp = (values: Int32Array, start: number, length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => values[Math.min(start + i, values.length - 1)]!);
