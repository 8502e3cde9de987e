import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { trainingOptions, computeOptions, outputOptions, seedOption } from '../cli/common.js';
import type { Context } from '../cli/context.js';
import type { Values } from '../cli/options.js';
import type { Terminal } from '../cli/terminal.js';
import { runFinished, stopAtSteps } from '../cli/signals.js';
import { parseDevice } from '../core/engine/index.js';
import { InputError, UsageError } from '../core/errors.js';
import { readArtifact, writeArtifact, type Recipe } from '../core/files/artifact.js';
import { canonicalJson } from '../core/files/json.js';
import { openEvents } from '../core/files/tfevents.js';
import { train, type State, type StepReport } from '../core/train/index.js';
import { openLog } from '../core/train/log.js';
import type { Run } from './pretrain/method.js';

type Options = Values<typeof outputOptions & typeof computeOptions & typeof seedOption & typeof trainingOptions>;

/**
 * Trains with everything that surrounds it at the command line: progress, log, checkpoints, resumption, signals. Writes the
 * model, or only the checkpoint where a signal ended the run.
 */
export async function runTraining(
  context: Context, job: Run, options: Options, recipe: Recipe,
): Promise<void> {
  const { terminal, interruption } = context;
  const { stream } = job;
  if (options.keepEvery !== undefined && !isFile(options.output)) {
    throw new UsageError('--keep-every writes models beside the output, which is a stream here; name a file with -o');
  }
  const kept = !stream || stream.repeatable;
  if (options.resume && !kept) throw new UsageError(`${stream.name} cannot be read again, so a run on it cannot be resumed; give files or a folder`);
  const checkpoint = kept ? options.checkpoint ?? (isFile(options.output) ? `${options.output}.ckpt` : undefined) : undefined;
  const resume = options.resume && checkpoint && existsSync(checkpoint) ? await readCheckpoint(checkpoint, recipe) : undefined;
  if (options.resume && !resume) terminal.info(`no checkpoint to resume from${checkpoint ? ` at ${checkpoint}` : ''}; starting anew`);
  if (resume) terminal.info(`resuming at step ${resume.step} of ${job.steps}`);
  if (resume && stream) await stream.seek(resume.stream);

  const logs = await Promise.all([
    ...(options.log ? [openLog(options.log, resume?.step ?? 0)] : []),
    ...(options.tensorboard ? [openEvents(options.tensorboard, resume?.step ?? 0)] : []),
  ]);
  const progress = await terminal.progress(context.command, job.steps, 'steps');
  const writeModel = async (path: string, state: State, step: number) => {
    const { kind = 'model', meta, tensors } = await job.model(state);
    const more = { ...(step < job.steps && { step }), ...(stream && { stream: stream.counts(step) }) };
    await writeArtifact(path, { kind, schema: 1, recipe, meta: { ...meta, ...more }, tensors }, { force: options.force });
  };
  const keep = (step: number, state: State) => writeModel(options.output.replace(/(\.[^./]*)?$/, `-${step}$1`), state, step);
  let lastSave = performance.now();
  let monitored: Record<string, number> = {};
  const spent = { dataMs: 0, allMs: 0 };
  const compute = { device: parseDevice(options.device), threads: options.threads };
  stopAtSteps(terminal);
  try {
    const { state, done, ended } = await train(job, {
      seed: options.seed, ...compute, ...(resume && { resume }),
      onStep: async (report) => {
        const { done } = report;
        spent.dataMs += report.dataMs;
        spent.allMs += report.computeMs + report.waitMs;
        const warning = done === 1 ? job.warning?.(report.metrics) : undefined;
        if (warning) terminal.warn(warning);
        const epochEnds = done === job.steps || (job.stepsPerEpoch && done % job.stepsPerEpoch === 0);
        if (job.monitor && epochEnds) monitored = await job.monitor(report.state(), compute);
        progress.update(done, { ...shownValues(report, job), ...monitored });
        if (done % options.logEvery === 0 || done === job.steps) {
          for (const log of logs) log.write({ ...logLine(report, job), ...monitored });
        }
        if (options.keepEvery && done % options.keepEvery === 0 && done < job.steps) await keep(done, report.state());
      },
      shouldStop: () => interruption.signal !== undefined,
      shouldSave: () => checkpoint !== undefined && options.checkpointEvery > 0
        && performance.now() - lastSave > options.checkpointEvery * 1000,
      save: async (saved, step) => {
        if (!checkpoint) return;
        const meta = { step, ...(stream && { stream: stream.state(step) }) };
        await writeArtifact(checkpoint, { kind: 'checkpoint', schema: 1, recipe, meta, tensors: saved }, { force: true });
        lastSave = performance.now();
      },
    });
    progress.stop();
    reportDataWait(terminal, spent);
    if (done < job.steps && !ended) {
      if (done === 0) return terminal.info('stopped before the first step; nothing is kept');
      const why = kept ? 'the output is a stream (--checkpoint FILE keeps the state)' : `${stream.name} cannot be read again`;
      terminal.info(`stopped after step ${done} of ${job.steps}; `
        + (checkpoint ? `the state is in ${checkpoint}, --resume goes on from it` : `nothing is kept, since ${why}`));
      return;
    }
    if (ended) terminal.warn(`${stream?.name ?? 'the data'} ended after step ${done} of ${job.steps}; the model is what was learnt until then`);
    await writeModel(options.output, state, done);
    // Not before: a result that cannot be written (a full disk) must not cost the state as well.
    if (checkpoint) await rm(checkpoint, { force: true });
    runFinished();
  } finally {
    progress.stop();
    await stream?.close();
    await Promise.all(logs.map((log) => log.close()));
  }
}

