import type { NdArray } from '../array.js';
import { compile, type CompileOptions, type Executable } from '../engine/index.js';
import { DivergedError } from '../errors.js';
import { drawInputs, initialState, type StepProgram } from '../nn/index.js';

/** A training run, as a method describes it. */
export interface Job {
  readonly program: StepProgram;
  readonly steps: number;
  /** First values of the state where it is not simply what the program's variables say. */
  initial?(): State;
  /** What step k is fed besides random draws: its batch and the values of its schedules; undefined where the data have ended. */
  feeds(step: number): Feeds | Promise<Feeds | undefined>;
  /** What runs a step where that is more than one run of the program, and keeps state beside the program's. */
  readonly compile?: (options: CompileOptions) => Executable;
  /** Runs that make the state to start from; undefined where `shouldStop` cut them short. */
  readonly warmUp?: (executable: Executable, shouldStop: () => boolean) => Promise<State | undefined>;
  /** What to try where it diverges; a smaller --lr or a longer warm-up where left out. */
  readonly remedy?: string;
}

export type Feeds = Record<string, NdArray>;

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
  /** What preparing the next step's data took. */
  readonly prepareMs: number;
  /** Of these, in which the step was done and only the next one's data were awaited: 0 where data are never the bottleneck. */
  readonly dataMs: number;
  /** Milliseconds before the step in which nothing ran: first data, reports, monitoring, saving. */
  readonly waitMs: number;
  /** A copy of the current state. */
  state(): State;
}

export interface TrainResult {
  readonly state: State;
  /** Steps done; fewer than the job's where the run was stopped or its data ended. */
  readonly done: number;
  /** The data ended before the steps did. */
  readonly ended: boolean;
}

/**
 * Runs a job step by step. While one step computes, the next one's data are prepared. Throws DivergedError at the first output
 * that is not finite, before anything of that step is saved, and what `feeds` throws, after saving what was learnt before.
 */
export async function train(job: Job, options: TrainOptions): Promise<TrainResult> {
  const { program, steps, remedy = 'try a smaller --lr or a longer warm-up' } = job;
  const { seed, resume, onStep, shouldStop, shouldSave, save } = options;
  const executable = job.compile ? job.compile(options) : compile(program, options);
  try {
    const first = resume?.state ?? (job.warmUp ? await job.warmUp(executable, () => shouldStop?.() ?? false)
      : job.initial?.() ?? initialState(program, seed));
    if (!first) return { state: new Map(), done: 0, ended: false };
    executable.setState(first);
    let done = resume?.step ?? 0;
    const prepare = async (step: number): Promise<Feeds | undefined> => {
      const feeds = step < steps ? await job.feeds(step) : undefined;
      return feeds && { ...feeds, ...drawInputs(program, seed, step) };
    };
    const timer = dataTimer();
    let idleSince = performance.now();
    let fed = await prepare(done);
    let stop = false;
    while (fed && !stop) {
      const start = performance.now();
      let prepared = start;
      let finished = start;
      const running = executable.run(fed).finally(() => { finished = performance.now(); });
      const alone = timer.wantsStepAlone();
      if (alone) await Promise.allSettled([running]);
      const began = alone ? finished : start;
      // Both have to settle, whatever becomes of the other: a running program must not be disposed of.
      const [ran, next] = await Promise.allSettled([
        running, prepare(done + 1).finally(() => { prepared = performance.now(); }),
      ]);
      if (ran.status === 'rejected') throw ran.reason;
      const end = performance.now();
      const waitMs = start - idleSince;
      idleSince = end;
      done += 1;
      const metrics = scalars(ran.value);
      requireFinite(metrics, done, remedy, () => executable.getState());
      await onStep?.({
        done, metrics, schedule: scalars(fed),
        computeMs: end - start, prepareMs: prepared - began,
        dataMs: timer.waited({ ran: finished - start, prepared: prepared - start, alone }), waitMs,
        state: () => executable.getState(),
      });
      const failed = next.status === 'rejected';
      stop = shouldStop?.() ?? false;
      const saves = done < steps && (stop || failed || shouldSave?.(done));
      if (save && saves) await save(finiteState(executable.getState(), done, remedy), done);
      if (failed) throw next.reason;
      fed = next.value;
    }
    return { state: finiteState(executable.getState(), done, remedy), done, ended: !fed && done < steps };
  } finally {
    executable.dispose();
  }
}

/** Steps of a run whose next data are prepared after them, not meanwhile. */
const STEPS_ALONE = 2;
/**
 * The end of a run is seen so soon after a preparation only where that kept the JavaScript thread busy; and so soon before its
 * end only where both took turns on that thread, as runs of less than a millisecond do.
 */
const [SEEN_LATE_MS, SEEN_TOGETHER_MS] = [1, 0.05];

/**
 * Tells how long steps wait for data. The end of a run is seen on the JavaScript thread, which preparing data may keep busy
 * beyond it; then the fastest run so far stands in for this one's time. The first steps run alone, so that there is such a time.
 */
export function dataTimer() {
  let fastest = Infinity;
  let steps = 0;
  return {
    /** Whether the next step's data should be prepared after this step. */
    wantsStepAlone: () => steps < STEPS_ALONE,
    /** Milliseconds since the step began: when its run was seen to end, when the next data were ready; the wait between. */
    waited({ ran, prepared, alone }: { ran: number; prepared: number; alone: boolean }): number {
      steps += 1;
      fastest = Math.min(fastest, ran);
      // What is prepared after a step on purpose would have been prepared while it ran.
      if (alone) return Math.max(0, prepared - 2 * ran);
      const blocked = ran - prepared < SEEN_LATE_MS && prepared - ran < SEEN_TOGETHER_MS;
      return Math.max(0, prepared - (blocked ? fastest : ran));
    },
  };
}

const scalars = (arrays: Readonly<Record<string, NdArray>>): Record<string, number> =>
  Object.fromEntries(Object.entries(arrays).filter(([, { shape }]) => shape.length === 0)
    .map(([name, { data }]) => [name, Number(data[0])]));

function requireFinite(metrics: Readonly<Record<string, number>>, step: number, remedy: string, state: () => State): void {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (!bad) return;
  const tensor = firstNotFinite(state());
  throw new DivergedError(`step ${step}: ${bad[0]} is ${bad[1]}${tensor ? `, and so is part of ${tensor}` : ''}; ${remedy}`);
}

/** The state itself; throws DivergedError where a tensor of it is not finite, so that no such state is ever saved. */
function finiteState(state: State, step: number, remedy: string): State {
  const tensor = firstNotFinite(state);
  if (tensor) throw new DivergedError(`step ${step}: ${tensor} is not finite; ${remedy}`);
  return state;
}

function firstNotFinite(state: State): string | undefined {
  for (const [name, { data }] of state) {
    if (data instanceof Float32Array && data.some((value) => !Number.isFinite(value))) return name;
  }
  return undefined;
}
