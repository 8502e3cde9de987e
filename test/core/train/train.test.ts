import { describe, expect, test } from 'vitest';
import { compile, type CompileOptions } from '../../../src/core/engine/index.js';
import { DivergedError } from '../../../src/core/errors.js';
import { dataTimer, train, type Feeds, type State, type StepReport } from '../../../src/core/train/index.js';
import { smallByol } from '../../support/byol.js';

const STEPS = 6;
// Everything that has state: running statistics, moments, accumulated gradients, a monitor of its own, the target.
const everything: Parameters<typeof smallByol>[0] = {
  steps: STEPS, norm: 'batch', headNorm: 'batch', optimizer: 'adamw', lr: 0.1, accumulate: 2, monitor: 'linear',
};
const job = (options: Parameters<typeof smallByol>[0] = {}, seed = 3) => smallByol({ ...everything, ...options }, seed);
const settings = { seed: 3, threads: 1 };

const sameBytes = (a: State, b: State): void => {
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [name, { data }] of a) expect(data, name).toEqual(b.get(name)!.data);
};

describe('train', () => {
  test('N steps are k steps, a stop and N - k resumed steps, byte for byte, wherever the stop falls', async () => {
    const whole = await train(job(), settings);
    expect(whole.done).toBe(STEPS);
    for (const k of [1, 2, 3, 5]) {
      let saved: State | undefined;
      let done = 0;
      const first = await train(job(), {
        ...settings, onStep: (report) => { done = report.done; }, shouldStop: () => done === k,
        save: async (state, step) => {
          expect(step).toBe(k);
          saved = state;
        },
      });
      expect(first.done).toBe(k);
      const second = await train(job(), { ...settings, resume: { state: saved!, step: k } });
      expect(second.done).toBe(STEPS);
      sameBytes(second.state, whole.state);
    }
  });

  test('the seed decides: another one ends elsewhere', async () => {
    const [a, b] = [await train(job(), settings), await train(job({}, 4), { ...settings, seed: 4 })];
    const name = 'online.encoder.block1.conv.weight';
    expect(a.state.get(name)!.data).not.toEqual(b.state.get(name)!.data);
  });

  test('reports every step: metrics, what was scheduled, and a state that can be looked at', async () => {
    const reports: StepReport[] = [];
    let looked: State | undefined;
    await train(job({ steps: 3 }), { ...settings, onStep: (report) => {
      reports.push(report);
      looked = report.state();
    } });
    expect(reports.map(({ done }) => done)).toEqual([1, 2, 3]);
    for (const { metrics, schedule, computeMs } of reports) {
      expect(Object.keys(metrics)).toEqual(['loss', 'featureStd', 'monitorAccuracy']);
      expect(Object.keys(schedule)).toEqual(expect.arrayContaining(['lr', 'tau', 'apply']));
      expect(metrics.loss).toBeGreaterThan(0);
      expect(metrics.loss).toBeLessThan(8);
      expect(computeMs).toBeGreaterThan(0);
    }
    expect(reports.map(({ schedule }) => schedule.apply)).toEqual([0, 1, 0]);
    expect(looked!.has('online.projector.0.weight')).toBe(true);
  });

  test('says how long steps waited for data, and makes the same bytes', async () => {
    const DELAY = 50;
    const whole = job();
    let running: Promise<unknown> = Promise.resolve();
    const slow = {
      ...whole,
      compile: (options: CompileOptions) => {
        const executable = compile(whole.program, options);
        const run = executable.run.bind(executable);
        return Object.assign(executable, { run: (fed: Feeds) => {
          const ran = run(fed);
          running = ran;
          return ran;
        } });
      },
      // However long a step takes, its successor's data come that much later.
      feeds: async (step: number) => {
        await running;
        await new Promise((resolve) => { setTimeout(resolve, DELAY); });
        return whole.feeds(step);
      },
    };
    const reports: StepReport[] = [];
    const { state } = await train(slow, { ...settings, onStep: (report) => void reports.push(report) });
    const overlapped = reports.slice(2, -1);
    expect(overlapped).toHaveLength(3);
    for (const { dataMs, computeMs } of overlapped) {
      expect(dataMs).toBeGreaterThan(DELAY - 5);
      expect(dataMs).toBeLessThan(computeMs);
    }
    expect(reports.at(-1)!.dataMs).toBe(0); // nothing comes after the last step
    sameBytes(state, (await train(whole, settings)).state);
  });

  test('a wait for data is what is left after the step, also where its end was seen late', () => {
    const timer = dataTimer();
    expect([timer.wantsStepAlone(), timer.waited({ ran: 12, prepared: 42, alone: true })]).toEqual([true, 18]);
    expect([timer.wantsStepAlone(), timer.waited({ ran: 10, prepared: 15, alone: true })]).toEqual([true, 0]);
    expect(timer.wantsStepAlone()).toBe(false);
    expect(timer.waited({ ran: 11, prepared: 30, alone: false })).toBe(19);
    expect(timer.waited({ ran: 30.2, prepared: 30, alone: false })).toBe(20);
    expect(timer.waited({ ran: 30, prepared: 5, alone: false })).toBe(0);
    expect(timer.waited({ ran: 9, prepared: 9, alone: false })).toBe(0);
    expect(timer.waited({ ran: 23.98, prepared: 24, alone: false })).toBe(15); // one after the other, on one thread
  });

  test('saves when asked, but never after the last step', async () => {
    const steps: number[] = [];
    await train(job(), { ...settings, shouldSave: (step) => step % 2 === 0, save: async (_, step) => void steps.push(step) });
    expect(steps).toEqual([2, 4]);
  });

  test('data that end early end the run with what was learnt; data that fail save that first', async () => {
    const whole = job();
    const until = (step: number, then: () => undefined) =>
      ({ ...whole, feeds: async (k: number) => (k < step ? whole.feeds(k) : then()) });
    const saved = new Map<number, State>();
    const save = async (state: State, step: number) => void saved.set(step, state);
    const { done, ended, state } = await train(until(3, () => undefined), { ...settings, save });
    expect([done, ended, saved.size]).toEqual([3, true, 0]);
    expect((await train(whole, settings)).ended).toBe(false);

    const failing = until(3, () => { throw new Error('the disk is gone'); });
    await expect(train(failing, { ...settings, save })).rejects.toThrow('the disk is gone');
    expect([...saved.keys()]).toEqual([3]);
    sameBytes(saved.get(3)!, state);
  });

  test('stops at the first number that is none, naming step and tensor, and saves nothing that is not finite', async () => {
    const saved: State[] = [];
    // Without normalisation and with such a rate the weights overflow within a few steps.
    const diverging = job({ norm: 'none', headNorm: 'none', optimizer: 'sgd', lr: 1e20, accumulate: 1, monitor: 'none' });
    const failure = await train(diverging, { ...settings, shouldSave: () => true, save: async (state) => void saved.push(state) })
      .then(() => undefined, (error: Error) => error);
    expect(failure).toBeInstanceOf(DivergedError);
    expect(failure!.message).toMatch(/^step \d: .*(online|target|optimizer)\.[a-z0-9_.]+.*; try a smaller --lr or a longer warm-up$/);
    for (const state of saved) {
      for (const [name, { data }] of state) expect((data as Float32Array).every(Number.isFinite), name).toBe(true);
    }
  });
});