/** From here on, waiting for data is worth a line that nobody asked for. */
const WORTH_SAYING = { ms: 5000, share: 0.1 };

function reportDataWait(terminal: Terminal, { dataMs, allMs }: { dataMs: number; allMs: number }): void {
  if (allMs === 0) return;
  const line = `steps waited for data for ${(dataMs / 1000).toFixed(1)} of ${(allMs / 1000).toFixed(1)} s (${Math.round((100 * dataMs) / allMs)} %)`;
  if (dataMs > WORTH_SAYING.ms && dataMs > WORTH_SAYING.share * allMs) terminal.info(`${line}; dataMs in --log says when`);
  else terminal.detail(line);
}

/** What a scope of a state holds, under names within it: the tensors of a model file. */
export const below = (state: State, scope: string): State => new Map([...state].filter(([name]) => name.startsWith(`${scope}.`))
  .map(([name, value]) => [name.slice(scope.length + 1), value]));

/** What a model file keeps: all networks, those of `online` under their own names; no optimiser, monitor, queue or memory. */
export function networks(state: State): State {
  const kept = [...state].filter(([name]) => !/^(optimizer|monitor|queue|memory)\./.test(name));
  return new Map(kept.map(([name, value]) => [name.replace(/^online\./, ''), value]));
}

const isFile = (output: string): boolean => output !== '-' && !output.startsWith('/dev/');

/** A checkpoint's state, its step and where its stream stood; throws InputError where it belongs to another run. */
async function readCheckpoint(path: string, recipe: Recipe): Promise<{ state: State; step: number; stream: unknown }> {
  const { recipe: made, meta, tensors } = await readArtifact(path, { kind: 'checkpoint' });
  const changed = made ? difference(made, recipe) : 'it records no recipe';
  if (changed) throw new InputError(`checkpoint ${path} belongs to another run: ${changed}; remove it, or give the same options`);
  if (typeof meta.step !== 'number') throw new InputError(`checkpoint ${path} names no step; remove it`);
  return { state: tensors, step: meta.step, stream: meta.stream };
}

function difference(then: Recipe, now: Recipe): string | undefined {
  if (then.command !== now.command) return `it was made by byo ${then.command}`;
  const digests = ({ inputs }: Recipe) => inputs.map(({ digest }) => digest).join();
  if (digests(then) !== digests(now)) return 'its data are different';
  for (const key of new Set([...Object.keys(then.options), ...Object.keys(now.options)])) {
    const [before, after] = [then.options[key], now.options[key]].map((value) => canonicalJson(value ?? null));
    if (before !== after) return `${key} was ${before}, and now is ${after}`;
  }
  return then.version === now.version ? undefined : `it was made by version ${then.version}`;
}

const shownValues = ({ done, metrics }: StepReport, { stepsPerEpoch }: Run): Record<string, number | string> => ({
  ...(stepsPerEpoch && { epoch: (done / stepsPerEpoch).toFixed(1) }), ...metrics,
});

function logLine(report: StepReport, job: Run): Record<string, number> {
  const { done, metrics, schedule, computeMs, prepareMs, dataMs, waitMs } = report;
  const { stepsPerEpoch, stream } = job;
  return {
    step: done, ...(stepsPerEpoch && { epoch: done / stepsPerEpoch }), ...stream?.counts(done), ...metrics, ...schedule,
    examplesPerSecond: job.examplesPerStep / (computeMs / 1000), computeMs, prepareMs, dataMs, waitMs,
    memoryMb: process.memoryUsage.rss() / 2 ** 20,
  };
}
