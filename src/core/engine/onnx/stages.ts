import type { Tensor } from '../../graph/index.js';
import { elementsOf, type Unit } from './unit.js';

/** Steps of which every task computes blocks of its own (`native/steps.h`); where there is one task, it has all the threads. */
export interface Stage {
  readonly blocks: number;
  readonly tasks: number;
  readonly units: readonly Unit[];
}

/** Vectors of floats that a task computes at least: about ten times what it costs to wait for it. */
const TASK_WORK = 1 << 14;

/**
 * The order in which steps are computed, in stages as long as can be: a step joins those before it where each block of its result
 * needs of theirs only the same block. Results do not depend on the number of threads.
 */
export function stagesOf(units: readonly Unit[], threads: number): Stage[] {
  if (threads === 1) return [{ blocks: 1, tasks: 1, units }];
  const makerOf = new Map(units.map((unit) => [unit.result, unit]));
  const makers = new Map(units.map((unit) => [unit, unit.inputs.map((t) => makerOf.get(elementsOf(t)))]));
  const missing = new Map(units.map((unit) => [unit, new Set(makers.get(unit)!.filter((maker) => maker)).size]));
  const readers = new Map<Unit, Unit[]>(units.map((unit) => [unit, []]));
  for (const [unit, from] of makers) for (const maker of new Set(from)) if (maker) readers.get(maker)!.push(unit);
  const place = new Map(units.map((unit, i) => [unit, i]));

  const stages: Stage[] = [];
  let ready = units.filter((unit) => missing.get(unit) === 0);
  while (ready.length) {
    ready.sort((a, b) => place.get(a)! - place.get(b)!);
    const [first] = ready;
    const blocks = first!.result.shape[0] ?? 1;
    const stage = new Set<Unit>();
    const others: Unit[] = [];
    const joins = (unit: Unit) => {
      const isLocal = blocks > 1 ? unit.step.blocks?.(blocks) : undefined;
      return isLocal && makers.get(unit)!.every((maker, i) => !maker || !stage.has(maker) || isLocal[i]);
    };
    const splits = joins(first!);
    for (let unit = ready.shift(); unit; unit = ready.shift()) {
      if (splits ? !joins(unit) : unit !== first) {
        others.push(unit);
        continue;
      }
      stage.add(unit);
      for (const reader of readers.get(unit)!) {
        missing.set(reader, missing.get(reader)! - 1);
        if (missing.get(reader) === 0) ready.push(reader);
      }
    }
    ready = others;
    const work = [...stage].reduce((sum, { step }) => sum + step.work, 0);
    const tasks = splits && stage.size > 1 ? Math.min(threads, blocks, Math.floor(work / TASK_WORK)) : 1;
    const before = stages.at(-1);
    if (tasks > 1) stages.push({ blocks, tasks, units: [...stage] });
    else if (before?.tasks === 1) stages[stages.length - 1] = { ...before, units: [...before.units, ...stage] };
    else stages.push({ blocks: 1, tasks: 1, units: [...stage] });
  }
  return stages;
}

/** Where a tensor is while steps run: an input or an output of their node, or in memory that all tasks share or each has. */
export const [INPUT, OUTPUT, SHARED, OWN] = [0, 1, 2, 3] as const;

/** At a number of an input or output, or a float of memory; in a task's own memory its blocks have `block` floats each. */
export type Place = readonly [where: 0 | 1 | 2 | 3, at: number, block: number];

export interface Memory {
  readonly places: Map<Tensor, Place>;
  /** Floats that all tasks share, that each of a stage has to itself, and of both together. */
  readonly shared: number;
  readonly own: readonly number[];
  readonly floats: number;
}

/** Memory for all that stages compute but their results. What is read in its own stage only is in each task's own. */
export function memoryFor(stages: readonly Stage[], results: ReadonlySet<Tensor>): Memory {
  const places = new Map<Tensor, Place>();
  const lastStage = new Map<Tensor, number>();
  stages.forEach(({ units }, i) => units.forEach(({ inputs }) => inputs.forEach((t) => lastStage.set(elementsOf(t), i))));
  const shared = new Reserve();
  const own = stages.map(({ units, blocks, tasks }, i) => {
    const lastRead = new Map<Tensor, number>();
    units.forEach(({ inputs }, step) => inputs.forEach((t) => lastRead.set(elementsOf(t), step)));
    const reserve = new Reserve();
    units.forEach(({ result }, step) => {
      if (results.has(result)) return;
      const last = lastStage.get(result)!;
      if (last > i) places.set(result, [SHARED, shared.take(result.size, i, last), 0]);
      else {
        const block = result.size / blocks;
        places.set(result, [OWN, reserve.take(block * Math.ceil(blocks / tasks), step, lastRead.get(result)!), block]);
      }
    });
    return reserve.floats;
  });
  const most = Math.max(...stages.map(({ tasks }, i) => own[i]! * tasks));
  return { places, shared: shared.floats, own, floats: shared.floats + most };
}

/** Memory that is given out for a time, from one moment to another. */
class Reserve {
  /** Floats that were ever given out. */
  floats = 0;
  private taken: { from: number; until: number; last: number }[] = [];

  /** The first gap of `size` floats that is free at `now`, kept to the end of `last`. */
  take(size: number, now: number, last: number): number {
    const CACHE_LINE = 16; // floats
    const rounded = Math.ceil(size / CACHE_LINE) * CACHE_LINE;
    this.taken = this.taken.filter((other) => other.last >= now);
    let from = 0;
    const next = this.taken.findIndex((other) => {
      if (from + rounded <= other.from) return true;
      from = other.until;
      return false;
    });
    this.taken.splice(next < 0 ? this.taken.length : next, 0, { from, until: from + rounded, last });
    this.floats = Math.max(this.floats, from + rounded);
    return from;
  }
}
