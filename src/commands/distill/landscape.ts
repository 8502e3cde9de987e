import { float32, type NdArray } from '../../core/array.js';
import { imagesAt } from '../../core/data/images.js';
import { curvesChart } from '../../core/plot/curves.js';
import { recalibratedWeights, type ImageEncoder, type State } from '../../core/train/index.js';
import type { Findings, Laboratory } from './laboratory.js';
import { grouped, meansOf, summarize, type Row } from './table.js';
import { testScores, tune, tuning } from './tuning.js';

/**
 * Linear mode connectivity (Frankle et al. 2020; Sarnthein et al. 2023, section 5): networks that are fine-tuned from one start
 * in different orders, and the test error on the straight lines between them. The barrier is how far it rises above the line
 * between the errors of the ends (Entezari et al. 2022, definition 1). Starts are the student and the random weights that it
 * came from.
 */
export async function landscape(laboratory: Laboratory): Promise<Findings> {
  const { options: { orders, points: count }, seeds } = laboratory;
  const pairs = Array.from({ length: orders }, (_, j) => Array.from({ length: j }, (_, i) => [i, j] as const)).flat();
  const parts = seeds.length * 2 * (orders + pairs.length);
  const points: Row[] = [];
  for (const seed of seeds) {
    const { encoder, student, teacher } = await laboratory.student(seed);
    for (const [start, weights] of [['student', student], ['random', teacher]] as const) {
      const ends: State[] = [];
      for (let order = 0; order < orders; order++) {
        const job = tuning(laboratory, encoder, { seed, order: seed * orders + order });
        ends.push(await tune(laboratory, job, job.start(weights)));
        laboratory.advance(parts);
      }
      for (const [i, j] of pairs) {
        for (let k = 0; k < count; k++) {
          const gamma = k / (count - 1);
          const scores = await testScores(laboratory, encoder, await onLine(laboratory, encoder, ends[i]!, ends[j]!, gamma));
          points.push({ start, seed, i, j, gamma, ...scores });
        }
        laboratory.advance(parts);
      }
    }
  }
  const values = ['endError', 'errorBarrier', 'lossBarrier'];
  // Lines between the same networks are no independent draws; seeds are.
  const summary = summarize(meansOf(barriersOf(points), ['start', 'seed'], values), ['start'], values);
  return { points, summary, chart: chartOf(points) };
}

/** The network at (1 - gamma) a + gamma b; between the ends its running statistics are measured again, unless interpolated. */
async function onLine(
  laboratory: Laboratory, encoder: ImageEncoder, a: State, b: State, gamma: number,
): Promise<State> {
  if (gamma === 0 || gamma === 1) return gamma === 0 ? a : b;
  const between = interpolated(a, b, gamma);
  return laboratory.options.bn === 'interpolate' ? between : recalibrated(laboratory, encoder, between);
}

/** A state whose running statistics, where it has any, are measured again on the training images. */
export async function recalibrated(
  { own: { training }, compute }: Laboratory, encoder: ImageEncoder, state: State,
): Promise<State> {
  if (![...state.keys()].some((name) => name.endsWith('.running_mean'))) return state;
  const measured = await recalibratedWeights(encoder, state, imagesAt(training.images, Array.from(training.rows)), compute);
  return new Map([...state, ...measured]);
}

/** (1 - gamma) a + gamma b of every tensor. */
export const interpolated = (a: State, b: State, gamma: number): State =>
  new Map([...a].map(([name, { shape, data }]): [string, NdArray] => {
    const other = b.get(name)!.data as Float32Array;
    return [name, float32(shape, (data as Float32Array).map((value, i) => (1 - gamma) * value + gamma * other[i]!))];
  }));

/** How far values at even steps of a line rise above the straight line between the first and the last of them. */
export function riseAboveEnds(values: readonly number[]): number {
  const [first, last] = [values[0]!, values.at(-1)!];
  return Math.max(...values.map((value, k) => value - first - ((last - first) * k) / (values.length - 1)));
}

/** Of every line: the mean error of its ends, and how far error and loss rise above the line between those of the ends. */
export function barriersOf(points: readonly Row[]): Row[] {
  return grouped(points, ['start', 'seed', 'i', 'j']).map((line) => {
    const { start, seed, i, j } = line[0]!;
    const barrier = (name: string) => riseAboveEnds(line.map((point) => Number(point[name])));
    const endError = (Number(line[0]!.error) + Number(line.at(-1)!.error)) / 2;
    return { start: start!, seed: seed!, i: i!, j: j!, endError, errorBarrier: barrier('error'), lossBarrier: barrier('loss') };
  });
}

function chartOf(points: readonly Row[]) {
  const means = meansOf(points, ['start', 'gamma'], ['error', 'loss']);
  const curves = (name: string) => ['student', 'random'].map((start) => {
    const own = means.filter((row) => row.start === start);
    return {
      run: `from ${start === 'random' ? 'random weights' : 'the student'}`,
      x: own.map(({ gamma }) => Number(gamma)), y: own.map((row) => Number(row[name])),
    };
  });
  return curvesChart([{ name: 'test error', curves: curves('error') }, { name: 'test loss', curves: curves('loss') }], {
    title: 'between networks fine-tuned in different orders', xTitle: 'gamma', smooth: 0, logarithmic: false, points: true,
  });
}
