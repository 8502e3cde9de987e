import { float32, type NdArray } from '../../core/array.js';
import { augment, declarePlan, normalize, PLAIN, planInputs, planView } from '../../core/data/augment/index.js';
import { gatherImages } from '../../core/data/batches.js';
import { compile } from '../../core/engine/index.js';
import { ByoError } from '../../core/errors.js';
import { input } from '../../core/graph/index.js';
import { klDivergence } from '../../core/losses/index.js';
import { encode, stepProgram } from '../../core/nn/index.js';
import { heatmapChart } from '../../core/plot/heatmap.js';
import { stream } from '../../core/random.js';
import type { State } from '../../core/train/index.js';
import type { Distilled, Findings, Laboratory } from './laboratory.js';
import { recalibrated, riseAboveEnds } from './landscape.js';
import { probeBy } from './probes.js';
import { outputsOf } from './random-teacher.js';
import { summarize, type Row } from './table.js';

/**
 * The loss around a random teacher (Sarnthein et al. 2023, section 5): KL to it on training images, and what features tell, on
 * the plane through the teacher and two other networks. These are the students that started near it and far from it, or the far
 * one's start and end. `barrier` is how far KL on the straight line from the teacher rises above the line between its ends.
 */
export async function plane(laboratory: Laboratory): Promise<Findings> {
  const { options: { grid, margin, points: count, planeProbe, orthogonal }, seeds } = laboratory;
  const points: Row[] = [];
  const corners: Row[] = [];
  for (const seed of seeds) {
    const { teacher, others } = await networks(laboratory, seed);
    const { at, places } = span(teacher.all, others, orthogonal);
    const gauge = gaugeOf(laboratory, teacher);
    const measure = async (place: string, x: number, y: number): Promise<Row> =>
      ({ place, seed, x, y, ...await gauge.measure(at(x, y)) });
    try {
      const origin = await measure('teacher', 0, 0);
      points.push(origin);
      corners.push({ ...origin, barrier: 0 });
      for (const { name, x, y } of places) {
        const line = [origin];
        for (let k = 1; k < count; k++) {
          const share = k / (count - 1);
          line.push(await measure(k < count - 1 ? `to the ${name}` : name, share * x, share * y));
        }
        points.push(...line.slice(1));
        corners.push({ ...line.at(-1)!, barrier: riseAboveEnds(line.map(({ kl }) => Number(kl))) });
      }
      const [across, up] = (['x', 'y'] as const).map((axis) => ticks([0, ...places.map((place) => place[axis])], grid, margin));
      for (const y of up!) {
        for (const x of across!) points.push(await measure('grid', x, y));
        laboratory.advance(seeds.length * (grid + 2));
      }
    } finally {
      gauge.dispose();
    }
  }
  const values = ['x', 'y', 'kl', ...(planeProbe === 'none' ? [] : [planeProbe])];
  const summary = summarize(corners, ['place'], [...values, 'barrier']);
  if (planeProbe !== 'none') summary.push(...summarize(seeds.map((seed) => bestOf(points, planeProbe, seed)), ['place'], values));
  return { points, summary, chart: chartOf(points, corners, seeds[0]!, planeProbe) };
}

/** A teacher, and two networks beside it with all their tensors, of which those named are distilled for the seed. */
async function networks({ distil, options, advance, seeds }: Laboratory, seed: number) {
  const parts = seeds.length * (options.grid + 2);
  let start: Distilled | undefined;
  const far = await distil(seed, { alpha: 1 }, { start: async (first) => { start = first; } });
  advance(parts);
  const near = options.view === 'students' ? await distil(seed) : undefined;
  advance(parts);
  const other = near ? { name: 'near student', network: near.all } : { name: 'far start', network: start!.all };
  return { teacher: start!, others: [other, { name: 'far student', network: far.all }] as const };
}

type Named = { readonly name: string; readonly network: State };

export interface Span {
  /** The network at origin + x v1 + y v2: parameters `encoder.*` and `head.*`, and the teacher's other tensors. */
  readonly at: (x: number, y: number) => State;
  /** Where the two networks lie. */
  readonly places: readonly { readonly name: string; readonly x: number; readonly y: number }[];
}

/**
 * The plane through a teacher, the origin, and two networks: v1 and v2 are the ways to them, or of the second only what is
 * orthogonal to the first, as long as that is. Running statistics are not part of it.
 *
 * @throws ByoError where the three lie on a line
 */
