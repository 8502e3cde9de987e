import type { NdArray } from '../array.js';
import { compile, type CompileOptions } from '../engine/index.js';
import { DivergedError } from '../errors.js';
import { drawInputs, initialState, type StepProgram } from '../nn/index.js';

/** A training run, as a method describes it. */
export interface Job {
  readonly program: StepProgram;
  readonly steps: number;
  /** What step k is fed besides random draws: its batch and the values of its schedules. */
  feeds(step: number): Record<string, NdArray>;
}

export type State = Map<string, NdArray>;

export interface TrainOptions extends CompileOptions {
  readonly seed: number;
  /** State and step to go on from. */
  readonly resume?: { readonly state: State; readonly step: number };
  /** Called after every step with its scalar outputs. */
  readonly onStep?: (report: StepReport) => void | Promise<void>;
  /** Asked after every step; true ends the run. */
  readonly shouldStop?: () => boolean;
  /** Asked after every step; true saves the state. */
  readonly shouldSave?: (step: number) => boolean;
  readonly save?: (state: State, step: number) => Promise<void>;
}

export interface StepReport {
  /** Steps done so far, this one included. */
  readonly done: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** The scalars that the step was fed: learning rate, decays. */
  readonly schedule: Readonly<Record<string, number>>;
  /** Milliseconds until the step was done and the next one's data were ready. */
  readonly computeMs: number;
  /** Of these, the host's for preparing the next step's data. */
  readonly prepareMs: number;
  /** Milliseconds before the step in which nothing ran: first data, reports, monitoring, saving. */
  readonly waitMs: number;
  /** A copy of the current state. */
  state(): State;
}

export interface TrainResult {
  readonly state: State;
  /** Steps done; fewer than the job's where the run was stopped. */
  readonly done: number;
}

/**
 * Runs a job step by step. While one step computes, the next one's data are prepared. Throws DivergedError at the first output
 * that is not finite, before anything of that step is saved.
 */
export async function train(job: Job, options: TrainOptions): Promise<TrainResult> {
  const { program, steps } = job;
  const { seed, resume, onStep, shouldStop, shouldSave, save } = options;
  const executable = compile(program, options);
  try {
    executable.setState(resume?.state ?? initialState(program, seed));
    let done = resume?.step ?? 0;
    const prepare = (step: number) => ({ ...job.feeds(step), ...drawInputs(program, seed, step) });
    let idleSince = performance.now();
    let next = done < steps ? prepare(done) : {};
    while (done < steps) {
      const start = performance.now();
      const fed = next;
      const running = executable.run(fed);
      next = done + 1 < steps ? prepare(done + 1) : {};
      const prepared = performance.now();
      const outputs = await running;
      const end = performance.now();
      const waitMs = start - idleSince;
      idleSince = end;
      done += 1;
      const metrics = scalars(outputs);
      requireFinite(metrics, done, () => executable.getState());
      await onStep?.({
        done, metrics, schedule: scalars(fed),
        computeMs: end - start, prepareMs: prepared - start, waitMs,
        state: () => executable.getState(),
      });
      const stop = shouldStop?.() ?? false;
      if (save && done < steps && (stop || shouldSave?.(done))) await save(finiteState(executable.getState(), done), done);
      if (stop) break;
    }
    return { state: finiteState(executable.getState(), done), done };
  } finally {
    executable.dispose();
  }
}

const scalars = (arrays: Readonly<Record<string, NdArray>>): Record<string, number> =>
  Object.fromEntries(Object.entries(arrays).filter(([, { shape }]) => shape.length === 0)
    .map(([name, { data }]) => [name, Number(data[0])]));

function requireFinite(metrics: Readonly<Record<string, number>>, step: number, state: () => State): void {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (!bad) return;
  const tensor = firstNotFinite(state());
  throw new DivergedError(`step ${step}: ${bad[0]} is ${bad[1]}${tensor ? `, and so is part of ${tensor}` : ''}; ` +
    'try a smaller --lr or a longer warm-up');
}

/** The state itself; throws DivergedError where a tensor of it is not finite, so that no such state is ever saved. */
function finiteState(state: State, step: number): State {
  const tensor = firstNotFinite(state);
  if (tensor) throw new DivergedError(`step ${step}: ${tensor} is not finite; try a smaller --lr or a longer warm-up`);
  return state;
}

function firstNotFinite(state: State): string | undefined {
  for (const [name, { data }] of state) {
    if (data instanceof Float32Array && data.some((value) => !Number.isFinite(value))) return name;
  }
  return undefined;
}