export function span(teacher: State, [first, second]: readonly [Named, Named], orthogonal: boolean): Span {
  const names = [...teacher.keys()].filter((name) => /^target\.(encoder|head)\./.test(name) && !/running_(mean|var)$/.test(name));
  const values = (network: State, name: string) => network.get(name)!.data as Float32Array;
  const way = ({ network }: Named) => names.map((name) => {
    const [from, to] = [values(teacher, name), values(network, name.replace('target.', ''))];
    return Float64Array.from(to, (value, i) => value - from[i]!);
  });
  const dot = (a: readonly Float64Array[], b: readonly Float64Array[]) =>
    a.reduce((sum, own, t) => own.reduce((total, value, i) => total + value * b[t]![i]!, sum), 0);
  const [v1, direct] = [way(first), way(second)];
  const [length1, length2, product] = [dot(v1, v1), dot(direct, direct), dot(v1, direct)];
  const apart = length1 * length2 - product ** 2;
  if (!(apart > 1e-12 * length1 * length2)) {
    throw new ByoError(`the teacher, the ${first.name} and the ${second.name} lie on a line, so they span no plane; did a student move at all? `
      + 'see --alpha');
  }
  const shift = orthogonal ? product / length1 : 0;
  const v2 = direct.map((own, t) => own.map((value, i) => value - shift * v1[t]![i]!));
  return {
    at: (x, y) => new Map([...teacher, ...names.map((name, t): [string, NdArray] => {
      const origin = teacher.get(name)!;
      const data = values(teacher, name).map((value, i) => value + x * v1[t]![i]! + y * v2[t]![i]!);
      return [name.replace('target.', ''), float32(origin.shape, data)];
    })]),
    places: [{ name: first.name, x: 1, y: 0 }, { name: second.name, x: shift, y: 1 }],
  };
}

/** Evenly spaced numbers over the range of values, with a margin that is a share of it. */
export function ticks(values: readonly number[], count: number, margin: number): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const beyond = margin * (most - least);
  return Array.from({ length: count }, (_, i) => least - beyond + ((most - least + 2 * beyond) * i) / (count - 1));
}

interface Gauge {
  measure(network: State): Promise<Readonly<Record<string, number>>>;
  dispose(): void;
}

/**
 * Measures networks beside one teacher: KL to it over whole batches of training images, as in training (batch statistics of the
 * student, temperatures), and a probe of the features in evaluation mode, with running statistics of the network's own.
 */
function gaugeOf(laboratory: Laboratory, teacher: Distilled): Gauge {
  const { own: { training }, options, compute } = laboratory;
  const { encoder, input: expected } = teacher.encoder;
  const [, channels, height, width] = training.images.shape as [number, number, number, number];
  const batch = Math.min(options.batch, options.planeImages, training.labels.length);
  const dims = { batch, channels, height, width, size: expected.size };
  const program = stepProgram('plane', (root) => {
    const raw = input('images', [batch, channels, height, width]);
    const x = normalize(augment(raw, declarePlan('view', PLAIN, dims), PLAIN), expected);
    const { t, s } = outputsOf(root, x, (scope, view) => encode(encoder, scope.at('encoder'), view), options);
    return { kl: klDivergence(t, s) };
  });
  const rows = stream(0, 'plane images').permutation(training.labels.length);
  const batches = Array.from({ length: Math.floor(Math.min(options.planeImages, rows.length) / batch) }, (_, b) => ({
    images: gatherImages(training.images, Array.from(rows.subarray(b * batch, (b + 1) * batch), (i) => training.rows[i]!)),
    ...planInputs('view', planView(PLAIN, dims, stream(0, 'plane view'))),
  }));
  const executable = compile(program, compute);
  return {
    measure: async (network) => {
      const state = new Map([...network].map(([name, value]) => [name.startsWith('target.') ? name : `online.${name}`, value]));
      let kl = 0;
      for (const feeds of batches) {
        executable.setState(state);
        const { kl: own } = await executable.run(feeds);
        kl += Number(own!.data[0]) / batches.length;
      }
      if (options.planeProbe === 'none') return { kl };
      const weights = new Map([...network].filter(([name]) => name.startsWith('encoder.')));
      const measured = await recalibrated(laboratory, teacher.encoder, weights);
      return { kl, [options.planeProbe]: await probeBy(options.planeProbe, laboratory, teacher.encoder, measured) };
    },
    dispose: () => executable.dispose(),
  };
}

function bestOf(points: readonly Row[], probe: string, seed: number): Row {
  const own = points.filter((row) => row.place === 'grid' && row.seed === seed);
  const best = own.reduce((a, b) => (Number(b[probe]) > Number(a[probe]) ? b : a));
  return { ...best, place: `best ${probe} on the grid` };
}

/** The grid of one seed: planes of others have nothing in common with it but their corners. */
function chartOf(points: readonly Row[], corners: readonly Row[], seed: number, probe: string) {
  const own = points.filter((row) => row.place === 'grid' && row.seed === seed);
  const column = (name: string) => own.map((row) => Number(row[name]));
  const panel = (name: string, title: string, logarithmic: boolean) =>
    ({ name: title, x: column('x'), y: column('y'), values: column(name), logarithmic });
  const marks = corners.filter((row) => row.seed === seed)
    .map(({ place, x, y }) => ({ name: String(place), x: Number(x), y: Number(y) }));
  const [, first, second] = marks;
  const panels = [panel('kl', 'KL to the teacher', true), ...(probe === 'none' ? [] : [panel(probe, `${probe} probe`, false)])];
  return heatmapChart(panels, marks, {
    title: 'around a random teacher', xTitle: `towards the ${first!.name}`, yTitle: `towards the ${second!.name}`,
  });
}
